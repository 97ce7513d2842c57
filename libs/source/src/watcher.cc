#include "muster/source/watcher.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "crl_set_keeper.h"
#include "file_watch.h"
#include "load_parts.h"
#include "muster/base/thread.h"
#include "reload_plan.h"

namespace muster::source {
namespace {

/// A set of CRLs as the keeper wants it; nothing for another kind of source.
std::optional<SourceSpec> crl_set_of(const SourceSpec& spec, std::size_t max_crl_bytes) {
  switch (spec.kind) {
    case SourceKind::kIndexTxt:
      return std::nullopt;
    case SourceKind::kCrlSet:
      return spec;
    case SourceKind::kCrl:
      break;
  }
  SourceSpec set = spec;
  set.crls.files = {spec.path};
  set.crls.max_bytes = max_crl_bytes;
  return set;
}

}  // namespace

struct SourceWatcher::Impl {
  struct Source {
    SourceSpec spec;
    ReloadPlan plan;
    std::unique_ptr<CrlSetKeeper> keeper;  ///< of CRLs; the plan is not used then
    MonotonicTime succeeded_at{};          ///< when SourceStatus::last_success was noted
    bool is_clock_checked = false;         ///< of what an earlier run noted
  };

  Impl(store::Store& s, std::vector<SourceSpec> specs, const WatchOptions& o, const Clock& c,
       Logger& l, Listener on)
      : store(s), options(o), clock(c), logger(l), listener(std::move(on)) {
    const bool fetches = std::any_of(specs.begin(), specs.end(), [](const SourceSpec& spec) {
      return !spec.crls.locations.empty() || spec.crls.freshest == CrlSetSpec::Freshest::kFollowed;
    });
    if (fetches) {
      downloads = std::make_unique<Downloads>([this] { watch->wake(); });
    }
    std::set<std::string> paths;
    for (SourceSpec& spec : specs) {
      SourceStatus state;
      state.label = spec.label;
      state.kind = spec.kind;
      state.path = spec.path;
      statuses.push_back(std::move(state));
      Source source{std::move(spec), ReloadPlan(options), nullptr, {}, false};
      if (auto set = crl_set_of(source.spec, options.load.max_crl_bytes)) {
        source.keeper = std::make_unique<CrlSetKeeper>(store, *std::move(set), options, clock,
                                                       logger, downloads.get());
        paths.merge(source.keeper->paths());
      } else {
        paths.insert(source.spec.path);
      }
      sources.push_back(std::move(source));
    }
    watch.emplace(paths);
    thread = std::jthread([this](const std::stop_token& stop) {
      give_way();
      run(stop);
    });
  }

  void run(const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { watch->wake(); });
    std::set<std::string> complete;
    while (!stop.stop_requested()) {
      std::vector<Download> ended =
          downloads != nullptr ? downloads->take_ended() : std::vector<Download>();
      const bool hurry = hurried.exchange(false);
      for (std::size_t i = 0; i < sources.size() && !stop.stop_requested(); ++i) {
        if (sources[i].keeper != nullptr) {
          look_at_set(i, complete, ended, hurry, stop);
          continue;
        }
        look(i,
             complete.contains(sources[i].spec.path) ? ReloadPlan::Hint::kComplete
                                                     : ReloadPlan::Hint::kNone,
             stop);
      }
      const MonotonicTime now = clock.monotonic();
      MonotonicTime next = now + options.poll;
      for (const Source& source : sources) {
        next = std::min(next, source.keeper != nullptr ? source.keeper->next_look(now)
                                                       : source.plan.next_look(now));
      }
      watch->renew();
      complete = watch->wait(std::chrono::ceil<Milliseconds>(next - now));
    }
  }

  void look(std::size_t i, ReloadPlan::Hint hint, const std::stop_token& stop) {
    Source& source = sources[i];
    heed_clock(i);
    const auto stamp = stamp_of(source.spec.path);
    switch (source.plan.look(stamp, hint, clock.monotonic())) {
      case ReloadPlan::Action::kNothing:
        return;
      case ReloadPlan::Action::kLoad:
        attempt(i, *stamp, stop);
        return;
      case ReloadPlan::Action::kConfirm:
        confirm_source(i);
        return;
      case ReloadPlan::Action::kMissing:
        note_missing(i);
        return;
    }
  }

  /// An index counts from its last good look. If the clock was put back since, that lies ahead, and
  /// an index that cannot be read any more would be believed until then.
  void heed_clock(std::size_t i) {
    Source& source = sources[i];
    const UnixSeconds now = clock.now();
    std::optional<UnixSeconds> noted = statuses[i].last_success;
    Milliseconds since = std::chrono::floor<Milliseconds>(clock.monotonic() - source.succeeded_at);
    if (!noted && !source.is_clock_checked) {
      const auto facts = known_facts(store, source.spec.id);
      noted = facts ? std::optional(facts->loaded_at) : std::nullopt;
      since = Milliseconds(0);  // nobody knows: it counts from now
      source.is_clock_checked = facts.operator bool();
    }
    if (!noted || *noted <= now) {
      return;
    }
    const UnixSeconds corrected = now - std::chrono::ceil<Seconds>(since);
    logger.log(LogLevel::kWarning, "source.clock_put_back",
               "the source was read last at " + format_iso8601(*noted) +
                   ", which lies ahead of the clock; it counts as read at " +
                   format_iso8601(corrected),
               {{"issuer", statuses[i].label}});
    if (const auto confirmed = confirm(store, source.spec.id, corrected); !confirmed) {
      source.is_clock_checked = false;  // tried again at the next look
      return;
    }
    if (statuses[i].last_success) {
      change(i, [&](SourceStatus& status) { status.last_success = corrected; });
    }
  }

  void look_at_set(std::size_t i, const std::set<std::string>& complete,
                   std::vector<Download>& ended, bool hurry, const std::stop_token& stop) {
    CrlSetKeeper& keeper = *sources[i].keeper;
    if (hurry) {
      keeper.hurry();
    }
    keeper.receive(ended, stop);
    const CrlSetKeeper::Turn turn = keeper.look(complete, stop);
    if (stop.stop_requested()) {
      return;
    }
    const SourceStatus before = statuses[i];
    if (turn.loaded) {
      note_success(i, *turn.loaded);
    }
    change(i, [&](SourceStatus& status) {
      keeper.describe(status);
      status.checked = before.checked || turn.is_settled;
      const UnixSeconds now = clock.now();
      if (turn.loaded || turn.failed) {
        status.last_attempt = now;
      }
      if (turn.confirmed) {
        status.last_success = now;
      }
      if (!status.error) {
        status.failing_since.reset();
      } else if (!status.failing_since) {
        status.failing_since = now;
      }
      const bool fails_anew =
          status.error && (!before.error || before.error->detail != status.error->detail);
      status.failures += turn.failed || fails_anew ? 1u : 0u;
    });
    const SourceStatus& after = statuses[i];
    const bool error_changed = before.error.has_value() != after.error.has_value() ||
                               (after.error && before.error->detail != after.error->detail);
    if (error_changed && after.error) {
      logger.log(LogLevel::kError, "source.refused", after.error->detail,
                 {{"issuer", after.label}, {"code", to_string(after.error->code)}});
    }
    if (turn.loaded || turn.failed || error_changed || before.checked != after.checked) {
      tell(i);
    }
  }

  void attempt(std::size_t i, const FileStamp& stamp, const std::stop_token& stop) {
    Source& source = sources[i];
    LoadOptions load_options = options.load;
    load_options.now = clock.now();
    load_options.stop = stop;
    const auto loaded = load(store, source.spec, load_options);
    if (!loaded && loaded.error().code == SourceErrc::kStopped) {
      return;
    }
    if (loaded) {
      source.plan.loaded(loaded->stamp, ReloadPlan::Outcome::kLoaded, clock.monotonic());
      note_success(i, *loaded);
    } else {
      source.plan.loaded(stamp, outcome_of(loaded.error()), clock.monotonic());
      note_failure(i, loaded.error());
    }
    tell(i);
  }

  void confirm_source(std::size_t i) {
    Source& source = sources[i];
    const UnixSeconds now = clock.now();
    const auto confirmed = confirm(store, source.spec.id, now);
    source.plan.confirmed(clock.monotonic());  // after an error too: the next turn comes
    if (!confirmed) {
      note_failure(i, confirmed.error());
      return;
    }
    source.succeeded_at = clock.monotonic();
    change(i, [&](SourceStatus& status) {
      status.last_success = now;
      if (status.error && status.error->code == SourceErrc::kStore) {
        status.error.reset();
        status.failing_since.reset();
      }
    });
  }

  void note_missing(std::size_t i) {
    const SourceSpec& spec = sources[i].spec;
    const bool known = !statuses[i].error || statuses[i].error->code != SourceErrc::kUnreadable;
    if (known || !statuses[i].checked) {
      const auto facts = known_facts(store, spec.id);  // of an earlier run too
      const bool is_loaded = facts && facts->loaded_at != UnixSeconds{};
      note_failure(i, missing_error(spec.path, is_loaded ? InForce::kEarlier : InForce::kNothing));
      tell(i);
    }
  }

  void note_success(std::size_t i, const LoadReport& report) {
    const auto facts = known_facts(store, sources[i].spec.id);
    const bool failed_before = statuses[i].error.has_value();
    const std::uint64_t kept_before = statuses[i].kept_revoked;
    const std::uint64_t kept_good_before = statuses[i].kept_good;
    sources[i].succeeded_at = clock.monotonic();
    change(i, [&](SourceStatus& status) {
      status.checked = true;
      status.last_attempt = status.last_success = clock.now();
      status.error.reset();
      status.failing_since.reset();
      ++status.loads;
      status.sequence = report.sequence;
      status.kept_revoked = report.kept_revoked();
      status.kept_good = report.kept_good();
      status.let_go += report.changes.let_go;
      if (facts) {
        status.records = facts->records;
        status.revoked = facts->revoked;
        status.this_update = facts->this_update;
        status.next_update = facts->next_update;
      }
      const UnixSeconds since = status.kind == SourceKind::kIndexTxt
                                    ? written_at(report.stamp)
                                    : status.this_update.value_or(clock.now());
      status.propagation = std::max(Seconds(0), clock.now() - since);
    });
    const SourceStatus& status = statuses[i];
    logger.log(LogLevel::kInfo, failed_before ? "source.recovered" : "source.loaded",
               "source loaded",
               {{"issuer", status.label},
                {"path", status.path},
                {"records", static_cast<unsigned long long>(status.records)},
                {"revoked", static_cast<unsigned long long>(status.revoked)},
                {"added", static_cast<unsigned long long>(report.changes.added)},
                {"changed", static_cast<unsigned long long>(report.changes.changed)},
                {"removed", static_cast<unsigned long long>(report.changes.removed)},
                {"let_go", static_cast<unsigned long long>(report.changes.let_go)},
                {"sequence", static_cast<unsigned long long>(report.sequence)}});
    if (report.kept_revoked() != 0 && report.kept_revoked() != kept_before) {
      logger.log(LogLevel::kError, "source.revocation_kept", report.kept_text(),
                 {{"issuer", status.label}, {"path", status.path}});
    }
    if (report.kept_good() != 0 && report.kept_good() != kept_good_before) {
      logger.log(LogLevel::kError, "source.certificate_kept", report.kept_good_text(),
                 {{"issuer", status.label}, {"path", status.path}});
    }
  }

  void note_failure(std::size_t i, const SourceError& error) {
    const bool news = !statuses[i].error || statuses[i].error->detail != error.detail;
    change(i, [&](SourceStatus& status) {
      status.checked = true;
      status.last_attempt = clock.now();
      status.error = error;
      if (!status.failing_since) {
        status.failing_since = clock.now();
      }
      ++status.failures;
    });
    if (news) {
      logger.log(LogLevel::kError,
                 error.code == SourceErrc::kUnreadable ? "source.missing" : "source.refused",
                 error.detail, {{"issuer", statuses[i].label}, {"code", to_string(error.code)}});
    }
  }

  /// The thread is the only one that changes statuses, so it reads them without the lock.
  template <class F>
  void change(std::size_t i, F&& by) {
    const std::lock_guard lock(mutex);
    by(statuses[i]);
    changed.notify_all();
  }
  void tell(std::size_t i) const {
    if (listener) {
      listener(statuses[i]);
    }
  }

  store::Store& store;
  const WatchOptions options;
  const Clock& clock;
  Logger& logger;
  const Listener listener;
  std::vector<Source> sources;  // the thread's
  std::optional<FileWatch> watch;
  std::atomic<bool> hurried{false};
  std::unique_ptr<Downloads> downloads;  // after the watch, which it wakes; before the keepers' end
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  std::vector<SourceStatus> statuses;  // written by the thread under the mutex
  std::jthread thread;                 // last: ends before the rest goes
};

SourceWatcher::SourceWatcher(store::Store& store, std::vector<SourceSpec> specs,
                             const WatchOptions& options, const Clock& clock, Logger& logger,
                             Listener listener)
    : impl_(std::make_unique<Impl>(store, std::move(specs), options, clock, logger,
                                   std::move(listener))) {}
SourceWatcher::~SourceWatcher() = default;

std::vector<SourceStatus> SourceWatcher::status() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->statuses;
}

std::optional<std::vector<SourceStatus>> SourceWatcher::wait_until_checked(
    Milliseconds timeout) const {
  std::unique_lock lock(impl_->mutex);
  const bool all = impl_->changed.wait_for(lock, timeout, [this] {
    return std::all_of(impl_->statuses.begin(), impl_->statuses.end(),
                       [](const SourceStatus& s) { return s.checked; });
  });
  return all ? std::optional(impl_->statuses) : std::nullopt;
}

void SourceWatcher::look_now() {
  impl_->hurried = true;
  impl_->watch->wake();
}

bool SourceStatus::is_usable(UnixSeconds now) const {
  const auto is_over = [now](const std::optional<UnixSeconds>& end) { return end && *end <= now; };
  return (last_success || this_update) && !is_over(next_update) && !is_over(not_revoked_until);
}

std::optional<Seconds> SourceStatus::age(UnixSeconds now) const {
  const std::optional<UnixSeconds> since = this_update ? this_update : last_success;
  return since ? std::optional(std::max(Seconds(0), now - *since)) : std::nullopt;
}

Seconds SourceStatus::lag(UnixSeconds now) const {
  UnixSeconds due = next_update.value_or(UnixSeconds::max());
  due = std::min(due, not_revoked_until.value_or(due));
  return std::max(Seconds(0), now > due ? now - due : Seconds(0));
}

}  // namespace muster::source
