#include "muster/http/chunks.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace muster::http {
namespace {

constexpr std::size_t kMaxChunkLineBytes = 256;

bool is_extension_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 0x20 && c != 0x7f) || c == '\t' || (c & 0x80) != 0;
  });
}

}  // namespace

ChunkDecoder::Step ChunkDecoder::next(Bytes rest) {
  if (stage_ == Stage::kData) {
    const std::size_t available = std::min(left_, rest.size());
    left_ -= available;
    stage_ = left_ == 0 ? Stage::kDataEnd : Stage::kData;
    return {available == 0 ? Kind::kNeedMore : Kind::kData, available};
  }
  const void* const found = rest.empty() ? nullptr : std::memchr(rest.data(), '\n', rest.size());
  const std::size_t line_feed =
      found == nullptr
          ? rest.size()
          : static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - rest.data());
  if (line_feed > kMaxChunkLineBytes) {
    return {Kind::kRefused, 0, 400};
  }
  if (line_feed == rest.size()) {
    return {Kind::kNeedMore};
  }
  if (line_feed == 0 || rest[line_feed - 1] != '\r') {
    return {Kind::kRefused, 0, 400};
  }
  const std::string_view line = as_text(rest.first(line_feed - 1));
  const std::size_t bytes = line_feed + 1;
  switch (stage_) {
    case Stage::kSize:
      return take_size(line, bytes);
    case Stage::kDataEnd:
      if (!line.empty()) {
        return {Kind::kRefused, 0, 400};  // the chunk is longer than it said
      }
      stage_ = Stage::kSize;
      break;
    case Stage::kTrailer:
      if (line.empty()) {
        return {Kind::kEnd, bytes};
      }
      trailer_bytes_ += bytes;
      if (trailer_bytes_ > max_trailer_bytes_) {
        return {Kind::kRefused, 0, 431};
      }
      break;
    case Stage::kData:
      break;
  }
  return {Kind::kFraming, bytes};
}

ChunkDecoder::Step ChunkDecoder::take_size(std::string_view line, std::size_t bytes) {
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  const std::string_view extension = line.substr(static_cast<std::size_t>(end - line.data()));
  if (error == std::errc::result_out_of_range) {
    return {Kind::kRefused, 0, 413};
  }
  if (error != std::errc{} || line[0] == '-' || (!extension.empty() && extension[0] != ';') ||
      !is_extension_text(extension)) {
    return {Kind::kRefused, 0, 400};
  }
  left_ = size;
  stage_ = size == 0 ? Stage::kTrailer : Stage::kData;
  return {Kind::kFraming, bytes};
}

}  // namespace muster::http
