#include "staples.h"

#include <algorithm>

namespace muster::front {
namespace {

/// How often a followed shelf is looked at: one stat when nothing changed.
constexpr Milliseconds kFollowInterval{500};
/// The same while somebody waits for staples.
constexpr Milliseconds kWaitInterval{50};

}  // namespace

Result<std::unique_ptr<Staples>, FrontError> Staples::open(net::Loop& loop,
                                                           net::FetchService& fetcher,
                                                           const Clock& clock, Logger& logger,
                                                           const FrontOptions& options,
                                                           std::uint64_t seed) {
  const bool keeps = options.staples_from == StaplesFrom::kKeep;
  auto shelf = keeper::Shelf::open(options.shelf,
                                   keeps ? keeper::ShelfMode::kOwner : keeper::ShelfMode::kFollower,
                                   options.policy, logger);
  if (!shelf) {
    return Err{FrontError{FrontErrc::kInput, shelf.error().detail}};
  }
  std::unique_ptr<Staples> staples(new Staples(loop, clock, *std::move(shelf)));
  staples->keeper_options_ = options.keeper;
  if (keeps) {
    staples->keeper_ = std::make_unique<keeper::Keeper>(loop, fetcher, clock, logger,
                                                        *staples->shelf_, options.keeper, seed);
    staples->keeper_->on_first_round([raw = staples.get()] { raw->is_attempted_ = true; });
  }
  return staples;
}

Staples::~Staples() { stop(); }

void Staples::watch(std::vector<keeper::Watched> certificates, Milliseconds patience,
                    std::function<void()> covered) {
  watched_ = std::move(certificates);
  patience_ends_ = loop_.now() + patience;
  covered_ = std::move(covered);
  is_attempted_ =
      false;  // the keeper tells of its first round only; later ones wait for each certificate
  if (keeper_ == nullptr) {
    std::vector<keeper::Subject> subjects;
    for (const keeper::Watched& watched : watched_) {
      subjects.push_back(watched.subject);
    }
    shelf_->set_subjects(std::move(subjects), clock_.now());
  } else {
    keeper_->set_inventory(watched_);
    if (!is_keeper_started_) {
      is_keeper_started_ = true;
      keeper_->start();
    }
  }
  loop_.cancel(follow_timer_);
  follow_timer_ = loop_.after(Milliseconds(0), [this] { follow(); });
}

void Staples::stop() {
  loop_.cancel(follow_timer_);
  covered_ = nullptr;
  if (keeper_ != nullptr) {
    keeper_->stop();
  }
}

void Staples::follow() {
  if (keeper_ == nullptr) {
    shelf_->refresh(clock_.now());
  }
  const bool waits = covered_ != nullptr;
  if (waits && (is_covered() || loop_.now() >= patience_ends_)) {
    // Set before the call, which may begin another watch.
    follow_timer_ = loop_.after(kFollowInterval, [this] { follow(); });
    std::exchange(covered_, nullptr)();
    return;
  }
  follow_timer_ = loop_.after(waits ? kWaitInterval : kFollowInterval, [this] { follow(); });
}

bool Staples::is_covered() const {
  const UnixSeconds now = clock_.now();
  return is_attempted_ ||
         std::all_of(watched_.begin(), watched_.end(), [&](const keeper::Watched& watched) {
           return keeper::judge_applicability(watched, keeper_options_).urls.empty() ||
                  shelf_->find(watched.subject.certificate.fingerprint(), now) != nullptr;
         });
}

}  // namespace muster::front
