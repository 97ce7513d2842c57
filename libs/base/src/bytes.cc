#include "muster/base/bytes.h"

#include <algorithm>
#include <cstring>

#include "muster/base/hex.h"

namespace muster {

bool equal(Bytes a, Bytes b) noexcept {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

bool less(Bytes a, Bytes b) noexcept {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

namespace {
std::string hex(Bytes b, const char* digits, char separator) {
  const std::size_t stride = separator == '\0' ? 2 : 3;
  std::string out(b.empty() ? 0 : b.size() * stride - (stride - 2), separator);
  for (std::size_t i = 0; i < b.size(); ++i) {
    out[i * stride] = digits[b[i] >> 4];
    out[i * stride + 1] = digits[b[i] & 0x0f];
  }
  return out;
}
}  // namespace

std::string to_hex(Bytes b) { return hex(b, "0123456789abcdef", '\0'); }
std::string to_hex_colons(Bytes b) { return hex(b, "0123456789ABCDEF", ':'); }

std::optional<Buffer> from_hex(std::string_view text) {
  Buffer out;
  out.reserve(text.size() / 2);
  int high = -1;
  for (const char c : text) {
    if ((c == ':' || c == ' ' || c == '\t' || c == '\n' || c == '\r') && high < 0) {
      continue;
    }
    const int n = hex_value(c);
    if (n < 0) {
      return std::nullopt;
    }
    if (high < 0) {
      high = n;
    } else {
      out.push_back(static_cast<std::uint8_t>(high << 4 | n));
      high = -1;
    }
  }
  if (high >= 0) {
    return std::nullopt;
  }
  return out;
}

std::size_t BytesHash::operator()(Bytes b) const noexcept {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const std::uint8_t octet : b) {
    h = (h ^ octet) * 0x100000001b3u;
  }
  return static_cast<std::size_t>(h ^ (h >> 32));
}

}  // namespace muster
