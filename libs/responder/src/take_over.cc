// Remembered answers beyond the rules they were made under: of the setup before (a reload, a new
// signer), and, when nothing can be signed, beyond the time at which they should be signed anew.
// Both are true by the record as it stands, as ever (decisions 012 and 047).
#include <algorithm>

#include "answerer_impl.h"
#include "same_again.h"
#include "single_extensions.h"

namespace muster::responder {
namespace {

/// The answers of a signer that was renewed are signed anew within this, evenly: a new delegate
/// must not cost a signature for each of them at once.
constexpr Seconds kRenewalSpread{3600};
/// An answer handed out late is good for so long at least.
constexpr Seconds kLeastLeft{60};

bool may_be_late(Cause cause) {
  return cause == Cause::kSigningQueueFull || cause == Cause::kSigningLimit ||
         cause == Cause::kSignerUnavailable || cause == Cause::kSigningFailed;
}

/// Who of the issuer's signers has the key and may stand in for `chosen`: the same one, or the one
/// it renewed.
std::optional<std::size_t> find_signer(const Issuer& issuer,
                                       const std::array<std::uint8_t, 32>& key, std::size_t chosen,
                                       UnixSeconds now) {
  const auto fits = [&](const IssuerSigner& signer) {
    return signer.key_digest == key && signer.is_usable(now) &&
           equal(signer.signing.algorithm(), issuer.signers[chosen].signing.algorithm());
  };
  if (fits(issuer.signers[chosen])) {
    return chosen;
  }
  const auto found = std::find_if(issuer.signers.begin(), issuer.signers.end(), fits);
  return found == issuer.signers.end()
             ? std::nullopt
             : std::optional(static_cast<std::size_t>(found - issuer.signers.begin()));
}

}  // namespace

ReadyRef Answerer::Impl::take_over(const Asked& one, std::uint32_t variant, std::size_t chosen,
                                   const SignatureWishes& wishes, UnixSeconds now) {
  // Other variants are numbered by positions of the setup before.
  const auto place = variant == 0 ? ready.find(one.id.raw, 0) : ReadyAnswers::Place();
  if (!place || place.entry()->form().facts.setup == setup->number()) {
    return {};
  }
  const ReadyRef old = place.entry();
  const Issuer& issuer = setup->issuers()[one.by.issuer];
  const auto signer = find_signer(issuer, old->form().facts.signer_key, chosen, now);
  if (!signer || (*signer != chosen && !wishes.empty())) {
    return {};
  }
  const SignerRef by{one.by.issuer, *signer};
  const bool says_end = old->form().layout.next_update_at != 0;
  const TimesBefore times{old->signed_at(), old->this_update(),
                          says_end ? std::optional(old->next_update()) : std::nullopt};
  const auto same = restate(*setup, *reader, one.id, by, times, now);
  if (!same) {
    return {};
  }
  const std::uint64_t spread = spread_of(one.id.serial);
  UnixSeconds until = due_at(issuer, same->resolved, spread, times.signed_at);
  if (*signer != chosen) {
    until = std::min(until,
                     now + Seconds(1) + kRenewalSpread * static_cast<std::int64_t>(spread) / 1024);
  }
  const AnswerFacts facts = facts_of(*setup, *same, variant, times.signed_at, until);
  ReadyRef made = take_over_alike(*old, *same, facts);
  return made ? made : take_over_wholly(*old, *same, facts);
}

ReadyRef Answerer::Impl::take_over_wholly(const ReadyAnswer& old, const Asked& same,
                                          const AnswerFacts& facts) {
  Buffer body;
  copy_body(old, body);
  const auto before = read_signed(body);
  if (!before || !is_drafted_again(*setup, *reader, drafter, *before, same)) {
    return {};
  }
  const auto& basic = *before->response.basic;
  ReadyRef made = forms->make(signings->assemble(same.by, basic.tbs_raw, basic.signature), facts);
  if (made) {
    if (taken_over.size() >= kMaxTakenOver) {
      taken_over.clear();
    }
    taken_over[old.form().number] = made;
  }
  return made;
}

// What Drafter::draft() makes of a certificate depends on the setup, the signer, the CertID, what
// was resolved, the times and singleExtensions, and on nothing else. One answer of the form was
// drafted under this setup and its octets were those signed. This one differs from it in serial and
// times, which restate() and draft() only copy; in what was resolved it does not, if it says the
// same as ever, is of the same kind as that one, and has no extensions, neither then nor now.
ReadyRef Answerer::Impl::take_over_alike(const ReadyAnswer& old, const Asked& same,
                                         const AnswerFacts& facts) {
  const auto like = taken_over.find(old.form().number);
  if (like == taken_over.end()) {
    return {};
  }
  const Issuer& issuer = setup->issuers()[same.by.issuer];
  const bool has_extensions =
      !make_single_extensions(issuer, same, reader->issuer_state(issuer.store_id), old.signed_at())
           .empty();
  return !has_extensions && same_status(same.resolved, old.basis())
             ? AnswerForms::make_alike(*like->second, old, facts)
             : ReadyRef();
}

std::optional<Resolved> Answerer::Impl::recall_late(const Asked& one, std::uint32_t variant,
                                                    Cause cause, UnixSeconds now) {
  const auto place = may_be_late(cause) ? ready.find(one.id.raw, variant) : ReadyAnswers::Place();
  if (!place || place.entry()->form().facts.setup != setup->number()) {
    return std::nullopt;
  }
  const ReadyAnswer& found = *place.entry();
  const Resolved basis = found.basis();
  const bool is_used =
      found.signed_at() <= now && now + kLeastLeft < found.next_update() &&
      same_status(look_up(*setup, *reader, found.by(), found.serial(), now), basis);
  return is_used ? std::optional(basis) : std::nullopt;
}

const HttpMessage* Answerer::Impl::use_late(std::uint32_t variant, Cause cause, UnixSeconds now) {
  const Asked& one = asked.front();
  const auto basis = recall_late(one, variant, cause, now);
  if (!basis) {
    return nullptr;
  }
  counters.ready_late.add();
  count(one.by.issuer, *basis);
  return &composer.compose(*ready.find(one.id.raw, variant).entry(), now, date);
}

}  // namespace muster::responder
