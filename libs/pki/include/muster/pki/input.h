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

/// DER of an OCSP response in PEM ("OCSP RESPONSE", as GnuTLS writes it) or DER octets; DER passes
/// through untouched and unparsed. Errors: kNotACertificate (neither; the detail says so).
PkiResult<Buffer> decode_response_input(Buffer input);

}  // namespace muster::pki
