#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "muster/base/bytes.h"
#include "muster/base/ip.h"
#include "muster/base/result.h"
#include "muster/base/time.h"

// HTTP/1.0 and 1.1 messages without sockets: octets in, requests out.
namespace muster::http {

enum class Method : std::uint8_t { kGet, kHead, kPost, kOther };

/// A complete request. Views of the connection's buffer, valid during the call that hands it over.
/// `target` is raw: nothing is decoded, cut or cleaned (requirements README section 6).
struct RequestView {
  Method method = Method::kOther;
  std::string_view method_text;
  std::string_view target;
  unsigned version_minor = 1;      ///< HTTP/1.x
  std::string_view if_none_match;  ///< empty when absent
  std::string_view if_modified_since;
  std::string_view content_type;
  std::string_view host;  ///< empty when absent: tolerated in 1.1 too
  Bytes body;
  IpAddress peer;  ///< whose connection it came over, filled in by the server
  bool keep_alive = true;
  /// Value of any header, case-insensitive, the first of several; nothing when absent.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
  std::string_view header_block;  ///< raw lines between the request line and the empty line
};

}  // namespace muster::http
