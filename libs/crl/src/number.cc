#include <algorithm>

#include "muster/crl/encode.h"

namespace muster::crl {

Number::Number(std::uint64_t value) {
  for (std::size_t i = 0; i < sizeof value; ++i) {
    octets_[octets_.size() - 1 - i] = static_cast<std::uint8_t>(value >> 8 * i);
  }
}

std::optional<Number> Number::make(Bytes content) {
  if (content.empty() || (content[0] & 0x80u) != 0) {
    return std::nullopt;
  }
  while (content.size() > 1 && content[0] == 0) {
    content = content.subspan(1);
  }
  if (content.size() > kMaxNumberOctets ||
      (content.size() == kMaxNumberOctets && (content[0] & 0x80u) != 0)) {
    return std::nullopt;
  }
  Number number;
  std::copy(content.begin(), content.end(),
            number.octets_.end() - static_cast<std::ptrdiff_t>(content.size()));
  return number;
}

std::optional<Number> Number::from_hex(std::string_view text) {
  const auto octets = muster::from_hex((text.size() % 2 != 0 ? "000" : "00") + std::string(text));
  return text.empty() || !octets ? std::nullopt : make(*octets);
}

std::optional<Number> Number::next() const {
  Number next = *this;
  for (std::size_t i = next.octets_.size(); i-- > 0;) {
    if (++next.octets_[i] != 0) {
      break;
    }
  }
  return (next.octets_[0] & 0x80u) != 0 ? std::nullopt : std::optional(next);
}

Buffer Number::content() const {
  std::size_t first = 0;
  while (first + 1 < octets_.size() && octets_[first] == 0 && (octets_[first + 1] & 0x80u) == 0) {
    ++first;
  }
  return to_buffer(Bytes(octets_).subspan(first));
}

std::string Number::to_hex() const {
  std::string text = muster::to_hex(octets_);
  text.erase(0, std::min(text.find_first_not_of('0'), text.size() - 1));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

}  // namespace muster::crl
