#include <utility>

#include "keeper_impl.h"

namespace muster::keeper {
namespace {

/// Different errors about one certificate that are logged as warnings until it succeeds again.
constexpr std::size_t kMaxToldErrors = 16;
/// Staples found on the shelf that are told of one by one; of more, how many there were: a hundred
/// thousand lines at each start would help nobody.
constexpr std::size_t kMostToldLoaded = 100;

}  // namespace

void Keeper::Impl::report_not_needed(const Record& record) {
  const bool must = record.watched.subject.certificate.facts().must_staple();
  logger.log(must ? LogLevel::kWarning : LogLevel::kInfo, "certificate.not_needed",
             must ? "the certificate demands stapling but " + record.not_needed +
                        "; clients will refuse it (give a responder in the configuration, or "
                        "have it reissued)"
                  : "no staple is kept for a certificate: " + record.not_needed,
             {{"certificate", record.watched.subject.name}});
}

void Keeper::Impl::note_success(const Fingerprint& id, Choice choice, const std::string& url,
                                Instant t) {
  Record& record = records.at(id);
  if (!record.last_error.empty()) {
    logger.log(LogLevel::kInfo, "fetch.recovered", "the responder answers again",
               {{"certificate", record.watched.subject.name}, {"url", url}});
  }
  record.last_success = t.wall;
  record.last_error.clear();
  record.last_failure.reset();
  record.told.clear();
  record.failures = 0;
  record.reported = CertificateState::kFresh;
  first_round.erase(id);
  logger.log(LogLevel::kDebug, "fetch.answered", to_string(choice),
             {{"certificate", record.watched.subject.name}, {"url", url}});
}

void Keeper::Impl::note_failure(const Fingerprint& id, const std::string& error,
                                FailureClass failure, const Verdict& verdict, Instant t) {
  Record& record = records.at(id);
  const bool news = record.told.size() < kMaxToldErrors && record.told.insert(error).second;
  record.last_error = error;
  record.last_failure = failure;
  record.failures = verdict.failures;
  if (!verdict.another_url) {
    first_round.erase(id);
  }
  const StaplePointer held = shelf.held(id);
  const CertificateState state =
      judge_state(held ? &held->facts : nullptr, shelf.held_back(id) != nullptr,
                  record.watched.subject.certificate.not_after(), t.wall);
  const bool worse = !verdict.another_url && state > record.reported &&
                     state != CertificateState::kRevoked && state != CertificateState::kOnHold;
  LogLevel level = LogLevel::kDebug;
  if (verdict.quiet) {
    level = news ? LogLevel::kInfo : LogLevel::kDebug;
  } else if (worse && state >= CertificateState::kCritical) {
    level = LogLevel::kError;
  } else if (worse || news) {
    level = LogLevel::kWarning;
  }
  if (worse) {
    record.reported = state;
  }
  const auto next_due = plan.view(id, t).next_due;
  logger.log(
      level, "fetch.failed", error,
      {{"certificate", record.watched.subject.name},
       {"state", to_string(state)},
       {"expires", held ? format_iso8601(held->facts.expires) : std::string("-")},
       {"class", to_string(failure)},
       {"failures", verdict.failures},
       {"next_try_in", next_due ? format_duration(*next_due - t.wall) : std::string("never")}});
}

void Keeper::Impl::tell_answer(const Running& asked, const Outcome& outcome, std::string detail,
                               bool another, const client::VerifiedResponse* response,
                               Instant t) const {
  const auto record = records.find(asked.subject);
  if (!answer_listener || record == records.end()) {
    return;
  }
  answer_listener({asked.subject, record->second.watched.subject.name, asked.url, t.wall,
                   std::chrono::duration_cast<Milliseconds>(t.steady - asked.since), outcome.kind,
                   outcome.failure, std::move(detail), another, response});
}

void Keeper::Impl::on_shelf_change(const Subject& subject, ShelfChange change,
                                   const StaplePointer& staple) {
  const Fingerprint id = subject.certificate.fingerprint();
  switch (change) {
    case ShelfChange::kLoaded:
      if (++loaded <= kMostToldLoaded) {
        logger.log(
            LogLevel::kInfo, "staple.loaded", "a staple was found on the shelf",
            {{"certificate", subject.name}, {"expires", format_iso8601(staple->facts.expires)}});
      }
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
  if (staple && !started) {
    first_round.erase(id);  // taken up from a file: nobody need wait for a first answer
  }
  plan.staple_changed(id, held_facts(id), now());
  if (listener) {
    listener(subject, change, staple);
  }
}

void Keeper::Impl::sum_up_loaded() {
  const std::size_t found = std::exchange(loaded, std::size_t{0});
  if (found > kMostToldLoaded) {
    logger.log(LogLevel::kInfo, "shelf.loaded",
               std::to_string(found) + " staples were found on the shelf; the first " +
                   std::to_string(kMostToldLoaded) + " were told of one by one",
               {{"staples", static_cast<unsigned long long>(found)}});
  }
}

CertificateStatus Keeper::Impl::status_of(const Fingerprint& id, const Record& record,
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
  out.last_failure = record.last_failure;
  out.paused = is_paused(id);
  out.resumed = record.resumed;
  out.pin = shelf.pin_of(id);
  const PlanView view = plan.view(id, t);
  out.attempts = view.attempts;
  out.next_due = view.next_due;
  out.listed = t.wall - std::chrono::floor<Seconds>(t.steady - record.listed);
  if (view.probed) {
    out.last_probe = t.wall - std::chrono::floor<Seconds>(t.steady - *view.probed);
  }
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
  out.state =
      judge_state(out.shown(), shelf.held_back(id) != nullptr, certificate.not_after(), t.wall);
  return out;
}

}  // namespace muster::keeper
