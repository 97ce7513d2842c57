#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "muster/base/bytes.h"

namespace muster::http {

/// Takes the chunked coding of a body apart (RFC 9112 section 7.1), wherever the octets are kept.
/// Strict: bare CR or LF and chunks longer than they say are refused.
class ChunkDecoder {
 public:
  explicit ChunkDecoder(std::size_t max_trailer_bytes) : max_trailer_bytes_(max_trailer_bytes) {}

  enum class Kind : std::uint8_t {
    kNeedMore,  ///< nothing can be said about the front of `rest` yet
    kFraming,   ///< `bytes` octets are coding: leave them out
    kData,      ///< `bytes` octets are body
    kEnd,       ///< `bytes` octets of coding, and the body is complete
    kRefused,   ///< `status` says why
  };
  struct Step {
    Kind kind;
    std::size_t bytes = 0;
    unsigned status = 0;
  };
  /// \param rest  What follows the octets of all steps before.
  Step next(Bytes rest);
  /// Octets of body that the chunk under way still announces.
  [[nodiscard]] std::size_t chunk_left() const { return left_; }

 private:
  enum class Stage : std::uint8_t { kSize, kData, kDataEnd, kTrailer };
  Step take_size(std::string_view line, std::size_t bytes);

  std::size_t max_trailer_bytes_;
  std::size_t trailer_bytes_ = 0;
  std::size_t left_ = 0;
  Stage stage_ = Stage::kSize;
};

}  // namespace muster::http
