#include "muster/http/base64.h"

#include "alphabet.h"

namespace muster::http {

std::string base64_encode(Bytes octets) {
  static constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((octets.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < octets.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, octets.size() - i);
    const std::uint32_t group = (std::uint32_t{octets[i]} << 16) |
                                (n > 1 ? std::uint32_t{octets[i + 1]} << 8 : 0) |
                                (n > 2 ? std::uint32_t{octets[i + 2]} : 0);
    out.push_back(kAlphabet[group >> 18]);
    out.push_back(kAlphabet[(group >> 12) & 63]);
    out.push_back(n > 1 ? kAlphabet[(group >> 6) & 63] : '=');
    out.push_back(n > 2 ? kAlphabet[group & 63] : '=');
  }
  return out;
}

std::optional<Buffer> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) {
    return std::nullopt;
  }
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  text.remove_suffix(padding);
  Buffer out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::uint8_t value = kStandardValues[static_cast<unsigned char>(c)];
    if (value == kNoDigit) {
      return std::nullopt;
    }
    bits = (bits << 6) | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<std::uint8_t>(bits >> count));
      bits &= (1U << count) - 1;
    }
  }
  // 0, 4 or 2 bits remain for no, one or two padding characters; others would give one value two
  // spellings.
  if (bits != 0 || count != padding * 2) {
    return std::nullopt;
  }
  return out;
}

}  // namespace muster::http
