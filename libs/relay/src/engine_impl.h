#pragma once

#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "muster/client/live.h"
#include "muster/keeper/shelf_file.h"
#include "muster/relay/engine.h"
#include "passage.h"

namespace muster::relay {

using keeper::Fingerprint;
using keeper::Instant;

/// Keys are digests: any eight octets of them are a hash.
struct KeyHash {
  std::size_t operator()(const Fingerprint& key) const noexcept {
    std::size_t out = 0;
    for (std::size_t i = 0; i < sizeof out; ++i) {
      out = (out << 8U) | key[i];
    }
    return out;
  }
};

/// Requests that wait for an upstream, each for the same time. Pure.
class WaitingRoom {
 public:
  using Id = std::uint64_t;
  explicit WaitingRoom(Milliseconds patience) : patience_(patience) {}
  Id add(Tell tell, MonotonicTime now);
  /// Nothing happens when it has left already.
  void tell(Id id, const Told& told);
  /// Tells everybody who has waited long enough.
  void tell_late(MonotonicTime now);
  [[nodiscard]] bool is_here(Id id) const { return tells_.count(id) != 0; }
  [[nodiscard]] std::size_t size() const { return tells_.size(); }
  [[nodiscard]] std::optional<MonotonicTime> next_deadline() const;

 private:
  const Milliseconds patience_;
  Id last_ = 0;
  std::unordered_map<Id, Tell> tells_;
  std::deque<std::pair<MonotonicTime, Id>> deadlines_;  ///< in order: all wait equally long
};

/// CertIDs about which an upstream told nothing that can be held, for a while. Of more, or of more
/// octets of "unknown" answers, than it has room for the oldest are forgotten. Pure.
class Refusals {
 public:
  Refusals(std::size_t most, std::size_t most_bytes) : most_(most), most_bytes_(most_bytes) {}
  void remember(const Fingerprint& key, Told told, MonotonicTime until);
  void forget(const Fingerprint& key);
  /// Null when nothing is remembered any more.
  [[nodiscard]] const Told* find(const Fingerprint& key, MonotonicTime now) const;
  [[nodiscard]] std::size_t size() const { return all_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct One {
    Told told;
    MonotonicTime until;
    std::uint64_t number;
  };
  using All = std::unordered_map<Fingerprint, One, KeyHash>;
  void erase(All::iterator one);

  const std::size_t most_;
  const std::size_t most_bytes_;
  std::uint64_t last_ = 0;
  std::size_t bytes_ = 0;  ///< of all that is told
  All all_;
  std::deque<std::pair<std::uint64_t, Fingerprint>>
      order_;  ///< oldest first; may name forgotten ones
};

struct Engine::Impl : std::enable_shared_from_this<Engine::Impl> {
  /// One CertID that is held, asked for, or both.
  struct Entry {
    Asked asked;
    client::Subject subject;
    pki::Certificate issuer;
    std::vector<std::string> urls;
    std::string name;            ///< for people
    bool is_configured = false;  ///< never evicted nor forgotten
    UnixSeconds last_asked{};
    std::vector<WaitingRoom::Id> waiters{};
    std::string via{};  ///< of who made us ask
    std::size_t held_bytes = 0;
    std::optional<UnixSeconds> last_attempt{}, last_success{};
    std::string last_error{};
    bool had_round = false;
    // Of the round under way:
    bool all_unauthorized = true;
    std::shared_ptr<const Buffer> unknown{};
  };
  struct Running {
    Fingerprint key;
    client::LiveQuery query;
    std::string url;
    net::FetchId fetch = 0;
    std::string via;
  };
  struct Passing {
    std::unique_ptr<Passage> passage;
    std::vector<WaitingRoom::Id> waiters;
    net::FetchId fetch = 0;
    std::string host;
  };
  using Entries = std::unordered_map<Fingerprint, Entry, KeyHash>;

  Impl(net::Loop& l, net::FetchService& f, const Clock& c, Logger& g, keeper::Shelf& s,
       EngineOptions o, std::uint64_t seed, std::string name, EngineCounters& n)
      : loop(l),
        fetcher(f),
        clock(c),
        logger(g),
        shelf(s),
        options(std::move(o)),
        own_id(std::move(name)),
        counters(n),
        plan(options.plan, seed),
        room(options.limits.max_wait),
        refusals(options.limits.max_refusals, options.limits.max_refusal_bytes) {}

  net::Loop& loop;
  net::FetchService& fetcher;
  const Clock& clock;
  Logger& logger;
  keeper::Shelf& shelf;
  const EngineOptions options;
  const std::string own_id;
  EngineCounters& counters;
  keeper::Plan plan;
  WaitingRoom room;
  Refusals refusals;
  std::shared_ptr<const RelaySetup> setup = std::make_shared<const RelaySetup>();
  Entries entries;
  /// Entries that are not configured, those asked for longest ago first.
  std::set<std::pair<UnixSeconds, Fingerprint>> by_asked;
  /// Not configured, nothing held, being asked for: with the host that is asked first.
  std::map<Fingerprint, std::string> pending;
  std::map<std::string, std::size_t> pending_at;
  std::size_t held_bytes = 0;
  std::map<std::uint64_t, Running> running;
  std::map<Fingerprint, Passing> passing;
  /// Keys of which another answer is on offer than before, not yet held against the other
  /// spellings of their CertIDs.
  std::vector<Fingerprint> put_on_offer;
  /// Keys of files that restore() did not take up because of the time.
  std::vector<Fingerprint> untimely;
  bool started = false;
  std::optional<net::TimerId> timer;
  MonotonicTime turned{};

  [[nodiscard]] Instant now() const { return Instant::of(clock); }
  [[nodiscard]] std::optional<keeper::StapleFacts> held_facts(const Fingerprint& key) const;
  [[nodiscard]] std::string via_for(const std::string& before) const {
    return before.empty() ? "1.1 " + own_id : before + ", 1.1 " + own_id;
  }

  // engine.cc: turns
  void turn();
  void arm();
  void stop();
  void on_shelf_change(const keeper::Place& place, keeper::ShelfChange change,
                       const keeper::StaplePointer& staple);

  // engine_entries.cc: what is held
  void adopt(std::shared_ptr<const RelaySetup> next);
  void configure(const keeper::Watched& watched, HashAlgorithm form, Instant t);
  void restore(const std::string& directory);
  /// Takes up one file. Whether it was removed instead.
  bool restore_file(const std::string& path, Instant t);
  /// Its file was left where it is for what the clock says. No more are remembered than may be
  /// held; those beyond are read when they are asked for.
  void note_untimely(const Fingerprint& key);
  /// Looks at those files again: the clock was set.
  void restore_untimely(Instant t);
  /// Removes a file of a relay's about an issuer that is not on the list. Whether it did.
  bool remove_if_strangers(const std::string& path, const keeper::ShelfFile& file);
  void tell_removed(std::size_t answers);
  Entry& add(Entry entry, Instant t);
  void plan_for(Entry& entry, Instant t);
  void drop(const Fingerprint& key, const Told& told);
  void touch(Entry& entry, UnixSeconds when);
  void end_pending(const Fingerprint& key);
  /// Whether one more entry has a place now.
  bool make_room(std::size_t more);
  void forget_old(UnixSeconds now);
  /// The clock was set by so much, and is `now`: that was no time in which nobody asked.
  void follow_clock(Seconds by, UnixSeconds now);
  [[nodiscard]] EngineFigures figures() const;

  // spellings.cc: one certificate under several CertIDs
  /// Whether a final revocation is held, under another key than `own`, that what is said about the
  /// same certificate must not undo (judge_candidate).
  [[nodiscard]] bool is_contradicted(const Fingerprint& own, const client::Subject& subject,
                                     const pki::Certificate& issuer,
                                     const keeper::StapleFacts& said, UnixSeconds at) const;
  /// By what was put on offer since the last call: takes off offer what contradicts a final
  /// revocation, to be asked for again, and forgets what refusals of the other spellings said
  /// before. No entry goes.
  void withdraw_contradicted(Instant t);
  void withdraw_if_contradicted(Entry& entry, Instant t);

  // engine_fetch.cc: one fetch
  void begin(const keeper::Order& order, Instant t);
  void act(std::uint64_t ticket, client::LiveAction action);
  void on_fetched(std::uint64_t ticket, const net::FetchResult& result);
  void conclude(std::uint64_t ticket, const client::LiveOutcome& outcome);
  void give_up(std::uint64_t ticket, Instant t);
  void on_verified(std::uint64_t ticket, Entry& entry, const client::LiveOutcome& outcome,
                   const std::string& url, Instant t);
  void on_failed(std::uint64_t ticket, Entry& entry, const keeper::Outcome& outcome,
                 const std::string& why, Instant t);
  void end_round(Entry& entry, Instant t);

  // engine_want.cc: requests
  void want(Wanted wanted, Tell tell);
  void fail_fast(const Fingerprint& key, Instant t);
  void pass(Wanted wanted, Tell tell, Instant t);
  void step(const Fingerprint& key, Passage::Step step);
  void on_passed(const Fingerprint& key, const net::FetchResult& result);
  [[nodiscard]] bool may_hand_out(const std::vector<Asked>& asked, const pki::Certificate& issuer,
                                  const Passage::Answers& answers) const;
  void end_passing_nobody_waits_for();
};

inline void count(std::atomic<std::uint64_t>& counter) {
  counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace muster::relay
