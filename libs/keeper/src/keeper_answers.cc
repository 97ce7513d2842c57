#include "keeper_impl.h"
#include "muster/keeper/outcome.h"
#include "shelf_rules.h"

// What becomes of the answers.
namespace muster::keeper {
namespace {

/// Longer entity tags are not remembered: a server may send 64 KiB with each answer.
constexpr std::size_t kMaxEtagBytes = 256;

}  // namespace

void Keeper::Impl::begin(const Order& o, Instant t) {
  Record& record = records.at(o.subject);
  record.last_attempt = t.wall;
  Question question{o.ticket, record.watched.subject, o.url, o.egress, o.method, {}};
  const StaplePointer held = shelf.held(o.subject);
  // "Not modified" would neither confirm nor contradict news.
  if (record.etag_url == o.url && unconfirmed.count(o.subject) == 0 && held &&
      held->facts.usable_at(t.wall)) {
    question.etag = record.etag;
  }
  running.emplace(o.ticket, Running{o.subject, o.url, t.steady, record.watched.subject.issuer});
  asker.ask(question, shelf.policy().verify, t.wall,
            [weak = weak_from_this(), ticket = o.ticket](const Answer& answer) {
              if (const auto self = weak.lock()) {
                self->conclude(ticket, answer);
              }
            });
}

bool Keeper::Impl::is_wanted(const Running& asked) const {
  const auto record = records.find(asked.subject);
  return record != records.end() &&
         have_same_key(asked.issuer, record->second.watched.subject.issuer);
}

void Keeper::Impl::conclude(std::uint64_t ticket, const Answer& answer) {
  const auto node = running.extract(ticket);
  if (node.empty()) {
    return;  // given up or stopped meanwhile
  }
  const Running& asked = node.mapped();
  const Instant t = now();
  if (!is_wanted(asked)) {
    plan.finish(ticket, Outcome{OutcomeKind::kUnacceptable, {}, {}, {}}, t);
  } else if (!answer.outcome) {
    on_not_modified(ticket, asked, answer, t);
  } else if (const client::LiveFailure* failure = answer.outcome->failure()) {
    on_failed(ticket, asked, *failure, t);
  } else {
    on_verified(ticket, asked, *answer.outcome->response(), answer.caching, t);
  }
  turn();
}

void Keeper::Impl::on_failed(std::uint64_t ticket, const Running& asked,
                             const client::LiveFailure& failure, Instant t) {
  if (failure.verify && failure.verify->claim) {
    const client::StaleClaim& claim = *failure.verify->claim;
    if (claim.this_update > t.wall) {
      note_clock(records.at(asked.subject), claim.this_update - t.wall, t);
    } else if (claim.next_update && *claim.next_update < t.wall) {
      note_clock(records.at(asked.subject), *claim.next_update - t.wall, t);
    }
  }
  const FailureClass what = classify(failure);
  const Outcome outcome{outcome_of(failure), {}, {}, failure.retry_after, what};
  const Verdict verdict = plan.finish(ticket, outcome, t);
  note_failure(asked.subject, failure.detail + " (" + asked.url + ")", what, verdict, t);
  tell_answer(asked, outcome, failure.detail, verdict.another_url, nullptr, t);
}

void Keeper::Impl::on_not_modified(std::uint64_t ticket, const Running& asked, const Answer& answer,
                                   Instant t) {
  const auto held = held_facts(asked.subject);
  if (held && held->usable_at(t.wall)) {
    const Outcome outcome{OutcomeKind::kNothingNewer, held, answer.caching.max_age, {}};
    const Verdict verdict = plan.finish(ticket, outcome, t);
    note_success(asked.subject, Choice::kSame, asked.url, t);
    tell_answer(asked, outcome, "not modified", verdict.another_url, nullptr, t);
    return;
  }
  records.at(asked.subject).etag.clear();
  const Outcome outcome{OutcomeKind::kUnacceptable, {}, {}, {}, FailureClass::kNotBetter};
  const Verdict verdict = plan.finish(ticket, outcome, t);
  const std::string why = "the responder says that nothing changed, but what is held has expired";
  note_failure(asked.subject, why + " (" + asked.url + ")", FailureClass::kNotBetter, verdict, t);
  tell_answer(asked, outcome, why, verdict.another_url, nullptr, t);
}

void Keeper::Impl::on_verified(std::uint64_t ticket, const Running& asked,
                               const client::VerifiedResponse& response,
                               const client::CachingAdvice& caching, Instant t) {
  const Fingerprint& id = asked.subject;
  Record& record = records.at(id);
  note_clock(record, std::max(Seconds(0), response.this_update() - t.wall), t);
  if (is_about_news(ticket, asked, response, t)) {
    return;
  }
  const Choice choice = shelf.offer(response, asked.url, t.wall);
  if (takes(choice) || choice == Choice::kSame) {
    record.etag = caching.etag.size() <= kMaxEtagBytes ? caching.etag : std::string();
    record.etag_url = asked.url;
  }
  Outcome result{OutcomeKind::kTaken, held_facts(id), caching.max_age, {}};
  result.kind = outcome_of(choice, result.staple, t.wall);
  if (result.kind == OutcomeKind::kHeldBack) {
    result.staple = shelf.held_back(id)->facts;
  }
  const bool failed =
      result.kind == OutcomeKind::kUnacceptable || result.kind == OutcomeKind::kRefused;
  if (failed) {
    result.staple.reset();
    result.failure = classify(choice);
  }
  const Verdict verdict = plan.finish(ticket, result, t);
  tell_answer(asked, result, std::string(to_string(choice)), verdict.another_url, &response, t);
  if (failed) {
    note_failure(
        id, "the answer from " + asked.url + " is not of use: " + std::string(to_string(choice)),
        *result.failure, verdict, t);
    return;
  }
  if (choice == Choice::kRevocationStands) {
    logger.log(LogLevel::kWarning, "staple.revocation_stands",
               "the responder says good again after a final revocation; the revoked response stays "
               "until it expires (if the CA "
               "revoked by mistake: stop the stapler, delete the file, start it)",
               {{"certificate", record.watched.subject.name}, {"file", shelf.path_of(id)}});
  }
  note_success(id, choice, asked.url, t);
}

// ---- news

bool Keeper::Impl::is_about_news(std::uint64_t ticket, const Running& asked,
                                 const client::VerifiedResponse& response, Instant t) {
  const Fingerprint& id = asked.subject;
  const auto held = held_facts(id);
  const StapleFacts facts = shelf.facts_of(response, t.wall);
  const StaplePointer pending = shelf.held_back(id);
  // One that begins a little later is news now: when it begins nobody asks any more. What is held
  // back already was confirmed before.
  const bool tells =
      judge_candidate(facts, held ? &*held : nullptr, std::max(t.wall, facts.this_update)) ==
          Choice::kTakeRevocation &&
      !(pending && pending->facts.status == facts.status);
  const auto found = unconfirmed.find(id);
  const std::string& name = records.at(id).watched.subject.name;
  if (found == unconfirmed.end()) {
    if (!tells || options.confirm_within == Seconds(0)) {
      return false;
    }
    unconfirmed.emplace(id, Unconfirmed{response, asked.url, t.steady + options.confirm_within, 0});
    logger.log(
        LogLevel::kWarning, "revocation.reported",
        "an answer says that this certificate is revoked; it is asked about once more before "
        "that is acted upon",
        {{"certificate", name},
         {"url", asked.url},
         {"within", format_duration(options.confirm_within)}});
  } else if (tells) {
    // Twice: the usual way from here. Where the second begins later, the first holds until then.
    const auto node = unconfirmed.extract(found);
    const Unconfirmed& first = node.mapped();
    if (first.response.this_update() <= t.wall && t.wall < facts.this_update) {
      shelf.offer(first.response, first.url, t.wall);
    }
    return false;
  } else if (facts.status == StapleStatus::kGood &&
             facts.this_update > found->second.response.this_update() &&
             ++found->second.contradictions >= 2) {
    logger.log(LogLevel::kWarning, "revocation.not_confirmed",
               "one answer said that this certificate is revoked, two newer ones say good; ask the "
               "CA which is true",
               {{"certificate", name}, {"url", found->second.url}});
    unconfirmed.erase(found);
    return false;
  } else if (facts.status == StapleStatus::kGood) {
    shelf.offer(response, asked.url, t.wall);
    records.at(id).etag_url.clear();  // belongs to the one before
  }
  const Outcome outcome{OutcomeKind::kUnconfirmed, {}, {}, {}};
  const Verdict verdict = plan.finish(ticket, outcome, t);
  tell_answer(asked, outcome, "news that a second answer is to confirm", verdict.another_url,
              &response, t);
  return true;
}

Choice Keeper::Impl::offer(const client::VerifiedResponse& response, const std::string& source) {
  const Instant t = now();
  const Choice choice = shelf.offer(response, source, t.wall);
  const pki::Certificate* certificate = response.subject().certificate();
  if (certificate == nullptr) {
    return choice;
  }
  const Fingerprint id = certificate->fingerprint();
  const auto held = held_facts(id);
  if ((takes(choice) || choice == Choice::kSame) && held) {
    first_round.erase(id);
    // A good answer does not contradict news that wait to be confirmed: they are asked about all
    // the same. One that says so itself confirms them.
    if (held->status != StapleStatus::kGood) {
      unconfirmed.erase(id);
    }
    if (!unconfirmed.contains(id)) {
      plan.offered(id, *held, t);
    }
  }
  if (started) {
    turn();
  }
  return choice;
}

void Keeper::Impl::believe_overdue_news(Instant t) {
  for (auto next = unconfirmed.begin(); next != unconfirmed.end();) {
    const auto it = next++;
    if (it->second.until > t.steady) {
      continue;
    }
    const auto node = unconfirmed.extract(it);
    shelf.offer(node.mapped().response, node.mapped().url, t.wall);
  }
}

// ---- the clock

void Keeper::Impl::note_clock(const Record& record, Seconds ahead, Instant t) {
  sanity.note(record.watched.subject.issuer.fingerprint(), ahead, t.steady);
  judge_clock(t);
}

void Keeper::Impl::judge_clock(Instant t) {
  const auto before = std::exchange(clock_suspicion, sanity.suspicion(t.steady));
  if (clock_suspicion && !before) {
    const bool behind = *clock_suspicion > Seconds(0);
    logger.log(LogLevel::kError, "clock.suspect",
               std::string("the clock of this machine seems to be ") +
                   (behind ? "behind" : "ahead") + " by at least " +
                   format_duration(std::chrono::abs(*clock_suspicion)) +
                   ": the answers of several CAs " +
                   (behind ? "begin in its future" : "have ended before they arrive") +
                   " (set it, or look at the time service). What is on offer is kept until it ends "
                   "by this clock",
               {{"seconds", static_cast<long long>(clock_suspicion->count())}});
  } else if (before && !clock_suspicion) {
    logger.log(LogLevel::kInfo, "clock.plausible",
               "the answers of the CAs give no reason any more to doubt the clock of this machine");
  }
}

}  // namespace muster::keeper
