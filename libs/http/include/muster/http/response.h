#pragma once

#include <string_view>

#include "muster/base/bytes.h"

namespace muster::http {

/// "Not Found"; an empty text for a status without a common phrase.
std::string_view reason_phrase(unsigned status);

/// Whether an answer with this status has neither body nor Content-Length (RFC 9110
/// sections 6.4.1, 8.6).
constexpr bool is_bodiless(unsigned status) {
  return status < 200 || status == 204 || status == 304;
}

/// Appends status line, Content-Type (unless empty), Content-Length (unless the status has no body)
/// and `extra_headers` (lines each ending in CRLF); not yet the empty line, so that the caller can
/// add lines. Allocates only if `out` must grow.
void append_head(Buffer& out, unsigned status, std::string_view content_type,
                 std::string_view extra_headers, std::size_t body_bytes);

}  // namespace muster::http
