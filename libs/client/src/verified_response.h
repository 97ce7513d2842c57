#pragma once

#include "muster/client/verify.h"

// What a VerifiedResponse holds and the one way to make it: for verify(), and for simulations that
// stand in for it (decision 049). Not a public header: nobody else gets at it.
namespace muster::client {

struct VerifiedResponse::Data {
  Buffer der;
  ocsp::CertStatus status;
  UnixSeconds this_update;
  std::optional<UnixSeconds> next_update;
  UnixSeconds produced_at;
  pki::Authority authority;
  pki::Certificate signer;
  Subject subject;
  bool nonce_matched;
  std::size_t matching_entries;
  std::optional<UnixSeconds> archive_cutoff;
  UnixSeconds effective_expiry;
  std::string signature_algorithm;
};

struct VerifierAccess {
  static VerifiedResponse make(VerifiedResponse::Data data) {
    return VerifiedResponse(std::make_shared<const VerifiedResponse::Data>(std::move(data)));
  }
};

}  // namespace muster::client
