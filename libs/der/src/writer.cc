#include <algorithm>
#include <array>

#include "muster/der/der.h"
#include "muster/der/heads.h"

namespace muster::der {
namespace {

/// Octets of `value` in big-endian order without leading zeros, at the end of `storage`.
Bytes minimal_length(std::size_t value, std::array<std::uint8_t, sizeof(std::size_t)>& storage) {
  std::size_t first = storage.size();
  while (value != 0) {
    storage[--first] = static_cast<std::uint8_t>(value);
    value >>= 8;
  }
  return Bytes(storage).subspan(first);
}

}  // namespace

std::size_t head_bytes(std::size_t content_bytes) {
  std::array<std::uint8_t, sizeof(std::size_t)> storage{};
  return 2 + (content_bytes < 0x80 ? 0 : minimal_length(content_bytes, storage).size());
}

void write_head(Writer& out, Tag tag, std::size_t content_bytes) {
  std::array<std::uint8_t, 2 + sizeof(std::size_t)> head{static_cast<std::uint8_t>(tag),
                                                         static_cast<std::uint8_t>(content_bytes)};
  std::size_t size = 2;
  if (content_bytes >= 0x80) {
    std::array<std::uint8_t, sizeof(std::size_t)> storage{};
    const Bytes length = minimal_length(content_bytes, storage);
    head[1] = static_cast<std::uint8_t>(0x80u | length.size());
    std::copy(length.begin(), length.end(), head.begin() + 2);
    size += length.size();
  }
  out.raw(Bytes(head).first(size));
}

std::size_t Writer::open(Tag tag) {
  out_.push_back(static_cast<std::uint8_t>(tag));
  out_.push_back(0);  // the length, which close() fills in and widens
  return out_.size();
}

void Writer::close(std::size_t start) {
  const std::size_t size = out_.size() - start;
  if (size < 0x80) {
    out_[start - 1] = static_cast<std::uint8_t>(size);
    return;
  }
  std::array<std::uint8_t, sizeof(std::size_t)> storage{};
  const Bytes length = minimal_length(size, storage);
  out_[start - 1] = static_cast<std::uint8_t>(0x80u | length.size());
  out_.insert(out_.begin() + static_cast<std::ptrdiff_t>(start), length.begin(), length.end());
}

void Writer::element(Tag tag, Bytes content) {
  element(tag, [&] { raw(content); });
}

void Writer::raw(Bytes elements) { out_.insert(out_.end(), elements.begin(), elements.end()); }

void Writer::boolean(bool value) {
  const std::uint8_t content = value ? 0xff : 0x00;
  element(Tag::kBoolean, Bytes(&content, 1));
}

void Writer::integer(std::int64_t value, Tag tag) {
  std::array<std::uint8_t, sizeof value> octets{};
  for (std::size_t i = octets.size(); i-- > 0; value >>= 8) {
    octets[i] = static_cast<std::uint8_t>(value);
  }
  Bytes content(octets);
  // Drops an octet that only repeats the sign of the next one.
  while (content.size() > 1 && content[0] == ((content[1] & 0x80u) != 0 ? 0xff : 0x00)) {
    content = content.subspan(1);
  }
  element(tag, content);
}

void Writer::integer_octets(Bytes content) {
  MUSTER_ASSERT(!content.empty());
  element(Tag::kInteger, content);
}

void Writer::enumerated(std::uint8_t value) { integer(value, Tag::kEnumerated); }

void Writer::octet_bits(Bytes content) {
  element(Tag::kBitString, [&] {
    out_.push_back(0);
    raw(content);
  });
}

}  // namespace muster::der
