#pragma once

#include <set>
#include <string>

#include "muster/base/log.h"
#include "muster/edge/exporter.h"

// What lies in an export: as the run before left it, and as this one will.
namespace muster::edge {

/// Reads and writes "manifest" and "unfinished"; the files it names are others' business. Names are
/// requests in base64. Threads: one.
class Roster {
 public:
  Roster(const std::string& directory, std::size_t max_manifest_bytes)
      : manifest_path_(directory + "/manifest"),
        unfinished_path_(directory + "/unfinished"),
        max_manifest_bytes_(max_manifest_bytes) {}

  /// What the run before left. The number of this one rises even if the manifest was lost.
  /// \param is_new  there is no tree yet
  /// \param key     signs manifests; one that it did not sign counts for nothing. Nothing: whatever
  ///                reads as a manifest counts
  /// Errors: kIo; kInput (a number that cannot rise).
  Result<Unit, ExportError> load(bool is_new, UnixSeconds now,
                                 const std::optional<pki::PrivateKey>& key, Logger& logger);
  /// From here on until finish() whoever comes next looks through the tree.
  Result<Unit, FileError> begin();

  [[nodiscard]] const Manifest& before() const { return before_; }
  [[nodiscard]] const Manifest& now() const { return now_; }
  /// Null: it is not there.
  [[nodiscard]] const ManifestEntry* find_before(const std::string& name) const;
  [[nodiscard]] const ManifestEntry* find_now(const std::string& name) const;
  /// Whether the tree may hold files that nobody tells of.
  [[nodiscard]] bool has_strangers() const { return has_strangers_; }
  /// Whether its file was taken away by this run, and not written again.
  [[nodiscard]] bool is_gone(const std::string& name) const { return gone_.contains(name); }

  void put(const std::string& name, const ManifestEntry& entry) {
    now_.files.insert_or_assign(name, entry);
  }
  void note_gone(const std::string& name) { gone_.insert(name); }
  void drop(const std::string& name) { now_.files.erase(name); }

  /// The manifest of this run, sealed. Errors: kAnswers (the key), kInput (too large).
  Result<std::string, ExportError> seal(pki::Signer* signer);
  /// Replaces the manifest: the files are on disk by now.
  Result<Unit, FileError> write(const std::string& text);
  /// All that this run had to do is done.
  void finish();

 private:
  const std::string manifest_path_, unfinished_path_;
  const std::size_t max_manifest_bytes_;
  Manifest before_, now_;
  std::set<std::string> gone_;
  bool has_strangers_ = false;
};

}  // namespace muster::edge
