#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "muster/base/bytes.h"
#include "muster/base/result.h"

namespace muster::der {

/// Identifier octet of the low-tag-number form; the only form OCSP, CRLs and our limits know.
enum class Tag : std::uint8_t {
  kBoolean = 0x01,
  kInteger = 0x02,
  kBitString = 0x03,
  kOctetString = 0x04,
  kNull = 0x05,
  kOid = 0x06,
  kEnumerated = 0x0a,
  kUtf8String = 0x0c,
  kPrintableString = 0x13,
  kIa5String = 0x16,
  kUtcTime = 0x17,
  kGeneralizedTime = 0x18,
  kSequence = 0x30,
  kSet = 0x31,
};
/// [n] with primitive content (implicit tagging of a primitive type), n = 0..30.
constexpr Tag context_primitive(unsigned n) { return static_cast<Tag>(0x80u | n); }
/// [n] with constructed content (explicit tagging, or implicit tagging of a constructed type), n =
/// 0..30.
constexpr Tag context_constructed(unsigned n) { return static_cast<Tag>(0xa0u | n); }

/// Persistent values are never renumbered: they reach logs and JSON through to_string.
enum class DerErrc : std::uint8_t {
  kTruncated,     ///< an element ends behind the octets there are
  kWrongTag,      ///< another element than the schema names (or one missing)
  kBadLength,     ///< indefinite, not minimal, or more than 4 length octets
  kTrailingData,  ///< octets left over inside or behind an element
  kBadValue,      ///< content that the type forbids (BOOLEAN 01, INTEGER 00 01, a time of another
                  ///< form...)
  kTooLarge,      ///< a named limit on size or count was passed
  kUnsupported,   ///< well-formed, but a version or type we do not implement
  kInconsistent,  ///< two fields contradict each other (inner and outer algorithm, status and body)
};
std::string_view to_string(DerErrc code);

/// `offset` counts from the start of the buffer handed to the outermost parse call and points at
/// the identifier octet of the element in question, or where the octets end for kTruncated. `field`
/// is a literal, named as in the RFC.
struct DerError {
  DerErrc code;
  std::uint32_t offset;
  std::string_view field;
};
/// "thisUpdate: bad value at octet 93".
std::string to_string(const DerError& error);
template <class T>
using DerResult = Result<T, DerError>;

/// A decoded BOOLEAN (Result<bool> is forbidden, see result.h).
enum class Truth : std::uint8_t { kFalse, kTrue };

/// One element: `content` between its ends, `raw` with identifier and length.
struct Element {
  Tag tag;
  Bytes content;
  Bytes raw;
};

/// Whether `identifier` may start a DER element: a low tag number, not the reserved
/// end-of-contents, and among universal tags constructed exactly where the type is (X.690
/// sections 8.1.2, 10.2).
constexpr bool is_der_identifier(std::uint8_t identifier) {
  constexpr std::uint32_t kConstructedUniversal =
      1u << 8 | 1u << 11 | 1u << 16 | 1u << 17 | 1u << 29;
  const unsigned number = identifier & 0x1fu;
  if (number == 0x1f || identifier == 0x00 || identifier == 0x20) {
    return false;
  }
  const bool constructed = (identifier & 0x20u) != 0;
  return (identifier & 0xc0u) != 0 || constructed == ((kConstructedUniversal >> number & 1u) != 0);
}

/// Which definite lengths a Reader takes. The second is not DER: for framing that no signature
/// covers (decision 002).
enum class Lengths : std::uint8_t { kMinimal, kAnyDefinite };

/// Cursor over the content of one element (or a whole message). Strict DER: definite minimal
/// lengths, low tag numbers. Never allocates; never reads outside its octets; nothing recurses, so
/// nesting is bounded by the schema that the caller writes down. Lifetime: a view of the octets
/// given. Offsets hold for messages below 4 GiB.
class Reader {
 public:
  /// Octets that start a message: offsets in errors count from here.
  explicit Reader(Bytes message) : Reader(message, 0) {}
  explicit Reader(Buffer&&) = delete;
  /// Octets inside a message, `base_offset` octets behind its start.
  Reader(Bytes octets, std::uint32_t base_offset) : rest_(octets), offset_(base_offset) {}

  /// For the elements read from here on, not for those inside them.
  void set_lengths(Lengths lengths) { lengths_ = lengths; }

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] std::uint32_t offset() const { return offset_; }
  [[nodiscard]] Bytes rest() const { return rest_; }
  /// Whether the next identifier octet is `tag`. False at the end.
  [[nodiscard]] bool next_is(Tag tag) const {
    return !rest_.empty() && rest_[0] == static_cast<std::uint8_t>(tag);
  }
  /// Octets read since `start`, an earlier copy of this reader.
  [[nodiscard]] Bytes consumed_since(const Reader& start) const {
    return start.rest_.first(start.rest_.size() - rest_.size());
  }

  /// Next element, whatever its tag. Errors: kTruncated, kBadLength, kBadValue (not a DER
  /// identifier octet).
  DerResult<Element> read_any(std::string_view field) {
    if (at_end() || !is_der_identifier(rest_[0])) [[unlikely]] {
      return Err{DerError{at_end() ? DerErrc::kTruncated : DerErrc::kBadValue, offset_, field}};
    }
    const Reader start = *this;
    MUSTER_TRY(const Bytes content, read(static_cast<Tag>(rest_[0]), field));
    return Element{static_cast<Tag>(start.rest_[0]), content, consumed_since(start)};
  }
  /// Next element, which must have `tag`. Errors: those of read_any, kWrongTag (also for a missing
  /// element; a message without any octet is kTruncated).
  DerResult<Element> read_element(Tag tag, std::string_view field) {
    const Reader start = *this;
    MUSTER_TRY(const Bytes content, read(tag, field));
    return Element{tag, content, consumed_since(start)};
  }
  /// Content octets of the next element, which must have `tag`.
  DerResult<Bytes> read(Tag tag, std::string_view field) {
    if (has_short(tag)) [[likely]] {
      return take_short();
    }
    return read_long(tag, field);
  }
  /// A Reader over the content of the next element, which must have `tag`.
  DerResult<Reader> enter(Tag tag, std::string_view field) {
    if (has_short(tag)) [[likely]] {
      const std::uint32_t inside = offset_ + 2;
      return Reader(take_short(), inside);
    }
    return enter_long(tag, field);
  }
  /// The same when the next element has `tag`; nothing when it has another or there is none.
  DerResult<std::optional<Reader>> enter_optional(Tag tag, std::string_view field) {
    if (!next_is(tag)) {
      return std::optional<Reader>();
    }
    MUSTER_TRY(const Reader inner, enter(tag, field));
    return std::optional<Reader>(inner);
  }
  DerResult<std::optional<Element>> read_optional(Tag tag, std::string_view field) {
    if (!next_is(tag)) {
      return std::optional<Element>();
    }
    MUSTER_TRY(const Element element, read_element(tag, field));
    return std::optional<Element>(element);
  }
  /// Errors: kTrailingData unless at the end.
  DerResult<Unit> finish(std::string_view field) const {
    if (!at_end()) [[unlikely]] {
      return Err{DerError{DerErrc::kTrailingData, offset_, field}};
    }
    return Unit{};
  }

  /// BOOLEAN: FF or 00 only.
  DerResult<Truth> read_boolean(std::string_view field);
  /// INTEGER or ENUMERATED content checked minimal; any size and sign. Returns content octets.
  DerResult<Bytes> read_integer(std::string_view field, Tag tag = Tag::kInteger);
  /// Small non-negative INTEGER or ENUMERATED, at most `max`. Errors: + kTooLarge, kBadValue
  /// (negative).
  DerResult<std::uint64_t> read_unsigned(std::string_view field, std::uint64_t max,
                                         Tag tag = Tag::kInteger);
  /// OBJECT IDENTIFIER content, checked to be well-formed arcs.
  DerResult<Bytes> read_oid(std::string_view field);
  DerResult<Unit> read_null(std::string_view field, Tag tag = Tag::kNull);
  /// BIT STRING whose length is a whole number of octets. Errors: + kBadValue for unused bits
  /// (OCSP-COD-027).
  DerResult<Bytes> read_octet_bits(std::string_view field);

 private:
  struct Length {
    std::size_t header_size;
    std::size_t content_size;
  };
  /// Whether a whole element with `tag` and a length in short form is next: nearly all elements of
  /// a request.
  [[nodiscard]] bool has_short(Tag tag) const {
    const std::uint8_t* const at = rest_.data();
    return rest_.size() >= 2 && at[0] == static_cast<std::uint8_t>(tag) && at[1] < 0x80 &&
           at[1] <= rest_.size() - 2;
  }
  /// Content of the element that has_short() saw.
  Bytes take_short() {
    const std::size_t size = rest_.data()[1];
    const Bytes content(rest_.data() + 2, size);
    advance(2 + size);
    return content;
  }
  void advance(std::size_t n) {
    rest_ = Bytes(rest_.data() + n, rest_.size() - n);
    offset_ += static_cast<std::uint32_t>(n);
  }
  DerResult<Bytes> read_long(Tag tag, std::string_view field);
  DerResult<Reader> enter_long(Tag tag, std::string_view field);
  [[nodiscard]] DerResult<Length> read_length(std::string_view field) const;
  [[nodiscard]] DerError not_there(std::string_view field) const;
  [[nodiscard]] DerError truncated(std::string_view field) const;

  Bytes rest_;
  std::uint32_t offset_;
  Lengths lengths_ = Lengths::kMinimal;
};

/// Parses exactly one element with `tag` that fills `der`, handing its content to `body(Reader&)`;
/// rejects octets left over at either level.
template <class Body>
auto read_all(Bytes der, Tag tag, std::string_view field, Body&& body)
    -> decltype(body(std::declval<Reader&>())) {
  Reader outer(der);
  MUSTER_TRY(Reader inner, outer.enter(tag, field));
  auto value = body(inner);
  if (!value) {
    return value;
  }
  MUSTER_CHECK(inner.finish(field));
  MUSTER_CHECK(outer.finish(field));
  return value;
}

/// Builds canonical DER: definite minimal lengths, one buffer. Elements nest by closures:
/// `w.sequence([&] { w.integer(1); w.octet_string(x); });`
/// Misuse (a value the type cannot hold) is a broken invariant and stops the process.
class Writer {
 public:
  Writer() = default;
  /// Appends to `into`'s storage (cleared first) so that a warm buffer is reused without
  /// allocating.
  explicit Writer(Buffer&& into) : out_(std::move(into)) { out_.clear(); }

  /// An element whose content `body()` writes.
  template <std::invocable Body>
  void element(Tag tag, Body&& body) {
    const std::size_t start = open(tag);
    body();
    close(start);
  }
  template <std::invocable Body>
  void sequence(Body&& body) {
    element(Tag::kSequence, std::forward<Body>(body));
  }
  /// An element with these content octets.
  void element(Tag tag, Bytes content);
  /// Octets that are whole elements already.
  void raw(Bytes elements);

  void boolean(bool value);
  void integer(std::int64_t value, Tag tag = Tag::kInteger);
  /// INTEGER content octets as they were read (sign octet included).
  void integer_octets(Bytes content);
  void enumerated(std::uint8_t value);
  void oid(Bytes content) { element(Tag::kOid, content); }
  void octet_string(Bytes content) { element(Tag::kOctetString, content); }
  void null() { element(Tag::kNull, Bytes()); }
  /// BIT STRING of whole octets.
  void octet_bits(Bytes content);

  [[nodiscard]] const Buffer& bytes() const { return out_; }
  Buffer take() { return std::move(out_); }

 private:
  std::size_t open(Tag tag);
  void close(std::size_t start);
  Buffer out_;
};

}  // namespace muster::der
