#include "staples.h"

#include <algorithm>
#include <filesystem>

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
  if (std::error_code error; !keeps && !std::filesystem::is_directory(options.shelf, error)) {
    logger.log(LogLevel::kError, "front.no_shelf",
               "there is no such shelf yet; it is looked for again all the time (start 'muster "
               "stapler' with this --shelf, or correct the path)",
               {{"shelf", options.shelf}});
  }
  std::unique_ptr<Staples> staples(new Staples(loop, clock, logger, *std::move(shelf)));
  staples->keeper_options_ = options.keeper;
  if (keeps) {
    staples->keeper_ = std::make_unique<keeper::Keeper>(loop, fetcher, clock, logger,
                                                        *staples->shelf_, options.keeper, seed);
    staples->keeper_->on_first_round([raw = staples.get()] { raw->is_attempted_ = true; });
  }
  return staples;
}

Staples::~Staples() { stop(); }

void Staples::watch(const WatchedCertificates& certificates, Milliseconds patience,
                    std::function<void()> covered) {
  watched_ = certificates.served;
  std::vector<keeper::Watched> all = certificates.all();
  patience_ends_ = loop_.now() + patience;
  covered_ = std::move(covered);
  is_attempted_ =
      false;  // the keeper tells of its first round only; later ones wait for each certificate
  if (keeper_ == nullptr) {
    std::vector<keeper::Subject> subjects;
    for (const keeper::Watched& watched : all) {
      subjects.push_back(watched.subject);
    }
    shelf_->set_subjects(std::move(subjects), clock_.now());
  } else {
    keeper_->set_inventory(std::move(all));
    if (!is_keeper_started_) {
      is_keeper_started_ = true;
      keeper_->start();
    }
  }
  std::string lacking;
  for (const keeper::Watched& watched : watched_) {
    if (lacks_staple(watched, clock_.now())) {
      lacking += (lacking.empty() ? "" : ", ") + watched.subject.name;
    }
  }
  if (!lacking.empty() && patience > Milliseconds(0)) {
    logger_.log(
        LogLevel::kInfo, "front.waiting", "serving begins when each of these has a staple",
        {{"certificates", lacking}, {"at_most_ms", static_cast<long long>(patience.count())}});
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
    tell_changes();
    std::exchange(covered_, nullptr)();
    return;
  }
  if (!waits) {
    tell_changes();
  }
  follow_timer_ = loop_.after(waits ? kWaitInterval : kFollowInterval, [this] { follow(); });
}

bool Staples::lacks_staple(const keeper::Watched& watched, UnixSeconds now) const {
  return !keeper::judge_applicability(watched, keeper_options_).urls.empty() &&
         shelf_->find(watched.subject.certificate.fingerprint(), now) == nullptr;
}

bool Staples::is_covered() const {
  const UnixSeconds now = clock_.now();
  return is_attempted_ ||
         std::none_of(watched_.begin(), watched_.end(),
                      [&](const keeper::Watched& watched) { return lacks_staple(watched, now); });
}

void Staples::tell_changes() {
  const UnixSeconds now = clock_.now();
  std::set<keeper::Fingerprint> missing;
  for (const keeper::Watched& watched : watched_) {
    const keeper::Fingerprint id = watched.subject.certificate.fingerprint();
    const bool lacks = lacks_staple(watched, now);
    if (lacks) {
      missing.insert(id);
    }
    if (lacks == missing_.contains(id)) {
      continue;
    }
    if (lacks) {
      logger_.log(LogLevel::kWarning, "front.no_staple",
                  "handshakes for this certificate carry no staple (see 'muster stapler status')",
                  {{"certificate", watched.subject.name}});
    } else {
      logger_.log(LogLevel::kInfo, "front.staple", "handshakes carry a staple now",
                  {{"certificate", watched.subject.name}});
    }
  }
  missing_ = std::move(missing);
}

}  // namespace muster::front
