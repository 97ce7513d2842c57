#pragma once

#include <array>
#include <map>

#include "certificate_watch.h"
#include "control_desk.h"
#include "issuers.h"
#include "muster/base/memory.h"
#include "muster/stapler/history.h"
#include "muster/stapler/staple_files.h"
#include "muster/stapler/stapler.h"
#include "target_history.h"

namespace muster::stapler {

struct Stapler::Impl final : ControlledStapler, std::enable_shared_from_this<Stapler::Impl> {
  /// Files that could not be used are read again after so long, then twice as long...
  static constexpr Seconds kFirstReread{2};

  // stapler.cc: its life, what it waits for, what it tells.
  Impl(net::Loop& l, net::FetchService& fetcher, const Clock& c, Logger& g, StaplerOptions o,
       std::unique_ptr<keeper::Shelf> s, std::uint64_t seed);
  /// Has the shelf and the plan do what targets that came by a reload ask of them.
  void go_by_targets();
  void tell_hook(const std::string& name, const std::string* path, Applied applied);
  /// Where a certificate was replaced, or has other files now, servers may have what it left.
  void tell_former(const keeper::Subject& subject, const keeper::StaplePointer& staple);
  void tick();
  /// Later, when whatever happens has happened; soon again, where nobody tells.
  void look_for_waiters();
  void come_back_to_waiters();
  void listen();
  [[nodiscard]] std::vector<std::string> failures() const;
  [[nodiscard]] StatusReport report() const;
  void write_status_if_due();
  /// \param known  what report() tells now, where somebody has it
  void write_status(const StatusReport* known = nullptr);
  void tell(const StatusReport& now);

  // looked_after.cc: the certificates.
  /// Reads what changed in the files, by `news` and where it could not be used, and goes by it.
  void load(InventoryReader::Gone gone, const WatchNews& news = {true, {}});
  /// Servers may use a certificate for a while after another took its place in its file.
  void keep_replaced(const Inventory& next);
  /// \param issuers_hold  what InventoryReader::prove_some() or prove_if() tells
  void read_anew_unless(bool issuers_hold);
  void tell_keeper();
  void go_by_inventory();
  /// Files written by an earlier run: what verifies is taken up when the shelf has nothing better
  /// (its disk may have failed), what does not verify or has no staple behind it any more is
  /// removed.
  void adopt_or_clear_files();
  void read_what_is_restless();
  void watch_files();

  // What operators ask for.
  keeper::Keeper& the_keeper() override { return keeper; }
  keeper::Shelf& the_shelf() override { return *shelf; }
  [[nodiscard]] const std::vector<InventoryEntry>& entries() const override {
    return inventory.entries;
  }
  [[nodiscard]] const std::map<keeper::Fingerprint, Kept>& kept() const override {
    return kept_certificates.all();
  }
  [[nodiscard]] std::vector<TargetStatus> target_status(
      const keeper::Fingerprint& id) const override {
    return targets->status(id);
  }
  [[nodiscard]] std::string file_failure(const keeper::Fingerprint& id) const override {
    return files.failure_of(id);
  }
  [[nodiscard]] std::optional<pki::Certificate> find_issuer(
      const pki::Certificate& certificate) const override {
    return find_known_issuer(certificate, inventory.entries, options.certificates,
                             options.inventory);
  }
  void read_files() override { load(InventoryReader::Gone::kWait); }
  void keep(Kept one) override;
  void touch() override { dirty = true; }

  net::Loop& loop;
  const Clock& clock;
  Logger& logger;
  StaplerOptions options;
  std::unique_ptr<keeper::Shelf> shelf;
  keeper::Keeper keeper;
  StapleFiles files;
  Hook hook;
  std::unique_ptr<Targets> targets;
  std::uint64_t targets_seen = 0;  ///< Targets::changes() at the last tick
  std::vector<std::string> target_problems;
  std::function<void()> settled;
  Inventory inventory;
  keeper::FingerprintMap<std::size_t> below;  ///< InventoryEntry::below, where there are any
  bool running = false, dirty = true, status_failed = false;
  std::optional<net::TimerId> timer;
  MonotonicTime status_written{};
  std::optional<UnixSeconds> started;
  History history;
  TargetHistory target_history;
  std::array<std::uint64_t, keeper::kOutcomeKinds> answers{};
  InventoryReader reader;
  bool is_loaded = false;
  MonotonicTime read_at{}, looked_at_all{};
  Seconds reread = kFirstReread;
  KeptCertificates kept_certificates;
  std::unique_ptr<CertificateWatch> watch;
  std::unique_ptr<ControlDesk> desk;
  std::unique_ptr<ControlListener> listener;
  std::function<void(const StatusReport&)> report_listener;
  std::optional<net::TimerId> awaited_timer;
  bool is_looking = false;  ///< posted already
  MemoryReturn memory;  ///< of what taking up an inventory and writing reports needs for a while
};

}  // namespace muster::stapler
