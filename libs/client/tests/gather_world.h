#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "muster/client/gather.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/response_builder.h"

// What tests of gather() share: a world that answers, and certificates to ask it about.
namespace muster::client::gather_testing {

using namespace muster::testing;
using std::chrono::hours;

inline const TestPki& P() { return standard_pki(); }

/// The outside world: answers by URL prefix, and a record of who was asked.
class World {
 public:
  void answer(const std::string& prefix, Buffer body) { answers_[prefix] = std::move(body); }

  FetchFunction fetch() {
    return [this](const net::FetchRequest& request) -> net::FetchResult {
      asked.push_back(request.url);
      for (const auto& [prefix, body] : answers_) {
        if (request.url.starts_with(prefix)) {
          net::FetchResponse response;
          response.http_status = 200;
          response.body = body;
          response.max_age = max_age;
          return response;
        }
      }
      return Err{net::FetchError{net::FetchErrc::kConnect, "nobody there", 0, std::nullopt}};
    };
  }
  /// Hosts asked, each time.
  [[nodiscard]] std::vector<std::string> hosts() const {
    std::vector<std::string> out;
    for (const std::string& url : asked) {
      out.push_back(url.substr(7, url.find('/', 7) - 7));
    }
    return out;
  }
  std::vector<std::string> asked;
  std::optional<Seconds> max_age;  ///< what its answers say of themselves

 private:
  std::map<std::string, Buffer> answers_;
};

inline constexpr const char* kOcsp = "http://ocsp.test/";
inline constexpr const char* kCrl = "http://crl.test/ca.crl";

inline pki::Certificate make_leaf(const std::function<void(CertificateSpec&)>& change =
                                      [](CertificateSpec&) {}) {
  CertificateSpec spec = leaf_spec();
  spec.ocsp_uris = {kOcsp};
  change(spec);
  return issue(P().intermediate, spec).certificate;
}
inline Buffer answer_about(const pki::Certificate& leaf, ocsp::CertStatus status = ocsp::Good{}) {
  return build_response(
      P().ocsp_signer,
      {.entries = {entry_for(leaf, P().intermediate.certificate, status, HashAlgorithm::kSha256)}});
}
inline Buffer crl_with(const std::vector<crl::Entry>& entries) {
  CrlSpec spec;
  spec.entries = entries;
  return build_crl(P().intermediate, spec);
}

struct Checked {
  Case what;
  Verdict verdict;
};
/// Gathers and judges, with the intermediate at hand unless told otherwise.
inline Checked check(World& world, Material material, GatherOptions options = {},
                     bool with_issuer = true) {
  if (with_issuer) {
    material.others.push_back(P().intermediate.certificate);
  }
  const FakeClock clock;
  Case what = gather(material, options, clock, world.fetch());
  Verdict verdict = judge(what, clock.now());
  return {std::move(what), std::move(verdict)};
}

inline const Evidence* find(const Case& what, Channel channel) {
  for (const Evidence& evidence : what.evidence) {
    if (evidence.channel == channel) {
      return &evidence;
    }
  }
  return nullptr;
}
inline bool has(const Verdict& verdict, std::string_view code) {
  return std::any_of(verdict.findings.begin(), verdict.findings.end(),
                     [code](const Finding& f) { return f.code == code; });
}

}  // namespace muster::client::gather_testing
