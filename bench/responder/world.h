#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "kit/serials.h"
#include "muster/http/get_path.h"
#include "muster/responder/handler.h"
#include "muster/source/load.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/temp_dir.h"

namespace muster::bench {

/// Takes answers and forgets them.
class Discard final : public net::HttpReply {
 public:
  void send_ready(Bytes octets, std::size_t) override { last = octets; }
  void send(unsigned, std::string_view, std::string_view, Bytes) override { last = {}; }
  Bytes last;
};

/// A responder without sockets over a store of `serials` certificates, P-256 delegate; requests
/// about `asked` of them, evenly spread.
struct World {
  explicit World(std::uint64_t serials, std::uint64_t asked) {
    store = *store::Store::open(dir.file("store"));
    const testing::TestPki& pki = testing::standard_pki();
    issuer = *store->ensure_issuer(source::make_issuer_key(pki.intermediate.certificate), "bench");
    auto replacement = *store->begin_replacement(issuer);
    for (std::uint64_t i = 0; i < serials; ++i) {
      MUSTER_ASSERT(replacement->put(*Serial::make(serial_of(i)), store::Status{}));
    }
    store::IssuerState facts;
    facts.key = source::make_issuer_key(pki.intermediate.certificate);
    facts.knows_issued = store::KnowsIssued::kYes;
    facts.loaded_at = testing::kTestNow;
    MUSTER_ASSERT(replacement->commit(facts));
    std::vector<responder::IssuerSpec> specs;
    specs.push_back({.label = "bench",
                     .certificates = {pki.intermediate.certificate},
                     .signers = {{.label = "",
                                  .certificate = pki.ocsp_signer.certificate,
                                  .key = pki.ocsp_signer.key}},
                     .origin = responder::DataOrigin::kWatchedSource,
                     .store_id = issuer,
                     .policy = {}});
    specs.back().policy.presign = responder::hash_set(HashAlgorithm::kSha256);
    responder::Policy policy;
    policy.ready_answers =
        std::max<std::size_t>(policy.ready_answers, 16 * asked);  // none is evicted
    std::vector<std::string> warnings;
    setup = *responder::Setup::make(std::move(specs), policy, testing::kTestNow, warnings);
    answerer = std::make_unique<responder::Answerer>(setup, store->reader(), counters);
    for (std::uint64_t i = 0; i < asked; ++i) {
      requests.push_back(request_about(i * (serials / asked)));
      targets.push_back("/" + http::encode_get_tail(requests.back()));
    }
  }

  static Buffer request_about(std::uint64_t index, bool nonce = false) {
    ocsp::Request request;
    request.requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha256, testing::standard_pki().intermediate.certificate,
                           *Serial::make(serial_of(index))),
         {}});
    if (nonce) {
      request.extensions.push_back(
          {to_buffer(oid::kOcspNonce), false, ocsp::encode_nonce(Buffer(32, 0x6e))});
    }
    return ocsp::encode_request(request);
  }

  testing::TempDir dir;
  testing::FakeClock clock;
  std::unique_ptr<store::Store> store;
  store::IssuerId issuer{};
  std::shared_ptr<const responder::Setup> setup;
  responder::Counters counters;
  std::unique_ptr<responder::Answerer> answerer;
  std::vector<Buffer> requests;
  std::vector<std::string> targets;
};

}  // namespace muster::bench
