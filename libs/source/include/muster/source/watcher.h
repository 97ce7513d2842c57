#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "muster/base/log.h"
#include "muster/source/load.h"

// Keeps the store at what the source files say.
namespace muster::source {

struct WatchOptions {
  Milliseconds poll{
      2'000};  ///< longest time between two looks at a file; inotify is quicker where it works
  Milliseconds settle{
      500};  ///< a file that changes under our eyes is read after this long without a change
  Milliseconds confirm{
      60'000};  ///< how often an unchanged source is noted as still right (IssuerState::loaded_at)
  Milliseconds retry_first{1'000};  ///< after an error that may pass by itself; doubled each time
  Milliseconds retry_most{60'000};
  Milliseconds fetch_retry_first{
      5'000};  ///< after a CRL could not be fetched; doubled each time, less a random part
  Milliseconds fetch_retry_most{600'000};
  LoadOptions load;  ///< `now` and `stop` are set by the watcher
};

/// How one file, directory or location of a set of CRLs is doing.
struct PartStatus {
  enum class Kind : std::uint8_t { kFile, kDirectory, kLocation, kIssuedList } kind = Kind::kFile;
  std::string origin;  ///< path, or URLs separated by blanks
  std::string number;  ///< of the CRL it gave, hexadecimal; empty without
  bool is_delta = false;
  std::optional<UnixSeconds> this_update,
      next_update;                          ///< of that CRL; of a list, when it was written
  std::size_t records = 0;                  ///< entries of the CRL, serials of the list
  std::optional<UnixSeconds> last_success;  ///< looked at, and what it gave is in use or no news
  std::optional<SourceError> error;
  std::optional<UnixSeconds> failing_since;
  std::uint64_t failures = 0;
  std::uint64_t downloads = 0, not_modified = 0;  ///< of a location
};

/// How a source is doing, for operators.
struct SourceStatus {
  std::string label;
  SourceKind kind{};
  std::string path;
  bool checked = false;  ///< the first attempt is over
  std::optional<UnixSeconds>
      last_success;  ///< loaded, or looked at and unchanged; its age is now minus this
  std::optional<UnixSeconds> last_attempt;  ///< to load
  std::optional<SourceError> error;         ///< of the last attempt; nothing when all is well
  std::optional<UnixSeconds> failing_since;
  std::uint64_t loads = 0, failures = 0;
  std::uint64_t records = 0, revoked = 0, sequence = 0;
  std::optional<UnixSeconds> this_update, next_update;  ///< of a CRL
  std::uint64_t kept_revoked = 0, kept_good = 0;        ///< see LoadReport; not zero: an alarm
  /// From when what is in use was written (an index) or issued (thisUpdate of CRLs) until it could
  /// be answered from, at the last load.
  std::optional<Seconds> propagation;
  std::uint64_t let_go = 0;  ///< revocations of unknown expiry that CRLs told no more, in sum
  /// Whether the source tells what was issued; without it a serial that is not listed may never
  /// have been.
  store::KnowsIssued knows_issued = store::KnowsIssued::kNo;
  /// Ends of what may be said, as in store::IssuerState.
  std::optional<UnixSeconds> not_revoked_until, never_issued_until;
  std::vector<PartStatus> parts;  ///< of a set of CRLs

  /// Whether a serial that is not revoked can be called so at `now`. Not so: those are answered
  /// tryLater.
  [[nodiscard]] bool is_usable(UnixSeconds now) const;
  /// How old what is in use is: since thisUpdate of the CRLs, or since the last good look at a live
  /// source. Nothing before that.
  [[nodiscard]] std::optional<Seconds> age(UnixSeconds now) const;
  /// How long the CA has been overdue with its next CRL; zero while it is not.
  [[nodiscard]] Seconds lag(UnixSeconds now) const;
};

/// Watches files on a thread of its own, so that loading (seconds for millions of records) never
/// holds up a loop. A file that cannot be used changes nothing in the store and is logged once per
/// contents. Logged events: source.loaded, source.refused, source.revocation_kept,
/// source.certificate_kept, source.missing, source.recovered. Threads: every method from any
/// thread.
class SourceWatcher {
 public:
  /// Called on the watcher's thread after every attempt to load.
  using Listener = std::function<void(const SourceStatus&)>;
  /// Starts at once. `store`, `clock` and `logger` must outlive it.
  SourceWatcher(store::Store& store, std::vector<SourceSpec> specs, const WatchOptions& options,
                const Clock& clock, Logger& logger, Listener listener = {});
  /// Stops and waits for the thread; a load under way is abandoned without effect.
  ~SourceWatcher();
  SourceWatcher(const SourceWatcher&) = delete;
  SourceWatcher& operator=(const SourceWatcher&) = delete;

  /// In the order of the specs.
  [[nodiscard]] std::vector<SourceStatus> status() const;
  /// Blocks until each source was tried once, loaded or not. Nothing when the time is up first.
  [[nodiscard]] std::optional<std::vector<SourceStatus>> wait_until_checked(
      Milliseconds timeout) const;
  /// Looks at all files now (SIGHUP).
  void look_now();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::source
