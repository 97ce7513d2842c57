#include "case.h"

// How a response is written: RFC 6960 section 4.2.1 and DER.
namespace muster::lint {
namespace {

/// Holds when the response was read and this flaw is not in it.
template <Flaw kFlaw>
Ruling no_flaw(const Case& c) {
  if (const auto* note = c.loose().find(kFlaw)) {
    return broken(note->detail);
  }
  return c.loose().status ? holds() : skip();
}
/// The same, for what only a basic response can have.
template <Flaw kFlaw>
Ruling no_flaw_in_basic(const Case& c) {
  if (const auto* note = c.loose().find(kFlaw)) {
    return broken(note->detail);
  }
  return c.loose().has_basic ? holds() : skip();
}

Ruling well_formed(const Case& c) {
  if (const auto* note = c.loose().find(Flaw::kShape)) {
    return broken(note->detail);
  }
  return holds();
}

Ruling has_entries(const Case& c) {
  return c.loose().has_basic ? demand(!c.loose().entries.empty(), "responses is empty") : skip();
}

Ruling hash_lengths(const Case& c) {
  return each_entry(c, [](const LooseEntry& entry) -> std::optional<std::string> {
    const auto hash = entry.cert_id ? der::find_hash(entry.cert_id->hash_algorithm) : std::nullopt;
    if (!hash) {
      return std::nullopt;
    }
    const std::size_t name = entry.cert_id->issuer_name_hash.size();
    const std::size_t key = entry.cert_id->issuer_key_hash.size();
    if (name == digest_size(*hash) && key == digest_size(*hash)) {
      return std::nullopt;
    }
    return "issuerNameHash and issuerKeyHash have " + std::to_string(name) + " and " +
           std::to_string(key) + " octets, but " + std::string(to_string(*hash)) + " makes " +
           std::to_string(digest_size(*hash));
  });
}

Ruling hash_parameters(const Case& c) {
  return each_entry(c, [](const LooseEntry& entry) -> std::optional<std::string> {
    if (!entry.cert_id) {
      return std::nullopt;
    }
    const auto& parameters = entry.cert_id->hash_algorithm.parameters;
    const bool is_null =
        parameters && equal(*parameters, Bytes(std::to_array<std::uint8_t>({5, 0})));
    if (!parameters || is_null) {
      return std::nullopt;
    }
    return "the hash algorithm's parameters are " + to_hex(*parameters) +
           ", neither NULL nor absent";
  });
}

Ruling serial_form(const Case& c) {
  return each_entry(c, [](const LooseEntry& entry) -> std::optional<std::string> {
    if (!entry.cert_id) {
      return std::nullopt;
    }
    const Bytes serial = entry.cert_id->serial;
    const bool is_positive = serial[0] < 0x80 && !(serial.size() == 1 && serial[0] == 0);
    if (is_positive && serial.size() <= 20) {
      return std::nullopt;
    }
    return "the serial number " + to_hex(serial) +
           (is_positive ? " has more than 20 octets" : " is not positive");
  });
}

enum class Parameters : std::uint8_t { kNull, kAbsent };
struct SignatureForm {
  std::string_view oid;
  Parameters parameters;
};
constexpr SignatureForm kSignatureForms[] = {
    {"1.2.840.113549.1.1.5", Parameters::kNull},  {"1.2.840.113549.1.1.11", Parameters::kNull},
    {"1.2.840.113549.1.1.12", Parameters::kNull}, {"1.2.840.113549.1.1.13", Parameters::kNull},
    {"1.2.840.10045.4.1", Parameters::kAbsent},   {"1.2.840.10045.4.3.2", Parameters::kAbsent},
    {"1.2.840.10045.4.3.3", Parameters::kAbsent}, {"1.2.840.10045.4.3.4", Parameters::kAbsent},
    {"1.3.101.112", Parameters::kAbsent},         {"1.3.101.113", Parameters::kAbsent},
};

Ruling signature_algorithm(const Case& c) {
  if (!c.loose().signature_algorithm) {
    return skip();
  }
  const der::AlgorithmView& algorithm = *c.loose().signature_algorithm;
  const std::string oid = der::oid_to_string(algorithm.oid);
  for (const SignatureForm& form : kSignatureForms) {
    if (oid != form.oid) {
      continue;
    }
    const bool is_null = algorithm.parameters &&
                         equal(*algorithm.parameters, Bytes(std::to_array<std::uint8_t>({5, 0})));
    if (form.parameters == Parameters::kNull) {
      return demand(is_null, "the parameters of " + oid + " are not NULL");
    }
    return demand(!algorithm.parameters, "the parameters of " + oid + " are not absent");
  }
  return skip();
}

Ruling certificates_parse(const Case& c) {
  const std::size_t sent = c.loose().certificates.size();
  if (sent == 0) {
    return skip();
  }
  const std::size_t bad = sent - c.response->certificates.size();
  return demand(bad == 0, std::to_string(bad) + " of " + std::to_string(sent) +
                              " certificates in certs do not parse");
}

constexpr Rule kRules[] = {
    {"well-formed", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.1", "OCSP-COD-001",
     "A response has the elements of the ASN.1 module, in their order, and no others.",
     well_formed},
    {"strict-der", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.1", "OCSP-COD-037",
     "A response is DER: lengths in their shortest definite form, TRUE as FF.",
     no_flaw<Flaw::kDer>},
    {"nothing-behind", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 A.2",
     "OCSP-RESP-033", "The body is the bare response: no octet follows it.",
     no_flaw<Flaw::kTrailing>},
    {"status-defined", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.1",
     "OCSP-COD-009", "The responseStatus is 0, 1, 2, 3, 5 or 6.", no_flaw<Flaw::kStatus>},
    {"body-with-success-only", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.1",
     "OCSP-COD-009", "responseBytes come with successful, and with nothing else.",
     no_flaw<Flaw::kBody>},
    {"basic-type", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.1", "OCSP-COD-010",
     "A definitive answer is of the type id-pkix-ocsp-basic.", no_flaw<Flaw::kType>},
    {"version-omitted", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.2.3",
     "OCSP-COD-002", "The version is v1, and since that is the DEFAULT it is not written.",
     no_flaw_in_basic<Flaw::kVersion>},
    {"responder-id-form", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.1",
     "OCSP-COD-007",
     "The responder id is an explicit [1] around a Name or [2] around an OCTET STRING of 20.",
     no_flaw_in_basic<Flaw::kResponderId>},
    {"time-form", Scope::kResponse, Level::kMust, kEveryProfile,
     "RFC 6960 4.2.2.1, RFC 5280 4.1.2.5.2", "OCSP-COD-013",
     "Times are written YYYYMMDDHHMMSSZ, with seconds, without fractions.",
     no_flaw_in_basic<Flaw::kTime>},
    {"entries-present", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.2.3",
     "OCSP-RESP-020", "A successful response has an entry for each certificate asked about.",
     has_entries},
    {"cert-status-form", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.2.1",
     "OCSP-COD-008", "good is written 80 00, unknown 82 00, revoked as A1 around its time.",
     no_flaw_in_basic<Flaw::kCertStatus>},
    {"reason-defined", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 5280 5.3.1",
     "OCSP-CRL-015", "A revocation reason is one of 0 to 6 and 8 to 10.",
     no_flaw_in_basic<Flaw::kReason>},
    {"empty-lists-omitted", Scope::kResponse, Level::kMust, kEveryProfile,
     "RFC 6960 4.2.1, RFC 5280 4.1", "OCSP-COD-012",
     "certs and extension lists are left out rather than written empty.",
     no_flaw_in_basic<Flaw::kEmptyList>},
    {"extensions-once", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.4, RFC 5280 4.2",
     "OCSP-COD-001", "No list has the same extension twice.", no_flaw_in_basic<Flaw::kDuplicate>},
    {"critical-false-omitted", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.1.2",
     "OCSP-COD-016", "critical is written only when it is TRUE.",
     no_flaw_in_basic<Flaw::kCriticalFalse>},
    {"signature-whole-octets", Scope::kResponse, Level::kShould, kEveryProfile, "RFC 6960 4.2.1",
     "OCSP-COD-027", "The signature's BIT STRING has no unused bits.",
     no_flaw_in_basic<Flaw::kSignatureBits>},
    {"signature-algorithm-form", Scope::kResponse, Level::kMust, kEveryProfile,
     "RFC 4055 5, RFC 5758 3.2, RFC 8410 3", "OCSP-COD-030",
     "RSA PKCS #1 identifiers have NULL parameters, ECDSA and EdDSA ones have none.",
     signature_algorithm},
    {"cert-id-parses", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.1.1",
     "OCSP-COD-034", "Every entry has a CertID that parses.", no_flaw_in_basic<Flaw::kCertId>},
    {"cert-id-hash-lengths", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 4.1.1",
     "OCSP-COD-005", "The hashes of a CertID are as long as its algorithm makes them.",
     hash_lengths},
    {"cert-id-hash-parameters", Scope::kResponse, Level::kMust, kEveryProfile,
     "RFC 5754 2, RFC 9919 3.1.1", "OCSP-COD-023",
     "The parameters of a CertID's hash algorithm are NULL or absent.", hash_parameters},
    {"serial-form", Scope::kResponse, Level::kShould, kEveryProfile, "RFC 5280 4.1.2.2",
     "OCSP-COD-025", "Serial numbers are positive and have at most 20 octets.", serial_form},
    {"certificates-parse", Scope::kResponse, Level::kShould, kEveryProfile, "RFC 6960 4.2.1",
     "OCSP-RESP-039", "Every certificate in certs parses.", certificates_parse},
};

}  // namespace

std::span<const Rule> encoding_rules() { return kRules; }

}  // namespace muster::lint
