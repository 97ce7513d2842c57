#include "muster/publish/terms.h"

#include <algorithm>
#include <array>

namespace muster::publish {
namespace {

constexpr Seconds days(int n) { return Seconds(n * 86400); }

constexpr std::array kProfiles = {
    Profile{.name = "rfc5280"},
    // CA/Browser Forum BR 2.2.6 sections 4.9.7, 4.9.13, 7.2; Mozilla 3.1 section 6; Microsoft 1.1
    // sections 3.1.10, 3.2.3.
    Profile{.name = "cabf",
            .longest_validity = days(10),
            .longest_validity_cas = days(365),
            .longest_interval = days(7),
            .longest_interval_without_ocsp = days(4),
            .longest_interval_cas = days(365),
            .longest_reaction = days(1),
            .holds_allowed = false,
            .indirect_allowed = false,
            .last_allowed = false,
            .most_bytes_without_ocsp = 10'000'000,
            .next_publish_without_ocsp = true},
    // ETSI EN 319 411-1 CSS-6.3.9-05: half of what is allowed, so that one failure is no breach.
    Profile{.name = "etsi",
            .longest_interval = days(1),
            .longest_interval_without_ocsp = days(1),
            .usual_interval = Seconds(12 * 3600),
            .usual_overlap = Seconds(60 * 3600)},
};

Err<PublishError> bad(std::string detail) {
  return Err{PublishError{PublishErrc::kTerms, std::move(detail)}};
}

std::optional<Seconds> longest_interval_of(const Terms& terms) {
  if (terms.holders == Holders::kCas) {
    return terms.profile->longest_interval_cas;
  }
  return terms.ocsp_pointers ? terms.profile->longest_interval
                             : terms.profile->longest_interval_without_ocsp;
}

}  // namespace

std::string_view to_string(PublishErrc code) {
  switch (code) {
    case PublishErrc::kTerms:
      return "terms";
    case PublishErrc::kSigner:
      return "signer";
    case PublishErrc::kSource:
      return "source";
    case PublishErrc::kForbidden:
      return "forbidden";
    case PublishErrc::kUncovered:
      return "uncovered";
    case PublishErrc::kTooLarge:
      return "too-large";
    case PublishErrc::kTooEarly:
      return "too-early";
    case PublishErrc::kEnded:
      return "ended";
    case PublishErrc::kClock:
      return "clock";
    case PublishErrc::kNumbers:
      return "numbers";
    case PublishErrc::kState:
      return "state";
    case PublishErrc::kBusy:
      return "busy";
    case PublishErrc::kSelfCheck:
      return "self-check";
    case PublishErrc::kStore:
      return "store";
    case PublishErrc::kIo:
      return "io";
  }
  return "unknown";
}

PublishFault fault_of(PublishErrc code) {
  switch (code) {
    case PublishErrc::kTerms:
      return PublishFault::kUsage;
    case PublishErrc::kSigner:
    case PublishErrc::kSource:
    case PublishErrc::kForbidden:
    case PublishErrc::kUncovered:
    case PublishErrc::kTooLarge:
    case PublishErrc::kTooEarly:
    case PublishErrc::kEnded:
    case PublishErrc::kState:
    case PublishErrc::kStore:
      return PublishFault::kInput;
    case PublishErrc::kClock:
    case PublishErrc::kNumbers:
    case PublishErrc::kBusy:
    case PublishErrc::kSelfCheck:
    case PublishErrc::kIo:
      break;
  }
  return PublishFault::kSystem;
}

std::span<const Profile> profiles() { return kProfiles; }

const Profile* find_profile(std::string_view name) {
  const auto* found = std::find_if(kProfiles.begin(), kProfiles.end(),
                                   [&](const Profile& p) { return p.name == name; });
  return found == kProfiles.end() ? nullptr : found;
}

Seconds interval_of(const Terms& terms) {
  return terms.interval.value_or(terms.profile->usual_interval);
}
Seconds overlap_of(const Terms& terms) {
  return terms.overlap.value_or(terms.profile->usual_overlap);
}
Seconds delta_overlap_of(const Terms& terms) {
  return terms.delta_overlap.value_or(terms.delta_interval.value_or(interval_of(terms)));
}
bool says_next_publish(const Terms& terms) {
  return terms.next_publish || (!terms.ocsp_pointers && terms.profile->next_publish_without_ocsp);
}
std::optional<std::uint64_t> most_bytes_of(const Terms& terms) {
  const auto by_profile =
      terms.ocsp_pointers ? std::nullopt : terms.profile->most_bytes_without_ocsp;
  if (terms.most_bytes && by_profile) {
    return std::min(*terms.most_bytes, *by_profile);
  }
  return terms.most_bytes ? terms.most_bytes : by_profile;
}
std::optional<Seconds> longest_validity_of(const Terms& terms) {
  return terms.holders == Holders::kCas ? terms.profile->longest_validity_cas
                                        : terms.profile->longest_validity;
}

PublishResult<Unit> check_terms(const Terms& terms) {
  const std::string profile(terms.profile->name);
  const Seconds interval = interval_of(terms);
  const Seconds validity = interval + overlap_of(terms);
  if (interval < Seconds(1) || overlap_of(terms) < Seconds(0) ||
      delta_overlap_of(terms) < Seconds(0)) {
    return bad("interval must be a second or more, and no overlap negative");
  }
  if (terms.delta_interval &&
      (*terms.delta_interval < Seconds(1) || *terms.delta_interval >= interval)) {
    return bad("delta_interval " + format_duration(*terms.delta_interval) +
               " must be shorter than interval " + format_duration(interval) +
               ", or deltas say nothing that a complete CRL does not");
  }
  if (terms.reaction && *terms.reaction < Seconds(1)) {
    return bad("reaction must be a second or more");
  }
  if (const auto most = longest_interval_of(terms); most && interval > *most) {
    return bad("interval " + format_duration(interval) + " is longer than the " +
               format_duration(*most) + " that profile " + profile +
               " allows here (choose a shorter interval)");
  }
  if (const auto most = longest_validity_of(terms); most && validity > *most) {
    return bad("interval and overlap put nextUpdate " + format_duration(validity) +
               " behind thisUpdate; profile " + profile + " allows " + format_duration(*most) +
               " (choose a shorter overlap)");
  }
  if (const auto most = terms.profile->longest_reaction) {
    const Seconds reaction = std::min(terms.reaction.value_or(interval), interval);
    if (reaction > *most) {
      return bad("a revocation could stay unpublished for " + format_duration(reaction) +
                 "; profile " + profile + " allows " + format_duration(*most) +
                 " (set reaction, or a shorter interval)");
    }
  }
  return Unit{};
}

}  // namespace muster::publish
