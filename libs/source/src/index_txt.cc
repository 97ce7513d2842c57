#include "muster/source/index_txt.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "muster/base/hex.h"
#include "muster/base/text.h"

namespace muster::source {
namespace {

constexpr std::size_t kFields = 6;

/// Fields between tabs that have no backslash in front. Nothing unless there are exactly six.
std::optional<std::array<std::string_view, kFields>> split_fields(std::string_view line) {
  std::array<std::string_view, kFields> fields;
  std::size_t count = 0;
  std::size_t start = 0;
  for (std::size_t from = 0;;) {
    const std::size_t tab = std::min(line.find('\t', from), line.size());
    from = tab + 1;
    if (tab != line.size() && tab != 0 && line[tab - 1] == '\\') {
      continue;
    }
    if (count == kFields) {
      return std::nullopt;
    }
    fields[count++] = line.substr(start, tab - start);
    start = from;
    if (tab == line.size()) {
      return count == kFields ? std::optional(fields) : std::nullopt;
    }
  }
}

/// Whether a control character other than a tab is in the text; eight octets at a time, since few
/// have any.
bool has_control(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; };
  while (text.size() >= sizeof(std::uint64_t)) {
    constexpr std::uint64_t kOnes = 0x0101010101010101U;
    std::uint64_t octets;
    std::memcpy(&octets, text.data(), sizeof octets);
    // A top bit where an octet is below 0x20, and perhaps in the one above it.
    if (((octets - 0x20 * kOnes) & ~octets & (0x80 * kOnes)) != 0 &&
        std::any_of(text.begin(), text.begin() + sizeof octets, is_control)) {
      return true;
    }
    text.remove_prefix(sizeof octets);
  }
  return std::any_of(text.begin(), text.end(), is_control);
}

std::optional<unsigned> two_digits(std::string_view text, std::size_t at) {
  const char a = text[at];
  const char b = text[at + 1];
  if (a < '0' || a > '9' || b < '0' || b > '9') {
    return std::nullopt;
  }
  return static_cast<unsigned>(a - '0') * 10 + static_cast<unsigned>(b - '0');
}

/// YYYYMMDDHHMMSSZ
std::string format_long_time(UnixSeconds t) {
  std::string text;
  for (const char c : format_iso8601(t)) {
    if ((c >= '0' && c <= '9') || c == 'Z') {
      text += c;
    }
  }
  return text;
}

/// The form openssl chooses: two digits for the years 1950 to 2049.
std::string format_time(UnixSeconds t) {
  const std::string text = format_long_time(t);
  return text >= "1950" && text < "2050" ? text.substr(2) : text;
}

/// Reasons openssl knows beyond those of RFC 5280; each takes a detail behind a comma.
enum class Detail : std::uint8_t { kNone, kHoldInstruction, kInvalidityTime };
struct NamedReason {
  std::string_view name;
  std::optional<ReasonCode> reason;
  Detail detail;
};
constexpr auto kNamedReasons = std::to_array<NamedReason>({
    {"unspecified", ReasonCode::kUnspecified, Detail::kNone},
    {"keyCompromise", ReasonCode::kKeyCompromise, Detail::kNone},
    {"CACompromise", ReasonCode::kCaCompromise, Detail::kNone},
    {"affiliationChanged", ReasonCode::kAffiliationChanged, Detail::kNone},
    {"superseded", ReasonCode::kSuperseded, Detail::kNone},
    {"cessationOfOperation", ReasonCode::kCessationOfOperation, Detail::kNone},
    {"certificateHold", ReasonCode::kCertificateHold, Detail::kNone},
    {"removeFromCRL", std::nullopt, Detail::kNone},
    {"privilegeWithdrawn", ReasonCode::kPrivilegeWithdrawn, Detail::kNone},
    {"AACompromise", ReasonCode::kAaCompromise, Detail::kNone},
    {"holdInstruction", ReasonCode::kCertificateHold, Detail::kHoldInstruction},
    {"keyTime", ReasonCode::kKeyCompromise, Detail::kInvalidityTime},
    {"CAkeyTime", ReasonCode::kCaCompromise, Detail::kInvalidityTime},
});

/// `time[,reason[,detail]]`
Result<Unit, IndexErrc> parse_revocation(std::string_view field, store::Status& status) {
  const std::vector<std::string_view> parts = split(field, ',');
  status.revoked_at = parse_index_time(parts[0]);
  if (!status.revoked_at) {
    return Err{IndexErrc::kBadRevocation};
  }
  status.state = store::State::kRevoked;
  if (parts.size() == 1) {
    return Unit{};
  }
  const auto named = std::find_if(kNamedReasons.begin(), kNamedReasons.end(),
                                  [&](const NamedReason& r) { return iequals(r.name, parts[1]); });
  const std::size_t expected_parts =
      named != kNamedReasons.end() && named->detail != Detail::kNone ? 3 : 2;
  if (named == kNamedReasons.end() || parts.size() != expected_parts) {
    return Err{IndexErrc::kBadReason};
  }
  status.reason = named->reason;
  if (status.reason == ReasonCode::kCertificateHold) {
    status.state = store::State::kHold;
  }
  if (named->detail == Detail::kHoldInstruction && parts[2].empty()) {
    return Err{IndexErrc::kBadReason};
  }
  if (named->detail == Detail::kInvalidityTime) {
    status.invalidity_date = parse_index_time(parts[2]);
    if (!status.invalidity_date) {
      return Err{IndexErrc::kBadReason};
    }
  }
  return Unit{};
}

std::optional<Serial> parse_serial(std::string_view text) {
  // Serial::from_hex() is kinder than the CA's own programs.
  const bool has_other = text.find(':') != std::string_view::npos || trim(text) != text;
  return has_other ? std::nullopt : Serial::from_hex(text);
}

}  // namespace

std::optional<UnixSeconds> parse_index_time(std::string_view text) {
  if ((text.size() != 13 && text.size() != 15) || text.back() != 'Z') {
    return std::nullopt;
  }
  std::array<unsigned, 7> part{};
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const auto value = two_digits(text, i);
    if (!value) {
      return std::nullopt;
    }
    part[i / 2] = *value;
  }
  const bool long_year = text.size() == 15;
  const unsigned year =
      long_year ? part[0] * 100 + part[1] : part[0] + (part[0] >= 50 ? 1900u : 2000u);
  const unsigned* rest = part.data() + (long_year ? 2 : 1);  // month, day, hour, minute, second
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(rest[0]), std::chrono::day(rest[1])};
  if (!date.ok() || rest[2] > 23 || rest[3] > 59 || rest[4] > 59) {
    return std::nullopt;
  }
  return UnixSeconds(std::chrono::sys_days(date)) + std::chrono::hours(rest[2]) +
         std::chrono::minutes(rest[3]) + Seconds(rest[4]);
}

std::string_view to_string(IndexErrc code) {
  switch (code) {
    case IndexErrc::kFieldCount:
      return "not six fields separated by tabs";
    case IndexErrc::kBadFlag:
      return "field 1 is not V, R or E";
    case IndexErrc::kBadExpiry:
      return "field 2 is not an expiry date like 270131120000Z or 20270131120000Z";
    case IndexErrc::kBadRevocation:
      return "field 3 must be a time like 260131120000Z for R and empty for V";
    case IndexErrc::kBadReason:
      return "field 3 has an unknown revocation reason, or one whose detail is missing or "
             "ill-formed";
    case IndexErrc::kBadSerial:
      return "field 4 is not a serial number in hexadecimal of at most 64 octets";
    case IndexErrc::kBadOctet:
      return "a control character; the file is half-written or no text";
    case IndexErrc::kLineTooLong:
      return "longer than 65536 octets";
    case IndexErrc::kNoNewline:
      return "the last line has no end; the file is half-written";
  }
  return "unknown";
}

Result<IndexRecord, IndexErrc> parse_index_line(std::string_view line) {
  if (has_control(line)) {
    return Err{IndexErrc::kBadOctet};
  }
  const auto fields = split_fields(line);
  if (!fields) {
    return Err{IndexErrc::kFieldCount};
  }
  const auto& [flag, expiry, revocation, serial_text, file, subject] = *fields;
  if (flag != "V" && flag != "R" && flag != "E") {
    return Err{IndexErrc::kBadFlag};
  }
  store::Status status;
  status.expires = parse_index_time(expiry);
  if (!status.expires) {
    return Err{IndexErrc::kBadExpiry};
  }
  if ((flag == "V" && !revocation.empty()) || (flag == "R" && revocation.empty())) {
    return Err{IndexErrc::kBadRevocation};
  }
  if (!revocation.empty()) {
    MUSTER_CHECK(parse_revocation(revocation, status));
  }
  const auto serial = parse_serial(serial_text);
  if (!serial) {
    return Err{IndexErrc::kBadSerial};
  }
  return IndexRecord{*serial, status, file, subject};
}

std::string encode_index_line(const Serial& serial, const store::Status& status) {
  const bool revoked = status.state != store::State::kGood;
  std::string line = revoked ? "R\t" : "V\t";
  line += status.expires ? format_time(*status.expires) : "99991231235959Z";
  line += '\t';
  if (revoked) {
    line += format_time(status.revoked_at.value_or(UnixSeconds{}));
    const std::optional<ReasonCode> reason =
        status.state == store::State::kHold ? ReasonCode::kCertificateHold : status.reason;
    const Detail detail = status.invalidity_date && (reason == ReasonCode::kKeyCompromise ||
                                                     reason == ReasonCode::kCaCompromise)
                              ? Detail::kInvalidityTime
                              : Detail::kNone;
    const auto named = std::find_if(
        kNamedReasons.begin(), kNamedReasons.end(),
        [&](const NamedReason& r) { return reason && r.reason == reason && r.detail == detail; });
    if (named != kNamedReasons.end()) {
      line += "," + std::string(named->name);
      line +=
          detail == Detail::kInvalidityTime ? "," + format_long_time(*status.invalidity_date) : "";
    }
  }
  return line + "\t" + serial.to_hex() + "\tunknown\t/serialNumber=" + serial.to_hex() + "\n";
}

Result<Unit, IndexError> IndexParser::take_line(std::string_view line) {
  ++line_;
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  if (line.empty() || line.front() == '#') {
    return Unit{};
  }
  const auto record = parse_index_line(line);
  if (!record) {
    return Err{IndexError{record.error(), line_}};
  }
  stopped_ = !visit_(*record, line_);
  return Unit{};
}

Result<Unit, IndexError> IndexParser::feed(std::string_view piece) {
  while (!stopped_ && !piece.empty()) {
    const std::size_t end = piece.find('\n');
    const std::string_view part = piece.substr(0, end);
    if (rest_.size() + part.size() > kMaxIndexLineOctets) {
      return Err{IndexError{IndexErrc::kLineTooLong, line_ + 1}};
    }
    if (end == std::string_view::npos) {
      rest_.append(part);
      return Unit{};
    }
    if (rest_.empty()) {
      MUSTER_CHECK(take_line(part));
    } else {
      rest_.append(part);
      MUSTER_CHECK(take_line(rest_));
      rest_.clear();
    }
    piece.remove_prefix(end + 1);
  }
  return Unit{};
}

Result<Unit, IndexError> IndexParser::finish() {
  if (!stopped_ && !rest_.empty()) {
    return Err{IndexError{IndexErrc::kNoNewline, line_ + 1}};
  }
  return Unit{};
}

}  // namespace muster::source
