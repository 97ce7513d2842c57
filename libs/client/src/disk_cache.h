#pragma once

#include <optional>
#include <string>

#include "muster/base/mapped_file.h"
#include "muster/base/time.h"
#include "muster/net/fetcher.h"

namespace muster::client::internal {

/// What HTTP said of a document that is worth keeping with it.
struct KeptFacts {
  std::string etag;
  std::optional<UnixSeconds> last_modified;
  Seconds fresh_for{0};  ///< from when it was fetched or confirmed on; nobody need be asked
};
/// An hour of not asking at most, whatever its place said.
KeptFacts facts_of(const net::FetchResponse& response, UnixSeconds now);

/// Copies of CRLs and of OCSP answers between runs: a file for each, replaced as a whole, so that
/// processes need no lock between them. What a file says is never believed: what comes out of it is
/// verified like what comes from the network. Everything is best effort: without a disk all is
/// fetched anew. Threads: any.
class DiskCache {
 public:
  enum class Kind : std::uint8_t { kCrl, kAnswer };
  /// In front of the DER, so that it begins on a page of its own.
  static constexpr std::size_t kHeadBytes = 4096;

  /// \param directory  made when it is not there; empty: nothing is ever kept
  DiskCache(std::string directory, std::uint64_t most_bytes);

  struct Entry {
    MappedFile file;  ///< the DER is behind kHeadBytes
    KeptFacts facts;
    UnixSeconds confirmed_at;
    [[nodiscard]] Bytes der() const { return file.octets().subspan(kHeadBytes); }
  };
  /// Nothing when there is none, or it is damaged, or of another name.
  [[nodiscard]] std::optional<Entry> load(Kind kind, const std::string& name) const;
  /// Replaces the copy; drops those not confirmed for longest while there are too many octets.
  /// \param name  a line; of a CRL its URL
  void store(Kind kind, const std::string& name, const KeptFacts& facts, Bytes der,
             UnixSeconds now) const;
  /// Its place says that it is still the newest.
  void confirm(Kind kind, const std::string& name, UnixSeconds now) const;

  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// Where the copy is kept.
  [[nodiscard]] std::string path_of(Kind kind, const std::string& name) const;

 private:
  void make_room() const;
  std::string directory_;
  std::uint64_t most_bytes_;
};
/// Whether its place said that nobody need ask yet. A copy from the future is not.
bool is_fresh(const DiskCache::Entry& entry, UnixSeconds now);

}  // namespace muster::client::internal
