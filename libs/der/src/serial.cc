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
  std::size_t digits = 0;  // without the zeros in front, which say nothing
  std::size_t zeros = 0;
  for (const char c : text) {
    if (c == ':') {
      continue;
    }
    if (hex_value(c) < 0) {
      return std::nullopt;
    }
    ++(digits == 0 && c == '0' ? zeros : digits);
  }
  // One octet more than a serial has: a sign may need it.
  std::array<std::uint8_t, kMaxSerialOctets + 2> room{};
  const std::size_t octets = (digits + 1) / 2;
  if (digits + zeros == 0 || octets + 1 > room.size()) {
    return std::nullopt;
  }
  const std::span number = std::span(room).first(octets + 1);
  std::size_t at = 2 * number.size() - digits;  // half octets from the front
  for (const char c : text) {
    if (c == ':' || (zeros != 0 && zeros-- != 0)) {
      continue;
    }
    const auto value = static_cast<unsigned>(hex_value(c));
    number[at / 2] = static_cast<std::uint8_t>(number[at / 2] | (at % 2 == 0 ? value << 4 : value));
    ++at;
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
