#include "muster/der/der.h"

namespace muster::der {
namespace {

/// Two's complement content of an INTEGER without a redundant first octet (X.690 section 8.3.2).
bool is_minimal_integer(Bytes content) {
  if (content.size() < 2) {
    return !content.empty();
  }
  const bool second_is_negative = (content[1] & 0x80u) != 0;
  return content[0] != (second_is_negative ? 0xff : 0x00);
}

/// Arcs in base 128 without a leading zero digit, the last one finished (X.690 section 8.19.2).
bool is_well_formed_oid(Bytes content) {
  bool at_start = true;
  for (const std::uint8_t octet : content) {
    if (at_start && octet == 0x80) {
      return false;
    }
    at_start = (octet & 0x80u) == 0;
  }
  return at_start && !content.empty();
}

}  // namespace

std::string_view to_string(DerErrc code) {
  switch (code) {
    case DerErrc::kTruncated:
      return "truncated";
    case DerErrc::kWrongTag:
      return "wrong tag";
    case DerErrc::kBadLength:
      return "bad length";
    case DerErrc::kTrailingData:
      return "trailing data";
    case DerErrc::kBadValue:
      return "bad value";
    case DerErrc::kTooLarge:
      return "too large";
    case DerErrc::kUnsupported:
      return "unsupported";
    case DerErrc::kInconsistent:
      return "inconsistent";
  }
  return "unknown error";
}

std::string to_string(const DerError& error) {
  std::string text(error.field);
  text += ": ";
  text += to_string(error.code);
  text += " at octet ";
  text += std::to_string(error.offset);
  return text;
}

DerError Reader::not_there(std::string_view field) const {
  // Offset 0 means that the message itself is missing, not one of its elements.
  const bool nothing_at_all = at_end() && offset_ == 0;
  return {nothing_at_all ? DerErrc::kTruncated : DerErrc::kWrongTag, offset_, field};
}

DerError Reader::truncated(std::string_view field) const {
  return {DerErrc::kTruncated, offset_ + static_cast<std::uint32_t>(rest_.size()), field};
}

DerResult<Reader::Length> Reader::read_length(std::string_view field) const {
  constexpr std::size_t kMaxLengthOctets = 4;
  if (rest_.size() < 2) {
    return Err{truncated(field)};
  }
  if (rest_[1] < 0x80) {
    return Length{2, rest_[1]};
  }
  const std::size_t octets = rest_[1] & 0x7fu;
  if (octets == 0 || octets > kMaxLengthOctets) {  // 80 is the indefinite form
    return Err{DerError{DerErrc::kBadLength, offset_, field}};
  }
  if (rest_.size() - 2 < octets) {
    return Err{truncated(field)};
  }
  std::size_t value = 0;
  for (const std::uint8_t octet : rest_.subspan(2, octets)) {
    value = value << 8 | octet;
  }
  const bool is_minimal = value >= 0x80 && rest_[2] != 0;
  if (!is_minimal && lengths_ == Lengths::kMinimal) {
    return Err{DerError{DerErrc::kBadLength, offset_, field}};
  }
  return Length{2 + octets, value};
}

DerResult<Bytes> Reader::read_long(Tag tag, std::string_view field) {
  if (!next_is(tag)) {
    return Err{not_there(field)};
  }
  MUSTER_TRY(const Length length, read_length(field));
  if (length.content_size > rest_.size() - length.header_size) {
    return Err{truncated(field)};
  }
  const Bytes content = rest_.subspan(length.header_size, length.content_size);
  advance(length.header_size + length.content_size);
  return content;
}

DerResult<Reader> Reader::enter_long(Tag tag, std::string_view field) {
  MUSTER_TRY(const Bytes content, read_long(tag, field));
  return Reader(content, offset_ - static_cast<std::uint32_t>(content.size()));
}

DerResult<Truth> Reader::read_boolean(std::string_view field) {
  const std::uint32_t start = offset_;
  MUSTER_TRY(const Bytes content, read(Tag::kBoolean, field));
  if (content.size() != 1 || (content[0] != 0x00 && content[0] != 0xff)) {
    return Err{DerError{DerErrc::kBadValue, start, field}};
  }
  return content[0] == 0 ? Truth::kFalse : Truth::kTrue;
}

DerResult<Bytes> Reader::read_integer(std::string_view field, Tag tag) {
  const std::uint32_t start = offset_;
  MUSTER_TRY(const Bytes content, read(tag, field));
  if (!is_minimal_integer(content)) {
    return Err{DerError{DerErrc::kBadValue, start, field}};
  }
  return content;
}

DerResult<std::uint64_t> Reader::read_unsigned(std::string_view field, std::uint64_t max, Tag tag) {
  const std::uint32_t start = offset_;
  MUSTER_TRY(Bytes content, read_integer(field, tag));
  if ((content[0] & 0x80u) != 0) {
    return Err{DerError{DerErrc::kBadValue, start, field}};
  }
  if (content[0] == 0) {
    content = content.subspan(1);
  }
  std::uint64_t value = 0;
  for (const std::uint8_t octet : content) {
    value = value << 8 | octet;
  }
  if (content.size() > sizeof value || value > max) {
    return Err{DerError{DerErrc::kTooLarge, start, field}};
  }
  return value;
}

DerResult<Bytes> Reader::read_oid(std::string_view field) {
  const std::uint32_t start = offset_;
  MUSTER_TRY(const Bytes content, read(Tag::kOid, field));
  if (!is_well_formed_oid(content)) {
    return Err{DerError{DerErrc::kBadValue, start, field}};
  }
  return content;
}

DerResult<Unit> Reader::read_null(std::string_view field, Tag tag) {
  const std::uint32_t start = offset_;
  MUSTER_TRY(const Bytes content, read(tag, field));
  if (!content.empty()) {
    return Err{DerError{DerErrc::kBadValue, start, field}};
  }
  return Unit{};
}

DerResult<Bytes> Reader::read_octet_bits(std::string_view field) {
  const std::uint32_t start = offset_;
  MUSTER_TRY(const Bytes content, read(Tag::kBitString, field));
  if (content.empty() || content[0] != 0) {
    return Err{DerError{DerErrc::kBadValue, start, field}};
  }
  return content.subspan(1);
}

}  // namespace muster::der
