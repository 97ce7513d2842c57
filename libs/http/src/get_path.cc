#include "muster/http/get_path.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "escape.h"
#include "muster/base/text.h"
#include "muster/http/base64.h"

namespace muster::http {
namespace {

/// Path and query of a target in absolute form; other targets unchanged (RFC 9112 section 3.2).
std::string_view strip_authority(std::string_view target) {
  if (target.starts_with('/')) {
    return target;
  }
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) {
    return target;
  }
  const std::string_view scheme = target.substr(0, scheme_end);
  if (!iequals(scheme, "http") && !iequals(scheme, "https")) {
    return target;
  }
  const std::size_t path = target.find('/', scheme_end + 3);
  return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
}

/// What four digits at `at` stand for; kNoQuad is in it when one is none.
std::uint32_t quad_at(const char* at) {
  const auto part = [at](std::size_t place) {
    return kTolerantQuads[place][static_cast<unsigned char>(at[place])];
  };
  return part(0) | part(1) | part(2) | part(3);
}

/// The three octets of each quad, the first quad's first. Two more are written behind them.
void write_quads(std::uint8_t* to, std::uint32_t first, std::uint32_t second) {
  std::uint64_t octets = (std::uint64_t{first} << 40) | (std::uint64_t{second} << 16);
  if constexpr (std::endian::native == std::endian::little) {
    octets = __builtin_bswap64(octets);
  }
  std::memcpy(to, &octets, sizeof octets);
}

struct EscapedQuad {
  std::uint32_t value;  ///< as quad_at() gives it
  const char* end;      ///< behind its text
};
/// The same where digits may be escaped; kNoQuad, too, if the text ends before the fourth.
EscapedQuad read_escaped_quad(const char* at, const char* end) {
  std::uint32_t value = 0;
  for (std::size_t place = 0; place < 4; ++place) {
    if (at == end) {
      return {kNoQuad, at};
    }
    auto c = static_cast<unsigned char>(*at++);
    if (c == '%') {
      const auto octet = read_escape(at, end);
      if (!octet) {
        return {kNoQuad, at};
      }
      c = *octet;
      at += 2;
    }
    value |= kTolerantQuads[place][c];
  }
  return {value, at};
}

}  // namespace

std::string_view to_string(GetPathErrc code) {
  switch (code) {
    case GetPathErrc::kEmpty:
      return "no request in the URL";
    case GetPathErrc::kTooLong:
      return "request in the URL is too long";
    case GetPathErrc::kBadEscape:
      return "'%' without two hexadecimal digits";
    case GetPathErrc::kBadCharacter:
      return "character outside the base64 alphabet";
    case GetPathErrc::kBadLength:
      return "base64 text is cut or wrongly padded";
  }
  return "";
}

std::optional<std::string_view> find_get_tail(std::string_view target, std::string_view prefix) {
  std::string_view tail = strip_authority(target);
  if (prefix.ends_with('/')) {
    prefix.remove_suffix(1);
  }
  if (!tail.starts_with(prefix)) {
    return std::nullopt;
  }
  tail.remove_prefix(prefix.size());
  if (tail.empty()) {
    return prefix.empty() ? std::nullopt : std::optional(tail);
  }
  if (!tail.starts_with('/')) {
    return std::nullopt;  // "/ocspx" is not below "/ocsp"
  }
  tail.remove_prefix(tail.starts_with("//") ? 2 : 1);
  return tail;
}

Result<Unit, GetPathErrc> decode_get_tail(std::string_view tail, std::size_t max_bytes,
                                          Buffer& out) {
  out.clear();
  if (tail.empty()) {
    return Err{GetPathErrc::kEmpty};
  }
  // Every digit takes at least one octet of text, so this bounds work and memory before any
  // decoding.
  if (tail.size() / 3 > max_bytes / 3 * 4 + 4) {
    return Err{GetPathErrc::kTooLong};
  }
  out.resize(std::min(max_bytes, tail.size() / 4 * 3 + 3));
  std::uint8_t* to = out.data();
  std::uint8_t* const room_end = to + out.size();
  const char* at = tail.data();
  const char* const end = at + tail.size();
  std::uint32_t bits = 0;
  unsigned count = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  while (at != end) {
    if (count == 0 && padding == 0) {  // what nearly all of a request is
      const char* const from = at;
      while (end - at >= 8 && room_end - to >= 8) {
        const std::uint32_t first = quad_at(at);
        const std::uint32_t second = quad_at(at + 4);
        if ((first | second) >= kNoQuad) {
          break;
        }
        write_quads(to, first, second);
        to += 6;
        at += 8;
      }
      digits += static_cast<std::size_t>(at - from);
      const EscapedQuad quad = read_escaped_quad(at, end);
      if (quad.value < kNoQuad && room_end - to >= 3) {
        to[0] = static_cast<std::uint8_t>(quad.value >> 16);
        to[1] = static_cast<std::uint8_t>(quad.value >> 8);
        to[2] = static_cast<std::uint8_t>(quad.value);
        to += 3;
        at = quad.end;
        digits += 4;
        continue;
      }
      if (at == end) {
        break;
      }
    }
    auto c = static_cast<unsigned char>(*at++);
    if (c == '%') {
      const auto octet = read_escape(at, end);
      if (!octet) {
        return Err{GetPathErrc::kBadEscape};
      }
      c = *octet;
      at += 2;
    }
    if (c == '=') {
      ++padding;
      continue;
    }
    const std::uint8_t value = kTolerantValues[c];
    if (value == kNoDigit) {
      return Err{GetPathErrc::kBadCharacter};
    }
    if (padding != 0) {
      return Err{GetPathErrc::kBadLength};
    }
    ++digits;
    bits = (bits << 6) | value;
    count += 6;
    if (count >= 8) {
      if (to == room_end) {
        return Err{GetPathErrc::kTooLong};
      }
      count -= 8;
      *to++ = static_cast<std::uint8_t>(bits >> count);
      bits &= (1U << count) - 1;
    }
  }
  out.resize(static_cast<std::size_t>(to - out.data()));
  const bool is_padded = padding != 0 && (digits + padding) % 4 == 0 && padding <= 2;
  if (digits % 4 == 1 || (padding != 0 && !is_padded)) {
    return Err{GetPathErrc::kBadLength};
  }
  return Unit{};
}

std::string encode_get_tail(Bytes request) {
  const std::string text = base64_encode(request);
  std::string out;
  out.reserve(text.size() + 32);
  for (const char c : text) {
    switch (c) {
      case '+':
        out += "%2B";
        break;
      case '/':
        out += "%2F";
        break;
      case '=':
        out += "%3D";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::optional<std::string> make_get_url(std::string_view responder, Bytes request) {
  if (responder.find_first_of("?#") != std::string_view::npos) {
    return std::nullopt;
  }
  std::string url(responder);
  if (!url.ends_with('/')) {
    url += '/';
  }
  url += encode_get_tail(request);
  return url.size() <= kMaxGetUrlBytes ? std::optional(std::move(url)) : std::nullopt;
}

}  // namespace muster::http
