#include <algorithm>
#include <array>
#include <span>

#include "muster/base/hex.h"
#include "muster/base/text.h"
#include "muster/der/pkix.h"
#include "muster/der/serial_digits.h"

namespace muster {
namespace {

/// Two's complement of a big-endian number, in place.
void negate(std::span<std::uint8_t> number) {
  unsigned carry = 1;
  for (auto octet = number.rbegin(); octet != number.rend(); ++octet) {
    const unsigned sum = static_cast<std::uint8_t>(~*octet) + carry;
    *octet = static_cast<std::uint8_t>(sum);
    carry = sum >> 8;
  }
}

Bytes without_redundant_octets(Bytes content) {
  while (content.size() > 1 && content[0] == ((content[1] & 0x80u) != 0 ? 0xff : 0x00)) {
    content = content.subspan(1);
  }
  return content;
}

constexpr unsigned kNoHexDigit = 0x80;
constexpr auto kHexValues = [] {
  std::array<std::uint8_t, 256> values{};
  for (std::size_t c = 0; c < values.size(); ++c) {
    const int value = hex_value(static_cast<char>(c));
    values[c] = static_cast<std::uint8_t>(value < 0 ? static_cast<int>(kNoHexDigit) : value);
  }
  return values;
}();

/// What a number may have after the zeros in front: one octet more than a serial, since a sign may
/// need it.
constexpr std::size_t kMaxDigits = 2 * (kMaxSerialOctets + 1);

enum class Sign : std::uint8_t { kNone, kMinus };
Sign take_sign(std::string_view& text) {
  if (!text.starts_with('-')) {
    return Sign::kNone;
  }
  text.remove_prefix(1);
  return Sign::kMinus;
}

/// The serial of a number's digits, at least one. Nothing for another character or too many.
std::optional<Serial> read_digits(std::string_view digits, Sign sign) {
  if (digits.empty()) {
    return std::nullopt;
  }
  while (!digits.empty() && digits.front() == '0') {  // says nothing
    digits.remove_prefix(1);
  }
  if (digits.size() > kMaxDigits) {
    return std::nullopt;
  }
  std::array<std::uint8_t, 1 + kMaxDigits / 2> room;  // a zero in front of the number
  const std::span number = std::span(room).first(1 + (digits.size() + 1) / 2);
  std::uint8_t* to = room.data();
  *to++ = 0;
  const char* from = digits.data();
  const char* const end = from + digits.size();
  unsigned seen = 0;  // all values: a top bit where one was no digit
  if (digits.size() % 2 != 0) {
    seen = kHexValues[static_cast<unsigned char>(*from++)];
    *to++ = static_cast<std::uint8_t>(seen);
  }
  for (; from != end; from += 2) {
    const unsigned high = kHexValues[static_cast<unsigned char>(from[0])];
    const unsigned low = kHexValues[static_cast<unsigned char>(from[1])];
    seen |= high | low;
    *to++ = static_cast<std::uint8_t>(high << 4 | low);
  }
  if ((seen & kNoHexDigit) != 0) {
    return std::nullopt;
  }
  if (sign == Sign::kMinus) {
    negate(number);
  }
  const auto serial = Serial::make(without_redundant_octets(number));
  return serial ? std::optional(*serial) : std::nullopt;
}

struct ReasonName {
  ReasonCode code;
  std::string_view name;
};
constexpr std::array kReasonNames = {
    ReasonName{ReasonCode::kUnspecified, "unspecified"},
    ReasonName{ReasonCode::kKeyCompromise, "keyCompromise"},
    ReasonName{ReasonCode::kCaCompromise, "cACompromise"},
    ReasonName{ReasonCode::kAffiliationChanged, "affiliationChanged"},
    ReasonName{ReasonCode::kSuperseded, "superseded"},
    ReasonName{ReasonCode::kCessationOfOperation, "cessationOfOperation"},
    ReasonName{ReasonCode::kCertificateHold, "certificateHold"},
    ReasonName{ReasonCode::kRemoveFromCrl, "removeFromCRL"},
    ReasonName{ReasonCode::kPrivilegeWithdrawn, "privilegeWithdrawn"},
    ReasonName{ReasonCode::kAaCompromise, "aACompromise"},
};

}  // namespace

der::DerResult<Serial> Serial::make(Bytes integer_content, std::uint32_t offset) {
  constexpr std::string_view kField = "serialNumber";
  if (integer_content.size() > kMaxSerialOctets) {
    return Err{der::DerError{der::DerErrc::kTooLarge, offset, kField}};
  }
  if (integer_content.empty() ||
      without_redundant_octets(integer_content).size() != integer_content.size()) {
    return Err{der::DerError{der::DerErrc::kBadValue, offset, kField}};
  }
  Serial serial;
  std::copy(integer_content.begin(), integer_content.end(), serial.octets_.begin());
  serial.size_ = static_cast<std::uint8_t>(integer_content.size());
  return serial;
}

std::optional<Serial> Serial::from_hex(std::string_view text) {
  text = trim(text);
  if (text.find(':') == std::string_view::npos) {
    return parse_serial_digits(text);
  }
  const Sign sign = take_sign(text);
  // Zeros in front say nothing, however many there are.
  const std::size_t first = text.find_first_not_of("0:");
  if (first == std::string_view::npos && text.find('0') == std::string_view::npos) {
    return std::nullopt;  // not a single digit
  }
  text.remove_prefix(std::min(first, text.size()));
  std::array<char, 1 + kMaxDigits> digits;
  digits[0] = '0';  // for a number of nothing but zeros
  std::size_t count = 1;
  for (const char c : text) {
    if (c == ':') {
      continue;
    }
    if (count == digits.size()) {
      return std::nullopt;
    }
    digits[count++] = c;
  }
  return read_digits({digits.data(), count}, sign);
}

std::optional<Serial> parse_serial_digits(std::string_view text) {
  const Sign sign = take_sign(text);
  return read_digits(text, sign);
}

std::string Serial::to_hex() const {
  Buffer number = to_buffer(octets());
  const bool is_negative = (number[0] & 0x80u) != 0;
  if (is_negative) {
    negate(number);  // -128 gives 80 again, which is its magnitude
  }
  Bytes magnitude(number);
  while (magnitude.size() > 1 && magnitude[0] == 0) {
    magnitude = magnitude.subspan(1);
  }
  std::string text = is_negative ? "-" : "";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const std::uint8_t octet : magnitude) {
    text += kDigits[octet >> 4];
    text += kDigits[octet & 0x0fu];
  }
  return text;
}

std::strong_ordering operator<=>(const Serial& a, const Serial& b) {
  const Bytes x = a.octets();
  const Bytes y = b.octets();
  return std::lexicographical_compare_three_way(x.begin(), x.end(), y.begin(), y.end());
}

std::optional<ReasonCode> make_reason_code(std::uint64_t value) {
  for (const ReasonName& entry : kReasonNames) {
    if (static_cast<std::uint64_t>(entry.code) == value) {
      return entry.code;
    }
  }
  return std::nullopt;
}

std::string_view to_string(ReasonCode reason) {
  for (const ReasonName& entry : kReasonNames) {
    if (entry.code == reason) {
      return entry.name;
    }
  }
  return "reserved";
}

std::optional<ReasonCode> parse_reason_code(std::string_view name) {
  for (const ReasonName& entry : kReasonNames) {
    if (iequals(entry.name, name)) {
      return entry.code;
    }
  }
  return std::nullopt;
}

}  // namespace muster
