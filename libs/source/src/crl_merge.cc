#include "crl_merge.h"

#include <algorithm>
#include <map>
#include <unordered_set>

#include "muster/source/issued_list.h"
#include "muster/store/update.h"

namespace muster::source {
namespace {

using SerialSet = std::unordered_set<Serial, SerialHash>;

Result<Unit, SourceError> put_list(const HeldList& list, store::Replacement& replacement,
                                   const std::stop_token& stop) {
  std::optional<SourceError> failed;
  std::size_t n = 0;
  const auto read = read_issued_list(
      as_text(list.text), [&](const Serial& serial, std::optional<UnixSeconds> expires) {
        store::Status status;
        status.expires = expires;
        if (const auto put = replacement.put(serial, status); !put) {
          failed = store_error(put.error());
        } else if (++n % 4096 == 0 && stop.stop_requested()) {
          failed = source_error(SourceErrc::kStopped, list.origin, "stopped");
        }
        return !failed;
      });
  MUSTER_ASSERT(read);  // judged before, and nobody else writes there
  if (failed) {
    return Err{*std::move(failed)};
  }
  return Unit{};
}

/// Serials that the delta takes off the list.
Result<SerialSet, SourceError> removals_of(const HeldCrl* delta, const pki::Certificate& issuer,
                                           const std::stop_token& stop) {
  SerialSet removed;
  if (delta != nullptr) {
    MUSTER_CHECK(for_each_entry_of(
        *delta, issuer, stop,
        [&](const Serial& serial, const crl::EntryView& entry) -> Result<Unit, SourceError> {
          if (entry.reason == ReasonCode::kRemoveFromCrl) {
            removed.insert(serial);
            if (removed.size() > kMaxDeltaRemovals) {
              return Err{source_error(
                  SourceErrc::kUnsupported, delta->origin,
                  "more than " + std::to_string(kMaxDeltaRemovals) + " removeFromCRL entries")};
            }
          } else {
            removed.erase(serial);  // of several entries the last counts
          }
          return Unit{};
        }));
  }
  return removed;
}

/// Entries of one CRL, for all states or one of them.
Result<Unit, SourceError> put_crl(const HeldCrl& crl, const SerialSet& removed,
                                  std::optional<store::State> only, const Merge& merge,
                                  store::Replacement& replacement, const std::stop_token& stop) {
  return for_each_entry_of(
      crl, merge.spec.issuer, stop,
      [&](const Serial& serial, const crl::EntryView& entry) -> Result<Unit, SourceError> {
        if (entry.reason == ReasonCode::kRemoveFromCrl || removed.contains(serial)) {
          return Unit{};
        }
        const store::Status status = status_of(entry);
        if (only && status.state != *only) {
          return Unit{};
        }
        if (const auto put = replacement.put(serial, status); !put) {
          return Err{store_error(put.error())};
        }
        return Unit{};
      });
}

Result<Unit, SourceError> put_all(const Merge& merge, store::Replacement& replacement,
                                  const std::stop_token& stop) {
  for (const HeldList& list : merge.lists) {
    MUSTER_CHECK(put_list(list, replacement, stop));
  }
  std::vector<SerialSet> removed;
  for (const CrlPair& pair : merge.plan.pairs) {
    MUSTER_TRY(removed.emplace_back(), removals_of(pair.delta, merge.spec.issuer, stop));
  }
  // The last record of a serial counts: deltas over complete CRLs, and where several CRLs list one
  // serial a revocation over a hold.
  std::vector<std::optional<store::State>> rounds{std::nullopt};
  if (merge.plan.pairs.size() > 1) {
    rounds = {store::State::kHold, store::State::kRevoked};
  }
  for (const auto& only : rounds) {
    for (std::size_t i = 0; i < merge.plan.pairs.size(); ++i) {
      const CrlPair& pair = merge.plan.pairs[i];
      MUSTER_CHECK(put_crl(*pair.complete, removed[i], only, merge, replacement, stop));
      if (pair.delta != nullptr) {
        MUSTER_CHECK(put_crl(*pair.delta, removed[i], only, merge, replacement, stop));
      }
    }
  }
  return Unit{};
}

/// One CRL alone has one sequence of numbers, which must not go back, whatever became of our files.
Result<Unit, SourceError> check_not_rolled_back(const Merge& merge,
                                                const store::IssuerState& known) {
  if (merge.plan.pairs.size() == 1) {
    const CrlPair& pair = merge.plan.pairs[0];
    if (const auto why = why_older(pair.latest(), known.crl_number, known.this_update)) {
      return Err{source_error(SourceErrc::kRollback,
                              (pair.delta != nullptr ? pair.delta : pair.complete)->origin, *why)};
    }
  }
  return Unit{};
}

/// What the serials of two deltas are under the newer one; nothing for those it leaves to a
/// complete CRL that lacks them.
using Wanted = std::map<Serial, std::optional<store::Status>>;
Result<Wanted, SourceError> wanted_under(const CrlPair& before, const CrlPair& after,
                                         const pki::Certificate& issuer,
                                         const std::stop_token& stop) {
  Wanted wanted;
  SerialSet gone;  // told by the old delta alone: the complete CRL speaks about them again
  if (before.delta != nullptr) {
    MUSTER_CHECK(for_each_entry_of(*before.delta, issuer, stop,
                                   [&](const Serial& serial, const crl::EntryView&) {
                                     gone.insert(serial);
                                     wanted[serial] = std::nullopt;
                                     return Result<Unit, SourceError>(Unit{});
                                   }));
  }
  MUSTER_CHECK(for_each_entry_of(*after.delta, issuer, stop,
                                 [&](const Serial& serial, const crl::EntryView& entry) {
                                   gone.erase(serial);
                                   wanted[serial] = entry.reason == ReasonCode::kRemoveFromCrl
                                                        ? std::nullopt
                                                        : std::optional(status_of(entry));
                                   return Result<Unit, SourceError>(Unit{});
                                 }));
  if (!gone.empty()) {
    MUSTER_CHECK(for_each_entry_of(*after.complete, issuer, stop,
                                   [&](const Serial& serial, const crl::EntryView& entry) {
                                     if (gone.contains(serial)) {
                                       wanted[serial] = status_of(entry);
                                     }
                                     return Result<Unit, SourceError>(Unit{});
                                   }));
  }
  return wanted;
}

/// Which old records stay. CRLs drop expired certificates without saying so: a missing entry is
/// news where a CRL told the revocation and nobody the expiry. What was pushed, set by hand or
/// listed by an index stays until a CRL has told it too.
store::TakePolicy policy_of(const Merge& merge, UnixSeconds now) {
  const store::TakePolicy ruled = keep_records(now, Silence::kEndsOwnEntries);
  return [ruled, keeps = merge.keeps_unlisted()](const Serial& serial, const store::Status& old,
                                                 const std::optional<store::Status>& next) {
    const bool waits = keeps && !next && old.state == store::State::kRevoked;
    return waits ? store::Take::kOld : ruled(serial, old, next);
  };
}

}  // namespace

std::optional<UnixSeconds> never_issued_until(const SourceSpec& spec,
                                              std::span<const HeldList> lists, UnixSeconds now) {
  if (spec.crls.lists_issued() && lists.empty()) {
    return UnixSeconds{};
  }
  std::optional<UnixSeconds> until;
  if (spec.crls.issued_max_age) {
    for (const HeldList& list : lists) {
      const UnixSeconds end = std::min(list.written_at, now) + *spec.crls.issued_max_age;
      until = std::min(until.value_or(end), end);
    }
  }
  return until;
}

store::IssuerState make_facts(const Merge& merge, UnixSeconds now) {
  store::IssuerState facts;
  facts.label = merge.spec.label;
  facts.knows_issued =
      merge.spec.crls.lists_issued() ? store::KnowsIssued::kYes : store::KnowsIssued::kNo;
  facts.this_update = merge.plan.this_update;
  facts.next_update = merge.plan.next_update;
  facts.crl_number = merge.plan.number;
  if (merge.plan.not_revoked_until < merge.plan.next_update) {
    facts.not_revoked_until = merge.plan.not_revoked_until;
  }
  if (merge.lacks_lists()) {
    facts.not_revoked_until = UnixSeconds{};
  }
  facts.never_issued_until = never_issued_until(merge.spec, merge.lists, now);
  facts.loaded_at = now;
  return facts;
}

Result<LoadReport, SourceError> replace_all(store::Store& store, const Merge& merge,
                                            const LoadOptions& options) {
  store::ReplacementOptions replacing;
  replacing.take = policy_of(merge, options.now);
  auto begun = store.begin_replacement(merge.spec.id, std::move(replacing));
  if (!begun) {
    return Err{store_error(begun.error())};
  }
  // Asked only now: what changes from here on makes commit() refuse.
  MUSTER_TRY(const store::IssuerState known, known_facts(store, merge.spec.id));
  MUSTER_CHECK(check_not_rolled_back(merge, known));
  MUSTER_CHECK(put_all(merge, **begun, options.stop));
  const auto sequence = (*begun)->commit(make_facts(merge, options.now));
  if (!sequence) {
    return Err{store_error(sequence.error())};
  }
  LoadReport report{{}, *sequence, (*begun)->report()};
  if (merge.keeps_unlisted()) {  // no alarm: nobody knows as yet whether they should be there
    report.changes.kept = 0;
    report.changes.kept_examples.clear();
  }
  return report;
}

Result<std::optional<DeltaChanges>, SourceError> decide_delta(store::Store& store,
                                                              const Merge& merge,
                                                              const CrlPair& before,
                                                              const CrlPair& after,
                                                              const LoadOptions& options) {
  const std::optional<DeltaChanges> not_this_way;
  if (merge.keeps_unlisted()) {
    return not_this_way;
  }
  const std::size_t most = after.delta->view.entry_count +
                           (before.delta != nullptr ? before.delta->view.entry_count : 0);
  if (most > kMostDeltaChanges) {
    return not_this_way;
  }
  MUSTER_TRY(const store::IssuerState known, known_facts(store, merge.spec.id));
  MUSTER_CHECK(check_not_rolled_back(merge, known));
  MUSTER_TRY(const Wanted wanted, wanted_under(before, after, merge.spec.issuer, options.stop));
  DeltaChanges decided;
  decided.seen = known.sequence;  // what is read below is of this state, or refused when written
  store::ReplacementReport& report = decided.report;
  const store::TakePolicy take = policy_of(merge, options.now);
  const auto reader = store.reader();
  reader->renew();
  for (const auto& [serial, status] : wanted) {
    if (!status && !merge.lists.empty()) {
      return not_this_way;  // whether it is good now only the lists can tell
    }
    const auto old = reader->find(merge.spec.id, serial.octets());
    if (!old) {
      return Err{store_error(old.error())};
    }
    if (*old == status) {
      continue;
    }
    if (*old && take(serial, **old, status) == store::Take::kOld) {
      ++report.kept;
      report.kept_examples.push_back(serial);
      continue;
    }
    const bool ends = *old && (*old)->state != store::State::kGood && !status;
    report.let_go += ends && !(*old)->expires ? 1u : 0u;
    ++(!*old ? report.added : status ? report.changed : report.removed);
    decided.changes.push_back({serial, status});
  }
  return std::optional(std::move(decided));
}

Result<std::optional<LoadReport>, SourceError> write_delta(store::Store& store, const Merge& merge,
                                                           DeltaChanges decided, UnixSeconds now) {
  const auto sequence = store::apply_if_unchanged(store, merge.spec.id, decided.seen,
                                                  decided.changes, make_facts(merge, now));
  if (!sequence) {
    if (sequence.error().code == store::StoreErrc::kBusy) {
      return std::optional<LoadReport>();
    }
    return Err{store_error(sequence.error())};
  }
  decided.report.sequence = *sequence;
  return std::optional(LoadReport{{}, *sequence, std::move(decided.report)});
}

}  // namespace muster::source
