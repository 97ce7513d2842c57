#pragma once

#include <optional>
#include <vector>

#include "muster/ocsp/ocsp.h"
#include "muster/testing/pki_builder.h"

// OCSP answers, good and bad: everything that a responder can get wrong is a field.
namespace muster::testing {

/// One SingleResponse. `cert_id` is a whole CertID element and may be anything.
struct EntrySpec {
  Buffer cert_id{};
  ocsp::CertStatus status = ocsp::Good{};
  UnixSeconds this_update = kTestNow - Seconds(3600);
  std::optional<UnixSeconds> next_update = kTestNow + Seconds(86400);
  std::vector<der::Extension> extensions{};
};
/// An entry for `certificate` with a right CertID.
EntrySpec entry_for(const pki::Certificate& certificate, const pki::Certificate& issuer,
                    ocsp::CertStatus status = ocsp::Good{},
                    HashAlgorithm hash = HashAlgorithm::kSha1);
/// A CertID with parts of the caller's choice: wrong lengths and unknown hashes are possible.
Buffer make_raw_cert_id(Bytes hash_algorithm_element, Bytes name_hash, Bytes key_hash,
                        Bytes serial_content);

enum class ResponderIdAs : std::uint8_t { kByKey, kByName };
enum class Certificates : std::uint8_t { kSigner, kNone };

/// A BasicOCSPResponse. Defaults make a good one around `entries`.
struct ResponseSpec {
  std::vector<EntrySpec> entries{};
  ResponderIdAs responder_id = ResponderIdAs::kByKey;
  std::optional<Buffer> other_name{};                            ///< byName with this Name element
  std::optional<std::array<std::uint8_t, 20>> other_key_hash{};  ///< byKey with this
  UnixSeconds produced_at = kTestNow - Seconds(3600);
  std::optional<Buffer> nonce{};  ///< octets, wrapped as RFC 9654 wants
  std::vector<der::Extension> extensions{};
  Certificates certificates = Certificates::kSigner;
  std::vector<Buffer> extra_certificates{};  ///< behind the signer's
  SignAs sign_as = SignAs::kAuto;
  std::optional<pki::PrivateKey> sign_with{};  ///< another key than the signer's
  bool break_signature = false;                ///< one bit flipped
  bool break_body = false;                     ///< one bit of producedAt changed after signing
};
Buffer build_response(const Identity& signer, const ResponseSpec& spec);
/// A good answer of `signer` about one certificate.
Buffer build_good_response(const Identity& signer, const pki::Certificate& certificate,
                           const pki::Certificate& issuer);

/// An extension with the value NULL.
der::Extension null_extension(Bytes oid, bool critical = false);
/// One nobody knows (1.3.6.1.4.1.99999.1).
der::Extension unknown_extension(bool critical);

}  // namespace muster::testing
