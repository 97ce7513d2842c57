#include "muster/stapler/stapler.h"

#include <unistd.h>

#include <algorithm>

#include "certificate_watch.h"
#include "control_desk.h"
#include "issuers.h"
#include "muster/base/memory.h"
#include "muster/stapler/history.h"
#include "muster/stapler/staple_files.h"
#include "target_history.h"

namespace muster::stapler {
namespace {

/// Certificates whose report costs a millisecond of pause: keeps a large inventory from rewriting
/// its status all the time.
constexpr std::size_t kReportedPerMillisecond = 10;
/// While somebody waits for something that does not tell when it happens.
constexpr Milliseconds kAwaitedTick{100};
/// Files that could not be used are read again after so long, then twice as long...
constexpr Seconds kFirstReread{2};
constexpr Seconds kLastReread{60};
/// Whatever was noticed or not, files are looked at so often.
constexpr Seconds kRereadAnyway{600};

keeper::KeeperOptions keeper_options(const StaplerOptions& options) {
  keeper::KeeperOptions out = options.keeper;
  out.plan = plan_for(out.plan, options.targets);
  return out;
}

}  // namespace

struct Stapler::Impl final : ControlledStapler, std::enable_shared_from_this<Stapler::Impl> {
  Impl(net::Loop& l, net::FetchService& fetcher, const Clock& c, Logger& g, StaplerOptions o,
       std::unique_ptr<keeper::Shelf> s, std::uint64_t seed)
      : loop(l),
        clock(c),
        logger(g),
        options(std::move(o)),
        shelf(std::move(s)),
        keeper(l, fetcher, c, g, *shelf, keeper_options(options), seed),
        files(g),
        hook(l, g, options.hook),
        history(options.shelf, options.history_bytes, g) {
    targets = std::make_unique<Targets>(l, c, g, options.targets, options.policy.verify,
                                        options.tell_unchanged);
    auto paused = Pauses::load(options.shelf);
    if (!paused) {
      logger.log(LogLevel::kError, "stapler.pauses_lost", paused.error());
    }
    desk = std::make_unique<ControlDesk>(*this, clock, logger, history,
                                         paused ? *std::move(paused) : Pauses(options.shelf));
    keeper.set_pause(desk->pauses().in_force());
    keeper.on_change([this](const keeper::Subject& subject, keeper::ShelfChange change,
                            const keeper::StaplePointer& staple) {
      const keeper::Fingerprint id = subject.certificate.fingerprint();
      tell_hook(subject.name, files.path_of(id), files.apply(id, staple, clock.now()));
      targets->apply(id, staple);
      if (change == keeper::ShelfChange::kRevoked || change == keeper::ShelfChange::kReinstated) {
        tell_former(subject, staple);
      }
      if (change != keeper::ShelfChange::kLoaded) {
        history.add(event_of(subject, staple, clock.now()));
      }
      dirty = true;
      look_for_waiters();
    });
    keeper.on_answer([this](const keeper::Answered& answer) {
      ++answers.at(static_cast<std::size_t>(answer.outcome));
      history.add(event_of(answer));
      desk->answered(answer);
      look_for_waiters();
    });
  }

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
  std::map<keeper::Fingerprint, std::string> names;
  std::map<keeper::Fingerprint, std::size_t> below;  ///< InventoryEntry::below, where there are any
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

  void tell_hook(const std::string& name, const std::string* path, Applied applied) {
    if (path != nullptr && (applied == Applied::kWritten || applied == Applied::kRemoved)) {
      hook.changed(name, *path);
    }
  }

  /// Where a certificate was replaced, or has other files now, servers may have what it left.
  void tell_former(const keeper::Subject& subject, const keeper::StaplePointer& staple) {
    const keeper::Fingerprint id = subject.certificate.fingerprint();
    targets->tell_former(id, staple);
    for (const std::string& path : files.tell_former(id, staple, clock.now())) {
      hook.changed(subject.name, path);
    }
  }

  /// Reads what changed in the files, by `news` and where it could not be used, and goes by it.
  void load(InventoryReader::Gone gone, const WatchNews& news = {true, {}}) {
    read_at = clock.monotonic();
    looked_at_all = news.everything ? read_at : looked_at_all;
    Inventory next = reader.read(options.certificates, options.inventory, gone,
                                 std::chrono::floor<Seconds>(read_at.time_since_epoch()),
                                 news.everything ? nullptr : &news.paths);
    if (watch) {
      watch->set_paths(reader.places(), news);
    }
    if (is_loaded && is_same(next, inventory)) {
      return;
    }
    keep_replaced(next);
    for (const std::string& problem : next.problems) {
      const bool is_news = std::find(inventory.problems.begin(), inventory.problems.end(),
                                     problem) == inventory.problems.end();
      if (is_news) {
        logger.log(LogLevel::kError, "inventory.problem", problem);
      }
    }
    inventory = std::move(next);
    is_loaded = true;
    reread = kFirstReread;
    go_by_inventory();
    memory.look();
  }

  /// Servers may use a certificate for a while after another took its place in its file.
  void keep_replaced(const Inventory& next) {
    for (const InventoryEntry* entry :
         kept_certificates.add_replaced(inventory, next, *shelf, clock.now())) {
      logger.log(LogLevel::kInfo, "certificate.replaced",
                 "another certificate has taken its place; it is looked after until the staple "
                 "that servers may have of it ends, and for another day at least",
                 {{"certificate", entry->watched.subject.name}, {"file", entry->path}});
    }
  }

  void tell_keeper() {
    std::vector<keeper::Watched> watched;
    for (const InventoryEntry& entry : inventory.entries) {
      watched.push_back(entry.watched);
      kept_certificates.erase(entry.watched.subject.certificate.fingerprint());
    }
    for (const auto& [id, one] : kept_certificates.all()) {
      watched.push_back(one.watched);
    }
    keeper.set_inventory(std::move(watched));
  }

  void go_by_inventory() {
    std::map<keeper::Fingerprint, std::string> paths;
    names.clear();
    below.clear();
    for (const InventoryEntry& entry : inventory.entries) {
      const keeper::Fingerprint id = entry.watched.subject.certificate.fingerprint();
      if (!entry.output.empty()) {
        paths.emplace(id, entry.output);
      }
      names.emplace(id, entry.watched.subject.name);
      if (!entry.below.empty()) {
        below.emplace(id, entry.below.size());
      }
    }
    files.set_paths(std::move(paths));
    const std::vector<TargetSubject> subjects = target_subjects(inventory);
    target_problems = targets->set_certificates(subjects);
    for (const std::string& problem : target_problems) {
      logger.log(LogLevel::kError, "target.problem", problem);
    }
    desk->entries_changed();
    tell_keeper();
    adopt_or_clear_files();
    for (const TargetSubject& subject : subjects) {
      const keeper::Fingerprint id = subject.subject.certificate.fingerprint();
      targets->apply(id, shelf->find(id, clock.now()));
    }
    dirty = true;
  }

  /// Files written by an earlier run: what verifies is taken up when the shelf has nothing better
  /// (its disk may have failed), what does not verify or has no staple behind it any more is
  /// removed.
  void adopt_or_clear_files() {
    const UnixSeconds now = clock.now();
    for (const InventoryEntry& entry : inventory.entries) {
      const keeper::Subject& subject = entry.watched.subject;
      const keeper::Fingerprint id = subject.certificate.fingerprint();
      if (files.path_of(id) == nullptr) {
        continue;
      }
      if (!shelf->find(id, now)) {
        adopt_file(entry.output, subject, *shelf, now);
      }
      tell_hook(subject.name, files.path_of(id), files.apply(id, shelf->find(id, now), now));
    }
  }

  void tick() {
    for (const StapleFiles::Change& change : files.tick(clock.now())) {
      const auto name = names.find(change.certificate);
      tell_hook(name == names.end() ? std::string() : name->second, &change.path, change.applied);
    }
    targets->tick();
    dirty = dirty || std::exchange(targets_seen, targets->changes()) != targets->changes();
    if (settled && targets->settled()) {
      std::exchange(settled, {})();
      if (!running) {
        return;
      }
    }
    read_what_is_restless();
    if (kept_certificates.drop_over(clock.now())) {
      tell_keeper();
    }
    desk->tick();
    write_status_if_due();
    timer = loop.after(Milliseconds(1000), [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->running) {
        self->tick();
      }
    });
  }

  void read_what_is_restless() {
    if (!watch) {
      return;
    }
    watch->tick();
    const MonotonicTime now = clock.monotonic();
    const bool is_all = now - looked_at_all >= kRereadAnyway;
    if (is_all || (reader.is_restless() && now - read_at >= reread)) {
      const Seconds next = std::min(2 * reread, kLastReread);
      load(InventoryReader::Gone::kWait, {is_all, {}});
      reread = reader.is_restless() ? next : kFirstReread;
    }
  }

  // ---- what operators ask for

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
  void keep(Kept one) override {
    kept_certificates.add(std::move(one));
    tell_keeper();
    dirty = true;
  }
  void touch() override { dirty = true; }

  /// Later, when whatever happens has happened; soon again, where nobody tells.
  void look_for_waiters() {
    if (is_looking || !desk->is_awaited()) {
      return;
    }
    is_looking = true;
    loop.post([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->running) {
        self->is_looking = false;
        self->desk->tick();
        self->come_back_to_waiters();
      }
    });
  }
  void come_back_to_waiters() {
    if (awaited_timer || !desk->is_awaited()) {
      return;
    }
    awaited_timer = loop.after(kAwaitedTick, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->running) {
        self->awaited_timer.reset();
        self->targets->tick();
        self->desk->tick();
        self->come_back_to_waiters();
      }
    });
  }

  void listen() {
    if (options.shelf.empty()) {
      return;
    }
    auto opened =
        ControlListener::open(loop, logger, options.shelf,
                              [weak = weak_from_this()](std::shared_ptr<Conversation> talk,
                                                        const nlohmann::ordered_json& request) {
                                const auto self = weak.lock();
                                if (self && self->running) {
                                  self->desk->handle(std::move(talk), request);
                                  self->come_back_to_waiters();
                                }
                              });
    if (opened) {
      listener = *std::move(opened);
    } else {
      logger.log(LogLevel::kWarning, "control.unavailable",
                 "the stapler cannot be told anything while it runs: " + opened.error());
    }
  }

  void watch_files() {
    if (!options.watch) {
      return;
    }
    const auto changed = [weak = weak_from_this()](const WatchNews& news) {
      const auto self = weak.lock();
      if (self && self->running) {
        self->load(InventoryReader::Gone::kWait, news);
      }
    };
    watch = std::make_unique<CertificateWatch>(loop, options.settle, changed);
    watch->set_paths(reader.places());
    if (!watch->is_prompt()) {
      logger.log(LogLevel::kInfo, "inventory.watched_slowly",
                 "the kernel does not tell of changes in every directory of the inventory (no "
                 "watches left?); those are noticed within a minute");
    }
    // What changed since make() read it was told to nobody.
    load(InventoryReader::Gone::kWait);
  }

  [[nodiscard]] std::vector<std::string> failures() const {
    std::vector<std::string> all = files.failures();
    all.insert(all.end(), target_problems.begin(), target_problems.end());
    return all;
  }

  [[nodiscard]] StatusReport report() const {
    StatusReport out{clock.now(),
                     started,
                     keeper.clock_suspicion(),
                     static_cast<int>(::getpid()),
                     shelf->disk_error(),
                     inventory.problems,
                     failures(),
                     hook.failure(),
                     {},
                     targets->status(),
                     {},
                     desk->pauses().all().has_value(),
                     answers};
    auto certificates = keeper.status();
    out.certificates.reserve(certificates.size());
    for (keeper::CertificateStatus& c : certificates) {
      const auto chains = below.find(c.certificate);
      c.below = chains == below.end() ? 0 : chains->second;
      (kept_certificates.contains(c.certificate) ? out.kept : out.certificates)
          .push_back(std::move(c));
    }
    return out;
  }

  void write_status_if_due() {
    const auto since = clock.monotonic() - status_written;
    const Milliseconds pause(1000 + inventory.entries.size() / kReportedPerMillisecond);
    if (since >= (dirty ? pause : std::max<Milliseconds>(kStatusHeartbeat, 10 * pause))) {
      write_status();
    }
  }

  /// \param known  what report() tells now, where somebody has it
  void write_status(const StatusReport* known = nullptr) {
    status_written = clock.monotonic();
    dirty = false;
    if (!options.shelf.empty() || report_listener) {
      known != nullptr ? tell(*known) : tell(report());
    }
  }

  void tell(const StatusReport& now) {
    target_history.add_changes(now.targets, now.written, history);
    if (report_listener) {
      report_listener(now);
    }
    if (options.shelf.empty()) {
      return;
    }
    const std::string text = encode_status(now);
    const auto written =
        write_file_atomically(options.shelf + '/' + std::string(kStatusFileName), as_bytes(text));
    if (!written && !status_failed) {
      logger.log(LogLevel::kWarning, "status.write_failed",
                 "`muster stapler status` will show an old state: " + to_string(written.error()));
    }
    status_failed = !written;
  }
};

Result<std::unique_ptr<Stapler>, keeper::ShelfError> Stapler::make(
    net::Loop& loop, net::FetchService& fetcher, const Clock& clock, Logger& logger,
    StaplerOptions options, std::uint64_t seed) {
  auto shelf =
      keeper::Shelf::open(options.shelf, keeper::ShelfMode::kOwner, options.policy, logger);
  if (!shelf) {
    return Err{shelf.error()};
  }
  auto impl = std::make_shared<Impl>(loop, fetcher, clock, logger, std::move(options),
                                     *std::move(shelf), seed);
  impl->load(InventoryReader::Gone::kDrop);
  return std::unique_ptr<Stapler>(new Stapler(std::move(impl)));
}

Stapler::Stapler(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stapler::~Stapler() { stop({}); }

void Stapler::start(keeper::Keeper::FirstFetch first, std::function<void(Readiness)> ready) {
  impl_->running = true;
  impl_->started = impl_->clock.now();
  impl_->keeper.on_first_round([raw = impl_.get(), ready = std::move(ready)] {
    Readiness r;
    {
      const StatusReport now = raw->report();
      for (const auto* certificates : {&now.certificates, &now.kept}) {
        for (const keeper::CertificateStatus& c : *certificates) {
          ++r.certificates;
          r.covered += keeper::is_covered(c.state) ? 1U : 0U;
          r.not_needed += c.state == keeper::CertificateState::kNotNeeded ? 1U : 0U;
        }
      }
      raw->write_status(&now);
    }
    raw->memory.look();
    ready(r);
  });
  impl_->listen();
  impl_->watch_files();
  impl_->keeper.start(first);
  impl_->tick();
}

void Stapler::reload(const StaplerOptions* options) {
  if (options != nullptr) {
    impl_->options.certificates = options->certificates;
    impl_->options.inventory = options->inventory;
    impl_->options.targets = options->targets;
    impl_->targets->replace(options->targets);
  }
  impl_->is_loaded = false;  // targets may differ
  impl_->load(InventoryReader::Gone::kDrop);
  impl_->keeper.refresh_all();
}

void Stapler::when_settled(std::function<void()> action) { impl_->settled = std::move(action); }

void Stapler::stop(std::function<void()> done) {
  if (impl_->running) {
    impl_->running = false;
    impl_->listener.reset();
    impl_->watch.reset();
    impl_->keeper.stop();
    if (impl_->awaited_timer) {
      impl_->loop.cancel(*impl_->awaited_timer);
    }
    if (impl_->timer) {
      impl_->loop.cancel(*impl_->timer);
      impl_->timer.reset();
    }
    impl_->write_status();
  }
  if (done) {
    impl_->hook.when_idle(std::move(done));
  }
}

void Stapler::on_report(std::function<void(const StatusReport&)> listener) {
  impl_->report_listener = std::move(listener);
}

const std::vector<std::string>& Stapler::problems() const { return impl_->inventory.problems; }
StatusReport Stapler::status() const { return impl_->report(); }
const keeper::Shelf& Stapler::shelf() const { return *impl_->shelf; }
std::uint64_t Stapler::turns() const { return impl_->keeper.turns(); }

}  // namespace muster::stapler
