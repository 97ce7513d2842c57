#include "reply.h"

#include <strings.h>

#include <charconv>

namespace muster::bench {
namespace {

bool is_name(std::string_view name, std::string_view wanted) {
  return name.size() == wanted.size() &&
         ::strncasecmp(name.data(), wanted.data(), wanted.size()) == 0;
}

}  // namespace

ReplyResult parse_reply(std::string_view octets) {
  // "HTTP/1.1 200": the least that tells what it is.
  constexpr std::size_t kStart = 12;
  if (octets.size() < kStart) {
    return {ReplyState::kMore, {}};
  }
  Reply reply;
  if (octets.substr(0, 7) != "HTTP/1." ||
      std::from_chars(octets.data() + 9, octets.data() + kStart, reply.code).ec != std::errc()) {
    return {ReplyState::kBroken, {}};
  }
  reply.closes = octets[7] == '0';
  const std::size_t end = octets.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return {ReplyState::kMore, {}};
  }
  std::optional<std::size_t> length;
  std::size_t at = octets.find("\r\n") + 2;
  while (at < end) {
    const std::size_t stop = octets.find("\r\n", at);
    const std::string_view line = octets.substr(at, stop - at);
    at = stop + 2;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return {ReplyState::kBroken, {}};
    }
    // Only two fields matter, and both begin alike.
    if ((line[0] | 0x20) != 'c') {
      continue;
    }
    const std::string_view name = line.substr(0, colon);
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    if (is_name(name, "content-length")) {
      std::size_t number = 0;
      const auto done = std::from_chars(value.data(), value.data() + value.size(), number);
      if (done.ec != std::errc() || done.ptr != value.data() + value.size()) {
        return {ReplyState::kBroken, {}};
      }
      length = number;
    } else if (is_name(name, "connection")) {
      reply.closes = is_name(value, "close") || (reply.closes && !is_name(value, "keep-alive"));
    }
  }
  if (!length) {
    return {ReplyState::kBroken, {}};
  }
  reply.octets = end + 4 + *length;
  if (octets.size() < reply.octets) {
    return {ReplyState::kMore, {}};
  }
  reply.body = octets.substr(end + 4, *length);
  return {ReplyState::kWhole, reply};
}

std::optional<unsigned> ocsp_status(std::string_view body) {
  // OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED, ... }
  const auto octet = [&](std::size_t i) {
    return i < body.size() ? static_cast<unsigned char>(body[i]) : 0U;
  };
  if (octet(0) != 0x30) {
    return std::nullopt;
  }
  const std::size_t at = octet(1) < 0x80 ? 2 : 2 + (octet(1) & 0x7fU);
  if (octet(at) != 0x0a || octet(at + 1) != 1 || body.size() < at + 3) {
    return std::nullopt;
  }
  return octet(at + 2);
}

}  // namespace muster::bench
