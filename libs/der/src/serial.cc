#include <algorithm>
#include <array>
#include <span>

#include "muster/base/hex.h"
#include "muster/base/text.h"
#include "muster/der/pkix.h"

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
  const bool is_negative = text.starts_with('-');
  if (is_negative) {
    text.remove_prefix(1);
  }
  // Zeros in front say nothing, however many there are.
  const std::size_t first = text.find_first_not_of("0:");
  if (first == std::string_view::npos && text.find('0') == std::string_view::npos) {
    return std::nullopt;  // not a single digit
  }
  text.remove_prefix(std::min(first, text.size()));
  std::array<char, 2 * (kMaxSerialOctets + 1)> digits;
  if (text.find(':') != std::string_view::npos) {
    std::size_t count = 0;
    for (const char c : text) {
      if (c == ':') {
        continue;
      }
      if (count == digits.size()) {
        return std::nullopt;
      }
      digits[count++] = c;
    }
    text = {digits.data(), count};
  }
  // One octet more than a serial has: a sign may need it. And one in front of the number.
  std::array<std::uint8_t, kMaxSerialOctets + 2> room;
  const std::size_t octets = (text.size() + 1) / 2;
  if (octets + 1 > room.size()) {
    return std::nullopt;
  }
  const std::span number = std::span(room).first(octets + 1);
  std::size_t at = 0;
  number[at++] = 0;
  unsigned seen = 0;  // all values: a top bit where one was no digit
  if (text.size() % 2 != 0) {
    seen = kHexValues[static_cast<unsigned char>(text.front())];
    number[at++] = static_cast<std::uint8_t>(seen);
    text.remove_prefix(1);
  }
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const unsigned high = kHexValues[static_cast<unsigned char>(text[i])];
    const unsigned low = kHexValues[static_cast<unsigned char>(text[i + 1])];
    seen |= high | low;
    number[at++] = static_cast<std::uint8_t>(high << 4 | low);
  }
  if ((seen & kNoHexDigit) != 0) {
    return std::nullopt;
  }
  if (is_negative) {
    negate(number);
  }
  const auto serial = make(without_redundant_octets(number));
  return serial ? std::optional(*serial) : std::nullopt;
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
