#include "snapshot.h"

#include <algorithm>

namespace muster::keeper {
namespace {
/// Places in a shard that are left empty rather than copying it once more.
constexpr std::size_t kMostSlack = 16;

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}
}  // namespace

struct Offers::View {
  std::uint64_t id = 0;
  std::uint64_t epoch = 0;
  std::shared_ptr<const Snapshot> snapshot;
};

Offers::Offers() : id_(next_id()), current_(std::make_shared<const Snapshot>()) {}

const Offers::Snapshot& Offers::view() const {
  // A thread rarely reads from more than one shelf; with more than four the oldest view is fetched
  // anew.
  thread_local std::array<View, 4> views;
  thread_local std::size_t oldest = 0;
  View* mine = nullptr;
  for (View& v : views) {
    if (v.id == id_) {
      mine = &v;
      break;
    }
  }
  if (mine == nullptr) {
    mine = &views[oldest];
    oldest = (oldest + 1) % views.size();
    *mine = View{id_, 0, nullptr};
  }
  if (mine->epoch != epoch_.load(std::memory_order_acquire)) {
    const MutexLock lock(mutex_);
    mine->snapshot = current_;
    mine->epoch = epoch_.load(std::memory_order_relaxed);
  }
  return *mine->snapshot;
}

StaplePointer Offers::find(const Fingerprint& certificate) const {
  const std::shared_ptr<const Shard>& shard = view()[certificate[0]];
  if (!shard) {
    return nullptr;
  }
  const auto place = std::lower_bound(
      shard->begin(), shard->end(), certificate,
      [](const Entry& e, const Fingerprint& f) { return FingerprintOrder()(e.certificate, f); });
  return place != shard->end() && place->certificate == certificate ? place->staple : nullptr;
}

std::shared_ptr<const Offers::Snapshot> Offers::current() const {
  const MutexLock lock(mutex_);
  return current_;
}

void Offers::publish(const Fingerprint& certificate, StaplePointer staple) {
  const Hold hold(*this);
  std::shared_ptr<Shard>& shard = changed_[certificate[0]];
  if (!shard) {
    shard = std::make_shared<Shard>();
    if (const auto before = (*current())[certificate[0]]) {
      shard->reserve(before->size() + 1);
      shard->assign(before->begin(), before->end());
    }
  }
  const auto place = std::lower_bound(
      shard->begin(), shard->end(), certificate,
      [](const Entry& e, const Fingerprint& f) { return FingerprintOrder()(e.certificate, f); });
  const bool found = place != shard->end() && place->certificate == certificate;
  if (staple) {
    if (found) {
      place->staple = std::move(staple);
    } else {
      shard->insert(place, Entry{certificate, std::move(staple)});
    }
  } else if (found) {
    shard->erase(place);
  }
}

void Offers::release() {
  auto snapshot = std::make_shared<Snapshot>(*current());
  bool is_news = false;
  for (std::size_t i = 0; i < changed_.size(); ++i) {
    if (changed_[i]) {
      if (changed_[i]->capacity() - changed_[i]->size() > kMostSlack) {
        changed_[i]->shrink_to_fit();
      }
      (*snapshot)[i] = std::move(changed_[i]);
      changed_[i].reset();
      is_news = true;
    }
  }
  if (!is_news) {
    return;
  }
  const MutexLock lock(mutex_);  // one writer, so nothing was published since it was copied
  current_ = std::move(snapshot);
  epoch_.fetch_add(1, std::memory_order_release);
}

}  // namespace muster::keeper
