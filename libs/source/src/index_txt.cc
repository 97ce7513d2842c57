#include "muster/source/index_txt.h"

#include <algorithm>
#include <array>
#include <bit>

#include "muster/base/text.h"
#include "muster/base/words.h"
#include "muster/der/serial_digits.h"

namespace muster::source {
namespace {

constexpr std::size_t kFields = 6;
constexpr std::size_t kWordOctets = sizeof(std::uint64_t);

/// A top bit for each of eight octets that is below 0x20, and for no other.
constexpr std::uint64_t find_controls(std::uint64_t octets) {
  constexpr std::uint64_t kTops = eight_times(0x80);
  // The lower seven bits reach the top one from 0x20 on; none carries into its neighbour.
  return ~(((octets & ~kTops) + eight_times(0x60)) | octets) & kTops;
}

/// Fields between tabs that have no backslash in front, cut in one look at the line.
/// Errors: kBadOctet for a control character other than a tab, wherever it is; then kFieldCount.
Result<std::array<std::string_view, kFields>, IndexErrc> split_fields(std::string_view line) {
  std::array<std::string_view, kFields> fields;
  std::size_t count = 0;
  std::size_t start = 0;
  const auto end_field = [&](std::size_t end) {
    if (count < kFields) {
      fields[count] = line.substr(start, end - start);
    }
    ++count;
    start = end + 1;
  };
  // Takes what find_controls() found in the eight octets at `base`. False when one is no tab.
  const auto take_tabs = [&](std::size_t base, std::uint64_t found) {
    for (; found != 0; found &= found - 1) {
      const std::size_t at = base + static_cast<std::size_t>(std::countr_zero(found)) / 8;
      if (line[at] != '\t') {
        return false;
      }
      if (at == 0 || line[at - 1] != '\\') {
        end_field(at);
      }
    }
    return true;
  };
  std::size_t at = 0;
  for (; line.size() - at >= kWordOctets; at += kWordOctets) {
    if (!take_tabs(at, find_controls(load_little(line.data() + at)))) {
      return Err{IndexErrc::kBadOctet};
    }
  }
  std::uint64_t rest = eight_times(' ');  // fewer than eight, and blanks behind them
  for (std::size_t i = line.size(); i > at; --i) {
    rest = rest << 8 | static_cast<unsigned char>(line[i - 1]);
  }
  if (!take_tabs(at, find_controls(rest))) {
    return Err{IndexErrc::kBadOctet};
  }
  end_field(line.size());
  if (count != kFields) {
    return Err{IndexErrc::kFieldCount};
  }
  return fields;
}

/// Eight decimal digits as four numbers of two. Nothing when one is no digit.
std::optional<std::array<unsigned, 4>> digit_pairs(const char* digits) {
  constexpr std::uint64_t kZeros = eight_times('0');
  constexpr std::uint64_t kHigh = eight_times(0xf0);
  const std::uint64_t text = load_little(digits);
  // '0' to '9' are 0x30 to 0x39: what stays there with six more is a digit.
  if ((text & kHigh) != kZeros || ((text + eight_times(6)) & kHigh) != kZeros) {
    return std::nullopt;
  }
  const std::uint64_t values = text - kZeros;
  // Ten times a digit and the one behind it, in the first octet and each second one; none carries.
  const std::uint64_t pairs = values * 10 + (values >> 8);
  const auto pair = [pairs](unsigned i) {
    return static_cast<unsigned>((pairs >> (16 * i)) & 0xff);
  };
  return std::array<unsigned, 4>{pair(0), pair(1), pair(2), pair(3)};
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

/// Pieces between commas: the first four, one more than any revocation has.
struct Pieces {
  std::array<std::string_view, 4> at;
  std::size_t count = 0;
};
Pieces split_revocation(std::string_view field) {
  Pieces pieces;
  while (pieces.count < pieces.at.size()) {
    const std::size_t comma = field.find(',');
    pieces.at[pieces.count++] = field.substr(0, comma);
    if (comma == std::string_view::npos) {
      break;
    }
    field.remove_prefix(comma + 1);
  }
  return pieces;
}

/// `time[,reason[,detail]]`
Result<Unit, IndexErrc> parse_revocation(std::string_view field, store::Status& status) {
  const auto [parts, count] = split_revocation(field);
  status.revoked_at = parse_index_time(parts[0]);
  if (!status.revoked_at) {
    return Err{IndexErrc::kBadRevocation};
  }
  status.state = store::State::kRevoked;
  if (count == 1) {
    return Unit{};
  }
  const auto named =
      std::find_if(kNamedReasons.begin(), kNamedReasons.end(),
                   [name = parts[1]](const NamedReason& r) { return iequals(r.name, name); });
  const std::size_t expected_parts =
      named != kNamedReasons.end() && named->detail != Detail::kNone ? 3 : 2;
  if (named == kNamedReasons.end() || count != expected_parts) {
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

}  // namespace

std::optional<UnixSeconds> parse_index_time(std::string_view text) {
  if ((text.size() != 13 && text.size() != 15) || text.back() != 'Z') {
    return std::nullopt;
  }
  // The first eight digits and the last eight; some of them are the same.
  const auto front = digit_pairs(text.data());
  const auto back = digit_pairs(text.data() + text.size() - 9);
  if (!front || !back) {
    return std::nullopt;
  }
  const auto& head = *front;  // year, month, ..., or century, year, month, ...
  const auto& [day, hour, minute, second] = *back;
  const bool long_year = text.size() == 15;
  const unsigned year =
      long_year ? head[0] * 100 + head[1] : head[0] + (head[0] >= 50 ? 1900u : 2000u);
  const unsigned month = long_year ? head[2] : head[1];
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  return UnixSeconds(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + Seconds(second);
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
  const auto fields = split_fields(line);
  if (!fields) {
    return Err{fields.error()};
  }
  const auto& [flag, expiry, revocation, serial_text, file, subject] = *fields;
  const char kind = flag.size() == 1 ? flag.front() : ' ';
  if (kind != 'V' && kind != 'R' && kind != 'E') {
    return Err{IndexErrc::kBadFlag};
  }
  store::Status status;
  status.expires = parse_index_time(expiry);
  if (!status.expires) {
    return Err{IndexErrc::kBadExpiry};
  }
  if ((kind == 'V' && !revocation.empty()) || (kind == 'R' && revocation.empty())) {
    return Err{IndexErrc::kBadRevocation};
  }
  if (!revocation.empty()) {
    MUSTER_CHECK(parse_revocation(revocation, status));
  }
  const auto serial = parse_serial_digits(serial_text);
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
