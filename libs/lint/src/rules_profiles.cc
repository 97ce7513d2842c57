#include <algorithm>

#include "case.h"

// What single profiles demand of a response: CA/Browser Forum, root programs, ETSI, federal PKI,
// charging stations.
namespace muster::lint {
namespace {

using std::chrono::hours;
constexpr Seconds kDay = hours(24);
/// "99991231235959Z": no further information will come (EN 319 411-2 CSS-6.3.10-11).
constexpr UnixSeconds kNoEnd = unix_seconds(253402300799);
constexpr std::size_t kStationCharacters = 5500;

bool is_subscribers(const Case& c) { return !c.is_about_a_ca(); }

/// Between the fields, both ends counted: round figures are one second too long.
std::optional<Seconds> interval(const LooseEntry& e) {
  return e.this_update && e.next_update
             ? std::optional(*e.next_update - *e.this_update + Seconds(1))
             : std::nullopt;
}
std::string interval_text(const LooseEntry& e) {
  return "from thisUpdate " + time_text(e.this_update) + " to nextUpdate " +
         time_text(e.next_update) + ", both counted, are " + std::to_string(interval(e)->count()) +
         " s (" + format_duration(*interval(e)) + ")";
}

template <std::int64_t kSeconds>
Ruling at_least(const Case& c) {
  return each_entry(c, [](const LooseEntry& e) -> std::optional<std::string> {
    return interval(e) && *interval(e) < Seconds(kSeconds) ? std::optional(interval_text(e))
                                                           : std::nullopt;
  });
}
template <std::int64_t kSeconds>
Ruling at_most(const Case& c) {
  return each_entry(c, [](const LooseEntry& e) -> std::optional<std::string> {
    return interval(e) && *interval(e) > Seconds(kSeconds) ? std::optional(interval_text(e))
                                                           : std::nullopt;
  });
}
template <std::int64_t kSeconds>
Ruling subscriber_at_least(const Case& c) {
  return is_subscribers(c) ? at_least<kSeconds>(c) : skip();
}
template <std::int64_t kSeconds>
Ruling subscriber_at_most(const Case& c) {
  return is_subscribers(c) ? at_most<kSeconds>(c) : skip();
}
Ruling ca_at_most_a_year(const Case& c) {
  return c.is_about_a_ca() ? at_most<std::int64_t{366} * 86400>(c) : skip();
}

/// Rules on when an answer must have been replaced: of those that are being served.
Ruling replaced_by(const Case& c,
                   const std::function<UnixSeconds(const LooseEntry&, Seconds)>& deadline) {
  if (!c.exchange().served_at || !is_subscribers(c)) {
    return skip();
  }
  return each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    if (!interval(e)) {
      return std::nullopt;
    }
    const UnixSeconds end = deadline(e, *interval(e));
    return *c.exchange().served_at > end
               ? std::optional("served at " + format_iso8601(*c.exchange().served_at) +
                               ", but with thisUpdate " + time_text(e.this_update) +
                               " and nextUpdate " + time_text(e.next_update) +
                               " it was to be replaced by " + format_iso8601(end))
               : std::nullopt;
  });
}
Ruling forum_replaced(const Case& c) {
  return replaced_by(c, [](const LooseEntry& e, Seconds whole) {
    return whole < hours(16) ? *e.next_update - whole / 2
                             : std::min(*e.next_update - hours(8), *e.this_update + 4 * kDay);
  });
}
Ruling signing_replaced(const Case& c) {
  return replaced_by(c, [](const LooseEntry& e, Seconds) { return *e.this_update + 4 * kDay; });
}
Ruling microsoft_replaced(const Case& c) {
  return replaced_by(c, [](const LooseEntry& e, Seconds whole) {
    return whole > hours(16) ? *e.this_update + whole / 2 : *e.next_update;
  });
}
Ruling daily_replaced(const Case& c) {
  return replaced_by(c, [](const LooseEntry& e, Seconds) { return *e.this_update + kDay; });
}

Ruling no_hold(const Case& c) {
  return each_entry(c, [](const LooseEntry& e) {
    return e.reason == static_cast<std::uint64_t>(ReasonCode::kCertificateHold)
               ? std::optional(entry_text(e) + " is revoked with the reason certificateHold")
               : std::nullopt;
  });
}

Ruling ca_reason(const Case& c) {
  if (!c.is_about_a_ca()) {
    return skip();
  }
  bool is_revoked = false;
  const Ruling ruling = each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    if (e.status != LooseEntry::Status::kRevoked) {
      return std::nullopt;
    }
    is_revoked = true;
    if (!e.reason) {
      return entry_text(e) + " is a CA's, revoked without a reason";
    }
    const auto reason = make_reason_code(*e.reason);
    const bool forbidden = !reason || *reason == ReasonCode::kUnspecified ||
                           *reason == ReasonCode::kCertificateHold ||
                           *reason == ReasonCode::kRemoveFromCrl;
    return forbidden ? std::optional(entry_text(e) + " is a CA's, revoked with the reason " +
                                     std::to_string(*e.reason))
                     : std::nullopt;
  });
  return is_revoked ? ruling : skip();
}

Ruling no_reason_extension(const Case& c) {
  return each_entry(c, [](const LooseEntry& e) {
    return find_extension(e.extensions, oid::kCeReasonCode) != nullptr
               ? std::optional(std::string("singleExtensions hold reasonCode"))
               : std::nullopt;
  });
}

/// The signature algorithms that CA/B BR 7.1.3.2 permits, as their whole identifiers.
constexpr std::string_view kPermittedAlgorithms[] = {
    // RSASSA-PKCS1-v1_5 with SHA-256, SHA-384, SHA-512
    "300d06092a864886f70d01010b0500",
    "300d06092a864886f70d01010c0500",
    "300d06092a864886f70d01010d0500",
    // RSASSA-PSS: hash, MGF-1 with the same hash, salt as long as the hash
    "304106092a864886f70d01010a3034a00f300d0609608648016503040201"
    "0500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120",
    "304106092a864886f70d01010a3034a00f300d0609608648016503040202"
    "0500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130",
    "304106092a864886f70d01010a3034a00f300d0609608648016503040203"
    "0500a11c301a06092a864886f70d010108300d06096086480165030402030500a203020140",
    // ECDSA with SHA-256, SHA-384, SHA-512
    "300a06082a8648ce3d040302",
    "300a06082a8648ce3d040303",
    "300a06082a8648ce3d040304",
};

Ruling permitted_algorithm(const Case& c) {
  if (!c.loose().signature_algorithm) {
    return skip();
  }
  const std::string found = to_hex(c.loose().signature_algorithm->raw);
  return demand(std::find(std::begin(kPermittedAlgorithms), std::end(kPermittedAlgorithms),
                          found) != std::end(kPermittedAlgorithms),
                "the signature algorithm is " + found + " (" +
                    der::oid_to_string(c.loose().signature_algorithm->oid) + ")");
}

Ruling not_sha1(const Case& c) {
  if (!c.loose().signature_algorithm) {
    return skip();
  }
  const std::string oid = der::oid_to_string(c.loose().signature_algorithm->oid);
  return demand(oid != "1.2.840.113549.1.1.5" && oid != "1.2.840.10045.4.1" &&
                    oid != "1.2.840.10040.4.3" && oid != "1.3.14.3.2.29",
                "the response is signed with SHA-1 (" + oid + ")");
}

Ruling no_long_nonce(const Case& c) {
  const auto* nonce = find_extension(c.loose().extensions, oid::kOcspNonce);
  const auto parsed = nonce != nullptr ? ocsp::parse_nonce(nonce->value)
                                       : der::DerResult<ocsp::NonceView>(Err{der::DerError{}});
  return parsed
             ? demand(parsed->octets.size() <= 32,
                      "a nonce of " + std::to_string(parsed->octets.size()) + " octets came back")
             : skip();
}

// ---- ETSI

/// Of a certificate nobody knows there is nothing to tell, an archive least of all.
Ruling has_cutoff(const Case& c) {
  bool is_known = false;
  const Ruling ruling = each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    if (e.status == LooseEntry::Status::kUnknown) {
      return std::nullopt;
    }
    is_known = true;
    return find_extension(e.extensions, oid::kOcspArchiveCutoff) == nullptr
               ? std::optional(entry_text(e) + " has no archiveCutoff")
               : std::nullopt;
  });
  return is_known ? ruling : skip();
}

Ruling cutoff_is_the_cas(const Case& c) {
  if (!c.subject.issuer) {
    return skip();
  }
  bool is_there = false;
  const Ruling ruling = each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    const auto* extension = find_extension(e.extensions, oid::kOcspArchiveCutoff);
    const auto cutoff = extension != nullptr ? ocsp::parse_archive_cutoff(extension->value)
                                             : der::DerResult<UnixSeconds>(Err{der::DerError{}});
    is_there |= static_cast<bool>(cutoff);
    return cutoff && *cutoff != c.subject.issuer->not_before()
               ? std::optional("archiveCutoff is " + format_iso8601(*cutoff) +
                               ", and the CA's notBefore is " +
                               format_iso8601(c.subject.issuer->not_before()))
               : std::nullopt;
  });
  return is_there ? ruling : skip();
}

/// An answer without end is the last one: then nothing more may become known of the certificate.
Ruling last_answer(const Case& c) {
  bool is_last = false;
  const Ruling ruling = each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    if (e.next_update != kNoEnd) {
      return std::nullopt;
    }
    is_last = true;
    const bool is_final = e.status == LooseEntry::Status::kRevoked
                              ? e.reason != static_cast<std::uint64_t>(ReasonCode::kCertificateHold)
                              : c.subject.certificate && c.loose().produced_at &&
                                    c.subject.certificate->not_after() < *c.loose().produced_at;
    return is_final || (!c.subject.certificate && e.status == LooseEntry::Status::kGood)
               ? std::nullopt
               : std::optional(entry_text(e) +
                               " has no end (99991231235959Z), but may still be revoked");
  });
  return is_last ? ruling : skip();
}

// ---- federal PKI

Ruling no_nonce(const Case& c) {
  return c.loose().has_basic
             ? demand(find_extension(c.loose().extensions, oid::kOcspNonce) == nullptr,
                      "the response has a nonce")
             : skip();
}
Ruling sha1_cert_ids(const Case& c) {
  return each_entry(c, [](const LooseEntry& e) -> std::optional<std::string> {
    const auto hash = e.cert_id ? der::find_hash(e.cert_id->hash_algorithm) : std::nullopt;
    return hash == HashAlgorithm::kSha1
               ? std::nullopt
               : std::optional(entry_text(e) + " is named by another hash than SHA-1");
  });
}
Ruling one_issuer(const Case& c) {
  const auto& entries = c.loose().entries;
  return each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    const bool same =
        !e.cert_id || !entries.front().cert_id ||
        (equal(e.cert_id->issuer_name_hash, entries.front().cert_id->issuer_name_hash) &&
         equal(e.cert_id->issuer_key_hash, entries.front().cert_id->issuer_key_hash));
    return same ? std::nullopt : std::optional(std::string("entries are about several issuers"));
  });
}
Ruling rsa_sha256(const Case& c) {
  return c.loose().signature_algorithm
             ? demand(der::oid_to_string(c.loose().signature_algorithm->oid) ==
                          "1.2.840.113549.1.1.11",
                      "the signature algorithm is " +
                          der::oid_to_string(c.loose().signature_algorithm->oid))
             : skip();
}

// ---- charging stations

Ruling fits_a_station(const Case& c) {
  if (!c.loose().is_successful()) {
    return skip();
  }
  const std::size_t octets = c.exchange().response.size();
  const std::size_t characters = (octets + 2) / 3 * 4;
  return demand(characters <= kStationCharacters, std::to_string(octets) + " octets are " +
                                                      std::to_string(characters) +
                                                      " characters of base64");
}
Ruling station_hashes(const Case& c) {
  if (c.exchange().probe == ProbeKind::kGetSha1 || c.exchange().probe == ProbeKind::kTwoCertIds) {
    return skip();
  }
  return each_entry(c, [](const LooseEntry& e) -> std::optional<std::string> {
    const auto hash = e.cert_id ? der::find_hash(e.cert_id->hash_algorithm) : std::nullopt;
    return hash && *hash != HashAlgorithm::kSha1
               ? std::nullopt
               : std::optional(entry_text(e) + " is named by a hash that stations do not use");
  });
}
Ruling fits_a_handshake(const Case& c) {
  return c.loose().is_successful()
             ? demand(c.exchange().response.size() <= 65527,
                      std::to_string(c.exchange().response.size()) + " octets")
             : skip();
}

constexpr std::int64_t kEightHours = 8 * 3600;
constexpr std::int64_t kTenDays = 10 * 86400;
constexpr std::int64_t kSevenDays = 7 * 86400;
constexpr ProfileSet kSubscriberProfiles = kWebProfiles | set_of({Profile::kCabfSmime});

constexpr Rule kRules[] = {
    {"forum-validity-at-least", Scope::kResponse, Level::kMust, kSubscriberProfiles,
     "CA/B BR 4.9.9; S/MIME BR 4.9.10", "OCSP-RESP-058",
     "Answers for subscriber certificates hold for at least 8 hours.",
     subscriber_at_least<kEightHours>},
    {"forum-validity-at-most", Scope::kResponse, Level::kMust, kForumProfiles,
     "CA/B BR 4.9.9; CSBR 4.9.10; S/MIME BR 4.9.10; Mozilla policy 3.1 6", "OCSP-RESP-058",
     "Answers for subscriber certificates hold for at most 10 days, both ends counted.",
     subscriber_at_most<kTenDays>},
    {"forum-replaced-in-time", Scope::kResponse, Level::kMust, kSubscriberProfiles,
     "CA/B BR 4.9.9; S/MIME BR 4.9.10; Mozilla policy 3.1 6", "OCSP-RESP-059",
     "Answers are replaced at half of less than 16 hours, else 8 hours before nextUpdate and "
     "within 4 days.",
     forum_replaced},
    {"signing-replaced-in-time", Scope::kResponse, Level::kMust, set_of({Profile::kCabfCs}),
     "CSBR 4.9.10", "OCSP-RESP-059",
     "Answers for code signing certificates are updated at least every 4 days.", signing_replaced},
    {"forum-ca-validity", Scope::kResponse, Level::kMust, kForumProfiles,
     "CA/B BR 4.9.9; CSBR 4.9.10; S/MIME BR 4.9.10", "OCSP-RESP-065",
     "Answers for CA certificates are renewed at least every 12 months.", ca_at_most_a_year},
    {"microsoft-validity-at-most", Scope::kResponse, Level::kMust, set_of({Profile::kMicrosoft}),
     "Microsoft root program 1.1 3.2.2", "OCSP-RESP-060", "Answers hold for at most 7 days.",
     at_most<kSevenDays>},
    {"microsoft-replaced-in-time", Scope::kResponse, Level::kMust, set_of({Profile::kMicrosoft}),
     "Microsoft root program 1.1 3.2.2", "OCSP-RESP-060",
     "Answers of more than 16 hours are replaced at half of their validity.", microsoft_replaced},
    {"web-no-hold", Scope::kResponse, Level::kMust, kWebProfiles, "CA/B BR 4.9.13, 7.2.2",
     "OCSP-CRL-042", "certificateHold is not used.", no_hold},
    {"web-ca-reason", Scope::kResponse, Level::kMust, kWebProfiles, "CA/B BR 7.3", "OCSP-RESP-066",
     "A revoked CA certificate is shown with a permitted reason.", ca_reason},
    {"web-no-reason-extension", Scope::kResponse, Level::kMust, kWebProfiles, "CA/B BR 7.3.2",
     "OCSP-RESP-067", "singleExtensions do not hold reasonCode.", no_reason_extension},
    {"web-no-sha1-signature", Scope::kResponse, Level::kMust, kWebProfiles,
     "CA/B BR 7.1.3.2.1; Mozilla policy 3.1 5.1.3", "OCSP-RESP-071",
     "No response is signed with SHA-1.", not_sha1},
    {"web-signature-algorithm", Scope::kResponse, Level::kMust, kWebProfiles, "CA/B BR 7.1.3.2",
     "OCSP-RESP-071", "The signature algorithm is one of the permitted identifiers, exactly.",
     permitted_algorithm},
    {"web-no-long-nonce", Scope::kResponse, Level::kInfo, kWebProfiles, "CA/B BR 4.9.9, RFC 8954",
     "OCSP-OPS-026", "The text that binds here knows no nonce of more than 32 octets.",
     no_long_nonce},
    {"etsi-archive-cutoff", Scope::kResponse, Level::kShould, set_of({Profile::kEtsi}),
     "EN 319 411-2 CSS-6.3.10-10", "OCSP-RESP-073", "Answers have archiveCutoff.", has_cutoff},
    {"etsi-archive-cutoff-value", Scope::kResponse, Level::kShould, set_of({Profile::kEtsi}),
     "EN 319 411-2 CSS-6.3.10-10", "OCSP-RESP-073",
     "archiveCutoff is the notBefore of the issuing CA's certificate.", cutoff_is_the_cas},
    {"etsi-last-answer", Scope::kResponse, Level::kMust, set_of({Profile::kEtsi}),
     "EN 319 411-2 CSS-6.3.10-11", "OCSP-RESP-074",
     "Only what cannot change any more is told without end.", last_answer},
    {"federal-no-nonce", Scope::kResponse, Level::kMust, set_of({Profile::kFpki}),
     "federal OCSP response profile", "OCSP-RESP-038", "Nonces are not supported.", no_nonce},
    {"federal-sha1-cert-id", Scope::kResponse, Level::kMust, set_of({Profile::kFpki}),
     "federal OCSP response profile", "OCSP-RESP-023", "CertIDs are made with SHA-1.",
     sha1_cert_ids},
    {"federal-one-issuer", Scope::kResponse, Level::kMust, set_of({Profile::kFpki}),
     "federal OCSP response profile", "OCSP-RESP-021",
     "All entries of a response are about one issuer.", one_issuer},
    {"federal-signature-algorithm", Scope::kResponse, Level::kMust, set_of({Profile::kFpki}),
     "federal OCSP response profile", "OCSP-RESP-031",
     "Responses are signed with sha256WithRSAEncryption.", rsa_sha256},
    {"federal-validity-at-most", Scope::kResponse, Level::kMust, set_of({Profile::kFpki}),
     "federal certificate policy 4.9.10", "OCSP-RESP-058", "Answers hold for at most 7 days.",
     at_most<kSevenDays + 1>},
    {"federal-replaced-daily", Scope::kResponse, Level::kMust, set_of({Profile::kFpki}),
     "federal certificate policy 4.9.10", "OCSP-RESP-059", "Answers are renewed every 24 hours.",
     daily_replaced},
    {"station-size", Scope::kResponse, Level::kMust, set_of({Profile::kOcpp}),
     "OCPP 2.0.1 GetCertificateStatusResponse", "OCSP-RESP-078",
     "An answer has at most 5,500 characters of base64.", fits_a_station},
    {"station-hashes", Scope::kResponse, Level::kMust, set_of({Profile::kOcpp}),
     "OCPP 2.0.1 HashAlgorithmEnumType", "OCSP-RESP-022",
     "CertIDs are made with SHA-256, SHA-384 or SHA-512.", station_hashes},
    {"staple-size", Scope::kResponse, Level::kInfo, kEveryProfile, "RFC 8446 4.4.2", "OCSP-TLS-023",
     "A response of more than 65,527 octets cannot be stapled in TLS 1.3.", fits_a_handshake},
};

}  // namespace

std::span<const Rule> profile_rules() { return kRules; }

}  // namespace muster::lint
