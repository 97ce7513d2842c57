#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "muster/responder/answerer.h"
#include "muster/testing/pki_builder.h"

// What the tests of this library share: a status store in memory, issuers of the standard PKI,
// answers taken apart.
namespace muster::responder {

using testing::Identity;
using testing::kTestNow;
using testing::standard_pki;

/// Records that tests change at will; readers see changes when they renew.
struct FakeStore {
  std::uint64_t sequence = 1;
  std::map<store::IssuerId, store::IssuerState> states;
  std::map<std::pair<store::IssuerId, Buffer>, store::Status> records;
  bool broken = false;
  int finds = 0, renews = 0, releases = 0;

  void list_all_issued(store::IssuerId issuer) {
    store::IssuerState& state = states[issuer];
    state.knows_issued = store::KnowsIssued::kYes;
    state.loaded_at = kTestNow;
    ++sequence;
  }
  void set(store::IssuerId issuer, const Serial& serial, const store::Status& status) {
    records[{issuer, to_buffer(serial.octets())}] = status;
    ++sequence;
  }
};

class FakeReader final : public store::Reader {
 public:
  explicit FakeReader(FakeStore& store) : store_(store) {}
  std::uint64_t renew() override {
    ++store_.renews;
    return store_.broken ? 0 : store_.sequence;
  }
  void release() override { ++store_.releases; }
  store::StoreResult<std::optional<store::Status>> find(store::IssuerId issuer,
                                                        Bytes serial) const override {
    ++store_.finds;
    if (store_.broken) {
      return Err{store::StoreError{store::StoreErrc::kIo, "broken for the test"}};
    }
    const auto it = store_.records.find({issuer, to_buffer(serial)});
    return it == store_.records.end() ? std::nullopt : std::optional(it->second);
  }
  const store::IssuerState* issuer_state(store::IssuerId issuer) const override {
    const auto it = store_.states.find(issuer);
    return it == store_.states.end() ? nullptr : &it->second;
  }

 private:
  FakeStore& store_;
};

inline constexpr store::IssuerId kIssuer{1};
inline constexpr store::IssuerId kOther{2};

inline store::Status revoked_at(UnixSeconds when, std::optional<ReasonCode> reason = std::nullopt) {
  store::Status status;
  status.state = store::State::kRevoked;
  status.revoked_at = when;
  status.reason = reason;
  return status;
}

inline SignerSpec signer_spec(const Identity& signer, SignerRole role = SignerRole::kActive) {
  return {.label = "", .certificate = signer.certificate, .key = signer.key, .role = role};
}
/// The intermediate CA of the standard PKI, answered for by its delegate.
inline IssuerSpec delegated_spec(const Identity& ca = standard_pki().intermediate,
                                 const Identity& signer = standard_pki().ocsp_signer) {
  return {.label = "test CA",
          .certificates = {ca.certificate},
          .signers = {signer_spec(signer)},
          .origin = DataOrigin::kWatchedSource,
          .store_id = kIssuer,
          .policy = {}};
}
/// A CA that signs by itself.
inline IssuerSpec self_spec(const Identity& ca, store::IssuerId id = kIssuer) {
  IssuerSpec spec = delegated_spec(ca, ca);
  spec.store_id = id;
  return spec;
}

inline std::shared_ptr<const Setup> setup_of(std::vector<IssuerSpec> specs,
                                             const Policy& policy = {}) {
  std::vector<std::string> warnings;
  auto made = Setup::make(std::move(specs), policy, kTestNow, warnings);
  EXPECT_TRUE(made) << (made ? "" : made.error().detail);
  return made ? *made : nullptr;
}

/// Everything an Answerer needs, and the standard leaf as a good record.
struct World {
  explicit World(std::vector<IssuerSpec> specs = {delegated_spec()}, const Policy& policy = {})
      : setup(setup_of(std::move(specs), policy)),
        answerer(setup, std::make_unique<FakeReader>(store), counters) {
    store.list_all_issued(kIssuer);
    store.set(kIssuer, standard_pki().leaf.certificate.serial(), store::Status{});
  }
  FakeStore store;
  Counters counters;
  std::shared_ptr<const Setup> setup;
  Answerer answerer;
};

inline ocsp::Request request_for(const pki::Certificate& certificate,
                                 const pki::Certificate& issuer,
                                 HashAlgorithm hash = HashAlgorithm::kSha256) {
  ocsp::Request out;
  out.requests.push_back({pki::make_cert_id(hash, certificate, issuer), {}});
  return out;
}
inline ocsp::Request leaf_request(HashAlgorithm hash = HashAlgorithm::kSha256) {
  return request_for(standard_pki().leaf.certificate, standard_pki().intermediate.certificate,
                     hash);
}
inline ocsp::Request with_nonce(ocsp::Request request, std::size_t octets,
                                std::uint8_t fill = 0x6e) {
  request.extensions.push_back(
      {to_buffer(oid::kOcspNonce), false, ocsp::encode_nonce(Buffer(octets, fill))});
  return request;
}

/// An answer copied out of the Answerer, so that views of it stay.
struct Taken {
  Buffer body;
  std::string head;
  std::string etag;
  Cause cause = Cause::kNone;
  std::optional<ocsp::ResponseView> parsed;  ///< views of `body`
  Taken() = default;
  Taken(Taken&&) = default;

  [[nodiscard]] ocsp::ResponseStatus status() const { return parsed->status; }
  [[nodiscard]] ocsp::SingleResponseView single(std::size_t i = 0) const {
    return parsed->basic->responses.at(i);
  }
  [[nodiscard]] bool good() const { return is<ocsp::Good>(); }
  [[nodiscard]] bool revoked() const { return is<ocsp::Revoked>(); }
  [[nodiscard]] bool unknown() const { return is<ocsp::Unknown>(); }
  template <class T>
  [[nodiscard]] bool is() const {
    return status() == ocsp::ResponseStatus::kSuccessful &&
           std::holds_alternative<T>(single().status);
  }
  [[nodiscard]] bool signed_by(const pki::Certificate& signer) const {
    return parsed->basic &&
           pki::verify_signature(parsed->basic->signature_algorithm, parsed->basic->tbs_raw,
                                 parsed->basic->signature, signer);
  }
};
inline Taken take(const Answer& answer) {
  Taken out;
  out.head = std::string(as_text(answer.octets.first(answer.head_bytes)));
  out.body = to_buffer(answer.body());
  out.etag = std::string(answer.etag);
  out.cause = answer.cause;
  if (auto parsed = ocsp::parse_response(out.body)) {
    out.parsed = *parsed;
  }
  return out;
}
inline Taken ask(Answerer& answerer, const ocsp::Request& request, UnixSeconds now = kTestNow) {
  Taken out = take(answerer.answer(ocsp::encode_request(request), now));
  EXPECT_TRUE(out.parsed) << "not an OCSP response";
  return out;
}

}  // namespace muster::responder
