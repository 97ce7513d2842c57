#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "muster/base/time.h"
#include "muster/pki/keys.h"

// What lies in an exported tree, as one numbered, signed text: docs/formats/export.md.
namespace muster::edge {

/// One answer.
struct ManifestEntry {
  std::array<std::uint8_t, 32> digest{};  ///< SHA-256 of the file
  std::string status;                     ///< "good", "revoked" or "unknown"
  UnixSeconds next_update;
  UnixSeconds due;    ///< when it is to be signed anew
  std::string basis;  ///< what it was made from, for comparing: hexadecimal, or "-"
  friend bool operator==(const ManifestEntry&, const ManifestEntry&) = default;
};

struct Manifest {
  std::uint64_t number = 0;  ///< rises with each; at least the seconds of `made`
  UnixSeconds made{};
  UnixSeconds until{};  ///< when the first of the answers ends; `made` when there are none
  std::map<std::string, ManifestEntry> files;  ///< by the request in base64
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

/// The text but its last line, which is what is signed.
std::string encode_manifest(const Manifest& manifest);
/// With the last line: "signature", AlgorithmIdentifier and signature in base64; or "unsigned".
pki::PkiResult<std::string> seal_manifest(const Manifest& manifest, pki::Signer* signer);

/// A whole text, strictly: what is read is what would be written. The signature is not verified.
/// Errors: what is wrong, and in which line.
Result<Manifest, std::string> parse_manifest(std::string_view text);
/// The same of a text that must be signed by the key of one of `signers`, at least one. Whether
/// these are valid, and whether the number rises, is the caller's to judge.
Result<Manifest, std::string> verify_manifest(std::string_view text,
                                              std::span<const pki::Certificate> signers);
inline Result<Manifest, std::string> verify_manifest(std::string_view text,
                                                     const pki::Certificate& signer) {
  return verify_manifest(text, std::span(&signer, 1));
}
/// The same of a text that we must have signed with `key`.
Result<Manifest, std::string> verify_own_manifest(std::string_view text,
                                                  const pki::PrivateKey& key);

}  // namespace muster::edge
