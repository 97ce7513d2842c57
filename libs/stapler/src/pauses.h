#pragma once

#include <map>
#include <optional>
#include <string>

#include "muster/keeper/keeper.h"

namespace muster::stapler {

/// Which certificates nobody is asked about, as an operator told; in a file beside the shelf, so
/// that a restart goes by it. Threads: one.
class Pauses {
 public:
  static constexpr std::string_view kFileName = "paused.json";
  static constexpr std::size_t kMaxEntries = 100'000;

  struct Entry {
    std::string name;  ///< for people
    UnixSeconds since{};
    std::optional<UnixSeconds> until;  ///< nothing: until it is ended
  };

  /// Reads what an earlier run left. Error: the file is damaged or unreadable; nothing is paused
  /// then. An empty directory remembers nothing.
  static Result<Pauses, std::string> load(const std::string& directory);
  explicit Pauses(std::string directory = {}) : directory_(std::move(directory)) {}

  void pause(const keeper::Fingerprint& certificate, Entry entry);
  void pause_all(Entry entry) { all_ = std::move(entry); }
  /// False: it was not paused by itself.
  [[nodiscard]] bool resume(const keeper::Fingerprint& certificate);
  /// Ends every pause. False: there was none.
  [[nodiscard]] bool resume_all();
  /// Those whose time is over, ended: their names.
  std::vector<std::string> end_due(UnixSeconds now);
  /// Error: a sentence; what is in memory stays.
  Result<Unit, std::string> save() const;

  [[nodiscard]] keeper::Keeper::Pause in_force() const;
  [[nodiscard]] const std::optional<Entry>& all() const { return all_; }
  [[nodiscard]] bool has(const keeper::Fingerprint& certificate) const {
    return entries_.contains(certificate);
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  std::string directory_;
  std::optional<Entry> all_;
  std::map<keeper::Fingerprint, Entry> entries_;
};

}  // namespace muster::stapler
