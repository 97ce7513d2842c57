#include <algorithm>

#include "disk.h"
#include "judge.h"

namespace muster::keeper::simulation {
namespace {

constexpr const char* kDirectory = "/shelf";
/// A plan that wants something all the time at one instant would never let time pass.
constexpr unsigned kMostStepsAtOnce = 20'000;

class World {
 public:
  explicit World(const Profile& profile)
      : profile_(profile),
        random_(profile.seed * 2'654'435'761U + 17),
        truths_(kPool),
        network_(profile_, clock_, truths_, profile.seed * 7 + 3),
        disk_(profile.seed * 5 + 1),
        judge_(profile_, clock_, truths_, network_) {
    make_truths();
    while (listed_.size() < profile.certificates) {
      listed_.insert(below(kPool));
    }
  }

  Report run() {
    start();
    next_sweep_ = sweep_interval();
    schedule_events();
    while (clock_.elapsed < Milliseconds(profile_.duration) && judge_.failure().empty()) {
      step();
    }
    Report report = judge_.report;
    report.failure = judge_.failure();
    report.certificate_years = years_of(profile_);
    return report;
  }

 private:
  enum class Event : std::uint8_t { kStop, kClock, kRotation, kDisk };

  std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>(random_.next() * static_cast<double>(n));
  }
  Milliseconds within(Milliseconds longest) {
    return Milliseconds(below(static_cast<std::uint64_t>(longest.count()) + 1));
  }
  /// How long something of ours is wrong: mostly not long, since it costs many questions.
  Milliseconds spell(Milliseconds longest) {
    const Milliseconds most = std::chrono::minutes(below(40) == 0 ? 720 : 20);
    return std::min(longest, most);
  }
  [[nodiscard]] Milliseconds sweep_interval() const {
    return std::max(Milliseconds(60'000), Milliseconds(profile_.shortest) / 4);
  }

  void make_truths() {
    const double low = static_cast<double>(profile_.shortest.count());
    const double high = static_cast<double>(profile_.longest.count());
    for (std::size_t c = 0; c < kPool; ++c) {
      Truth& truth = truths_[c];
      const double share = random_.next();
      truth.window = Seconds(static_cast<std::int64_t>(low + (high - low) * share * share));
      if (below(3) == 0) {
        truth.period = truth.window / static_cast<std::int64_t>(2 + below(4));
      }
      truth.hosts.push_back(c % 4 == 0 ? 0 : below(profile_.hosts));
      while (c % 4 != 0 && below(2) == 0 && truth.hosts.size() < 3) {
        truth.hosts.push_back(below(profile_.hosts));
      }
      for (std::size_t i = 0; i < truth.hosts.size(); ++i) {
        truth.urls.push_back("http://host" + std::to_string(truth.hosts[i]) + ".example/" +
                             std::to_string(i));
      }
      if (below(12) == 0) {
        truth.revoked_at =
            kStart + Seconds(below(static_cast<std::uint64_t>(profile_.duration.count())));
      }
    }
  }

  // ---- the machine

  void start() {
    ShelfPolicy policy;
    policy.revoked = profile_.withhold ? RevokedPolicy::kWithhold : RevokedPolicy::kOffer;
    auto opened = Shelf::open(kDirectory, ShelfMode::kOwner, policy, null_logger(),
                              ShelfSeams{disk_, simulation::verify});
    MUSTER_ASSERT(opened);
    shelf_ = *std::move(opened);
    KeeperOptions options;
    options.egresses.resize(profile_.egresses);
    keeper_ = std::make_unique<Keeper>(loop_, network_, clock_, null_logger(), *shelf_, options,
                                       profile_.seed + 1000 * ++starts_);
    keeper_->on_change([this](const Subject& subject, ShelfChange, const StaplePointer&) {
      judge_.on_change(index_of(subject.certificate.fingerprint()));
    });
    keeper_->set_inventory(inventory());
    judge_.on_started(*shelf_, *keeper_, listed_);
    keeper_->start();
  }

  std::vector<Watched> inventory() {
    std::vector<Watched> out;
    for (const std::size_t c : listed_) {
      out.push_back({pool(c), truths_[c].urls});
    }
    return out;
  }

  void stop() {
    judge_.on_stopped();
    keeper_.reset();
    shelf_.reset();
    network_.drop_all();
  }

  /// Ends the process as an event says, and starts it again some time later.
  void restart() {
    const bool machine_too = disk_.has_crashed() && below(2) == 0;
    report().crashes += disk_.has_crashed() ? 1U : 0U;
    ++report().restarts;
    stop();
    machine_too ? disk_.recover() : disk_.abandon();
    if (profile_.disk_faults && below(3) == 0) {
      const std::string path = disk_.spoil();
      for (std::size_t c = 0; c < kPool; ++c) {
        if (path.find(shelf_name(c)) != std::string::npos) {
          judge_.on_spoilt(c);
        }
      }
    }
    clock_.elapsed +=
        within(below(4) == 0 ? Milliseconds(profile_.longest) / 2 : Milliseconds(30'000));
    disk_.set_full(false);
    disk_.set_failing(0);
    start();
  }

  static std::string shelf_name(std::size_t c) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (const std::uint8_t octet : pool(c).certificate.fingerprint()) {
      out += kDigits[octet >> 4];
      out += kDigits[octet & 15];
    }
    return out;
  }

  // ---- events

  void schedule_events() {
    const Milliseconds interval = Milliseconds(profile_.duration) / 24;
    for (const auto& [event, wanted] : {std::pair(Event::kStop, profile_.restarts),
                                        std::pair(Event::kClock, profile_.clock_jumps),
                                        std::pair(Event::kRotation, profile_.rotation),
                                        std::pair(Event::kDisk, profile_.disk_faults)}) {
      if (wanted) {
        events_.push({within(interval), event});
      }
    }
  }

  void happen(Event event) {
    Milliseconds again = Milliseconds(profile_.duration) / 24;
    switch (event) {
      case Event::kStop:
        if (below(4) == 0) {
          restart();
        } else {
          disk_.crash_after(static_cast<unsigned>(below(30)));
        }
        break;
      case Event::kClock:
        if (clock_.offset != Seconds(0)) {
          clock_.offset = Seconds(0);
        } else {
          const std::uint64_t most = std::array<std::uint64_t, 4>{
              60, 7200, 86400, static_cast<std::uint64_t>(profile_.longest.count()) * 2}[below(4)];
          clock_.offset = Seconds(3 + below(most)) * (below(2) == 0 ? 1 : -1);
          again = spell(Milliseconds(profile_.longest) / 4);
          ++report().jumps;
        }
        judge_.on_clock_set();
        events_.push({clock_.elapsed + Milliseconds(1000), std::nullopt});  // the heartbeat
        break;
      case Event::kRotation: {
        ++report().rotations;
        for (std::uint64_t n = 1 + below(5); n > 0 && !listed_.empty(); --n) {
          listed_.erase(
              std::next(listed_.begin(), static_cast<std::ptrdiff_t>(below(listed_.size()))));
        }
        while (listed_.size() < profile_.certificates) {
          listed_.insert(below(kPool));
        }
        judge_.on_listed(listed_);
        keeper_->set_inventory(inventory());
        break;
      }
      case Event::kDisk:
        disk_is_ill_ = !disk_is_ill_;
        disk_.set_full(disk_is_ill_ && below(2) == 0);
        disk_.set_failing(disk_is_ill_ ? 0.3 * random_.next() : 0);
        again = disk_is_ill_ ? spell(Milliseconds(profile_.longest) / 3) : again;
        break;
    }
    events_.push({clock_.elapsed + Milliseconds(1) + within(again * 2), event});
  }

  void step() {
    Milliseconds next = std::min<Milliseconds>(next_sweep_, profile_.duration);
    if (const auto turn = keeper_->next_turn()) {
      next = std::min(
          next, std::chrono::ceil<Milliseconds>(*turn - MonotonicTime(std::chrono::hours(24))));
    }
    if (profile_.heartbeat) {
      next = std::min<Milliseconds>(next, std::chrono::floor<Seconds>(clock_.elapsed) + Seconds(1));
    }
    if (const auto delivery = network_.next_delivery()) {
      next = std::min(next, *delivery);
    }
    if (!events_.empty()) {
      next = std::min(next, events_.top().at);
    }
    if (next > clock_.elapsed) {
      clock_.elapsed = next;
      steps_at_once_ = 0;
    } else if (++steps_at_once_ > kMostStepsAtOnce) {
      judge_.fail("the plan spins at " + std::to_string(clock_.elapsed.count()) + " ms");
      return;
    }
    if (!events_.empty() && events_.top().at <= clock_.elapsed) {
      const Scheduled due = events_.top();
      events_.pop();
      if (due.event) {
        happen(*due.event);
      }
    }
    if (!network_.deliver()) {  // an answer brings a turn with it
      keeper_->turn();
    }
    if (disk_.has_crashed()) {
      restart();
    }
    judge_.look_at_changes();
    if (next_sweep_ <= clock_.elapsed) {
      judge_.look_at_everything();
      next_sweep_ = clock_.elapsed + sweep_interval();
    }
  }

  Report& report() { return judge_.report; }

  struct Scheduled {
    Milliseconds at;
    std::optional<Event> event;  ///< nothing: just a turn
    bool operator<(const Scheduled& other) const { return at > other.at; }
  };

  const Profile profile_;
  SimulatedClock clock_;
  Random random_;
  std::vector<Truth> truths_;
  Network network_;
  Disk disk_;
  Judge judge_;
  net::Loop loop_;  // never run: the world takes the keeper's turns
  std::unique_ptr<Shelf> shelf_;
  std::unique_ptr<Keeper> keeper_;
  std::set<std::size_t> listed_;
  std::priority_queue<Scheduled> events_;
  Milliseconds next_sweep_{0};
  std::uint64_t starts_ = 0;
  unsigned steps_at_once_ = 0;
  bool disk_is_ill_ = false;
};

}  // namespace

Report run_world(const Profile& profile) { return World(profile).run(); }

}  // namespace muster::keeper::simulation
