#include "muster/stapler/stapler.h"

#include <unistd.h>

#include <algorithm>

#include "muster/stapler/staple_files.h"

namespace muster::stapler {
namespace {

constexpr std::size_t kMaxStapleFileBytes = 1 << 20;
/// Certificates whose report costs a millisecond of pause: keeps a large inventory from rewriting
/// its status all the time.
constexpr std::size_t kReportedPerMillisecond = 10;

}  // namespace

struct Stapler::Impl : std::enable_shared_from_this<Stapler::Impl> {
  Impl(net::Loop& l, net::FetchService& fetcher, const Clock& c, Logger& g, StaplerOptions o,
       std::unique_ptr<keeper::Shelf> s, std::uint64_t seed)
      : loop(l),
        clock(c),
        logger(g),
        options(std::move(o)),
        shelf(std::move(s)),
        keeper(l, fetcher, c, g, *shelf, options.keeper, seed),
        files(g),
        hook(l, g, options.hook) {
    targets = std::make_unique<Targets>(l, c, g, options.targets, options.policy.verify,
                                        options.tell_unchanged);
    keeper.on_change([this](const keeper::Subject& subject, keeper::ShelfChange,
                            const keeper::StaplePointer& staple) {
      const keeper::Fingerprint id = subject.certificate.fingerprint();
      tell_hook(id, subject.name, files.apply(id, staple, clock.now()));
      targets->apply(id, staple);
      dirty = true;
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
  bool running = false, dirty = true, status_failed = false;
  std::optional<net::TimerId> timer;
  MonotonicTime status_written{};
  std::optional<UnixSeconds> started;

  void tell_hook(const keeper::Fingerprint& id, const std::string& name, Applied applied) {
    if (applied == Applied::kWritten || applied == Applied::kRemoved) {
      hook.changed(name, *files.path_of(id));
    }
  }

  void load() {
    inventory = load_inventory(options.certificates, options.inventory);
    for (const std::string& problem : inventory.problems) {
      logger.log(LogLevel::kError, "inventory.problem", problem);
    }
    std::map<keeper::Fingerprint, std::string> paths;
    std::vector<keeper::Watched> watched;
    std::vector<TargetSubject> subjects;
    names.clear();
    for (const InventoryEntry& entry : inventory.entries) {
      const keeper::Fingerprint id = entry.watched.subject.certificate.fingerprint();
      if (!entry.output.empty()) {
        paths.emplace(id, entry.output);
      }
      names.emplace(id, entry.watched.subject.name);
      watched.push_back(entry.watched);
      if (!entry.is_intermediate) {
        subjects.push_back({entry.watched.subject, entry.path});
      }
    }
    files.set_paths(std::move(paths));
    target_problems = targets->set_certificates(subjects);
    for (const std::string& problem : target_problems) {
      logger.log(LogLevel::kError, "target.problem", problem);
    }
    keeper.set_inventory(std::move(watched));
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
        if (const auto content = read_file(entry.output, kMaxStapleFileBytes)) {
          const auto verified =
              client::verify({*content, subject.certificate, subject.issuer, std::nullopt, {}},
                             options.policy.verify, now);
          if (verified) {
            shelf->offer(*verified, "file:" + entry.output, now);
          }
        }
      }
      tell_hook(id, subject.name, files.apply(id, shelf->find(id, now), now));
    }
  }

  void tick() {
    for (const StapleFiles::Change& change : files.tick(clock.now())) {
      const auto name = names.find(change.certificate);
      tell_hook(change.certificate, name == names.end() ? std::string() : name->second,
                change.applied);
    }
    targets->tick();
    dirty = dirty || std::exchange(targets_seen, targets->changes()) != targets->changes();
    if (settled && targets->settled()) {
      std::exchange(settled, {})();
      if (!running) {
        return;
      }
    }
    write_status_if_due();
    timer = loop.after(Milliseconds(1000), [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->running) {
        self->tick();
      }
    });
  }

  [[nodiscard]] std::vector<std::string> failures() const {
    std::vector<std::string> all = files.failures();
    all.insert(all.end(), target_problems.begin(), target_problems.end());
    return all;
  }

  [[nodiscard]] StatusReport report() const {
    return {clock.now(),
            started,
            keeper.clock_suspicion(),
            static_cast<int>(::getpid()),
            shelf->disk_error(),
            inventory.problems,
            failures(),
            hook.failure(),
            keeper.status(),
            targets->status()};
  }

  void write_status_if_due() {
    const auto since = clock.monotonic() - status_written;
    const Milliseconds pause(1000 + inventory.entries.size() / kReportedPerMillisecond);
    if (since >= (dirty ? pause : std::max<Milliseconds>(kStatusHeartbeat, 10 * pause))) {
      write_status();
    }
  }

  void write_status() {
    status_written = clock.monotonic();
    dirty = false;
    if (options.shelf.empty()) {
      return;
    }
    const std::string text = encode_status(report());
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
  impl->load();
  return std::unique_ptr<Stapler>(new Stapler(std::move(impl)));
}

Stapler::Stapler(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stapler::~Stapler() { stop({}); }

void Stapler::start(keeper::Keeper::FirstFetch first, std::function<void(Readiness)> ready) {
  impl_->running = true;
  impl_->started = impl_->clock.now();
  impl_->keeper.on_first_round([raw = impl_.get(), ready = std::move(ready)] {
    Readiness r;
    for (const keeper::CertificateStatus& c : raw->keeper.status()) {
      ++r.certificates;
      r.covered += keeper::is_covered(c.state) ? 1U : 0U;
      r.not_needed += c.state == keeper::CertificateState::kNotNeeded ? 1U : 0U;
    }
    raw->write_status();
    ready(r);
  });
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
  impl_->load();
  impl_->keeper.refresh_all();
}

void Stapler::when_settled(std::function<void()> action) { impl_->settled = std::move(action); }

void Stapler::stop(std::function<void()> done) {
  if (impl_->running) {
    impl_->running = false;
    impl_->keeper.stop();
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

const std::vector<std::string>& Stapler::problems() const { return impl_->inventory.problems; }
StatusReport Stapler::status() const { return impl_->report(); }
const keeper::Shelf& Stapler::shelf() const { return *impl_->shelf; }
std::uint64_t Stapler::turns() const { return impl_->keeper.turns(); }

}  // namespace muster::stapler
