#pragma once

#include <array>
#include <string>
#include <string_view>

#include "muster/base/bytes.h"
#include "muster/base/http_date.h"
#include "muster/base/time.h"

namespace muster::responder {

/// The text of Date, made once a second. Threads: one.
class HttpDate {
 public:
  /// 29 octets, valid until the next call.
  std::string_view at(UnixSeconds now);

 private:
  UnixSeconds second_{Seconds(-1)};
  std::string text_;
};

/// A whole HTTP answer in one buffer, its clock-dependent fields patched in place. Buffers are
/// reused: rendering into a warm one does not allocate.
struct HttpMessage {
  Buffer octets;
  std::size_t head_bytes = 0;  ///< where the body starts
  std::size_t date_at = 0;
  std::size_t validators_at = 0;  ///< the lines a 304 repeats run from here to the end of the head
  std::size_t last_modified_at = 0, expires_at = 0;  ///< kHttpDateBytes each, where cacheable
  std::size_t etag_at = 0;     ///< opening quote of 66 octets; zero: no validators, no caching
  std::size_t max_age_at = 0;  ///< first digit
  std::size_t max_age_digits = 0;
  UnixSeconds rendered_at{};
  UnixSeconds fresh_until{};  ///< max-age counts down to here
  Seconds longest_age{};      ///< and is never more than this

  [[nodiscard]] bool cacheable() const { return etag_at != 0; }
  [[nodiscard]] std::string_view etag() const {
    return as_text(Bytes(octets).subspan(etag_at, kEtagBytes));
  }
  static constexpr std::size_t kEtagBytes = 66;
  static constexpr std::size_t kDigestBytes = 32;  ///< SHA-256 of the body
};

/// What caches may know about an answer.
struct Freshness {
  UnixSeconds this_update, next_update;
  UnixSeconds fresh_until;  ///< <= next_update
  Seconds longest_age = Seconds::max();
};

/// Who may keep an answer.
enum class HeadKind : std::uint8_t {
  kCacheable,  ///< shared caches
  kPrivate,    ///< nobody: made for one requestor (nonce), or without nextUpdate
  kUnstored,   ///< nobody, on no account: errors, and answers that not everybody may have
};
/// One of the three below.
void render(HttpMessage& out, HeadKind kind, Bytes body, const Freshness& freshness,
            UnixSeconds now, HttpDate& date);

/// Success that shared caches may keep (RFC 9919 sections 6 and 7.2; requirements README section
/// 6).
void render_cacheable(HttpMessage& out, Bytes body, const Freshness& freshness, UnixSeconds now,
                      HttpDate& date);
/// Success that nobody may keep: made for one requestor (nonce), or without nextUpdate. No
/// validators, no freshness.
void render_private(HttpMessage& out, Bytes body, UnixSeconds now, HttpDate& date);
/// What nobody may store: errors, and answers that not everybody may have. HTTP 200.
void render_unstored(HttpMessage& out, Bytes body, UnixSeconds now, HttpDate& date);
/// 304 for a cacheable message.
void render_not_modified(HttpMessage& out, const HttpMessage& full);
/// Replace what a cacheable message says of its body, for another body of the same size. max-age is
/// counted from `fresh_until`.
void put_date(HttpMessage& message, std::size_t at, UnixSeconds value);
void put_etag(HttpMessage& message, Bytes digest);
void refresh_max_age(HttpMessage& message, UnixSeconds now);
/// Brings Date and max-age to `now`. Does nothing twice in one second.
void refresh_clock(HttpMessage& message, UnixSeconds now, HttpDate& date);

}  // namespace muster::responder
