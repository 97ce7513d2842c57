#pragma once

#include <map>
#include <string>
#include <vector>

#include "muster/signers/delegate_book.h"
#include "muster/token/key_source.h"

namespace muster::signers {

/// A directory into which whatever renews the delegates puts them:
///   NAME.p12 or NAME.pfx    certificate and key in PKCS#12
///   NAME.pem, .crt or .cer  certificate; its key is in the same file, or in NAME.key, or in the
///   token that NAME.uri names (a pkcs11: URI
///                           on the first line that names token and key only: module and PIN are
///                           not chosen by who can write here)
/// Everything else is ignored, names that begin with a dot among it. Certificate and key may arrive
/// in any order and one after the other: until they fit, what was accepted before stays in use.
struct DirectoryOptions {
  std::string path;
  pki::AskPassphrase passphrase;  ///< of encrypted keys and PKCS#12; PIN of tokens
  token::TokenOptions token;
  std::size_t max_delegates = 64;  ///< files looked at; more are an error
};

/// Reads a directory. A file that did not change (device, inode, size, times) is not read again.
/// Threads: one at a time.
class DelegateDirectory {
 public:
  explicit DelegateDirectory(DirectoryOptions options) : options_(std::move(options)) {}
  /// What is there now, for DelegateBook::update. Errors: the directory cannot be read, or holds
  /// too many files; then everything stays as it was.
  Result<std::vector<Found>, std::string> read();
  [[nodiscard]] std::size_t remembered_for_test() const { return files_.size(); }

 private:
  struct Stamp {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t modified_ns = 0, changed_ns = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  struct File {
    Stamp stamp;
    std::array<std::uint8_t, 32> digest{};
  };
  const std::array<std::uint8_t, 32>* digest_of(const std::string& path);

  const DirectoryOptions options_;
  std::map<std::string, File> files_;  // by path, as read last; those that are there
};

}  // namespace muster::signers
