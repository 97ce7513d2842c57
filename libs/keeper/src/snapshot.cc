#include "snapshot.h"

#include <algorithm>

namespace muster::keeper {
namespace {
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
  const auto place =
      std::lower_bound(shard->begin(), shard->end(), certificate,
                       [](const Entry& e, const Fingerprint& f) { return e.certificate < f; });
  return place != shard->end() && place->certificate == certificate ? place->staple : nullptr;
}

void Offers::publish(const Fingerprint& certificate, StaplePointer staple) {
  std::shared_ptr<const Snapshot> before;
  {
    const MutexLock lock(mutex_);
    before = current_;
  }
  auto snapshot = std::make_shared<Snapshot>(*before);
  std::shared_ptr<const Shard>& slot = (*snapshot)[certificate[0]];
  auto shard = slot ? std::make_shared<Shard>(*slot) : std::make_shared<Shard>();
  const auto place =
      std::lower_bound(shard->begin(), shard->end(), certificate,
                       [](const Entry& e, const Fingerprint& f) { return e.certificate < f; });
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
  slot = std::move(shard);
  const MutexLock lock(mutex_);  // one writer, so nothing was published since `before` was read
  current_ = std::move(snapshot);
  epoch_.fetch_add(1, std::memory_order_release);
}

}  // namespace muster::keeper
