#include "muster/signers/delegate_book.h"

#include <algorithm>
#include <set>

namespace muster::signers {
namespace {

constexpr Seconds kRetryFirst{10};
constexpr Seconds kRetryMost{600};

bool is_valid(const Delegate& delegate, UnixSeconds now) {
  return delegate.certificate.not_before() <= now && now < delegate.certificate.not_after();
}

std::string describe(const Delegate& delegate) {
  return delegate.certificate.subject_text() + ", valid " +
         format_iso8601(delegate.certificate.not_before()) + " to " +
         format_iso8601(delegate.certificate.not_after());
}

bool same_delegate(const Delegate& a, const Delegate& b) {
  return a.name == b.name && a.certificate == b.certificate && a.key.remote() == b.key.remote();
}

}  // namespace

std::string_view to_string(DelegateState state) {
  switch (state) {
    case DelegateState::kActive:
      return "active";
    case DelegateState::kStandby:
      return "standby";
    case DelegateState::kWaiting:
      return "waiting";
    case DelegateState::kEnded:
      return "ended";
    case DelegateState::kRefused:
      return "refused";
  }
  return "?";
}

std::string_view to_string(DelegateEvent event) {
  switch (event) {
    case DelegateEvent::kAccepted:
      return "signer.accepted";
    case DelegateEvent::kIncomplete:
      return "signer.incomplete";
    case DelegateEvent::kRefused:
      return "signer.refused";
    case DelegateEvent::kActivated:
      return "signer.activated";
    case DelegateEvent::kEnded:
      return "signer.ended";
    case DelegateEvent::kKept:
      return "signer.kept";
    case DelegateEvent::kLetGo:
      return "signer.let_go";
  }
  return "?";
}

void DelegateBook::refuse(Entry& entry, const std::string& name, DelegateError error,
                          UnixSeconds now, std::vector<DelegateNews>& news) {
  if (error.refusal == Refusal::kForNow) {
    entry.retry_delay = std::clamp(entry.retry_delay * 2, kRetryFirst, kRetryMost);
    entry.retry_at = now + entry.retry_delay;
  }
  const bool waits = error.refusal == Refusal::kIncomplete;
  if (waits && !std::exchange(entry.is_incomplete, true)) {
    entry.retry_at = now + kKeyPatience;
    news.push_back({DelegateEvent::kIncomplete, name, error.detail});
  } else if (waits || entry.why != error.detail) {  // once for the same contents and reason
    news.push_back({DelegateEvent::kRefused, name,
                    error.detail + (entry.good ? "; going on with " + describe(*entry.good) : "")});
  }
  entry.why = std::move(error.detail);
}

void DelegateBook::take(Entry& entry, Delegate delegate, const Judge& judge, UnixSeconds now,
                        std::vector<DelegateNews>& news) {
  entry.waiting.reset();
  if (now < delegate.certificate.not_before()) {
    entry.waiting = std::move(delegate);
    return;
  }
  if (auto judged = judge(delegate, now); !judged) {
    const bool again = judged.error().refusal == Refusal::kForNow;
    const std::string name = delegate.name;
    refuse(entry, name, judged.error(), now, news);
    if (again) {
      entry.waiting = std::move(delegate);
    }
    return;
  }
  entry.why.clear();
  entry.retry_delay = Seconds(0);
  entry.told_ended = false;
  news.push_back({DelegateEvent::kAccepted, delegate.name, describe(delegate)});
  entry.good = std::move(delegate);
}

void DelegateBook::look(Entry& entry, const Found& found, const Judge& judge, UnixSeconds now,
                        std::vector<DelegateNews>& news) {
  entry.is_gone = false;
  const bool is_new = entry.judged != found.fingerprint;
  if (is_new) {
    entry.judged = found.fingerprint;
    entry.why.clear();
    entry.waiting.reset();
    entry.retry_at.reset();
    entry.retry_delay = Seconds(0);
    entry.is_incomplete = false;
  }
  const bool is_due = entry.retry_at && *entry.retry_at <= now;
  if (is_due) {
    entry.retry_at.reset();
  }
  if (entry.waiting && !entry.retry_at &&
      (is_due || entry.waiting->certificate.not_before() <= now)) {
    take(entry, Delegate(*entry.waiting), judge, now, news);
    return;
  }
  if (!is_new && !is_due) {
    return;
  }
  auto loaded = found.load();
  if (!loaded) {
    refuse(entry, found.name, loaded.error(), now, news);
    return;
  }
  take(entry, *std::move(loaded), judge, now, news);
}

/// Files that were removed: their delegates go, unless nothing else can sign.
void DelegateBook::drop_gone(UnixSeconds now, std::vector<DelegateNews>& news) {
  const bool others = std::any_of(entries_.begin(), entries_.end(), [&](const auto& e) {
    return !e.second.is_gone && e.second.good && is_valid(*e.second.good, now);
  });
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    if (!entry.is_gone || (!others && entry.good && is_valid(*entry.good, now))) {
      ++at;
      continue;
    }
    news.push_back({DelegateEvent::kLetGo, at->first, "its file was removed"});
    at = entries_.erase(at);
  }
}

void DelegateBook::order(UnixSeconds now, std::vector<DelegateNews>& news) {
  std::vector<Delegate> next;
  for (auto& [name, entry] : entries_) {
    if (entry.good && is_valid(*entry.good, now)) {
      next.push_back(*entry.good);
    } else if (entry.good && !std::exchange(entry.told_ended, true)) {
      news.push_back({DelegateEvent::kEnded, name, describe(*entry.good)});
    }
  }
  std::stable_sort(next.begin(), next.end(), [](const Delegate& a, const Delegate& b) {
    const auto key = [](const Delegate& d) {
      return std::pair(d.certificate.not_before(), d.certificate.not_after());
    };
    return key(a) > key(b);
  });
  if (!next.empty() && (signers_.empty() || !same_delegate(next.front(), signers_.front()))) {
    news.push_back({DelegateEvent::kActivated, next.front().name, describe(next.front())});
  }
  if (!std::equal(next.begin(), next.end(), signers_.begin(), signers_.end(), same_delegate)) {
    ++generation_;
    signers_ = std::move(next);
  }
}

std::vector<DelegateNews> DelegateBook::update(const std::vector<Found>& found, const Judge& judge,
                                               UnixSeconds now) {
  std::vector<DelegateNews> news;
  std::set<std::string> there;
  for (const Found& one : found) {
    there.insert(one.name);
    look(entries_[one.name], one, judge, now, news);
  }
  std::vector<std::string> gone_now;
  for (auto& [name, entry] : entries_) {
    if (!there.contains(name) && !std::exchange(entry.is_gone, true)) {
      gone_now.push_back(name);
    }
  }
  drop_gone(now, news);
  for (const std::string& name : gone_now) {
    if (entries_.contains(name)) {
      news.push_back(
          {DelegateEvent::kKept, name,
           "its file was removed, but no other signer can sign; put a renewed one there"});
    }
  }
  order(now, news);
  return news;
}

std::vector<DelegateStatus> DelegateBook::status(UnixSeconds now) const {
  std::vector<DelegateStatus> out;
  for (const auto& [name, entry] : entries_) {
    DelegateStatus one;
    one.name = name;
    one.why = entry.why;
    one.is_gone = entry.is_gone;
    const Delegate* shown = entry.good ? &*entry.good : entry.waiting ? &*entry.waiting : nullptr;
    if (shown != nullptr) {
      one.subject = shown->certificate.subject_text();
      one.not_before = shown->certificate.not_before();
      one.not_after = shown->certificate.not_after();
    }
    if (entry.good) {
      one.state = !is_valid(*entry.good, now) ? DelegateState::kEnded
                  : !signers_.empty() && same_delegate(*entry.good, signers_.front())
                      ? DelegateState::kActive
                      : DelegateState::kStandby;
    } else {
      one.state =
          entry.why.empty() && entry.waiting ? DelegateState::kWaiting : DelegateState::kRefused;
    }
    out.push_back(std::move(one));
  }
  return out;
}

std::optional<UnixSeconds> DelegateBook::next_change(UnixSeconds now) const {
  std::optional<UnixSeconds> next;
  const auto consider = [&](UnixSeconds when) {
    if (now < when && (!next || when < *next)) {
      next = when;
    }
  };
  for (const auto& [name, entry] : entries_) {
    if (entry.retry_at) {
      consider(*entry.retry_at);
    }
    if (entry.waiting) {
      consider(entry.waiting->certificate.not_before());
    }
    if (entry.good) {
      consider(entry.good->certificate.not_after());
    }
  }
  return next;
}

}  // namespace muster::signers
