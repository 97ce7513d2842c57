#include "muster/keeper/keeper.h"

#include <algorithm>
#include <map>
#include <set>

#include "muster/keeper/outcome.h"

namespace muster::keeper {
namespace {

/// Different errors about one certificate that are logged as warnings until it succeeds again.
constexpr std::size_t kMaxToldErrors = 16;

}  // namespace

client::LiveOptions KeeperOptions::default_live_options() {
  client::LiveOptions live;
  // Staples are for TLS clients, and widespread ones find only SHA-1 CertIDs in them (decision
  // 018).
  live.hash = HashAlgorithm::kSha1;
  live.other_hash = HashAlgorithm::kSha256;
  live.memory = std::make_shared<client::ResponderMemory>();
  return live;
}

struct Keeper::Impl : std::enable_shared_from_this<Keeper::Impl> {
  struct Record {
    Watched watched;
    std::string not_needed;  ///< why; empty when it is watched
    std::optional<UnixSeconds> last_attempt, last_success;
    std::string last_error;
    unsigned failures = 0;
    CertificateState reported =
        CertificateState::kFresh;  ///< worst state logged since the last success
    std::set<std::string> told;    ///< errors logged since the last success
  };
  struct Running {
    Fingerprint subject;
    client::LiveQuery query;
    std::string url;
    net::FetchId fetch = 0;
  };

  Impl(net::Loop& l, net::FetchService& f, const Clock& c, Logger& g, Shelf& s, KeeperOptions o,
       std::uint64_t seed)
      : loop(l),
        fetcher(f),
        clock(c),
        logger(g),
        shelf(s),
        options(std::move(o)),
        plan(options.plan, seed) {}

  net::Loop& loop;
  net::FetchService& fetcher;
  const Clock& clock;
  Logger& logger;
  Shelf& shelf;
  const KeeperOptions options;
  Plan plan;
  Shelf::Listener listener;
  std::function<void()> first_round_done;
  std::vector<Fingerprint> order;
  std::map<Fingerprint, Record> records;
  std::map<std::uint64_t, Running> running;
  std::set<Fingerprint> first_round;
  bool started = false, first_round_over = false;
  std::optional<net::TimerId> timer;

  [[nodiscard]] Instant now() const { return Instant::of(clock); }

  [[nodiscard]] std::optional<StapleFacts> held_facts(const Fingerprint& id) const {
    const StaplePointer held = shelf.held(id);
    return held ? std::optional(held->facts) : std::nullopt;
  }

  // ---- inventory
  // -------------------------------------------------------------------------------------------------

  void set_inventory(std::vector<Watched> inventory) {
    std::map<Fingerprint, Record> next;
    std::vector<Subject> subjects;
    std::vector<std::pair<Fingerprint, PlanSubject>> planned;
    order.clear();
    for (Watched& watched : inventory) {
      const pki::Certificate& certificate = watched.subject.certificate;
      const Fingerprint id = certificate.fingerprint();
      if (next.count(id) != 0) {
        logger.log(LogLevel::kWarning, "inventory.twice",
                   "a certificate is listed twice; the first entry counts",
                   {{"certificate", watched.subject.name}});
        continue;
      }
      Applicability applies = judge_applicability(watched, options);
      auto known = records.extract(id);
      Record record = known.empty()
                          ? Record{watched, {}, {}, {}, {}, 0, CertificateState::kFresh, {}}
                          : std::move(known.mapped());
      record.watched = watched;
      record.not_needed = applies.reason;
      if (applies.urls.empty()) {
        report_not_needed(record);
      } else {
        subjects.push_back(watched.subject);
      }
      planned.emplace_back(
          id, PlanSubject{applies.urls, certificate.not_before(), certificate.not_after()});
      order.push_back(id);
      next.emplace(id, std::move(record));
    }
    for (const auto& [id, gone] : records) {
      plan.remove(id);
      first_round.erase(id);
    }
    records = std::move(next);
    const Instant t = now();
    shelf.set_subjects(std::move(subjects), t.wall);
    for (auto& [id, subject] : planned) {
      const auto held = held_facts(id);
      const bool covered = held && held->usable_at(t.wall);
      if (!subject.urls.empty() && !first_round_over && !covered && subject.not_after > t.wall) {
        first_round.insert(id);
      }
      plan.add(id, std::move(subject), held, t);
    }
    if (started) {
      turn();
    }
  }

  void report_not_needed(const Record& record) {
    const bool must = record.watched.subject.certificate.facts().must_staple();
    logger.log(must ? LogLevel::kWarning : LogLevel::kInfo, "certificate.not_needed",
               must ? "the certificate demands stapling but " + record.not_needed +
                          "; clients will refuse it (give a responder in the configuration, or "
                          "have it reissued)"
                    : "no staple is kept for a certificate: " + record.not_needed,
               {{"certificate", record.watched.subject.name}});
  }

  // ---- turns
  // -----------------------------------------------------------------------------------------------------

  void turn() {
    const Instant t = now();
    if (const Seconds jump = plan.observe_clock(t); jump != Seconds(0)) {
      logger.log(LogLevel::kWarning, "clock.jumped",
                 "the wall clock jumped; every certificate is planned anew",
                 {{"seconds", static_cast<long long>(jump.count())}});
    }
    shelf.tick(t.wall);
    if (!started) {
      return;
    }
    for (const std::uint64_t ticket : plan.given_up(t)) {
      const auto found = running.find(ticket);
      if (found == running.end()) {
        continue;
      }
      const Running lost = std::move(found->second);
      running.erase(found);
      fetcher.cancel(lost.fetch);
      if (records.count(lost.subject) == 0) {
        continue;
      }
      note_failure(
          lost.subject,
          "no answer within " + format_duration(options.plan.fetch_deadline) + " from " + lost.url,
          Verdict{true, false, plan.view(lost.subject, t).failures, false}, t);
    }
    for (const Order& o : plan.start_due(t)) {
      begin(o, t);
    }
    check_first_round();
    arm();
  }

  void arm() {
    if (timer) {
      loop.cancel(*timer);
      timer.reset();
    }
    if (!started) {
      return;
    }
    Milliseconds delay{1000};  // at least once a second, to see the wall clock jump
    if (const auto next = plan.next_event()) {
      delay = std::clamp(std::chrono::ceil<Milliseconds>(*next - clock.monotonic()),
                         Milliseconds(0), delay);
    }
    timer = loop.after(delay, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->timer.reset();
        self->turn();
      }
    });
  }

  void check_first_round() {
    if (!first_round_over && first_round.empty()) {
      first_round_over = true;
      if (first_round_done) {
        first_round_done();
      }
    }
  }

  // ---- one fetch
  // -------------------------------------------------------------------------------------------------

  void begin(const Order& o, Instant t) {
    Record& record = records.at(o.subject);
    record.last_attempt = t.wall;
    client::LiveOptions live = options.live;
    live.urls = {o.url};
    live.nonce =
        client::NonceUse::kNone;  // so that caches may answer and GET is used (OCSP-STAP-011)
    live.rounds = 1;
    const Subject& subject = record.watched.subject;
    client::LiveQuery query(subject.certificate, subject.issuer, std::move(live),
                            shelf.policy().verify);
    client::LiveAction action = query.start(t.wall);
    running.emplace(o.ticket, Running{o.subject, std::move(query), o.url, 0});
    act(o.ticket, std::move(action));
  }

  void act(std::uint64_t ticket, client::LiveAction action) {
    if (auto* request = std::get_if<net::FetchRequest>(&action)) {
      running.at(ticket).fetch = fetcher.start(
          std::move(*request), [weak = weak_from_this(), ticket](net::FetchResult result) {
            if (const auto self = weak.lock()) {
              self->on_fetched(ticket, result);
            }
          });
      return;
    }
    MUSTER_ASSERT(std::holds_alternative<client::LiveOutcome>(
        action));  // rounds = 1: there is nothing to wait for
    conclude(ticket, std::get<client::LiveOutcome>(action));
  }

  void on_fetched(std::uint64_t ticket, const net::FetchResult& result) {
    const auto found = running.find(ticket);
    if (found == running.end()) {
      return;  // given up or stopped meanwhile
    }
    act(ticket, found->second.query.on_fetched(result, clock.now()));
    turn();
  }

  void conclude(std::uint64_t ticket, const client::LiveOutcome& outcome) {
    const auto node = running.extract(ticket);
    const Fingerprint id = node.mapped().subject;
    const std::string& url = node.mapped().url;
    const Instant t = now();
    if (records.count(id) == 0) {
      plan.finish(ticket, Outcome{OutcomeKind::kUnacceptable, {}, {}, {}}, t);
      return;
    }
    if (const client::LiveFailure* failure = outcome.failure()) {
      const Verdict verdict =
          plan.finish(ticket, Outcome{outcome_of(*failure), {}, {}, failure->retry_after}, t);
      note_failure(id, failure->detail + " (" + url + ")", verdict, t);
      return;
    }
    const Choice choice = shelf.offer(*outcome.response(), url, t.wall);
    Outcome result{OutcomeKind::kTaken, held_facts(id), outcome.caching.max_age, {}};
    result.kind = outcome_of(choice, result.staple, t.wall);
    if (result.kind == OutcomeKind::kHeldBack) {
      result.staple = shelf.held_back(id)->facts;
    }
    const bool failed =
        result.kind == OutcomeKind::kUnacceptable || result.kind == OutcomeKind::kRefused;
    if (failed) {
      result.staple.reset();
    }
    const Verdict verdict = plan.finish(ticket, result, t);
    const std::string text =
        "the answer from " + url + " is not of use: " + std::string(to_string(choice));
    if (failed) {
      note_failure(id, text, verdict, t);
      return;
    }
    if (choice == Choice::kRevocationStands) {
      logger.log(
          LogLevel::kWarning, "staple.revocation_stands",
          "the responder says good again after a final revocation; the revoked response stays "
          "until it expires (if the CA "
          "revoked by mistake: stop the stapler, delete the file, start it)",
          {{"certificate", records.at(id).watched.subject.name}, {"file", shelf.path_of(id)}});
    }
    note_success(id, choice, url, t);
  }

  void note_success(const Fingerprint& id, Choice choice, const std::string& url, Instant t) {
    Record& record = records.at(id);
    if (!record.last_error.empty()) {
      logger.log(LogLevel::kInfo, "fetch.recovered", "the responder answers again",
                 {{"certificate", record.watched.subject.name}, {"url", url}});
    }
    record.last_success = t.wall;
    record.last_error.clear();
    record.told.clear();
    record.failures = 0;
    record.reported = CertificateState::kFresh;
    first_round.erase(id);
    logger.log(LogLevel::kDebug, "fetch.answered", to_string(choice),
               {{"certificate", record.watched.subject.name}, {"url", url}});
  }

  /// Warns once for each new kind of failure and once for each worse state, not for each attempt.
  void note_failure(const Fingerprint& id, const std::string& error, const Verdict& verdict,
                    Instant t) {
    Record& record = records.at(id);
    const bool news = record.told.size() < kMaxToldErrors && record.told.insert(error).second;
    record.last_error = error;
    record.failures = verdict.failures;
    if (!verdict.another_url) {
      first_round.erase(id);
    }
    const CertificateStatus status = status_of(id, record, t);
    const bool worse = !verdict.another_url && status.state > record.reported &&
                       status.state != CertificateState::kRevoked &&
                       status.state != CertificateState::kOnHold;
    LogLevel level = LogLevel::kDebug;
    if (verdict.quiet) {
      level = news ? LogLevel::kInfo : LogLevel::kDebug;
    } else if (worse && status.state >= CertificateState::kCritical) {
      level = LogLevel::kError;
    } else if (worse || news) {
      level = LogLevel::kWarning;
    }
    if (worse) {
      record.reported = status.state;
    }
    const std::string next =
        status.next_due ? format_duration(*status.next_due - t.wall) : std::string("never");
    logger.log(
        level, "fetch.failed", error,
        {{"certificate", record.watched.subject.name},
         {"state", to_string(status.state)},
         {"expires", status.staple ? format_iso8601(status.staple->expires) : std::string("-")},
         {"failures", verdict.failures},
         {"next_try_in", next}});
  }

  void on_shelf_change(const Subject& subject, ShelfChange change, const StaplePointer& staple) {
    const Fingerprint id = subject.certificate.fingerprint();
    switch (change) {
      case ShelfChange::kLoaded:
        logger.log(
            LogLevel::kInfo, "staple.loaded", "a staple was found on the shelf",
            {{"certificate", subject.name}, {"expires", format_iso8601(staple->facts.expires)}});
        break;
      case ShelfChange::kReplaced:
        logger.log(
            LogLevel::kInfo, "staple.replaced", "a newer staple is on offer",
            {{"certificate", subject.name}, {"expires", format_iso8601(staple->facts.expires)}});
        break;
      case ShelfChange::kRevoked: {
        const StaplePointer held = shelf.held(id);
        logger.log(LogLevel::kError, "certificate.revoked",
                   "ALARM: the CA revoked this certificate; replace it. " +
                       std::string(staple ? "The revoked answer is stapled"
                                          : "Nothing is stapled any more (revoked = withhold)"),
                   {{"certificate", subject.name},
                    {"status", to_string(held->facts.status)},
                    {"source", held->source}});
        break;
      }
      case ShelfChange::kReinstated:
        logger.log(LogLevel::kWarning, "certificate.reinstated",
                   "the CA lifted its hold; the certificate is good again",
                   {{"certificate", subject.name}});
        break;
      case ShelfChange::kWithdrawn:
        logger.log(
            LogLevel::kError, "staple.withdrawn",
            "the staple expired and nothing better came; none is offered until a responder answers",
            {{"certificate", subject.name}});
        break;
    }
    plan.staple_changed(id, held_facts(id), now());
    if (listener) {
      listener(subject, change, staple);
    }
  }

  // ---- status
  // ----------------------------------------------------------------------------------------------------

  [[nodiscard]] CertificateStatus status_of(const Fingerprint& id, const Record& record,
                                            Instant t) const {
    const pki::Certificate& certificate = record.watched.subject.certificate;
    CertificateStatus out;
    out.name = record.watched.subject.name;
    out.certificate = id;
    out.subject = certificate.subject_text();
    out.must_staple = certificate.facts().must_staple();
    out.not_after = certificate.not_after();
    out.last_attempt = record.last_attempt;
    out.last_success = record.last_success;
    out.last_error = record.last_error;
    out.failures = record.failures;
    const PlanView view = plan.view(id, t);
    out.attempts = view.attempts;
    out.next_due = view.next_due;
    if (!record.not_needed.empty()) {
      out.state = CertificateState::kNotNeeded;
      out.reason = record.not_needed;
      return out;
    }
    const StaplePointer held = shelf.held(id);
    if (held) {
      out.staple = held->facts;
      out.source = held->source;
      out.obtained = held->obtained;
    }
    out.state = judge_state(held ? &held->facts : nullptr, shelf.held_back(id) != nullptr,
                            certificate.not_after(), t.wall);
    return out;
  }
};

Keeper::Keeper(net::Loop& loop, net::FetchService& fetcher, const Clock& clock, Logger& logger,
               Shelf& shelf, KeeperOptions options, std::uint64_t seed)
    : impl_(std::make_shared<Impl>(loop, fetcher, clock, logger, shelf, std::move(options), seed)) {
  shelf.on_change(
      [raw = impl_.get()](const Subject& subject, ShelfChange change, const StaplePointer& staple) {
        raw->on_shelf_change(subject, change, staple);
      });
}
Keeper::~Keeper() {
  stop();
  impl_->shelf.on_change({});
}

void Keeper::on_change(Shelf::Listener listener) { impl_->listener = std::move(listener); }
void Keeper::on_first_round(std::function<void()> done) {
  impl_->first_round_done = std::move(done);
}
void Keeper::set_inventory(std::vector<Watched> inventory) {
  impl_->set_inventory(std::move(inventory));
}

void Keeper::start(FirstFetch first) {
  if (first == FirstFetch::kEverything) {
    for (const auto& [id, record] : impl_->records) {
      if (record.not_needed.empty() &&
          record.watched.subject.certificate.not_after() > impl_->clock.now()) {
        impl_->first_round.insert(id);
      }
    }
    impl_->plan.refresh_all(impl_->now());
  }
  impl_->started = true;
  impl_->turn();
}

void Keeper::stop() {
  impl_->started = false;
  impl_->arm();
  for (const auto& [ticket, running] : std::exchange(impl_->running, {})) {
    impl_->fetcher.cancel(running.fetch);
  }
}

void Keeper::refresh_all() {
  impl_->plan.refresh_all(impl_->now());
  impl_->turn();
}
void Keeper::turn() { impl_->turn(); }

std::vector<CertificateStatus> Keeper::status() const {
  const Instant t = impl_->now();
  std::vector<CertificateStatus> out;
  for (const Fingerprint& id : impl_->order) {
    out.push_back(impl_->status_of(id, impl_->records.at(id), t));
  }
  return out;
}

}  // namespace muster::keeper
