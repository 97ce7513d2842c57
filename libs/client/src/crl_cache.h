#pragma once

#include <memory>
#include <optional>
#include <string>

#include "muster/client/crl_document.h"

namespace muster::client::internal {

/// Takes what arrives: in memory while it is small, else in a file without a name.
class Spool {
 public:
  /// \param directory  where the file goes
  explicit Spool(std::string directory) : directory_(std::move(directory)) {}
  /// False when the disk refuses.
  bool write(Bytes piece);
  /// Forgets what has arrived: another answer begins.
  void clear();
  /// The CRL that arrived, PEM or DER. Once. Errors: kNotACrl, kUnreadable (disk).
  pki::PkiResult<std::shared_ptr<const CrlDocument>> finish();

 private:
  bool move_to_file();

  std::string directory_;
  Buffer octets_;
  UniqueFd file_;
};

/// What HTTP said of a CRL that is worth keeping with it.
struct CrlFetchFacts {
  std::string etag;
  std::optional<UnixSeconds> last_modified;
  Seconds fresh_for{0};  ///< from when it was fetched or confirmed on; nobody need be asked
};

/// Copies of CRLs between runs: a file for each URL, replaced as a whole, so that processes need no
/// lock between them. What a file says is never believed: a CRL out of it is verified like one from
/// the network. Everything is best effort: without a disk all is fetched anew. Threads: any.
class CrlCache {
 public:
  /// \param directory  made when it is not there; empty: nothing is ever kept
  CrlCache(std::string directory, std::uint64_t most_bytes);

  struct Entry {
    std::shared_ptr<const CrlDocument> document;
    CrlFetchFacts facts;
    UnixSeconds confirmed_at;
  };
  /// Nothing when there is none, or it is damaged, or another URL's.
  [[nodiscard]] std::optional<Entry> load(const std::string& url) const;
  /// Replaces the copy; drops those not confirmed for longest while there are too many octets.
  void store(const std::string& url, const CrlFetchFacts& facts, Bytes der, UnixSeconds now) const;
  /// Its place says that it is still the newest.
  void confirm(const std::string& url, UnixSeconds now) const;

  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// Where the copy of `url` is kept.
  [[nodiscard]] std::string path_of(const std::string& url) const;

 private:
  void make_room() const;
  std::string directory_;
  std::uint64_t most_bytes_;
};

}  // namespace muster::client::internal
