#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace muster::bench {

/// One HTTP answer at the beginning of `octets`, as far as load needs it.
struct Reply {
  unsigned code = 0;
  std::string_view body;
  std::size_t octets = 0;  ///< head and body together
  bool closes = false;     ///< the server closes the connection behind it
};

enum class ReplyState : unsigned char { kWhole, kMore, kBroken };
struct ReplyResult {
  ReplyState state = ReplyState::kMore;
  Reply reply;
};

/// kMore while it is not all there; kBroken when it is no HTTP or has no length. `reply` looks into
/// `octets`.
ReplyResult parse_reply(std::string_view octets);

/// responseStatus of an OCSPResponse; nothing when the body is none.
std::optional<unsigned> ocsp_status(std::string_view body);

}  // namespace muster::bench
