#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/pki/keys.h"
#include "muster/testing/fake_clock.h"
#include "muster/testing/temp_dir.h"

// Throwaway certificates of every kind, good and bad. Encoded with our own writer and signed by
// OpenSSL directly, so that what pki::Signer does is not tested against itself.
namespace muster::testing {

enum class KeyKind : std::uint8_t {
  kP256,
  kP384,
  kP521,
  kEd25519,
  kEd448,
  kRsa2048,
  kRsa3072,
  kRsa1024,
  kRsaPss2048,
  kDsa2048,
  kP192,
  kMlDsa44,
  kMlDsa65,
  kMlDsa87,
};
/// Whether the OpenSSL found at run time can make such keys.
bool can_make(KeyKind kind);

/// A key pair; PEM is unencrypted PKCS#8.
struct TestKey {
  pki::PrivateKey key;
  std::string pem;
};
/// A new key every time.
TestKey make_key(KeyKind kind);
/// The same key for the same arguments, for the life of the process: slow kinds are made once.
const TestKey& cached_key(KeyKind kind, int index = 0);
/// The key as PKCS#8 encrypted under `passphrase`.
std::string encrypted_pem(const pki::PrivateKey& key, const std::string& passphrase);

/// How something is signed, right or wrong. kAuto fits the key as pki::SignatureScheme::kAuto does.
enum class SignAs : std::uint8_t {
  kAuto,
  kSha256,
  kSha384,
  kSha512,
  kSha1,
  kMd5,
  kPssSha256,
  kPssSha384,
  kPssSha512,
  kPssSha1,
  kRsaSha256WithoutNull,  ///< parameters absent: to be accepted
  kEcdsaSha256WithNull,   ///< parameters NULL: to be refused
};
struct MadeSignature {
  Buffer algorithm;  ///< AlgorithmIdentifier element
  Buffer signature;
};
MadeSignature sign_as(SignAs how, const pki::PrivateKey& key, Bytes tbs);
/// The AlgorithmIdentifier that sign_as() will use.
Buffer algorithm_for(SignAs how, const pki::PrivateKey& key);

/// Name element "O=Muster Test, CN=<common_name>"; string type of the CN as asked. An empty name
/// for an empty text.
Buffer make_name(std::string_view common_name, der::Tag string_type = der::Tag::kUtf8String);
/// Serial of this unsigned number, sign octet added where needed.
Serial make_serial(std::uint64_t number);

/// What a certificate says. Anything may be wrong: nothing is checked.
struct CertificateSpec {
  std::string common_name = "leaf.example";
  std::optional<Buffer> subject{};      ///< whole Name element instead of common_name
  std::optional<Buffer> issuer_name{};  ///< whole Name element instead of the issuer's subject
  KeyKind key = KeyKind::kP256;
  std::optional<TestKey> use_key{};         ///< this key instead of a new one
  std::optional<Buffer> serial{};           ///< INTEGER content; counted up when absent
  UnixSeconds at = kTestNow;                ///< the instant validity lies around
  std::optional<UnixSeconds> not_before{};  ///< 30 days before `at` (CA: 1 year)
  std::optional<UnixSeconds> not_after{};   ///< 60 days behind `at` (CA: 9 years)
  bool ca = false;
  std::optional<int> path_length{};
  std::optional<std::uint16_t> key_usage{};  ///< bits as in pki::CertificateFacts
  std::vector<Buffer> extended_key_usage{};  ///< OID contents
  std::vector<std::string> dns_names{};
  std::vector<std::string> ip_addresses{};  ///< dotted IPv4
  std::vector<std::string> ocsp_uris{};
  std::vector<std::string> ca_issuers_uris{};
  std::vector<std::string> crl_uris{};  ///< each its own distribution point
  std::vector<std::uint32_t> tls_features{};
  bool no_check = false;
  bool no_rev_avail = false;
  bool subject_key_id = true;
  bool authority_key_id = true;
  std::vector<der::Extension> extensions{};  ///< further ones, verbatim, behind the others
  SignAs sign_as = SignAs::kAuto;
  bool version_1 = false;  ///< no extensions at all
  bool break_signature = false;
};
/// A CA: basicConstraints, keyCertSign, cRLSign, digitalSignature.
CertificateSpec ca_spec(std::string_view common_name);
/// A delegated responder: id-kp-OCSPSigning, digitalSignature, noCheck.
CertificateSpec ocsp_signer_spec(std::string_view common_name = "OCSP responder");
/// A server: serverAuth, digitalSignature, the name as dNSName.
CertificateSpec leaf_spec(std::string_view dns_name = "leaf.example");

/// A certificate with its key.
struct Identity {
  pki::Certificate certificate;
  pki::PrivateKey key;
  std::string key_pem;
  [[nodiscard]] std::string certificate_pem() const;
  /// Writes <name>.pem (this certificate, then `chain`) and <name>.key and returns the path of the
  /// former; the key's is that with "key" for "pem".
  std::string write(const TempDir& dir, std::string_view name,
                    const std::vector<pki::Certificate>& chain = {}) const;
};
Identity make_self_signed(const CertificateSpec& spec);
Identity issue(const Identity& issuer, const CertificateSpec& spec);
/// DER only, for certificates that our own parser refuses.
Buffer make_certificate_der(const CertificateSpec& spec, const TestKey& subject_key,
                            Bytes issuer_name, const pki::PrivateKey& issuer_key);

/// root -> intermediate -> {ocsp_signer, leaf, other_leaf}, P-256.
struct TestPki {
  Identity root;
  Identity intermediate;
  Identity ocsp_signer;
  Identity leaf;
  Identity other_leaf;
};
TestPki make_pki(UnixSeconds at = kTestNow);
/// The same one for all tests of a process, valid at kTestNow.
const TestPki& standard_pki();
/// Its intermediate once more, of the same name and key, as one whose certificate says where to
/// ask about it.
Identity issue_intermediate(std::vector<std::string> ocsp_uris);

std::string to_pem(std::string_view label, Bytes der);
std::string to_pem(const std::vector<pki::Certificate>& certificates);

/// One line of an openssl index.txt for a certificate: 'V', 'E', or 'R' with an instant and a
/// reason ("" for none).
std::string index_line(const pki::Certificate& certificate);
std::string index_line(const pki::Certificate& certificate, UnixSeconds revoked_at,
                       std::string_view reason = "");

}  // namespace muster::testing
