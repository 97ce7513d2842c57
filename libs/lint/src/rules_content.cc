#include <algorithm>

#include "case.h"

// What a response says: extensions, statuses and times that RFC 6960 and RFC 9919 bind.
namespace muster::lint {
namespace {

constexpr Seconds kSkew{300};

Ruling nonce_form(const Case& c) {
  const auto* nonce = find_extension(c.loose().extensions, oid::kOcspNonce);
  if (nonce == nullptr) {
    return skip();
  }
  const auto parsed = ocsp::parse_nonce(nonce->value);
  if (!parsed) {
    return broken("the nonce's value is " + to_hex(nonce->value) + ": " +
                  to_string(parsed.error()));
  }
  return demand(parsed->form == ocsp::NonceForm::kWrapped,
                "the nonce is not wrapped in an OCTET STRING: " + to_hex(nonce->value));
}

/// Whether an extension that belongs to one list is in the other.
std::optional<std::string> entry_has(const LooseEntry& entry, Bytes oid, std::string_view name) {
  return find_extension(entry.extensions, oid) == nullptr
             ? std::nullopt
             : std::optional("singleExtensions hold " + std::string(name));
}

Ruling nonce_place(const Case& c) {
  return each_entry(c,
                    [](const LooseEntry& e) { return entry_has(e, oid::kOcspNonce, "a nonce"); });
}
Ruling marker_place(const Case& c) {
  return each_entry(c, [](const LooseEntry& e) {
    return entry_has(e, oid::kOcspExtendedRevoked, "the marker extended-revoked");
  });
}
Ruling cutoff_place(const Case& c) {
  return c.loose().has_basic
             ? demand(find_extension(c.loose().extensions, oid::kOcspArchiveCutoff) == nullptr,
                      "archiveCutoff is in responseExtensions")
             : skip();
}
Ruling reference_place(const Case& c) {
  return c.loose().has_basic
             ? demand(find_extension(c.loose().extensions, oid::kOcspCrlReference) == nullptr,
                      "the CRL reference is in responseExtensions")
             : skip();
}

Ruling marker_form(const Case& c) {
  const auto* marker = find_extension(c.loose().extensions, oid::kOcspExtendedRevoked);
  if (marker == nullptr) {
    return skip();
  }
  if (marker->critical) {
    return broken("extended-revoked is marked critical");
  }
  return demand(ocsp::parse_null_value(marker->value, "extended-revoked").operator bool(),
                "the value of extended-revoked is " + to_hex(marker->value) + ", not NULL");
}

template <auto kParse, const std::uint8_t* kOid, std::size_t kSize>
Ruling entry_extension_form(const Case& c) {
  bool is_there = false;
  const Ruling ruling = each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    const auto* extension = find_extension(e.extensions, Bytes(kOid, kSize));
    is_there |= extension != nullptr;
    if (extension == nullptr) {
      return std::nullopt;
    }
    const auto parsed = kParse(extension->value);
    return parsed ? std::nullopt : std::optional(to_string(parsed.error()));
  });
  return is_there ? ruling : skip();
}
der::DerResult<ocsp::CrlIdView> parse_reference(Bytes value) { return ocsp::parse_crl_id(value); }

Ruling cutoff_not_ahead(const Case& c) {
  bool is_there = false;
  const Ruling ruling = each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    const auto* extension = find_extension(e.extensions, oid::kOcspArchiveCutoff);
    const auto cutoff = extension != nullptr ? ocsp::parse_archive_cutoff(extension->value)
                                             : der::DerResult<UnixSeconds>(Err{der::DerError{}});
    is_there |= static_cast<bool>(cutoff);
    if (!cutoff || !c.loose().produced_at || *cutoff <= *c.loose().produced_at) {
      return std::nullopt;
    }
    return "archiveCutoff " + format_iso8601(*cutoff) + " lies behind producedAt " +
           time_text(c.loose().produced_at);
  });
  return is_there ? ruling : skip();
}

Ruling no_remove_from_crl(const Case& c) {
  return each_entry(c, [](const LooseEntry& e) {
    return e.reason == static_cast<std::uint64_t>(ReasonCode::kRemoveFromCrl)
               ? std::optional(entry_text(e) + " is revoked with the reason removeFromCRL")
               : std::nullopt;
  });
}

Ruling revoked_not_ahead(const Case& c) {
  bool is_revoked = false;
  const Ruling ruling = each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    is_revoked |= e.revoked_at.has_value();
    if (!e.revoked_at || !c.loose().produced_at ||
        *e.revoked_at <= *c.loose().produced_at + kSkew) {
      return std::nullopt;
    }
    return "revocationTime " + format_iso8601(*e.revoked_at) + " lies behind producedAt " +
           time_text(c.loose().produced_at);
  });
  return is_revoked ? ruling : skip();
}

Ruling produced_not_ahead(const Case& c) {
  if (!c.loose().produced_at) {
    return skip();
  }
  return demand(*c.loose().produced_at <= c.subject.now + kSkew,
                "producedAt is " + time_text(c.loose().produced_at) + ", and now it is " +
                    format_iso8601(c.subject.now));
}

Ruling this_update_before_produced(const Case& c) {
  return each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    if (!e.this_update || !c.loose().produced_at || *e.this_update <= *c.loose().produced_at) {
      return std::nullopt;
    }
    return "thisUpdate " + time_text(e.this_update) + " lies behind producedAt " +
           time_text(c.loose().produced_at);
  });
}

/// RFC 6960 section 2.2: how "revoked" is said of a serial that was never issued.
Ruling unissued_form(const Case& c) {
  bool is_there = false;
  const Ruling ruling = each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    if (e.revoked_at != unix_seconds(0)) {
      return std::nullopt;
    }
    is_there = true;
    std::string faults;
    const auto demand_of = [&faults](bool kept, std::string_view fault) {
      if (!kept) {
        faults += (faults.empty() ? "" : ", ") + std::string(fault);
      }
    };
    demand_of(e.reason == static_cast<std::uint64_t>(ReasonCode::kCertificateHold),
              "the reason is not certificateHold");
    demand_of(find_extension(c.loose().extensions, oid::kOcspExtendedRevoked) != nullptr,
              "responseExtensions lack extended-revoked");
    demand_of(find_extension(e.extensions, oid::kOcspCrlReference) == nullptr,
              "singleExtensions hold a CRL reference");
    demand_of(find_extension(e.extensions, oid::kCeReasonCode) == nullptr &&
                  find_extension(e.extensions, oid::kCeInvalidityDate) == nullptr &&
                  find_extension(e.extensions, oid::kCeCertificateIssuer) == nullptr,
              "singleExtensions hold CRL entry extensions");
    return faults.empty() ? std::nullopt
                          : std::optional(entry_text(e) + " is revoked since 1970, but " + faults);
  });
  return is_there ? ruling : skip();
}

Ruling entries_agree(const Case& c) {
  const auto& entries = c.loose().entries;
  return each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    const bool contradicted = std::any_of(entries.begin(), entries.end(), [&](const LooseEntry& o) {
      return e.cert_id && o.cert_id && ocsp::matches(*e.cert_id, *o.cert_id) &&
             e.status != o.status;
    });
    return contradicted ? std::optional(entry_text(e) + " has two entries of different status")
                        : std::nullopt;
  });
}

Ruling extensions_not_critical(const Case& c) {
  if (!c.loose().has_basic) {
    return skip();
  }
  const auto critical = [](const std::vector<LooseExtension>& list) {
    return std::find_if(list.begin(), list.end(), [](const auto& e) { return e.critical; });
  };
  const auto outer = critical(c.loose().extensions);
  if (outer != c.loose().extensions.end()) {
    return broken(der::oid_to_string(outer->oid) + " in responseExtensions is critical");
  }
  for (const LooseEntry& entry : c.loose().entries) {
    const auto inner = critical(entry.extensions);
    if (inner != entry.extensions.end()) {
      return broken(der::oid_to_string(inner->oid) + " in singleExtensions is critical");
    }
  }
  return holds();
}

// ---- the lightweight profile

Ruling has_next_update(const Case& c) {
  return each_entry(c, [](const LooseEntry& e) {
    return e.has_next_update ? std::nullopt : std::optional(entry_text(e) + " lacks nextUpdate");
  });
}

Ruling by_key(const Case& c) {
  return c.loose().by_key || c.loose().by_name
             ? demand(c.loose().by_key.has_value(), "the responder id is a name")
             : skip();
}

/// Entries about one serial, be it named by several hashes, count as one (OCSP-RESP-035).
Ruling one_certificate(const Case& c) {
  if (c.exchange().probe == ProbeKind::kTwoCertIds) {
    return skip();
  }
  const auto& entries = c.loose().entries;
  return each_entry(c, [&](const LooseEntry& e) -> std::optional<std::string> {
    const bool same = !e.cert_id || !entries.front().cert_id ||
                      equal(e.cert_id->serial, entries.front().cert_id->serial);
    return same ? std::nullopt
                : std::optional("there are " + std::to_string(entries.size()) +
                                " entries, for more than one certificate");
  });
}

Ruling only_needed_extensions(const Case& c) {
  if (!c.loose().has_basic) {
    return skip();
  }
  for (const LooseExtension& extension : c.loose().extensions) {
    const bool is_echo = equal(extension.oid, oid::kOcspNonce) &&
                         (c.exchange().nonce || c.exchange().probe == ProbeKind::kSaved);
    if (!is_echo && !equal(extension.oid, oid::kOcspExtendedRevoked)) {
      return broken("responseExtensions hold " + der::oid_to_string(extension.oid));
    }
  }
  return holds();
}

Ruling no_unknown_status(const Case& c) {
  return each_entry(c, [](const LooseEntry& e) {
    return e.status == LooseEntry::Status::kUnknown
               ? std::optional(entry_text(e) + " is answered unknown, not unauthorized")
               : std::nullopt;
  });
}

Ruling not_sha1_only(const Case& c) {
  if (c.exchange().probe == ProbeKind::kGetSha1) {
    return skip();
  }
  const auto& entries = c.loose().entries;
  if (entries.empty()) {
    return skip();
  }
  const bool has_better = std::any_of(entries.begin(), entries.end(), [](const LooseEntry& e) {
    return e.cert_id && der::find_hash(e.cert_id->hash_algorithm) != HashAlgorithm::kSha1;
  });
  return demand(has_better, "every CertID is made with SHA-1");
}

constexpr ProfileSet kNextUpdateDemanded =
    kWebProfiles | kLightweight | set_of({Profile::kCabfCs, Profile::kCabfSmime, Profile::kFpki});

constexpr Rule kRules[] = {
    {"nonce-form", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 9654 2.1", "OCSP-COD-017",
     "A nonce is an OCTET STRING of 1 to 128 octets inside the extension's value.", nonce_form},
    {"nonce-place", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 9654 2.1", "OCSP-RESP-054",
     "A nonce belongs into responseExtensions.", nonce_place},
    {"extended-revoked-place", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.4.8",
     "OCSP-RESP-008", "The marker extended-revoked is never in singleExtensions.", marker_place},
    {"extended-revoked-form", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.4.8",
     "OCSP-COD-022", "The marker extended-revoked is NULL and not critical.", marker_form},
    {"archive-cutoff-place", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.4.4",
     "OCSP-RESP-026", "archiveCutoff belongs into singleExtensions.", cutoff_place},
    {"archive-cutoff-form", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.4.4",
     "OCSP-COD-019", "archiveCutoff is one GeneralizedTime.",
     entry_extension_form<ocsp::parse_archive_cutoff, oid::kOcspArchiveCutoff,
                          sizeof oid::kOcspArchiveCutoff>},
    {"archive-cutoff-not-ahead", Scope::kResponse, Level::kShould, kEveryProfile, "RFC 6960 4.4.4",
     "OCSP-RESP-026", "archiveCutoff is producedAt less the time records are kept.",
     cutoff_not_ahead},
    {"crl-reference-place", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.4.2",
     "OCSP-RESP-024", "A CRL reference belongs into singleExtensions.", reference_place},
    {"crl-reference-form", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.4.2",
     "OCSP-COD-019", "A CRL reference is a CrlID: URL, number, time.",
     entry_extension_form<parse_reference, oid::kOcspCrlReference, sizeof oid::kOcspCrlReference>},
    {"extensions-not-critical", Scope::kResponse, Level::kShould, kEveryProfile, "RFC 6960 4.4",
     "OCSP-CLI-023", "No extension of a response is critical.", extensions_not_critical},
    {"no-remove-from-crl", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 5280 5.3.1",
     "OCSP-CRL-015", "removeFromCRL is a reason of delta CRLs alone.", no_remove_from_crl},
    {"revocation-not-ahead", Scope::kResponse, Level::kShould, kEveryProfile, "RFC 6960 2.4",
     "OCSP-RESP-013", "A revocation is told from its time on, not before.", revoked_not_ahead},
    {"produced-not-ahead", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 2.4",
     "OCSP-RESP-012", "producedAt is when the response was signed, so not in the future.",
     produced_not_ahead},
    {"this-update-before-produced", Scope::kResponse, Level::kInfo, kEveryProfile, "RFC 6960 2.4",
     "OCSP-CLI-017", "What is told was known before it was signed: thisUpdate, then producedAt.",
     this_update_before_produced},
    {"unissued-revoked-form", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 2.2, 4.4.8",
     "OCSP-RESP-007",
     "Revoked since 1970, of what was never issued, is certificateHold with extended-revoked "
     "and without CRL extensions.",
     unissued_form},
    {"entries-agree", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 2.2",
     "OCSP-RESP-004", "Entries for one certificate do not contradict each other.", entries_agree},
    {"next-update-present", Scope::kResponse, Level::kMust, kNextUpdateDemanded,
     "RFC 9919 3.2.4; CA/B BR 4.9.9; Mozilla policy 6", "OCSP-RESP-044",
     "Every entry has nextUpdate.", has_next_update},
    {"next-update-advised", Scope::kResponse, Level::kInfo,
     static_cast<ProfileSet>(kEveryProfile & ~kNextUpdateDemanded), "RFC 6960 4.2.2.1",
     "OCSP-RESP-084", "Without nextUpdate clients keep an answer briefly or refuse it.",
     has_next_update},
    {"responder-id-by-key", Scope::kResponse, Level::kMust, kLightweight | set_of({Profile::kFpki}),
     "RFC 9919 3.2.2; federal OCSP response profile", "OCSP-RESP-041",
     "The responder identifies itself by the hash of its key.", by_key},
    {"one-certificate", Scope::kResponse, Level::kShould, kLightweight, "RFC 9919 3.2.1",
     "OCSP-RESP-021", "A response is about one certificate.", one_certificate},
    {"response-extensions-needed", Scope::kResponse, Level::kShould, kLightweight, "RFC 9919 3.2.1",
     "OCSP-RESP-037", "responseExtensions hold nothing but what was asked for.",
     only_needed_extensions},
    {"no-unknown-status", Scope::kResponse, Level::kMust, kLightweight, "RFC 9919 3.2.3",
     "OCSP-RESP-042", "Lack of a record is told as unauthorized, never as unknown.",
     no_unknown_status},
    {"not-sha1-only", Scope::kResponse, Level::kInfo, kLightweight, "RFC 9919 3.2.1",
     "OCSP-RESP-036", "SHA-1 CertIDs are for old clients alone.", not_sha1_only},
};

}  // namespace

std::span<const Rule> content_rules() { return kRules; }

}  // namespace muster::lint
