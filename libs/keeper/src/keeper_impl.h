#pragma once

#include <atomic>
#include <map>
#include <set>

#include "clock_sanity.h"
#include "muster/keeper/keeper.h"

// The keeper's inside: turns and inventory in keeper.cc, what becomes of answers in
// keeper_answers.cc, what is said of it in keeper_report.cc.
namespace muster::keeper {

struct Keeper::Impl : std::enable_shared_from_this<Keeper::Impl> {
  struct Record {
    Watched watched;
    std::string not_needed;  ///< why; empty when it is watched
    std::optional<UnixSeconds> last_attempt, last_success;
    std::string last_error;
    std::optional<FailureClass> last_failure;
    unsigned failures = 0;
    CertificateState reported =
        CertificateState::kFresh;  ///< worst state logged since the last success
    std::set<std::string> told;    ///< errors logged since the last success
    std::string etag, etag_url;    ///< of the response held, where a server told it
    MonotonicTime listed{};
    std::optional<UnixSeconds> resumed{};
  };
  /// A revocation that one answer told (decision 052).
  struct Unconfirmed {
    client::VerifiedResponse response;
    std::string url;
    MonotonicTime until;          ///< then it is believed
    unsigned contradictions = 0;  ///< newer answers that say good
  };
  struct Running {
    Fingerprint subject;
    std::string url;
    MonotonicTime since;
    pki::Certificate issuer;  ///< as it was then
  };

  Impl(net::Loop& l, Asker& a, const Clock& c, Logger& g, Shelf& s, KeeperOptions o,
       std::uint64_t seed);

  // ---- keeper.cc
  void set_inventory(std::vector<Watched> inventory);
  void add(const Watched& watched);
  [[nodiscard]] static Record new_record(const Watched& watched, Instant t);
  /// What was planned, and told by one answer alone.
  void forget(const Fingerprint& id);
  /// By what the shelf holds for it now.
  void plan_for(const Fingerprint& id, PlanSubject subject, Instant t);
  void turn();
  void arm();
  void stop();
  void check_first_round();
  void watch_clock(Instant t);
  [[nodiscard]] std::optional<MonotonicTime> next_turn() const;

  [[nodiscard]] bool is_paused(const Fingerprint& id) const {
    return pause.all || pause.certificates.contains(id);
  }
  void set_pause(Pause next);

  // ---- keeper_answers.cc
  void begin(const Order& o, Instant t);
  void conclude(std::uint64_t ticket, const Answer& answer);
  void on_failed(std::uint64_t ticket, const Running& asked, const client::LiveFailure& failure,
                 Instant t);
  void on_not_modified(std::uint64_t ticket, const Running& asked, const Answer& answer, Instant t);
  void on_verified(std::uint64_t ticket, const Running& asked,
                   const client::VerifiedResponse& response, const client::CachingAdvice& caching,
                   Instant t);
  /// Whether the answer is part of the confirmation of news and was dealt with as such.
  bool is_about_news(std::uint64_t ticket, const Running& asked,
                     const client::VerifiedResponse& response, Instant t);
  void believe_overdue_news(Instant t);
  void note_clock(const Record& record, Seconds ahead, Instant t);
  /// Says when the clock becomes suspect, and when it is so no more.
  void judge_clock(Instant t);
  Choice offer(const client::VerifiedResponse& response, const std::string& source);

  // ---- keeper_report.cc
  void report_not_needed(const Record& record);
  void note_success(const Fingerprint& id, Choice choice, const std::string& url, Instant t);
  /// Warns once for each new kind of failure and once for each worse state, not for each attempt.
  void note_failure(const Fingerprint& id, const std::string& error, FailureClass failure,
                    const Verdict& verdict, Instant t);
  void tell_answer(const Running& asked, const Outcome& outcome, std::string detail, bool another,
                   const client::VerifiedResponse* response, Instant t) const;
  void on_shelf_change(const Subject& subject, ShelfChange change, const StaplePointer& staple);
  /// What was found on the shelf has been told of: says how many there were if not each was.
  void sum_up_loaded();
  [[nodiscard]] CertificateStatus status_of(const Fingerprint& id, const Record& record,
                                            Instant t) const;

  /// Whether it is about what is looked after now: the issuer may be found to be another one.
  [[nodiscard]] bool is_wanted(const Running& asked) const;

  [[nodiscard]] Instant now() const { return Instant::of(clock); }
  [[nodiscard]] std::optional<StapleFacts> held_facts(const Fingerprint& id) const {
    const StaplePointer held = shelf.held(id);
    return held ? std::optional(held->facts) : std::nullopt;
  }

  net::Loop& loop;
  std::unique_ptr<Asker> owned_asker;
  Asker& asker;
  const Clock& clock;
  Logger& logger;
  Shelf& shelf;
  const KeeperOptions options;
  Plan plan;
  ClockSanity sanity;
  std::optional<Seconds> clock_suspicion;
  Shelf::Listener listener;
  std::function<void(const Answered&)> answer_listener;
  Pause pause;
  std::function<void()> first_round_done;
  std::vector<Fingerprint> order;
  FingerprintMap<Record> records;
  std::map<std::uint64_t, Running> running;
  FingerprintMap<Unconfirmed> unconfirmed;
  FingerprintSet first_round;
  std::size_t loaded = 0;  ///< staples found on the shelf since sum_up_loaded()
  bool started = false, first_round_over = false, in_turn = false;
  std::optional<net::TimerId> timer;
  std::atomic<std::uint64_t> turns{0};
};

}  // namespace muster::keeper
