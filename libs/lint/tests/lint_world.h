#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "case.h"
#include "muster/lint/lint.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/response_builder.h"

// A responder without fault under every profile that can be kept at once, of which a test changes
// one thing.
namespace muster::lint {

using namespace muster::testing;
using std::chrono::hours;

inline const TestPki& P() { return standard_pki(); }

/// A response written element by element, so that any may be odd. Nobody signed it.
struct Odd {
  Odd();
  Buffer status, type, version, responder_id, produced_at;
  Buffer cert_id, cert_status, this_update, next_update, single_extensions;
  std::optional<Buffer> responses;  ///< content of responses instead of the one entry
  Buffer extensions, algorithm, signature, certs;
  Buffer inside;  ///< behind the last field of BasicOCSPResponse
  Buffer behind;  ///< behind the whole
  bool with_body = true;
  [[nodiscard]] Buffer encode() const;
};
/// One element around these octets.
Buffer element(std::uint8_t tag, const Buffer& content);
Buffer join(std::initializer_list<Buffer> parts);
Buffer time_element(std::string_view text);
/// Extension element; `critical` as written ("", or a whole BOOLEAN).
Buffer extension_element(Bytes oid, const Buffer& value, const Buffer& critical = {});

struct World {
  World();
  // What is signed, and by whom.
  pki::Certificate certificate;
  CertificateSpec delegate = ocsp_signer_spec();
  bool signed_by_ca = false;
  ResponseSpec response;
  std::optional<Odd> odd;  ///< this instead
  std::function<void(Buffer&)> patch;
  // How it came.
  ProbeKind probe = ProbeKind::kGet;
  std::optional<Buffer> nonce;
  std::function<void(HttpFacts&)> http;
  bool is_saved = false;
  // The rest.
  std::function<void(Subject&)> change;
  std::optional<CrlSpec> crl;
  std::vector<Exchange> others;  ///< answers to other probes
  bool with_responder = false;   ///< GET and POST are there

  EntrySpec& entry() { return response.entries.at(0); }
  [[nodiscard]] Subject subject() const;
  [[nodiscard]] Buffer build() const;
};
/// An exchange with the headers a caching responder sends.
Exchange make_exchange(ProbeKind probe, Buffer response, unsigned http_status = 200);
/// What the answer to a plain question would be with this status.
Buffer answer(ocsp::CertStatus status, HashAlgorithm hash = HashAlgorithm::kSha256,
              const std::function<void(ResponseSpec&)>& change = {});

/// One rule with the world that keeps it and the world that breaks it.
struct Row {
  const char* rule;
  std::function<void(World&)> arrange;  ///< on both sides
  std::function<void(World&)> spoil;
};
void expect_both_sides(const std::vector<Row>& rows);
const Outcome* find_outcome(const Report& report, std::string_view rule);

/// What a rule says of a world beside those of its row: one that it does not bind, or one that
/// breaks it in another way.
struct Said {
  const char* rule;
  const char* world;  ///< for people
  const char* state;  ///< as to_string() has it
  std::function<void(World&)> arrange;
};
void expect_said(const std::vector<Said>& rows);
/// The answer is unauthorized, by HTTP 200.
void refused(World& w);

std::vector<Row> encoding_rows();
std::vector<Row> response_rows();
std::vector<Row> signer_rows();
std::vector<Row> http_rows();
std::vector<Row> responder_rows();
std::vector<Row> crl_rows();

}  // namespace muster::lint
