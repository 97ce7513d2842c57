#pragma once

#include "muster/pki/keys.h"

// Files that hold a private key and often certificates with it: PEM, DER, PKCS#12.
namespace muster::pki {

using AskPassphrase = std::function<std::optional<std::string>()>;

struct KeyFile {
  PrivateKey key;
  /// Certificates found with the key; the one that belongs to it first, if any does.
  std::vector<Certificate> certificates;
};

/// PKCS#12 (PFX) with exactly one private key. `passphrase` is asked unless the file has none.
/// Never prompts by itself. Errors: kNotAKey (damaged, or no key in it), kWrongPassphrase (none
/// given, too, and a file that was altered: the two look alike), kUnsupportedAlgorithm (encrypted
/// with RC2 or another algorithm OpenSSL 3 does not enable; the detail says how to convert).
PkiResult<KeyFile> parse_pkcs12(Bytes der, const AskPassphrase& passphrase = {});
/// Whether the octets begin as PKCS#12 does: a SEQUENCE that holds the version 3 and then another
/// SEQUENCE.
bool looks_like_pkcs12(Bytes input);

/// Key and certificates of a PEM, DER or PKCS#12 file of at most 1 MiB; told apart by content.
/// Errors: as PrivateKey::load and parse_pkcs12; kNotACertificate (a damaged certificate beside the
/// key).
PkiResult<KeyFile> load_key_file(const std::string& path, const AskPassphrase& passphrase = {});
PkiResult<KeyFile> parse_key_file(Bytes content, const AskPassphrase& passphrase = {});

}  // namespace muster::pki
