#include <algorithm>

#include "case.h"

// CRLs, where a profile speaks of them.
namespace muster::lint {
namespace {

using pki::CrlErrc;
using std::chrono::hours;

Ruling parses(const Case& c) { return demand(c.crl->crl.has_value(), c.crl->parse_error); }

Ruling verifies(const Case& c) {
  if (!c.crl->crl || !c.crl->is_verifiable) {
    return skip();
  }
  return demand(!c.crl->error, c.crl->error ? c.crl->error->detail : "");
}

Ruling no_defect(const Case& c) {
  if (!c.crl->crl) {
    return skip();
  }
  for (std::size_t i = 0; i < crl::kDefectCount; ++i) {
    const auto defect = static_cast<crl::Defect>(i);
    if (c.crl->crl->defects.has(defect)) {
      return broken(std::string(crl::to_string(defect)) + " at octet " +
                    std::to_string(c.crl->crl->defects.first_offset(defect)));
    }
  }
  return holds();
}

Ruling is_version_2(const Case& c) {
  return c.crl->crl ? demand(c.crl->crl->version == 2, "the CRL is of version 1") : skip();
}
Ruling has_next_update(const Case& c) {
  return c.crl->crl ? demand(c.crl->crl->next_update.has_value(), "nextUpdate is absent") : skip();
}
Ruling has_number(const Case& c) {
  return c.crl->crl ? demand(c.crl->crl->crl_number.has_value(), "the CRL number is absent")
                    : skip();
}
Ruling has_key_id(const Case& c) {
  return c.crl->crl ? demand(c.crl->crl->authority_key_id.has_value(),
                             "the authority key identifier, or its keyIdentifier, is absent")
                    : skip();
}
Ruling not_expired(const Case& c) {
  if (!c.crl->crl || !c.crl->crl->next_update) {
    return skip();
  }
  return demand(*c.crl->crl->next_update > c.subject.now,
                "nextUpdate was " + time_text(c.crl->crl->next_update));
}
Ruling not_ahead(const Case& c) {
  return c.crl->crl ? demand(c.crl->crl->this_update <= c.subject.now + Seconds(300),
                             "thisUpdate is " + time_text(c.crl->crl->this_update))
                    : skip();
}

std::optional<Seconds> interval(const Case& c) {
  const auto& crl = c.crl->crl;
  return crl && crl->next_update ? std::optional(*crl->next_update - crl->this_update)
                                 : std::nullopt;
}
Ruling ten_days(const Case& c) {
  const auto whole = interval(c);
  // A CA that certifies CAs has twelve months: what this one certifies only --cert can tell.
  if (!whole || c.is_about_a_ca()) {
    return skip();
  }
  return demand(*whole <= hours(240),
                "nextUpdate lies " + format_duration(*whole) + " behind thisUpdate");
}
Ruling twelve_months(const Case& c) {
  const auto whole = interval(c);
  return whole && c.is_about_a_ca()
             ? demand(*whole <= hours(366 * 24),
                      "nextUpdate lies " + format_duration(*whole) + " behind thisUpdate")
             : skip();
}
Ruling daily(const Case& c) {
  constexpr UnixSeconds kNoEnd = unix_seconds(253402300799);
  if (!c.crl->crl || c.crl->crl->next_update == kNoEnd) {
    return skip();
  }
  return demand(c.subject.now - c.crl->crl->this_update <= hours(24),
                "thisUpdate " + time_text(c.crl->crl->this_update) + " is " +
                    format_duration(std::max(Seconds(0), c.subject.now - c.crl->crl->this_update)) +
                    " old");
}
Ruling direct(const Case& c) {
  return c.crl->crl ? demand(!c.crl->crl->is_indirect(), "the CRL is an indirect one") : skip();
}

template <ReasonCode kReason>
Ruling no_entry_with(const Case& c) {
  if (!c.crl->crl) {
    return skip();
  }
  std::string found;
  crl::for_each_entry(*c.crl->crl, [&found](const crl::AttributedEntry& e) {
    if (e.entry.reason == kReason) {
      found = to_hex(e.entry.serial);
      return crl::Walk::kStop;
    }
    return crl::Walk::kContinue;
  });
  return demand(found.empty(), "the entry for the serial " + found + " has the reason " +
                                   std::string(to_string(kReason)));
}

constexpr Rule kRules[] = {
    {"crl-parses", Scope::kCrl, Level::kMust, kEveryProfile, "RFC 5280 5.1", "OCSP-CRL-002",
     "A CRL has the elements of the ASN.1 module, in DER.", parses},
    {"crl-verifies", Scope::kCrl, Level::kMust, kEveryProfile, "RFC 5280 5.1.1.3, 6.3.3",
     "OCSP-CRL-034", "A CRL is signed by its issuer, whose key may sign CRLs.", verifies},
    {"crl-no-defect", Scope::kCrl, Level::kShould, kEveryProfile, "RFC 5280 5.1, 5.2, 5.3",
     "OCSP-CRL-019", "A CRL has none of the defects that readers tolerate or stumble over.",
     no_defect},
    {"crl-version-2", Scope::kCrl, Level::kMust, kEveryProfile, "RFC 5280 5.1.2.1", "OCSP-CRL-009",
     "A CRL is of version 2, since it has extensions.", is_version_2},
    {"crl-next-update", Scope::kCrl, Level::kMust, kEveryProfile, "RFC 5280 5.1.2.5",
     "OCSP-CRL-004", "A CRL has nextUpdate.", has_next_update},
    {"crl-number", Scope::kCrl, Level::kMust, kEveryProfile, "RFC 5280 5.2.3", "OCSP-CRL-009",
     "A CRL has a number.", has_number},
    {"crl-authority-key-id", Scope::kCrl, Level::kMust, kEveryProfile, "RFC 5280 5.2.1",
     "OCSP-CRL-009", "A CRL has an authority key identifier.", has_key_id},
    {"crl-not-expired", Scope::kCrl, Level::kMust, kEveryProfile, "RFC 5280 6.3.3 (a)",
     "OCSP-CRL-025", "nextUpdate of the CRL has not passed.", not_expired},
    {"crl-not-ahead", Scope::kCrl, Level::kMust, kEveryProfile, "RFC 5280 5.1.2.4", "OCSP-CRL-004",
     "thisUpdate of the CRL does not lie in the future.", not_ahead},
    {"crl-reason-omitted", Scope::kCrl, Level::kShould, kEveryProfile, "RFC 5280 5.3.1",
     "OCSP-CRL-014", "The reason extension is left out rather than saying unspecified.",
     no_entry_with<ReasonCode::kUnspecified>},
    {"crl-forum-validity", Scope::kCrl, Level::kMust, kWebProfiles | set_of({Profile::kCabfSmime}),
     "CA/B BR 7.2; Mozilla policy 3.1 6; S/MIME BR 4.9.7", "OCSP-CRL-041",
     "A CRL of subscriber certificates holds for at most 10 days.", ten_days},
    {"crl-forum-ca-validity", Scope::kCrl, Level::kMust, kForumProfiles,
     "CA/B BR 7.2; CSBR 4.9.7; S/MIME BR 4.9.7", "OCSP-CRL-041",
     "A CRL of CA certificates holds for at most 12 months.", twelve_months},
    {"crl-web-direct", Scope::kCrl, Level::kMust, kWebProfiles, "CA/B BR 7.2", "OCSP-CRL-042",
     "A CRL is not an indirect one.", direct},
    {"crl-web-no-hold", Scope::kCrl, Level::kMust, kWebProfiles, "CA/B BR 7.2.2", "OCSP-CRL-042",
     "certificateHold is not used on CRLs.", no_entry_with<ReasonCode::kCertificateHold>},
    {"crl-etsi-daily", Scope::kCrl, Level::kMust, set_of({Profile::kEtsi}),
     "EN 319 411-1 CSS-6.3.9-05", "OCSP-CRL-048",
     "A CRL of end users is published every 24 hours until the last one.", daily},
};

}  // namespace

std::span<const Rule> crl_rules() { return kRules; }

}  // namespace muster::lint
