#include <algorithm>

#include "node_impl.h"

namespace muster::node {
namespace {

/// The first reading of a source of hundreds of millions of records is over within this.
constexpr Milliseconds kFirstLoadPatience = std::chrono::hours(1);
/// How soon somebody who waits notices that we are to end.
constexpr Milliseconds kWaitSlice{100};
/// With so many threads left behind no new source is tried any more.
constexpr std::size_t kMostLeftBehind = 16;

bool same_follower(const source::SourceSpec& a, const source::SourceSpec& b) {
  return same_source(a, b) && a.label == b.label;
}

NodeError not_in_time(const source::SourceSpec& spec, Milliseconds patience) {
  return {NodeErrc::kSystem,
          spec.label + ": " + spec.path + ": was not read within " +
              format_duration(std::chrono::ceil<Seconds>(patience)) +
              " (a file system or server that does not answer? see to it, or raise "
              "[responder] reload_timeout)"};
}

}  // namespace

std::shared_ptr<Follower> Node::Impl::follow(std::shared_ptr<store::Store> into,
                                             const source::SourceSpec& spec,
                                             const source::WatchOptions& how, Logger& to) const {
  return std::make_shared<Follower>(std::move(into), spec, how, clock, to, left_behind);
}

NodeResult<std::vector<source::SourceStatus>> Node::Impl::wait_for(const Followers& looking,
                                                                   Milliseconds patience) const {
  std::vector<source::SourceStatus> states;
  const MonotonicTime until = std::chrono::steady_clock::now() + patience;
  for (const auto& one : looking) {
    auto state = one->wait_until_checked(Milliseconds(0));
    while (!state) {
      if (draining || given_up.stop_requested()) {
        return Err{NodeError{NodeErrc::kStopped, "stopped while '" + one->spec().path +
                                                     "' was read for the first time"}};
      }
      const MonotonicTime now = std::chrono::steady_clock::now();
      if (now >= until) {
        return Err{not_in_time(one->spec(), patience)};
      }
      state = one->wait_until_checked(
          std::min(kWaitSlice, std::chrono::ceil<Milliseconds>(until - now)));
    }
    states.push_back(*std::move(state));
  }
  return states;
}

NodeResult<Unit> Node::Impl::judge(const source::SourceSpec& spec,
                                   const source::SourceStatus& state) {
  if (!state.error) {
    return Unit{};
  }
  const auto reader = store->reader();
  reader->renew();
  const store::IssuerState* const known = reader->issuer_state(spec.id);
  if (known == nullptr || known->loaded_at == UnixSeconds{}) {
    return Err{NodeError{NodeErrc::kInput, state.label + ": " + state.error->detail}};
  }
  logger.log(LogLevel::kWarning, "responder.old_data",
             "the source is not in order; answering from what is known",
             {{"issuer", state.label}, {"source", state.path}, {"why", state.error->detail}});
  return Unit{};
}

NodeResult<Unit> Node::Impl::begin_following(const Loaded& loaded, const NodeOptions& options) {
  watched = loaded.sources;
  watching = watch_options(options);
  poll = watching.poll;
  Followers first;
  for (const source::SourceSpec& spec : watched) {
    first.push_back(follow(store, spec, watching, logger));
  }
  {
    const MutexLock lock(published);
    followers = first;  // from here on stop() ends them
  }
  MUSTER_TRY(const auto states, wait_for(first, kFirstLoadPatience));
  for (std::size_t i = 0; i < states.size(); ++i) {
    MUSTER_CHECK(judge(watched[i], states[i]));
  }
  return Unit{};
}

NodeResult<Unit> Node::Impl::switch_sources(const Loaded& loaded, const NodeOptions& options,
                                            std::vector<std::string>& warnings) {
  if (*left_behind >= kMostLeftBehind) {
    return Err{NodeError{NodeErrc::kSystem,
                         std::to_string(*left_behind) +
                             " threads still wait for file systems that do not answer (see to the "
                             "mounts that source.left_behind named in the log)"}};
  }
  const source::WatchOptions how = watch_options(options);
  const bool same_how = same_watch(watching, how);
  MUSTER_CHECK(try_sources(loaded.sources, options));

  // By position in loaded.sources; null: not followed yet.
  Followers next(loaded.sources.size());
  Followers leaving;
  {
    const MutexLock lock(published);
    if (follows_no_more) {
      return Err{NodeError{NodeErrc::kStopped, "the responder is stopping"}};
    }
    for (const auto& old : followers) {
      const auto same = std::find_if(
          loaded.sources.begin(), loaded.sources.end(),
          [&](const auto& spec) { return same_how && same_follower(spec, old->spec()); });
      if (same == loaded.sources.end()) {
        leaving.push_back(old);
      } else {
        next[static_cast<std::size_t>(same - loaded.sources.begin())] = old;
        old->look_now();
      }
    }
    std::erase_if(followers, [&](const auto& one) {
      return std::find(leaving.begin(), leaving.end(), one) != leaving.end();
    });
  }
  end_all(leaving, logger);  // two must not write one issuer

  const auto put_in_force = [this](const Followers& all) {
    const MutexLock lock(published);
    if (!follows_no_more) {
      followers = all;
    }
    return !follows_no_more;
  };
  const auto taken = take_over(loaded);
  if (!taken) {
    Followers before;
    for (const source::SourceSpec& spec : watched) {
      const auto kept = std::find_if(next.begin(), next.end(), [&](const auto& one) {
        return one != nullptr && same_follower(one->spec(), spec);
      });
      before.push_back(kept != next.end() ? *kept : follow(store, spec, watching, logger));
    }
    static_cast<void>(put_in_force(before));
    return Err{taken.error()};
  }
  watched = loaded.sources;
  watching = how;
  poll = how.poll;
  Followers fresh;
  for (std::size_t i = 0; i < next.size(); ++i) {
    if (next[i] == nullptr) {
      next[i] = follow(store, watched[i], how, logger);
      fresh.push_back(next[i]);
    }
  }
  if (!put_in_force(next)) {
    return Err{NodeError{NodeErrc::kStopped, "the responder is stopping"}};
  }
  // They were fine on trial: what goes wrong now is told, as it would be at any later time.
  const auto states = wait_for(fresh, options.reload_patience);
  if (!states) {
    if (states.error().code == NodeErrc::kStopped) {
      return Err{states.error()};
    }
    warnings.push_back(states.error().detail + "; it is still being read");
    return Unit{};
  }
  for (std::size_t i = 0; i < states->size(); ++i) {
    if (const auto judged = judge(fresh[i]->spec(), (*states)[i]); !judged) {
      warnings.push_back(judged.error().detail);
    }
  }
  return Unit{};
}

}  // namespace muster::node
