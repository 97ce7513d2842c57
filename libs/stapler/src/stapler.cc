#include "muster/stapler/stapler.h"

#include <unistd.h>

#include <algorithm>

#include "stapler_impl.h"

namespace muster::stapler {
namespace {

/// Certificates whose report costs a millisecond of pause: keeps a large inventory from rewriting
/// its status all the time.
constexpr std::size_t kReportedPerMillisecond = 10;
/// Certificates whose signature is verified a second, where that was put off at the start: a
/// fiftieth of a core.
constexpr std::size_t kProvenPerTick = 200;
/// While somebody waits for something that does not tell when it happens.
constexpr Milliseconds kAwaitedTick{100};

keeper::KeeperOptions keeper_options(const StaplerOptions& options) {
  keeper::KeeperOptions out = options.keeper;
  out.plan = plan_for(out.plan, options.targets);
  return out;
}

}  // namespace

Stapler::Impl::Impl(net::Loop& l, net::FetchService& fetcher, const Clock& c, Logger& g,
                    StaplerOptions o, std::unique_ptr<keeper::Shelf> s, std::uint64_t seed)
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

void Stapler::Impl::go_by_targets() {
  shelf->set_expiry_margin(shelf_for(options.policy, options.targets, options.hook).expiry_margin);
  keeper.set_unused_end(plan_for(options.keeper.plan, options.targets).unused_end);
}

void Stapler::Impl::tell_hook(const std::string& name, const std::string* path, Applied applied) {
  if (path != nullptr && (applied == Applied::kWritten || applied == Applied::kRemoved)) {
    hook.changed(name, *path);
  }
}

void Stapler::Impl::tell_former(const keeper::Subject& subject,
                                const keeper::StaplePointer& staple) {
  const keeper::Fingerprint id = subject.certificate.fingerprint();
  targets->tell_former(id, staple);
  for (const std::string& path : files.tell_former(id, staple, clock.now())) {
    hook.changed(subject.name, path);
  }
}

void Stapler::Impl::tick() {
  for (const StapleFiles::Change& change : files.tick(clock.now())) {
    const auto known = keeper.status(change.certificate);
    tell_hook(known ? known->name : std::string(), &change.path, change.applied);
  }
  targets->tick();
  dirty = dirty || std::exchange(targets_seen, targets->changes()) != targets->changes();
  if (settled && targets->settled()) {
    std::exchange(settled, {})();
    if (!running) {
      return;
    }
  }
  read_anew_unless(reader.prove_some(kProvenPerTick));
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

void Stapler::Impl::look_for_waiters() {
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

void Stapler::Impl::come_back_to_waiters() {
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

void Stapler::Impl::listen() {
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

std::vector<std::string> Stapler::Impl::failures() const {
  std::vector<std::string> all = files.failures();
  all.insert(all.end(), target_problems.begin(), target_problems.end());
  return all;
}

StatusReport Stapler::Impl::report() const {
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

void Stapler::Impl::write_status_if_due() {
  const auto since = clock.monotonic() - status_written;
  const Milliseconds pause(1000 + inventory.entries.size() / kReportedPerMillisecond);
  if (since >= (dirty ? pause : std::max<Milliseconds>(kStatusHeartbeat, 10 * pause))) {
    write_status();
  }
}

void Stapler::Impl::write_status(const StatusReport* known) {
  status_written = clock.monotonic();
  dirty = false;
  if (!options.shelf.empty() || report_listener) {
    known != nullptr ? tell(*known) : tell(report());
  }
}

void Stapler::Impl::tell(const StatusReport& now) {
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

Result<std::unique_ptr<Stapler>, keeper::ShelfError> Stapler::make(
    net::Loop& loop, net::FetchService& fetcher, const Clock& clock, Logger& logger,
    StaplerOptions options, std::uint64_t seed) {
  auto shelf =
      keeper::Shelf::open(options.shelf, keeper::ShelfMode::kOwner,
                          shelf_for(options.policy, options.targets, options.hook), logger);
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
  if (first == keeper::Keeper::FirstFetch::kEverything) {  // it may end with the first round
    impl_->read_anew_unless(
        impl_->reader.prove_if([](const keeper::Fingerprint&) { return true; }));
  }
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
    impl_->go_by_targets();
  }
  impl_->is_loaded = false;  // targets may differ
  impl_->load(InventoryReader::Gone::kDrop);
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
