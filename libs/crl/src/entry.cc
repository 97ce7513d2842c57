#include "entry_parts.h"
#include "extensions.h"
#include "muster/crl/crl.h"
#include "muster/crl/name_match.h"

namespace muster::crl {
namespace {

using der::DerErrc;
using der::DerError;
using der::DerResult;
using der::Reader;
using der::Tag;

/// CRLReason ::= ENUMERATED, RFC 5280 section 5.3.1
std::optional<ReasonCode> decode_reason(Bytes value) {
  constexpr std::uint64_t kMaxReason = 10;
  Reader in(value);
  const auto code = in.read_unsigned("reasonCode", kMaxReason, Tag::kEnumerated);
  if (!code || !in.at_end()) {
    return std::nullopt;
  }
  return make_reason_code(*code);
}

/// InvalidityDate ::= GeneralizedTime, RFC 5280 section 5.3.2
std::optional<UnixSeconds> decode_invalidity_date(Bytes value) {
  Reader in(value);
  const auto date = der::read_generalized_time(in, "invalidityDate");
  if (!date || !in.at_end()) {
    return std::nullopt;
  }
  return *date;
}

/// CertificateIssuer ::= GeneralNames, RFC 5280 section 5.3.3: the first directoryName
std::optional<Bytes> decode_certificate_issuer(Bytes value) {
  Reader in(value);
  const auto list = in.enter(Tag::kSequence, "certificateIssuer");
  if (!list || !in.at_end()) {
    return std::nullopt;
  }
  const auto names = read_general_names(*list, "certificateIssuer");
  if (!names) {
    return std::nullopt;
  }
  for (const Bytes name : *names) {
    if (auto directory = directory_name(name)) {
      return directory;
    }
  }
  return std::nullopt;
}

template <class T>
void keep(std::optional<T>& slot, std::optional<T> decoded, Defect defect, std::uint32_t offset,
          Defects& defects) {
  if (!decoded) {
    defects.note(defect, offset);
  } else if (!slot) {  // of duplicates the first counts; the duplicate is a defect of its own
    slot = decoded;
  }
}

void decode_extension(EntryView& entry, const der::ExtensionView& extension, std::uint32_t offset) {
  bool should_be_critical = false;
  if (equal(extension.oid, oid::kCeReasonCode)) {
    keep(entry.reason, decode_reason(extension.value), Defect::kBadReasonCode, offset,
         entry.defects);
  } else if (equal(extension.oid, oid::kCeInvalidityDate)) {
    keep(entry.invalidity_date, decode_invalidity_date(extension.value), Defect::kBadInvalidityDate,
         offset, entry.defects);
  } else if (equal(extension.oid, oid::kCeCertificateIssuer)) {
    keep(entry.certificate_issuer, decode_certificate_issuer(extension.value),
         Defect::kBadCertificateIssuer, offset, entry.defects);
    should_be_critical = true;
  } else if (!equal(extension.oid,
                    oid::kCeHoldInstruction)) {  // obsolete; says nothing about status
    entry.unknown_critical_extension = entry.unknown_critical_extension || extension.critical;
    return;
  }
  if (extension.critical != should_be_critical) {
    entry.defects.note(Defect::kWrongCriticality, offset);
  }
}

}  // namespace

DerResult<EntryView> internal::finish_entry(const EntryHead& head) {
  EntryView entry;
  entry.serial = head.serial;
  entry.revocation_date = head.revocation_date;
  Reader body = head.rest;
  if (body.at_end()) {
    return entry;
  }
  entry.has_extensions = true;
  const auto decode = [&entry](const der::ExtensionView& extension,
                               std::uint32_t offset) -> DerResult<Unit> {
    decode_extension(entry, extension, offset);
    return Unit{};
  };
  MUSTER_TRY(entry.extensions,
             internal::read_extensions(body, entry.defects, "crlEntryExtensions", decode));
  MUSTER_CHECK(body.finish("revokedCertificate"));
  return entry;
}

DerResult<EntryView> read_entry(Reader& in) {
  MUSTER_TRY(const internal::EntryHead head, internal::read_entry_head(in));
  return internal::finish_entry(head);
}

void for_each_entry(const CrlView& crl, const std::function<Walk(const AttributedEntry&)>& visit) {
  Bytes issuer = crl.issuer;
  Reader in(crl.entries, crl.entries_offset);
  while (!in.at_end()) {
    const auto entry = read_entry(in);
    MUSTER_ASSERT(entry);  // checked when the CRL was parsed
    issuer = entry->certificate_issuer.value_or(issuer);
    if (visit(AttributedEntry{*entry, issuer}) == Walk::kStop) {
      return;
    }
  }
}

std::optional<EntryView> find_entry(const CrlView& crl, Bytes serial, Bytes certificate_issuer) {
  std::optional<EntryView> found;
  if (crl.is_indirect()) {
    for_each_entry(crl, [&](const AttributedEntry& candidate) {
      if (equal(candidate.entry.serial, serial) &&
          same_name(candidate.certificate_issuer, certificate_issuer)) {
        found = candidate.entry;
      }
      return Walk::kContinue;
    });
    return found;
  }
  if (!same_name(crl.issuer, certificate_issuer)) {
    return std::nullopt;
  }
  Reader in(crl.entries, crl.entries_offset);
  while (!in.at_end()) {
    Reader start = in;
    auto body = in.enter(Tag::kSequence, "revokedCertificate");
    MUSTER_ASSERT(body);  // checked when the CRL was parsed
    const auto candidate = body->read(Tag::kInteger, "userCertificate");
    MUSTER_ASSERT(candidate);
    if (candidate->size() == serial.size() && equal(*candidate, serial)) {
      auto entry = read_entry(start);
      MUSTER_ASSERT(entry);
      found = *entry;
    }
  }
  return found;
}

int compare_numbers(Bytes a, Bytes b) {
  const auto significant = [](Bytes number) {
    while (!number.empty() && number.front() == 0) {
      number = number.subspan(1);
    }
    return number;
  };
  a = significant(a);
  b = significant(b);
  if (a.size() != b.size()) {
    return a.size() < b.size() ? -1 : 1;
  }
  if (equal(a, b)) {
    return 0;
  }
  return less(a, b) ? -1 : 1;
}

}  // namespace muster::crl
