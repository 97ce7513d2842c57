#include "loose.h"

#include <algorithm>

#include "muster/base/text.h"

namespace muster::lint {
namespace {

using der::context_constructed;
using der::context_primitive;
using der::Element;
using der::Reader;
using der::Tag;

constexpr std::size_t kMaxNotes = 64;
constexpr std::size_t kMaxEntries = 4096;
constexpr std::size_t kMaxCertificates = 64;

std::string tag_text(std::uint8_t tag) { return to_hex(Bytes(&tag, 1)); }

/// Reads elements one by one; the first that cannot be delimited ends it.
class Walker {
 public:
  Walker(Bytes octets, LooseResponse& out) : out_(&out), reader_(octets) {
    reader_.set_lengths(der::Lengths::kAnyDefinite);
  }

  [[nodiscard]] bool at_end() const { return reader_.at_end(); }
  [[nodiscard]] bool next_is(Tag tag) const { return reader_.next_is(tag); }
  [[nodiscard]] Bytes rest() const { return reader_.rest(); }

  void note(Flaw flaw, std::string detail) {
    if (out_->notes.size() < kMaxNotes) {
      out_->notes.push_back({flaw, std::move(detail)});
    }
  }
  std::optional<Element> any(std::string_view field) {
    const auto element = reader_.read_any(field);
    if (!element) {
      const bool not_der = element.error().code == der::DerErrc::kBadLength;
      note(not_der ? Flaw::kDer : Flaw::kShape, to_string(element.error()));
      reader_ = Reader(Bytes());
      return std::nullopt;
    }
    const std::size_t size = element->content.size();
    std::size_t header = 2;
    for (std::size_t left = size < 0x80 ? 0 : size; left > 0; left >>= 8) {
      ++header;
    }
    if (element->raw.size() - size != header) {
      note(Flaw::kDer, std::string(field) + ": its length is not written in the shortest form");
    }
    return *element;
  }
  /// The next element, which must have this tag; another one is noted and left where it is.
  std::optional<Element> take(Tag tag, std::string_view field) {
    if (!next_is(tag)) {
      note(Flaw::kShape,
           std::string(field) + ": expected tag " + tag_text(static_cast<std::uint8_t>(tag)) +
               (at_end() ? ", but nothing follows" : ", found " + tag_text(rest()[0])));
      return std::nullopt;
    }
    return any(field);
  }
  std::optional<Element> take_if(Tag tag, std::string_view field) {
    return next_is(tag) ? any(field) : std::nullopt;
  }
  Walker into(const Element& element) const { return {element.content, *out_}; }
  void finish(std::string_view field) {
    if (!at_end()) {
      note(Flaw::kShape, std::string(field) + ": " + std::to_string(rest().size()) +
                             " octets are left over behind its last field");
    }
  }

 private:
  LooseResponse* out_;
  Reader reader_;
};

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9') {
      return std::nullopt;
    }
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

/// YYYYMMDDHHMM[SS][.f][Z|+hhmm|-hhmm]: forms that deployed responders write.
std::optional<UnixSeconds> read_odd_time(std::string_view text) {
  const auto year = digits(text, 0, 4), month = digits(text, 4, 2), day = digits(text, 6, 2),
             hour = digits(text, 8, 2), minute = digits(text, 10, 2);
  if (!year || !month || !day || !hour || !minute) {
    return std::nullopt;
  }
  std::size_t at = 12;
  const int second = digits(text, at, 2).value_or(0);
  at += digits(text, at, 2) ? 2U : 0U;
  if (at < text.size() && (text[at] == '.' || text[at] == ',')) {
    at = text.find_first_not_of("0123456789", at + 1);
    at = at == std::string_view::npos ? text.size() : at;
  }
  Seconds zone{0};
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const auto hours = digits(text, at + 1, 2);
    const int minutes = digits(text, at + 3, 2).value_or(0);
    if (!hours) {
      return std::nullopt;
    }
    zone = Seconds((*hours * 60 + minutes) * 60) * (text[at] == '-' ? -1 : 1);
  }
  const auto date = std::chrono::year(*year) / *month / *day;
  if (!date.ok() || *hour > 23 || *minute > 59 || second > 60) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         Seconds(second) - zone;
}

std::optional<UnixSeconds> read_time(Walker& in, std::string_view field) {
  if (!in.next_is(Tag::kGeneralizedTime) && !in.next_is(Tag::kUtcTime)) {
    in.take(Tag::kGeneralizedTime, field);
    return std::nullopt;
  }
  const auto element = in.any(field);
  if (!element) {
    return std::nullopt;
  }
  Reader strict(element->raw);
  if (const auto time = der::read_generalized_time(strict, field)) {
    return *time;
  }
  in.note(Flaw::kTime, std::string(field) + " is written " + printable(as_text(element->content)) +
                           (element->tag == Tag::kUtcTime ? " as UTCTime" : "") +
                           ", not YYYYMMDDHHMMSSZ");
  Reader utc(element->raw);
  if (const auto time = der::read_time(utc, field)) {
    return *time;
  }
  return read_odd_time(as_text(element->content));
}

std::optional<std::uint64_t> read_small(const Element& element) {
  if (element.content.empty() || element.content.size() > 7 || element.content[0] >= 0x80) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const std::uint8_t octet : element.content) {
    value = value << 8 | octet;
  }
  return value;
}

std::optional<LooseExtension> read_extension(Walker& list, std::string_view field) {
  const auto element = list.take(Tag::kSequence, field);
  if (!element) {
    return std::nullopt;
  }
  Walker in = list.into(*element);
  LooseExtension out;
  const auto id = in.take(Tag::kOid, "extnID");
  if (!id) {
    return std::nullopt;
  }
  out.oid = id->content;
  if (const auto critical = in.take_if(Tag::kBoolean, "critical")) {
    out.critical = !critical->content.empty() && critical->content[0] != 0;
    if (!out.critical) {
      in.note(Flaw::kCriticalFalse, std::string(field) + ": the extension " +
                                        der::oid_to_string(out.oid) +
                                        " has critical FALSE written out");
    } else if (critical->content[0] != 0xff) {
      in.note(Flaw::kDer, std::string(field) + ": a BOOLEAN is neither FF nor 00");
    }
  }
  const auto value = in.take(Tag::kOctetString, "extnValue");
  if (value) {
    out.value = value->content;
  }
  in.finish(field);
  return out;
}

/// [n] EXPLICIT Extensions OPTIONAL
std::vector<LooseExtension> read_extensions(Walker& in, unsigned number, std::string_view field) {
  std::vector<LooseExtension> out;
  const auto wrapper = in.take_if(context_constructed(number), field);
  if (!wrapper) {
    return out;
  }
  Walker inside = in.into(*wrapper);
  const auto sequence = inside.take(Tag::kSequence, field);
  inside.finish(field);
  if (!sequence) {
    return out;
  }
  if (sequence->content.empty()) {
    in.note(Flaw::kEmptyList, std::string(field) + " is present and empty");
  }
  Walker list = in.into(*sequence);
  while (!list.at_end() && out.size() < der::kMaxExtensions) {
    const auto extension = read_extension(list, field);
    if (!extension) {
      break;
    }
    if (find_extension(out, extension->oid) != nullptr) {
      in.note(Flaw::kDuplicate, std::string(field) + " holds " +
                                    der::oid_to_string(extension->oid) + " more than once");
    }
    out.push_back(*extension);
  }
  return out;
}

void read_revoked_info(Walker in, LooseEntry& entry) {
  entry.revoked_at = read_time(in, "revocationTime");
  if (const auto wrapper = in.take_if(context_constructed(0), "revocationReason")) {
    Walker inside = in.into(*wrapper);
    if (const auto reason = inside.take(Tag::kEnumerated, "revocationReason")) {
      entry.reason = read_small(*reason);
      if (!entry.reason || !make_reason_code(*entry.reason)) {
        in.note(Flaw::kReason,
                "the reason code is " +
                    (entry.reason ? std::to_string(*entry.reason) : to_hex(reason->content)) +
                    ", which nobody defined");
      }
    }
  }
  in.finish("revokedInfo");
}

void read_cert_status(Walker& in, LooseEntry& entry) {
  const auto element = in.any("certStatus");
  if (!element) {
    return;
  }
  const auto tag = static_cast<std::uint8_t>(element->tag);
  const unsigned number = tag & 0x1fU;
  if ((tag & 0xc0U) != 0x80U || number > 2) {
    in.note(Flaw::kCertStatus,
            "certStatus has the tag " + tag_text(tag) + ", which is none of [0], [1], [2]");
    return;
  }
  entry.status = static_cast<LooseEntry::Status>(number);
  if (number == 1) {
    if (element->tag != context_constructed(1)) {
      in.note(Flaw::kCertStatus, "revoked is tagged " + tag_text(tag) + ", not a1");
    }
    read_revoked_info(in.into(*element), entry);
  } else if (element->tag != context_primitive(number) || !element->content.empty()) {
    in.note(Flaw::kCertStatus, std::string(number == 0 ? "good" : "unknown") + " is written " +
                                   to_hex(element->raw) + ", not " +
                                   (number == 0 ? "8000" : "8200"));
  }
}

std::optional<LooseEntry> read_entry(Walker& list) {
  const auto element = list.take(Tag::kSequence, "singleResponse");
  if (!element) {
    return std::nullopt;
  }
  Walker in = list.into(*element);
  LooseEntry entry;
  if (const auto id = in.take(Tag::kSequence, "certID")) {
    if (const auto parsed = ocsp::parse_cert_id(id->raw)) {
      entry.cert_id = *parsed;
    } else {
      in.note(Flaw::kCertId, "certID: " + to_string(parsed.error()));
    }
  }
  read_cert_status(in, entry);
  entry.this_update = read_time(in, "thisUpdate");
  if (const auto wrapper = in.take_if(context_constructed(0), "nextUpdate")) {
    entry.has_next_update = true;
    Walker inside = in.into(*wrapper);
    entry.next_update = read_time(inside, "nextUpdate");
    inside.finish("nextUpdate");
  }
  entry.extensions = read_extensions(in, 1, "singleExtensions");
  in.finish("singleResponse");
  return entry;
}

void read_responder_id(Walker& in, LooseResponse& out) {
  const auto element = in.any("responderID");
  if (!element) {
    return;
  }
  if (element->tag == context_constructed(1)) {
    Reader name(element->content);
    if (const auto parsed = der::read_name(name, "byName")) {
      out.by_name = *parsed;
      return;
    }
  } else if (element->tag == context_constructed(2)) {
    Walker inside = in.into(*element);
    if (inside.next_is(Tag::kOctetString)) {
      const auto hash = inside.any("byKey");
      if (hash && hash->content.size() == 20) {
        out.by_key = hash->content;
        return;
      }
      in.note(Flaw::kResponderId, "byKey has " + std::to_string(hash ? hash->content.size() : 0) +
                                      " octets, not the 20 of SHA-1");
      return;
    }
  }
  in.note(Flaw::kResponderId,
          "responderID is neither [1] around a Name nor [2] around an OCTET "
          "STRING; it begins " +
              to_hex(element->raw.first(std::min<std::size_t>(element->raw.size(), 4))));
}

void read_version(Walker& in) {
  if (const auto version = in.take_if(context_constructed(0), "version")) {
    const bool is_v1 = equal(version->content, Bytes(std::to_array<std::uint8_t>({2, 1, 0})));
    in.note(Flaw::kVersion, is_v1 ? "v1 is written out, though it is the DEFAULT"
                                  : "the version is " + to_hex(version->content) + ", not v1");
  }
}

void read_response_data(Walker in, LooseResponse& out) {
  read_version(in);
  read_responder_id(in, out);
  out.produced_at = read_time(in, "producedAt");
  if (const auto responses = in.take(Tag::kSequence, "responses")) {
    Walker list = in.into(*responses);
    while (!list.at_end() && out.entries.size() < kMaxEntries) {
      auto entry = read_entry(list);
      if (!entry) {
        break;
      }
      out.entries.push_back(*std::move(entry));
    }
  }
  out.extensions = read_extensions(in, 1, "responseExtensions");
  in.finish("tbsResponseData");
}

void read_basic(Walker outer, LooseResponse& out) {
  const auto basic = outer.take(Tag::kSequence, "basicOCSPResponse");
  if (!basic) {
    return;
  }
  outer.finish("response");
  Walker in = outer.into(*basic);
  const auto data = in.take(Tag::kSequence, "tbsResponseData");
  if (!data) {
    return;
  }
  out.has_basic = true;
  read_response_data(in.into(*data), out);
  if (const auto algorithm = in.take(Tag::kSequence, "signatureAlgorithm")) {
    Reader reader(algorithm->raw);
    if (const auto parsed = der::read_algorithm(reader, "signatureAlgorithm")) {
      out.signature_algorithm = *parsed;
    } else {
      in.note(Flaw::kShape, to_string(parsed.error()));
    }
  }
  if (const auto signature = in.take(Tag::kBitString, "signature")) {
    if (signature->content.empty() || signature->content[0] != 0) {
      in.note(Flaw::kSignatureBits, "the signature's BIT STRING has unused bits");
    }
  }
  if (const auto wrapper = in.take_if(context_constructed(0), "certs")) {
    Walker inside = in.into(*wrapper);
    if (const auto list = inside.take(Tag::kSequence, "certs")) {
      if (list->content.empty()) {
        in.note(Flaw::kEmptyList, "certs is present and empty");
      }
      Walker certificates = in.into(*list);
      while (!certificates.at_end() && out.certificates.size() < kMaxCertificates) {
        const auto certificate = certificates.any("certs");
        if (!certificate) {
          break;
        }
        out.certificates.push_back(certificate->raw);
      }
    }
  }
  in.finish("basicOCSPResponse");
}

void read_body(Walker in, LooseResponse& out) {
  const auto bytes = in.take(Tag::kSequence, "responseBytes");
  if (!bytes) {
    return;
  }
  in.finish("responseBytes");
  Walker body = in.into(*bytes);
  const auto type = body.take(Tag::kOid, "responseType");
  if (!type) {
    return;
  }
  if (!equal(type->content, oid::kOcspBasic)) {
    in.note(Flaw::kType, "the response type is " + der::oid_to_string(type->content) +
                             ", not id-pkix-ocsp-basic");
    return;
  }
  if (const auto response = body.take(Tag::kOctetString, "response")) {
    body.finish("responseBytes");
    read_basic(body.into(*response), out);
  }
}

}  // namespace

const LooseResponse::Note* LooseResponse::find(Flaw flaw) const {
  const auto found =
      std::find_if(notes.begin(), notes.end(), [flaw](const Note& n) { return n.flaw == flaw; });
  return found == notes.end() ? nullptr : &*found;
}

const LooseExtension* find_extension(const std::vector<LooseExtension>& list, Bytes oid) {
  const auto found = std::find_if(list.begin(), list.end(),
                                  [oid](const LooseExtension& e) { return equal(e.oid, oid); });
  return found == list.end() ? nullptr : &*found;
}

LooseResponse read_loosely(Bytes octets) {
  LooseResponse out;
  Walker outer(octets.first(std::min(octets.size(), ocsp::Limits().max_message_bytes)), out);
  const auto whole = outer.take(Tag::kSequence, "ocspResponse");
  if (whole) {
    if (!outer.at_end()) {
      outer.note(Flaw::kTrailing,
                 std::to_string(outer.rest().size()) + " octets follow behind the response");
    }
    Walker in = outer.into(*whole);
    if (const auto status = in.take(Tag::kEnumerated, "responseStatus")) {
      out.status = read_small(*status);
      if (!out.status || *out.status > 6 || *out.status == 4) {
        in.note(Flaw::kStatus, "the responseStatus is " + to_hex(status->content) +
                                   " (hexadecimal), which nobody defined");
      }
    }
    const auto body = in.take_if(context_constructed(0), "responseBytes");
    if (out.status && body.has_value() != (*out.status == 0)) {
      in.note(Flaw::kBody, body ? "an error status comes with responseBytes"
                                : "successful comes without responseBytes");
    }
    if (body) {
      read_body(in.into(*body), out);
    }
    in.finish("ocspResponse");
  }
  // What only the strict parser saw must not go unsaid.
  if (const auto strict = ocsp::parse_response(octets); !strict && out.notes.empty()) {
    outer.note(Flaw::kShape, to_string(strict.error()));
  }
  return out;
}

}  // namespace muster::lint
