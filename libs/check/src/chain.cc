#include "chain.h"

#include <algorithm>

#include "muster/base/turns.h"

namespace muster::check {
namespace {

/// Issuers whose verdicts a run remembers at most.
constexpr std::size_t kMaxIssuers = 4096;

/// Whether there was anything about it, be it a failure: nobody's silence is nothing.
bool has_evidence(const client::Case& what) {
  return std::any_of(what.evidence.begin(), what.evidence.end(), [](const client::Evidence& e) {
    return !std::holds_alternative<client::Silence>(e.content);
  });
}

}  // namespace

std::shared_ptr<const ChainCheck::Judged> ChainCheck::judge(const client::Material& material,
                                                            const client::GatherOptions& options,
                                                            client::Sources::Deadline deadline) {
  client::Case what = client::gather(material, options, clock_, sources_, deadline);
  client::Verdict verdict = client::judge(what, clock_.now());
  return std::make_shared<const Judged>(Judged{std::move(what), std::move(verdict)});
}

std::shared_ptr<const ChainCheck::Judged> ChainCheck::Slot::wait(
    client::Sources::Deadline deadline) {
  {
    const std::lock_guard lock(mutex);
    if (judged != nullptr) {
      return judged;
    }
  }
  const WhileWaiting others(AfterWait::kMuch);
  std::unique_lock lock(mutex);
  const auto there = [this] { return judged != nullptr; };
  if (!deadline) {
    ready.wait(lock, there);
  } else if (!ready.wait_until(lock, *deadline, there)) {
    return nullptr;
  }
  return judged;
}

std::shared_ptr<const ChainCheck::Judged> ChainCheck::judge_once(
    const Key& key, const client::Material& material, const client::GatherOptions& options,
    client::Sources::Deadline deadline) {
  std::shared_ptr<Slot> slot;
  bool mine = false;
  {
    const std::lock_guard lock(mutex_);
    if (issuers_.size() >= kMaxIssuers) {
      issuers_.clear();
    }
    std::shared_ptr<Slot>& known = issuers_[key];
    mine = known == nullptr;
    if (mine) {
      known = std::make_shared<Slot>();
    }
    slot = known;
  }
  if (!mine) {
    auto judged = slot->wait(deadline);
    return judged != nullptr
               ? judged
               : judge(material, options, deadline);  // what is at hand, for the time is over
  }
  auto judged = judge(material, options, deadline);
  {
    const std::lock_guard lock(slot->mutex);
    slot->judged = judged;
  }
  slot->ready.notify_all();
  return judged;
}

std::vector<client::TargetReport> ChainCheck::run(const InQuestion& asked,
                                                  const client::GatherOptions& options,
                                                  client::Sources::Deadline deadline) {
  std::vector<client::TargetReport> reports;
  const auto report = [&](const Judged& judged) {
    client::TargetReport& made = reports.emplace_back();
    made.target = asked.target;
    made.peer = asked.peer;
    made.what = judged.what;
    made.verdict = judged.verdict;
    made.outcome = judged.verdict.outcome;
  };
  const auto first = judge(asked.material, options, deadline);
  report(*first);
  if (plan_.leaf_only || first->what.chain == client::ChainState::kUntrusted) {
    return reports;
  }
  const std::vector<pki::Certificate>& path = first->what.path;
  for (std::size_t i = 0; i < path.size() && !path[i].is_self_issued(); ++i) {
    const bool anchor = i + 1 == path.size() && first->what.chain == client::ChainState::kTrusted;
    if (anchor) {
      continue;
    }
    client::Material material(path[i]);
    material.role = client::Role::kIssuer;
    material.others = asked.material.others;
    material.others.insert(material.others.end(), path.begin(), path.end());
    material.roots = asked.material.roots;
    for (const auto& [certificate, staple] : asked.issuer_staples) {
      if (certificate == path[i]) {
        material.handshake = true;
        material.staple = staple;
      }
    }
    Key key{{}, options.reach};
    for (std::size_t above = i; above < path.size(); ++above) {
      key.first.push_back(path[above].fingerprint());
    }
    const auto judged = material.staple ? judge(material, options, deadline)
                                        : judge_once(key, material, options, deadline);
    // Who asks nobody wants to hear of issuers only what he gave.
    if (!options.skip_live || has_evidence(judged->what)) {
      report(*judged);
    }
  }
  return reports;
}

}  // namespace muster::check
