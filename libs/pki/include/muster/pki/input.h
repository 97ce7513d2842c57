#pragma once

#include <span>
#include <vector>

#include "muster/pki/key_file.h"

// What people hand over besides plain certificates: stores with a passphrase, saved responses.
namespace muster::pki {

/// Limit of a PKCS#12 store of certificates.
inline constexpr std::size_t kMaxPkcs12Bytes = std::size_t{4} << 20;

/// The certificates of a PKCS#12 store, with or without a private key among them; no key is kept.
/// Opened without a passphrase, with an empty one, then with each that `passphrases` give, in their
/// order. Errors: kWrongPassphrase (none of them opens it), kNotACertificate (damaged, too large,
/// or no certificate in it), kUnsupportedAlgorithm (see parse_pkcs12).
PkiResult<std::vector<Certificate>> parse_pkcs12_certificates(
    Bytes der, std::span<const AskPassphrase> passphrases = {});

/// DER of every OCSP response in PEM octets ("OCSP RESPONSE", as GnuTLS writes it), in their order,
/// or in DER octets; DER passes through untouched and unparsed. Never empty: a PEM block that
/// cannot be read is an error. Errors: kNotACertificate (neither, or damaged; the detail says so).
PkiResult<std::vector<Buffer>> decode_responses(Buffer input);

}  // namespace muster::pki
