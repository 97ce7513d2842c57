#include "muster/responder/http_message.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "muster/ocsp/ocsp.h"
#include "muster/pki/certificate.h"

namespace muster::responder {
namespace {

void append(Buffer& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

/// Decimal digits. On the way of every remembered answer: from the last to the first, where they
/// stay.
struct Digits {
  std::array<char, 20> octets;
  std::size_t first;
  [[nodiscard]] std::size_t size() const { return octets.size() - first; }
  [[nodiscard]] std::string_view text() const { return {octets.data() + first, size()}; }
};
Digits digits(std::uint64_t value) {
  Digits out;
  char* at = out.octets.data() + out.octets.size();
  do {
    *--at = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  out.first = static_cast<std::size_t>(at - out.octets.data());
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
  out.last_modified_at = out.expires_at = 0;
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

using Sixteen __attribute__((vector_size(16))) = std::uint8_t;
/// Hexadecimal digits of values below 16.
Sixteen digits_of(Sixteen values) {
  constexpr std::uint8_t kToLetters = 'a' - '9' - 1;
  return values + '0' + (reinterpret_cast<Sixteen>(values > 9) & kToLetters);
}

}  // namespace

std::string_view HttpDate::at(UnixSeconds now) {
  if (now != second_ || text_.empty()) {
    text_ = format_http_date(now);
    second_ = now;
  }
  return text_;
}

void put_date(HttpMessage& message, std::size_t at, UnixSeconds value) {
  std::array<char, kHttpDateBytes> text;
  write_http_date(value, text);
  std::memcpy(message.octets.data() + at, text.data(), text.size());
}

void put_etag(HttpMessage& message, Bytes digest) {
  // Sixteen octets a step: on the way of every remembered answer, a tenth of the instructions that
  // octet by octet takes.
  MUSTER_ASSERT(digest.size() % sizeof(Sixteen) == 0);
  std::uint8_t* at = message.octets.data() + message.etag_at + 1;
  for (std::size_t i = 0; i < digest.size(); i += sizeof(Sixteen), at += 2 * sizeof(Sixteen)) {
    Sixteen octets;
    std::memcpy(&octets, digest.data() + i, sizeof octets);
    const Sixteen high = octets >> 4;
    const Sixteen low = octets & 15;
    const Sixteen first = digits_of(
        __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    const Sixteen second = digits_of(__builtin_shufflevector(high, low, 8, 24, 9, 25, 10, 26, 11,
                                                             27, 12, 28, 13, 29, 14, 30, 15, 31));
    std::memcpy(at, &first, sizeof first);
    std::memcpy(at + sizeof first, &second, sizeof second);
  }
}

void render(HttpMessage& out, HeadKind kind, Bytes body, const Freshness& freshness,
            UnixSeconds now, HttpDate& date) {
  switch (kind) {
    case HeadKind::kCacheable:
      render_cacheable(out, body, freshness, now, date);
      return;
    case HeadKind::kPrivate:
      render_private(out, body, now, date);
      return;
    case HeadKind::kUnstored:
      render_unstored(out, body, now, date);
      return;
  }
}

void render_cacheable(HttpMessage& out, Bytes body, const Freshness& freshness, UnixSeconds now,
                      HttpDate& date) {
  start(out, body.size(), now, date);
  append(out.octets, "Last-Modified: ");
  out.last_modified_at = out.octets.size();
  out.octets.resize(out.octets.size() + kHttpDateBytes);
  put_date(out, out.last_modified_at, freshness.this_update);
  append(out.octets, "\r\nExpires: ");
  out.expires_at = out.octets.size();
  out.octets.resize(out.octets.size() + kHttpDateBytes);
  put_date(out, out.expires_at, freshness.next_update);
  append(out.octets, "\r\nETag: ");
  out.etag_at = out.octets.size();
  std::array<std::uint8_t, HttpMessage::kDigestBytes> digest;
  pki::digest_into(HashAlgorithm::kSha256, body, digest);
  out.octets.resize(out.octets.size() + HttpMessage::kEtagBytes, '"');
  put_etag(out, digest);
  append(out.octets, "\r\nCache-Control: max-age=");
  out.fresh_until = freshness.fresh_until;
  out.longest_age = freshness.longest_age;
  const Digits age = max_age(out, now);
  out.max_age_at = out.octets.size();
  out.max_age_digits = age.size();
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

void refresh_max_age(HttpMessage& message, UnixSeconds now) {
  const Digits age = max_age(message, now);
  if (const std::size_t size = age.size(); size != message.max_age_digits) {
    const auto at = message.octets.begin() + static_cast<std::ptrdiff_t>(message.max_age_at);
    if (size < message.max_age_digits) {
      message.octets.erase(at, at + static_cast<std::ptrdiff_t>(message.max_age_digits - size));
    } else {  // the clock was set back, or another answer's
      message.octets.insert(at, size - message.max_age_digits, '0');
    }
    message.head_bytes = message.head_bytes + size - message.max_age_digits;
    message.max_age_digits = size;
  }
  const std::string_view text = age.text();
  std::memcpy(message.octets.data() + message.max_age_at, text.data(), text.size());
}

void refresh_clock(HttpMessage& message, UnixSeconds now, HttpDate& date) {
  if (message.rendered_at == now) {
    return;
  }
  message.rendered_at = now;
  const std::string_view text = date.at(now);
  std::memcpy(message.octets.data() + message.date_at, text.data(), text.size());
  if (message.cacheable()) {
    refresh_max_age(message, now);
  }
}

}  // namespace muster::responder
