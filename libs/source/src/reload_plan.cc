#include "reload_plan.h"

#include <algorithm>

namespace muster::source {

ReloadPlan::Action ReloadPlan::look(const std::optional<FileStamp>& seen, Hint hint,
                                    MonotonicTime now) {
  if (!seen) {
    candidate_.reset();
    // Between two renames of `openssl ca` its index is not there: no news unless it stays so.
    gone_since_ = gone_since_.value_or(now);
    return !judged_ || now - *gone_since_ >= options_.settle ? Action::kMissing : Action::kNothing;
  }
  gone_since_.reset();
  if (seen == judged_) {
    candidate_.reset();
    return accepted_ && now - confirmed_at_ >= options_.confirm ? Action::kConfirm
                                                                : Action::kNothing;
  }
  if (seen != candidate_) {
    candidate_ = seen;
    candidate_since_ = now;
    retry_at_ = now;
    retry_delay_ = Milliseconds(0);
  }
  const bool settled =
      !must_rest() || hint == Hint::kComplete || now - candidate_since_ >= options_.settle;
  return settled && now >= retry_at_ ? Action::kLoad : Action::kNothing;
}

void ReloadPlan::loaded(const FileStamp& stamp, Outcome outcome, MonotonicTime now) {
  if (outcome == Outcome::kTryAgain) {
    retry_delay_ = std::clamp(retry_delay_ * 2, options_.retry_first, options_.retry_most);
    retry_at_ = now + retry_delay_;
    return;
  }
  judged_ = stamp;
  accepted_ = outcome == Outcome::kLoaded;
  candidate_.reset();
  confirmed_at_ = now;
}

MonotonicTime ReloadPlan::next_look(MonotonicTime now) const {
  MonotonicTime next = now + options_.poll;
  if (candidate_) {
    const MonotonicTime settled = must_rest() ? candidate_since_ + options_.settle : now;
    next = std::min(next, std::max({settled, retry_at_, now}));
  }
  if (gone_since_ && now < *gone_since_ + options_.settle) {
    next = std::min(next, *gone_since_ + options_.settle);
  }
  return next;
}

ReloadPlan::Outcome outcome_of(const SourceError& error) {
  switch (error.code) {
    case SourceErrc::kUnreadable:
    case SourceErrc::kChanging:
    case SourceErrc::kNotYetValid:
    case SourceErrc::kStore:
    case SourceErrc::kStopped:
    case SourceErrc::kNoBase:
    case SourceErrc::kUnreachable:
      return ReloadPlan::Outcome::kTryAgain;
    case SourceErrc::kMalformed:
    case SourceErrc::kConflict:
    case SourceErrc::kEmptied:
    case SourceErrc::kNotTrusted:
    case SourceErrc::kUnsupported:
    case SourceErrc::kIncomplete:
    case SourceErrc::kRollback:
      return ReloadPlan::Outcome::kRefused;
  }
  return ReloadPlan::Outcome::kRefused;
}

}  // namespace muster::source
