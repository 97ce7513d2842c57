#pragma once

#include <cstddef>
#include <span>

#include "muster/http/chunks.h"
#include "muster/http/message.h"

namespace muster::http {

/// Bounds of one request. What exceeds them is refused with 414, 431 or 413.
struct RequestLimits {
  std::size_t max_target_bytes = 16 * 1024;
  std::size_t max_header_bytes = 16 * 1024;  ///< request line and headers together
  std::size_t max_body_bytes = 64 * 1024;    ///< after removal of the chunked coding
};

/// Reads requests from the front of one contiguous buffer, without copying. Strict where tolerance
/// has let requests be smuggled (RFC 9112 sections 2.2, 5, 6, 11.2): bare CR or LF, folded lines,
/// blanks around names, Content-Length that is repeated or stands beside Transfer-Encoding are
/// refused with 400. Tolerant where it harms nobody: empty lines before a request, a missing Host.
class RequestParser {
 public:
  enum class Progress : std::uint8_t {
    kNeedHead,  ///< the request line and headers are not there yet
    kNeedBody,  ///< headers are good, the body is not complete
    kComplete,  ///< request() and consumed() are valid
    kRefused,   ///< refusal_status() says why; the connection cannot go on
    kTls,       ///< a TLS ClientHello on a plain port
  };

  explicit RequestParser(const RequestLimits& limits)
      : limits_(limits), chunks_(limits.max_header_bytes) {}

  /// \param buffer  Starts at the first octet behind the previous request and holds at least what
  /// the previous call for this
  ///                request saw; it may have moved. Chunked bodies are joined in place.
  Progress parse(std::span<std::uint8_t> buffer);
  /// The same for callers that take the body themselves, in pieces: kNeedBody when the head is
  /// complete; consumed() then is where the body starts, framing() how it ends, and request() valid
  /// but for its body. `max_body_bytes` is theirs to judge.
  Progress parse_head_only(std::span<const std::uint8_t> buffer);

  /// How the body is delimited.
  struct Framing {
    bool is_chunked = false;
    std::size_t length = 0;  ///< unless chunked
  };
  [[nodiscard]] Framing framing() const { return framing_; }

  /// Lifetime: as the buffer of the last parse().
  [[nodiscard]] const RequestView& request() const { return request_; }
  /// Octets of the buffer that the request took.
  [[nodiscard]] std::size_t consumed() const { return position_; }
  /// HTTP status for kRefused.
  [[nodiscard]] unsigned refusal_status() const { return refusal_status_; }
  /// With kNeedBody: the client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool wants_continue() const { return wants_continue_; }
  /// Makes ready for the next request.
  void reset();

 private:
  Progress refuse(unsigned status);
  Progress find_head_end(std::span<const std::uint8_t> buffer);
  Progress parse_head(std::string_view head);
  Progress parse_request_line(std::string_view line);
  Progress parse_header_line(std::string_view line);
  Progress parse_body(std::span<std::uint8_t> buffer);
  Progress parse_chunks(std::span<std::uint8_t> buffer);

  RequestLimits limits_;
  RequestView request_;
  unsigned refusal_status_ = 0;

  std::size_t start_ = 0;                    // request line, behind empty lines
  std::size_t position_ = 0;                 // everything before is understood
  std::size_t scanned_ = 0;                  // no line end in [position_, scanned_)
  std::size_t head_end_ = 0;                 // zero until the empty line was seen
  const std::uint8_t* head_base_ = nullptr;  // where the views of request_ point into

  Framing framing_;
  ChunkDecoder chunks_;
  std::size_t body_end_ = 0;  // chunked: joined body ends here
  bool has_content_length_ = false;
  bool has_transfer_encoding_ = false;
  bool has_host_ = false;
  bool wants_continue_ = false;
};

}  // namespace muster::http
