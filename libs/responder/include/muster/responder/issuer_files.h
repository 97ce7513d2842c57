#pragma once

#include <functional>
#include <optional>
#include <string>

#include "muster/responder/setup.h"
#include "muster/source/crl_set_files.h"
#include "muster/token/key_source.h"

namespace muster::responder {

/// One signer as an operator names it.
struct SignerFiles {
  std::string label;        ///< empty: the certificate's subject
  std::string certificate;  ///< empty: the CA signs by itself
  std::string key;          ///< file (PEM, DER, PKCS#12) or PKCS#11 URI
  /// Where the passphrase of an encrypted key comes from; asked only for one. PIN of a token whose
  /// URI names no pin-source.
  std::function<std::optional<std::string>()> passphrase;
  token::TokenOptions token;
  pki::SignatureScheme scheme = pki::SignatureScheme::kAuto;
  LocallyTrusted locally_trusted = LocallyTrusted::kNo;
  SignerRole role = SignerRole::kActive;
};

/// One issuer as an operator names it: files and rules. A path is empty when not given.
struct IssuerFiles {
  std::string label;                 ///< empty: the CA's subject
  std::string ca;                    ///< certificates of the CA: its own and renewed ones
  std::string index;                 ///< index.txt; not beside crls
  source::CrlSetFiles crls;          ///< CRLs and lists of issued serials; not beside index
  std::vector<SignerFiles> signers;  ///< in order of preference
  /// Where renewed delegates appear (libs/signers); they come before `signers`. Empty: nowhere.
  std::string signer_directory;
  std::function<std::optional<std::string>()> directory_passphrase;
  token::TokenOptions directory_token;
  std::string requestor_anchors;  ///< certificates that vouch for who signs requests
  std::string issued;             ///< directory of issued certificates, for CertHash
  IssuerPolicy policy;
};

/// Another responder as an operator names it.
struct RouteFiles {
  std::string url;
  std::string ca;  ///< certificates of the CAs it answers for; empty: none
  ServiceLocator locator = ServiceLocator::kIgnored;
};

enum class LoadErrc : std::uint8_t {
  kUsage,        ///< the options contradict each other or leave something open
  kInput,        ///< a file cannot be read or is not what it should be
  kUnavailable,  ///< the token that holds a key does not answer now
};
struct LoadError {
  LoadErrc code;
  std::string detail;  ///< which option or file, why, what to do
};

/// Whether the private keys of signers are wanted. kLeftOut: signers are not even looked at.
enum class SignerKeys : std::uint8_t { kLoaded, kLeftOut };

/// Whether the options hold together: a CA and a key (where wanted), at most one source, `unlisted`
/// decided exactly for a CRL (decision 011).
Result<Unit, LoadError> check_options(const IssuerFiles& files,
                                      SignerKeys keys = SignerKeys::kLoaded);
/// Reads certificates and keys; everything but the store's number is filled in. Of several
/// certificates in a signer's file the one that fits its key is taken. A signer whose token does
/// not answer now is left out, and counted, when another may sign. Appends to `warnings`. Errors:
/// as check_options; kInput, kUnavailable.
Result<IssuerSpec, LoadError> load_issuer(const IssuerFiles& files,
                                          std::vector<std::string>& warnings,
                                          SignerKeys keys = SignerKeys::kLoaded);

/// Reads the routes' certificates. Errors: kInput.
Result<std::vector<Route>, LoadError> load_routes(const std::vector<RouteFiles>& files);

/// One line for people on what was decided: who is answered for, by which signer, from which
/// source, with which answers.
std::string describe(const Issuer& issuer, const IssuerFiles& files);

}  // namespace muster::responder
