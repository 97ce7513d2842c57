#include "source_check.h"

namespace muster::publish {

PublishResult<SourceFacts> check_sources(const Spec& spec, store::Reader& reader, UnixSeconds now) {
  SourceFacts facts;
  if (reader.renew() == 0) {
    return Err{PublishError{PublishErrc::kStore,
                            spec.label + ": the store cannot be read (see 'muster store verify')"}};
  }
  for (const Subject& subject : spec.subjects) {
    const store::IssuerState* known = reader.issuer_state(subject.id);
    const std::string who = subject.ca.subject_text() + ": ";
    // Without a CRL or an index that says so, no record may mean that nobody has said anything yet.
    const bool may_be_empty =
        known != nullptr && known->loaded_at != UnixSeconds{} &&
        (known->this_update || known->knows_issued == store::KnowsIssued::kYes);
    if (known == nullptr || (known->records == 0 && !may_be_empty)) {
      return Err{PublishError{
          PublishErrc::kSource,
          who +
              "the store knows nothing of its certificates, and an empty CRL would clear them all "
              "(import a source; if none was ever issued, say 'muster store issuer --issued "
              "complete')"}};
    }
    // What a CRL leaves out it clears: the records must be good for that.
    const auto ends = known->not_revoked_until ? known->not_revoked_until : known->next_update;
    if (ends && *ends <= now) {
      return Err{
          PublishError{PublishErrc::kSource,
                       who + "the CRLs that its records come from say who is not revoked until " +
                           format_iso8601(*ends) + " only (get newer ones)"}};
    }
    if (subject.oldest_source && !known->this_update &&
        known->loaded_at + *subject.oldest_source <= now) {
      return Err{
          PublishError{PublishErrc::kSource,
                       who + "its source was read last at " + format_iso8601(known->loaded_at) +
                           "; that is too old to be signed again (see why it cannot be read)"}};
    }
    if (known->crl_number && equal(subject.ca.public_key_info(), spec.signer.public_key_info())) {
      const auto number = crl::Number::make(*known->crl_number);
      facts.number = !number || (facts.number && *number < *facts.number) ? facts.number : number;
    }
    facts.revoked += subject.states.compromised_at ? known->records : known->revoked;
    if (ends && (!facts.ends || *ends < *facts.ends)) {
      facts.ends = ends;
    }
  }
  return facts;
}

}  // namespace muster::publish
