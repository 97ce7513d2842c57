#pragma once

#include <map>
#include <random>
#include <set>

#include "crl_location.h"
#include "crl_merge.h"
#include "reload_plan.h"

namespace muster::source {

/// Keeps the store at what a set of CRLs and lists says (decisions 028 to 030). Everything
/// acceptable goes on the shelf; what is on the shelf goes into the store, as a whole. Threads:
/// one.
class CrlSetKeeper {
 public:
  /// `store`, `clock`, `logger` and `downloads` must outlive it.
  CrlSetKeeper(store::Store& store, SourceSpec spec, const WatchOptions& options,
               const Clock& clock, Logger& logger, Downloads* downloads);

  /// Files and directories (ending in '/') to be woken for.
  [[nodiscard]] std::set<std::string> paths() const;
  /// What a look came to.
  struct Turn {
    std::optional<LoadReport> loaded;   ///< the store was changed
    std::optional<SourceError> failed;  ///< it could not be, though it should
    bool is_settled = false;  ///< everything was tried once, or what is in use covers everything
    bool confirmed = false;   ///< nothing new, and the store was told so
  };
  /// Looks at everything that may have changed. `complete`: paths that somebody closed or renamed
  /// just now.
  Turn look(const std::set<std::string>& complete, const std::stop_token& stop);
  /// Takes what it asked for; others are left alone.
  void receive(std::vector<Download>& ended, const std::stop_token& stop);
  [[nodiscard]] MonotonicTime next_look(MonotonicTime now) const;
  /// Looks at all locations at the next look.
  void hurry();

  /// Everything of the status that the keeper knows; counters of loads are the watcher's.
  void describe(SourceStatus& status) const;

 private:
  enum class Use : std::uint8_t { kCrl, kIssuedList };
  /// One file, configured or found in a directory.
  struct File {
    Use use;
    bool from_directory = false;
    ReloadPlan plan;
    std::shared_ptr<const HeldCrl> held{};  ///< what it gave that is in use
    std::shared_ptr<HeldCrl> waiting{};     ///< a delta without a base as yet
    std::optional<std::string> older{};     ///< why it is older than what is in use
    std::shared_ptr<const HeldCrl> older_than{};
    std::shared_ptr<const HeldCrl> parked{};  ///< what it gave waits for a delta
    PartStatus status{};
  };

  void open_shelf();
  /// Whether every file, directory and location gave what is in use or no news.
  [[nodiscard]] bool is_every_part_well() const;
  void find_files();
  /// Lists whose files are gone, where the others are enough without them.
  void let_go_of_lists();
  void scan_directory(const std::string& directory, Use use, std::set<std::string>& present);
  void look_at(const std::string& path, File& file, ReloadPlan::Hint hint,
               const std::stop_token& stop);
  Result<Unit, SourceError> read_crl(const std::string& path, const OpenFile& opened, File& file,
                                     const std::stop_token& stop);
  Result<Unit, SourceError> read_list(const std::string& path, const OpenFile& opened,
                                      const std::stop_token& stop);
  void retry_waiting();
  void note(PartStatus& part, const std::optional<SourceError>& error);
  void start_downloads();
  void receive_one(CrlLocation& location, Download download);
  void follow_freshest();
  [[nodiscard]] CrlTerms terms() const;
  [[nodiscard]] CrlWish wish() const;
  [[nodiscard]] bool is_offered(const HeldCrl& crl) const;
  /// Whether it gives an older CRL than what is in use, and nobody gives that one: beside its
  /// successor an old one is no fault.
  [[nodiscard]] bool is_rolled_back(const File& file) const;
  /// From what is on the shelf, without CRLs whose signer is revoked.
  CrlPlan plan_now(UnixSeconds now);
  [[nodiscard]] bool is_revoked(const pki::Certificate& signer, const CrlPlan& plan) const;
  [[nodiscard]] bool same_lists() const;
  void merge(Turn& turn, const std::stop_token& stop);
  Result<LoadReport, SourceError> write(const CrlPlan& plan, const std::stop_token& stop);
  void keep_facts(Turn& turn);
  /// The store remembers a newer CRL than this one, whose place on the shelf was free.
  void take_back(const CrlPair& pair, const SourceError& error);
  /// Files whose CRL was parked and is in use now, under a delta, have no error any more.
  void forgive_put_back();
  void let_go_of_surplus(const CrlPlan& plan);
  [[nodiscard]] std::optional<SourceError> first_error(UnixSeconds now) const;
  double chance() { return std::uniform_real_distribution<double>(0.0, 1.0)(random_); }

  store::Store& store_;
  const SourceSpec spec_;
  const WatchOptions options_;
  const Clock& clock_;
  Logger& logger_;
  Downloads* const downloads_;
  std::minstd_rand random_;

  CrlShelf shelf_;
  bool shelf_open_ = false;
  std::optional<SourceError> shelf_error_;
  MonotonicTime shelf_again_at_{};  // when to try to open it
  /// CRLs that the store was loaded from may not be on it: until every part of the set has been
  /// read, no revocation is let go.
  bool shelf_lost_something_ = false;
  std::map<std::string, File> files_;
  std::map<std::string, SourceError> directory_errors_;
  std::vector<std::unique_ptr<CrlLocation>> locations_;
  std::size_t configured_locations_ = 0;
  std::optional<std::string> signer_problem_;

  /// What the store holds.
  struct Merged {
    std::uint64_t shelf_version = 0;
    std::vector<std::shared_ptr<const HeldCrl>> crls;  ///< that count
    std::vector<std::shared_ptr<Content>> lists;
    std::optional<CrlPair> only_pair;
    store::IssuerState facts;
    std::string gap;
    UnixSeconds next_change = UnixSeconds::max();
    UnixSeconds judged_at{};  ///< the facts
  };
  std::optional<Merged> merged_;
  bool is_settled_ = false;
  std::optional<SourceError> merge_error_;
  std::optional<SourceError> rollback_error_, signer_error_;
  std::uint64_t merge_tried_for_ = 0;  // version of the shelf
  MonotonicTime merge_again_at_{};
  Milliseconds merge_delay_{0};
  MonotonicTime confirmed_at_{};
};

}  // namespace muster::source
