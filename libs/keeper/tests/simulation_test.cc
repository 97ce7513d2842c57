// A world of certificates and failing responders in simulated time, driven by the real plan and the
// real order among candidates, checked at every event. Replay one world with
// MUSTER_SIMULATION_SEED=<n>; run more with MUSTER_SIMULATION_WORLDS.

#include <gmock/gmock.h>

#include <cstdlib>
#include <map>
#include <queue>

#include "muster/keeper/plan.h"
#include "schedule.h"

namespace muster::keeper {
namespace {

constexpr UnixSeconds kStart = unix_seconds(1'800'000'000);
constexpr Seconds kDay{86400};
constexpr std::size_t kHosts = 8, kCertificates = 40;
constexpr Seconds kDuration = 12 * kDay;

/// What a responder does for a while.
enum class Mode : std::uint8_t {
  kGood,
  kRefuses,
  kHangs,
  kOverloaded,
  kUnauthorized,
  kGarbage,
  kForeign,
  kStale,
  kAhead,
  kWithoutNextUpdate,
  kFlaky,
};
constexpr Mode kFaults[] = {
    Mode::kRefuses, Mode::kHangs, Mode::kOverloaded, Mode::kUnauthorized,      Mode::kGarbage,
    Mode::kForeign, Mode::kStale, Mode::kAhead,      Mode::kWithoutNextUpdate, Mode::kFlaky};

struct Segment {
  Seconds begin, end;  ///< since the start
  Mode mode;
};

/// What comes back for an order: verified facts (of which certificate) or a failure.
struct Answer {
  OutcomeKind failure = OutcomeKind::kUnreachable;
  std::optional<StapleFacts> facts;
  std::size_t about = 0;
  std::optional<Seconds> retry_after;
};

/// The rules of Shelf without files and signatures: one certificate's place.
struct Place {
  std::optional<StapleFacts> current, reserve, pending;
  bool on_offer = false;

  void put(const StapleFacts& next, UnixSeconds now) {
    if (next.status != StapleStatus::kGood) {
      reserve.reset();
    } else if (current && current->status == StapleStatus::kGood && current->usable_at(now) &&
               current->expires > next.expires) {
      reserve = current;
    }
    if (reserve && reserve->expires <= next.expires) {
      reserve.reset();
    }
    current = next;
    on_offer = true;
  }
  Choice offer(const StapleFacts& candidate, UnixSeconds now) {
    const Choice choice = judge_candidate(candidate, current ? &*current : nullptr, now);
    if (takes(choice)) {
      put(candidate, now);
    } else if (choice == Choice::kHoldBack &&
               !(pending && pending->status == candidate.status && pending->expires > now)) {
      pending = candidate;
    }
    return choice;
  }
  bool tick(UnixSeconds now) {
    bool changed = false;
    if (pending && pending->this_update <= now) {
      const StapleFacts candidate = *pending;
      pending.reset();
      if (takes(judge_candidate(candidate, current ? &*current : nullptr, now))) {
        put(candidate, now);
        changed = true;
      }
    }
    if (on_offer && current->expires <= now) {
      on_offer = false;
      if (reserve && reserve->usable_at(now)) {
        const StapleFacts next = *reserve;
        reserve.reset();
        put(next, now);
      }
      changed = true;
    }
    return changed;
  }
};

struct Subject {
  std::size_t certificate;
  Seconds window;
  std::vector<std::size_t> hosts;
  std::optional<Seconds> revoked_at;
  Place place;
  std::optional<StapleFacts> last_offer;
  std::optional<StapleFacts> last_taken;
  Seconds covered_until{0};  ///< expiry of the last thing on offer, since the start
  std::size_t requests = 0;
  Seconds uncovered{0};
};

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed), plan_(PlanPolicy{}, seed) {
    for (std::size_t h = 0; h < kHosts; ++h) {
      make_segments(h);
    }
    for (std::size_t c = 0; c < kCertificates; ++c) {
      Subject s{c, Seconds(3600 * (1 + below(4) * below(24))), {}, {}, {}, {}, {}, {}, 0, {}};
      s.hosts.push_back(c % 4 == 0 ? 0 : below(kHosts));
      while (s.hosts[0] != 0 && below(2) == 0 && s.hosts.size() < 3) {
        s.hosts.push_back(below(kHosts));
      }
      if (below(8) == 0) {
        s.revoked_at = Seconds(below(static_cast<std::uint64_t>(kDuration.count())));
      }
      PlanSubject subject{{}, kStart - kDay * 30, kStart + kDay * 400};
      for (const std::size_t h : s.hosts) {
        subject.urls.push_back("http://host" + std::to_string(h) + "/" +
                               std::to_string(subject.urls.size()));
      }
      plan_.add(id_of(c), subject, std::nullopt, now());
      uncovered_since_[c] = Seconds(0);
      subjects_.push_back(std::move(s));
    }
  }

  void run() {
    while (elapsed_ < Milliseconds(kDuration) && !testing::Test::HasFailure()) {
      step();
    }
    for (Subject& s : subjects_) {
      if (const auto since = uncovered_since_.find(s.certificate);
          since != uncovered_since_.end()) {
        s.uncovered += since_start() - since->second;
      }
      // Polite: a bounded number of questions a window and URL, and at most three a minute while
      // there is nothing on offer.
      const double windows =
          static_cast<double>(kDuration.count()) / static_cast<double>(s.window.count());
      const double allowed = static_cast<double>(s.hosts.size()) *
                             (400 + 60 * windows + static_cast<double>(s.uncovered.count()) / 20);
      EXPECT_LE(static_cast<double>(s.requests), allowed) << describe(s);
    }
  }

  std::size_t requests = 0, gaps = 0, taken = 0, revocations = 0;

 private:
  struct Reply {
    Milliseconds at;
    std::uint64_t ticket;
    std::size_t host, certificate;
    bool operator<(const Reply& other) const { return at > other.at; }
  };

  static Fingerprint id_of(std::size_t c) {
    Fingerprint f{};
    f[0] = static_cast<std::uint8_t>(c);
    return f;
  }
  std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>(random_.next() * static_cast<double>(n));
  }
  [[nodiscard]] Instant now() const {
    return {kStart + std::chrono::floor<Seconds>(elapsed_),
            MonotonicTime(std::chrono::hours(1)) + elapsed_};
  }
  [[nodiscard]] Seconds since_start() const { return std::chrono::floor<Seconds>(elapsed_); }

  void make_segments(std::size_t host) {
    Seconds at{0};
    while (at < kDuration) {
      const Seconds length = Seconds(60 + below(below(10) == 0 ? 2 * 86400 : 4 * 3600));
      const Mode mode =
          host == 0 || below(2) == 0 ? Mode::kGood : kFaults[below(std::size(kFaults))];
      segments_[host].push_back({at, at + length, mode});
      at += length;
    }
  }
  [[nodiscard]] Mode mode_of(std::size_t host) const {
    for (const Segment& s : segments_[host]) {
      if (since_start() < s.end) {
        return s.mode;
      }
    }
    return Mode::kGood;
  }

  void step() {
    Milliseconds next = elapsed_ + Milliseconds(Seconds(3600));
    if (const auto event = plan_.next_event()) {
      next = std::min(
          next, std::chrono::ceil<Milliseconds>(*event - MonotonicTime(std::chrono::hours(1))));
    }
    if (!replies_.empty()) {
      next = std::min(next, replies_.top().at);
    }
    for (const Subject& s : subjects_) {
      if (s.place.on_offer) {
        next = std::min(next, Milliseconds(s.place.current->expires - kStart));
      }
      if (s.place.pending) {
        next = std::min(next, Milliseconds(s.place.pending->this_update - kStart));
      }
    }
    ASSERT_LT(++steps_at_once_, 20'000U) << "the plan spins";
    if (next > elapsed_) {
      steps_at_once_ = 0;
      elapsed_ = next;
    }
    plan_.observe_clock(now());
    for (Subject& s : subjects_) {
      if (s.place.tick(now().wall)) {
        plan_.staple_changed(id_of(s.certificate), s.place.current, now());
        check(s);
      }
    }
    while (!replies_.empty() && replies_.top().at <= elapsed_) {
      const Reply reply = replies_.top();
      replies_.pop();
      conclude(reply);
    }
    for (const std::uint64_t ticket : plan_.given_up(now())) {
      (void)ticket;  // a hanging responder; its reply, if any, comes too late
    }
    for (const Order& order : plan_.start_due(now())) {
      start(order);
    }
  }

  void start(const Order& order) {
    const std::size_t host = static_cast<std::size_t>(order.url[11] - '0');
    ++requests;
    ++subjects_[order.subject[0]].requests;
    const Mode mode = mode_of(host);
    if (mode == Mode::kHangs) {
      return;
    }
    replies_.push({elapsed_ + Milliseconds(1 + below(mode == Mode::kFlaky ? 5000 : 300)),
                   order.ticket, host, order.subject[0]});
  }

  Answer answer(std::size_t host, const Subject& s) {
    Mode mode = mode_of(host);
    if (mode == Mode::kFlaky) {
      mode = below(3) == 0 ? Mode::kGood : kFaults[below(std::size(kFaults) - 1)];
    }
    const UnixSeconds t = now().wall;
    const bool revoked = s.revoked_at && *s.revoked_at <= since_start();
    Answer a{OutcomeKind::kUnreachable,
             StapleFacts{revoked ? StapleStatus::kRevoked : StapleStatus::kGood, t, t + s.window},
             s.certificate,
             {}};
    switch (mode) {
      case Mode::kGood:
        break;
      case Mode::kHangs:
      case Mode::kRefuses:
      case Mode::kFlaky:
        a.facts.reset();
        break;
      case Mode::kOverloaded:
        a.facts.reset();
        a.retry_after = Seconds(below(120));
        break;
      case Mode::kUnauthorized:
        a = {OutcomeKind::kRefused, {}, s.certificate, {}};
        break;
      case Mode::kGarbage:
        a = {OutcomeKind::kUnacceptable, {}, s.certificate, {}};
        break;
      case Mode::kForeign:
        a.about = s.certificate + 1;
        break;
      case Mode::kStale: {  // what it would have said up to a window and a bit ago, before any
                            // revocation
        const Seconds age(below(static_cast<std::uint64_t>(s.window.count()) * 5 / 4));
        a.facts = StapleFacts{StapleStatus::kGood, t - age, t - age + s.window};
        break;
      }
      case Mode::kAhead:
        a.facts->this_update += Seconds(below(200));
        a.facts->expires += Seconds(200);
        break;
      case Mode::kWithoutNextUpdate:
        a.facts->expires = t + Seconds(3600);
        break;
    }
    return a;
  }

  void conclude(const Reply& reply) {
    Subject& s = subjects_[reply.certificate];
    const Answer a = answer(reply.host, s);
    const UnixSeconds t = now().wall;
    Outcome outcome{a.failure, {}, {}, a.retry_after};
    if (a.facts && a.about != s.certificate) {
      outcome.kind =
          OutcomeKind::kUnacceptable;  // verify() refuses it: no VerifiedResponse ever exists
    } else if (a.facts) {
      const Seconds age_before = s.place.current ? t - s.place.current->this_update : Seconds(0);
      const bool had = s.place.on_offer;
      const Choice choice = s.place.offer(*a.facts, t);
      outcome.staple = choice == Choice::kHoldBack ? s.place.pending : s.place.current;
      outcome.kind = takes(choice)                   ? OutcomeKind::kTaken
                     : choice == Choice::kHoldBack   ? OutcomeKind::kHeldBack
                     : choice == Choice::kExpired    ? OutcomeKind::kUnacceptable
                     : s.place.current->usable_at(t) ? OutcomeKind::kNothingNewer
                                                     : OutcomeKind::kUnacceptable;
      if (takes(choice)) {
        s.last_taken = a.facts;
        ++taken;
        revocations += choice == Choice::kTakeRevocation ? 1 : 0;
        if (s.hosts[0] == 0 && had) {
          // Its responder always works: whatever the others do, it is refreshed on time.
          EXPECT_LE(age_before, s.window * 31 / 100 + Seconds(5)) << describe(s);
        }
      }
    }
    const bool failed = outcome.kind == OutcomeKind::kUnacceptable ||
                        outcome.kind == OutcomeKind::kUnreachable ||
                        outcome.kind == OutcomeKind::kRefused;
    if (failed) {
      outcome.staple.reset();
    }
    plan_.finish(reply.ticket, outcome, now());
    check(s);
  }

  /// The promises, after every change of what is on offer for `s`.
  void check(Subject& s) {
    const UnixSeconds t = now().wall;
    const std::optional<StapleFacts> offer = s.place.on_offer ? s.place.current : std::nullopt;
    if (offer) {
      ASSERT_TRUE(offer->usable_at(t)) << "expired or not yet valid on offer: " << describe(s);
    }
    if (s.last_offer && s.last_offer->usable_at(t)) {
      ASSERT_TRUE(offer.has_value()) << "a live staple was dropped: " << describe(s);
      if (offer->status == s.last_offer->status) {
        ASSERT_GE(offer->this_update, s.last_offer->this_update)
            << "replaced by an older one: " << describe(s);
      } else {
        ASSERT_EQ(offer->status, StapleStatus::kRevoked)
            << "a revocation was undone: " << describe(s);
      }
    }
    if (!offer && s.last_offer) {
      ++gaps;
      check_gap(s);
      uncovered_since_[s.certificate] = since_start();
    }
    if (offer && !s.last_offer && uncovered_since_.count(s.certificate) != 0) {
      s.uncovered += since_start() - uncovered_since_[s.certificate];
      uncovered_since_.erase(s.certificate);
    }
    s.last_offer = offer;
  }

  /// A staple ran out: then none of its responders worked long enough in one go between its refresh
  /// point and its end.
  void check_gap(const Subject& s) {
    const StapleFacts& newest =
        s.last_taken && s.last_taken->this_update > s.last_offer->this_update ? *s.last_taken
                                                                              : *s.last_offer;
    const Seconds from =
        (newest.this_update - kStart) + (newest.expires - newest.this_update) * 31 / 100;
    const Seconds until = s.last_offer->expires - kStart;
    const Seconds enough = (s.last_offer->expires - s.last_offer->this_update) / 5 + Seconds(600);
    for (const std::size_t host : s.hosts) {
      Seconds good_since = from;
      for (const Segment& segment : segments_[host]) {
        if (segment.mode != Mode::kGood || segment.end <= from) {
          good_since = std::max(from, segment.end);
          continue;
        }
        ASSERT_LT(std::min(segment.end, until) - good_since, enough)
            << "host " << host << " worked from " << good_since.count() << " to "
            << segment.end.count() << ": " << describe(s);
      }
    }
  }

  [[nodiscard]] std::string describe(const Subject& s) const {
    std::string out = "certificate " + std::to_string(s.certificate) + " window " +
                      std::to_string(s.window.count()) + " at " +
                      std::to_string(since_start().count()) + " requests " +
                      std::to_string(s.requests) + " hosts";
    for (const std::size_t h : s.hosts) {
      out += ' ' + std::to_string(h);
    }
    return out;
  }

  Random random_;
  Plan plan_;
  Milliseconds elapsed_{0};
  std::size_t steps_at_once_ = 0;
  std::vector<Segment> segments_[kHosts];
  std::vector<Subject> subjects_;
  std::priority_queue<Reply> replies_;
  std::map<std::size_t, Seconds> uncovered_since_;
};

// req: OCSP-STAP-001 OCSP-STAP-002 OCSP-STAP-003 OCSP-STAP-004 OCSP-STAP-006 OCSP-STAP-019
TEST(Simulation, PromisesHoldInEveryWorld) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  std::uint64_t first = 1, worlds = 5;  // instrumented code is many times slower
#else
  std::uint64_t first = 1, worlds = 25;
#endif
  if (const char* one = std::getenv("MUSTER_SIMULATION_SEED")) {
    first = std::strtoull(one, nullptr, 10);
    worlds = 1;
  } else if (const char* many = std::getenv("MUSTER_SIMULATION_WORLDS")) {
    worlds = std::strtoull(many, nullptr, 10);
  }
  std::size_t requests = 0, gaps = 0, taken = 0, revocations = 0;
  for (std::uint64_t seed = first; seed < first + worlds; ++seed) {
    SCOPED_TRACE("replay with MUSTER_SIMULATION_SEED=" + std::to_string(seed));
    World world(seed);
    world.run();
    if (HasFailure()) {
      return;
    }
    requests += world.requests;
    gaps += world.gaps;
    taken += world.taken;
    revocations += world.revocations;
  }
  std::printf(
      "%llu worlds from seed %llu: %zu requests, %zu taken, %zu revocations, %zu unavoidable "
      "gaps\n",
      static_cast<unsigned long long>(worlds), static_cast<unsigned long long>(first), requests,
      taken, revocations, gaps);
  EXPECT_GT(taken, worlds * kCertificates) << "the simulation does nothing";
  EXPECT_GT(gaps, 0U) << "the simulation is too kind to prove anything";
  EXPECT_GT(revocations, 0U);
}

}  // namespace
}  // namespace muster::keeper
