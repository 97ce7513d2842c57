#include <algorithm>

#include "engine_impl.h"

// One certificate under several CertIDs: each spelling is held by itself, but a final revocation
// counts for the certificate, in whatever spelling it was told (decision 051).
namespace muster::relay {

bool Engine::Impl::is_contradicted(const Fingerprint& own, const client::Subject& subject,
                                   const pki::Certificate& issuer, const keeper::StapleFacts& said,
                                   UnixSeconds at) const {
  if (said.status == keeper::StapleStatus::kRevoked) {
    return false;
  }
  return std::any_of(kAllHashAlgorithms.begin(), kAllHashAlgorithms.end(), [&](HashAlgorithm hash) {
    const Fingerprint key = asked_of(hash, subject, issuer).key;
    const keeper::StaplePointer held = key == own ? nullptr : shelf.held(key);
    if (!held || held->facts.status != keeper::StapleStatus::kRevoked) {
      return false;
    }
    const keeper::Choice choice = keeper::judge_candidate(said, &held->facts, at);
    return choice == keeper::Choice::kRevocationStands || choice == keeper::Choice::kOlder ||
           (choice == keeper::Choice::kUnknownStatus && at < held->facts.expires);
  });
}

void Engine::Impl::withdraw_contradicted(Instant t) {
  for (const Fingerprint& key : std::exchange(put_on_offer, {})) {
    const auto found = entries.find(key);
    const keeper::StaplePointer held = shelf.held(key);
    if (found == entries.end() || !held) {
      continue;
    }
    const bool is_revoked = held->facts.status == keeper::StapleStatus::kRevoked;
    if (!is_revoked) {
      withdraw_if_contradicted(found->second, t);
      if (refusals.size() == 0) {
        continue;  // a restart takes up many
      }
    }
    const Entry& news = found->second;
    for (const HashAlgorithm hash : kAllHashAlgorithms) {
      const Fingerprint spelled = asked_of(hash, news.subject, news.issuer).key;
      refusals.forget(spelled);  // told before this answer came
      const auto other = entries.find(spelled);
      if (is_revoked && other != entries.end()) {
        other->second.unknown.reset();  // the same, in the round under way
        withdraw_if_contradicted(other->second, t);
      }
    }
  }
}

void Engine::Impl::withdraw_if_contradicted(Entry& entry, Instant t) {
  const Fingerprint key = entry.asked.key;
  const keeper::StaplePointer held = shelf.held(key);
  if (!held || !is_contradicted(key, entry.subject, entry.issuer, held->facts, t.wall)) {
    return;
  }
  logger.log(LogLevel::kWarning, "relay.withdrawn",
             "the certificate was revoked, says an answer with another CertID of it; what this "
             "CertID was answered with is no longer handed out, and is asked for again",
             {{"certificate", entry.name}, {"hash", to_string(entry.asked.hash)}});
  shelf.discard(key);
  held_bytes -= entry.held_bytes;
  entry.held_bytes = 0;
  plan.staple_changed(key, std::nullopt, t);
}

}  // namespace muster::relay
