#include "http_message.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "muster/ocsp/ocsp.h"
#include "muster/pki/certificate.h"

namespace muster::responder {
namespace {

void append(Buffer& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

struct Digits {
  std::array<char, 20> octets;
  std::size_t size;
  [[nodiscard]] std::string_view text() const { return {octets.data(), size}; }
};
Digits digits(std::uint64_t value) {
  Digits out{};
  out.size = static_cast<std::size_t>(
      std::to_chars(out.octets.data(), out.octets.data() + out.octets.size(), value).ptr -
      out.octets.data());
  return out;
}

Digits max_age(const HttpMessage& message, UnixSeconds now) {
  const Seconds left = std::clamp(message.fresh_until - now, Seconds(0), message.longest_age);
  return digits(static_cast<std::uint64_t>(left.count()));
}

/// Status line, type, length and Date; what follows depends on the kind of answer.
void start(HttpMessage& out, std::size_t body_bytes, UnixSeconds now, HttpDate& date) {
  out.octets.clear();
  out.etag_at = out.max_age_at = out.max_age_digits = 0;
  out.rendered_at = now;
  append(out.octets, "HTTP/1.1 200 OK\r\nContent-Type: ");
  append(out.octets, ocsp::kResponseMediaType);
  append(out.octets, "\r\nContent-Length: ");
  append(out.octets, digits(body_bytes).text());
  append(out.octets, "\r\n");
  out.validators_at = out.octets.size();
  append(out.octets, "Date: ");
  out.date_at = out.octets.size();
  append(out.octets, date.at(now));
  append(out.octets, "\r\n");
}

void finish(HttpMessage& out, Bytes body) {
  append(out.octets, "\r\n");
  out.head_bytes = out.octets.size();
  out.octets.insert(out.octets.end(), body.begin(), body.end());
}

void append_hex(Buffer& out, Bytes octets) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const std::uint8_t octet : octets) {
    out.push_back(static_cast<std::uint8_t>(kDigits[octet >> 4U]));
    out.push_back(static_cast<std::uint8_t>(kDigits[octet & 15U]));
  }
}

}  // namespace

std::string_view HttpDate::at(UnixSeconds now) {
  if (now != second_ || text_.empty()) {
    text_ = format_http_date(now);
    second_ = now;
  }
  return text_;
}

void render_cacheable(HttpMessage& out, Bytes body, const Freshness& freshness, UnixSeconds now,
                      HttpDate& date) {
  start(out, body.size(), now, date);
  append(out.octets, "Last-Modified: ");
  append(out.octets, format_http_date(freshness.this_update));
  append(out.octets, "\r\nExpires: ");
  append(out.octets, format_http_date(freshness.next_update));
  append(out.octets, "\r\nETag: ");
  out.etag_at = out.octets.size();
  std::array<std::uint8_t, 32> digest{};
  pki::digest_into(HashAlgorithm::kSha256, body, digest);
  append(out.octets, "\"");
  append_hex(out.octets, digest);
  append(out.octets, "\"\r\nCache-Control: max-age=");
  out.fresh_until = freshness.fresh_until;
  out.longest_age = freshness.longest_age;
  const Digits age = max_age(out, now);
  out.max_age_at = out.octets.size();
  out.max_age_digits = age.size;
  append(out.octets, age.text());
  append(out.octets, ", public, no-transform, must-revalidate\r\n");
  finish(out, body);
}

void render_private(HttpMessage& out, Bytes body, UnixSeconds now, HttpDate& date) {
  start(out, body.size(), now, date);
  finish(out, body);
}

void render_unstored(HttpMessage& out, Bytes body, UnixSeconds now, HttpDate& date) {
  start(out, body.size(), now, date);
  append(out.octets, "Cache-Control: no-store\r\n");
  finish(out, body);
}

void render_not_modified(HttpMessage& out, const HttpMessage& full) {
  out = HttpMessage{};
  append(out.octets, "HTTP/1.1 304 Not Modified\r\n");
  const Bytes repeated =
      Bytes(full.octets).subspan(full.validators_at, full.head_bytes - full.validators_at);
  out.octets.insert(out.octets.end(), repeated.begin(), repeated.end());
  out.head_bytes = out.octets.size();
}

void refresh_clock(HttpMessage& message, UnixSeconds now, HttpDate& date) {
  if (message.rendered_at == now) {
    return;
  }
  message.rendered_at = now;
  const std::string_view text = date.at(now);
  std::memcpy(message.octets.data() + message.date_at, text.data(), text.size());
  if (!message.cacheable()) {
    return;
  }
  const Digits age = max_age(message, now);
  const auto at = message.octets.begin() + static_cast<std::ptrdiff_t>(message.max_age_at);
  if (age.size < message.max_age_digits) {
    message.octets.erase(at, at + static_cast<std::ptrdiff_t>(message.max_age_digits - age.size));
    message.head_bytes -= message.max_age_digits - age.size;
  } else if (age.size > message.max_age_digits) {  // the clock was set back
    message.octets.insert(at, age.size - message.max_age_digits, '0');
    message.head_bytes += age.size - message.max_age_digits;
  }
  message.max_age_digits = age.size;
  std::memcpy(message.octets.data() + message.max_age_at, age.octets.data(), age.size);
}

}  // namespace muster::responder
