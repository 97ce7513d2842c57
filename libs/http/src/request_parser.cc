#include "muster/http/request_parser.h"

#include <array>
#include <charconv>
#include <cstring>

#include "muster/base/text.h"

namespace muster::http {
namespace {

constexpr std::uint8_t kTlsHandshakeRecord = 0x16;
constexpr std::size_t kMaxMethodAndVersionBytes = 64;
/// Chunk sizes, extensions and line ends may take as much again as the body: one-octet chunks must
/// not multiply memory.
constexpr std::size_t kChunkOverheadFactor = 2;

using OctetSet = std::array<bool, 256>;

constexpr OctetSet make_token_set() {  // tchar, RFC 9110 section 5.6.2
  OctetSet set{};
  for (unsigned i = 0; i < 26; ++i) {
    set['A' + i] = true;
    set['a' + i] = true;
  }
  for (unsigned i = 0; i < 10; ++i) {
    set['0' + i] = true;
  }
  for (const char c :
       {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    set[static_cast<unsigned char>(c)] = true;
  }
  return set;
}

constexpr OctetSet make_value_set() {  // field-content with its blanks, RFC 9110 section 5.5
  OctetSet set{};
  for (unsigned i = 0x20; i < 0x100; ++i) {
    set[i] = i != 0x7f;
  }
  set['\t'] = true;
  return set;
}

constexpr OctetSet make_target_set() {
  OctetSet set{};
  for (unsigned i = 0x21; i < 0x7f; ++i) {
    set[i] = true;
  }
  return set;
}

constexpr OctetSet kTokenSet = make_token_set();
constexpr OctetSet kValueSet = make_value_set();
constexpr OctetSet kTargetSet = make_target_set();

/// Whether all eight octets are visible ASCII, 0x21 to 0x7e: in the sets of values and of targets.
/// Each octet that is not leaves a top bit, by itself or by the borrow or carry of the lowest such
/// octet.
bool all_visible(std::uint64_t octets) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  return ((octets | (octets - 0x21 * kOnes) | (octets + kOnes)) & (0x80 * kOnes)) == 0;
}

bool all_in(const OctetSet& set, std::string_view text) {
  for (const char c : text) {
    if (!set[static_cast<unsigned char>(c)]) {
      return false;
    }
  }
  return true;
}

/// As all_in() for a set that holds all visible ASCII, eight octets at a time.
bool all_in_visible_and(const OctetSet& set, std::string_view text) {
  while (text.size() >= sizeof(std::uint64_t)) {
    std::uint64_t octets;
    std::memcpy(&octets, text.data(), sizeof octets);
    if (!all_visible(octets) && !all_in(set, text.substr(0, sizeof octets))) {
      return false;
    }
    text.remove_prefix(sizeof octets);
  }
  return all_in(set, text);
}

bool is_token(std::string_view text) { return !text.empty() && all_in(kTokenSet, text); }

/// OWS is blank and tab only (RFC 9110 section 5.6.3): base's trim() would take a bare CR for
/// nothing, too.
std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

void apply_connection_options(std::string_view value, bool& keep_alive) {
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    const std::string_view option = trim_blanks(value.substr(0, comma));
    if (iequals(option, "close")) {
      keep_alive = false;
    } else if (iequals(option, "keep-alive")) {
      keep_alive = true;
    }
    value.remove_prefix(std::min(value.size(), comma + 1));
  }
}

/// Index of the next line feed at or behind `from`, or the buffer's size.
std::size_t find_line_feed(std::span<const std::uint8_t> buffer, std::size_t from) {
  if (from >= buffer.size()) {
    return buffer.size();
  }
  const void* found = std::memchr(buffer.data() + from, '\n', buffer.size() - from);
  return found == nullptr
             ? buffer.size()
             : static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - buffer.data());
}

}  // namespace

void RequestParser::reset() { *this = RequestParser(limits_); }

RequestParser::Progress RequestParser::refuse(unsigned status) {
  refusal_status_ = status;
  return Progress::kRefused;
}

RequestParser::Progress RequestParser::parse_head_only(std::span<const std::uint8_t> buffer) {
  if (refusal_status_ != 0) {
    return Progress::kRefused;
  }
  if (head_end_ == 0) {
    if (const Progress progress = find_head_end(buffer); progress != Progress::kComplete) {
      return progress;
    }
    if (const Progress progress = parse_head(as_text(buffer.subspan(start_, head_end_ - start_)));
        progress != Progress::kComplete) {
      return progress;
    }
    head_base_ = buffer.data();
    position_ = head_end_;
    body_end_ = head_end_;
  }
  return Progress::kNeedBody;
}

RequestParser::Progress RequestParser::parse(std::span<std::uint8_t> buffer) {
  if (const Progress progress = parse_head_only(buffer); progress != Progress::kNeedBody) {
    return progress;
  }
  if (!framing_.is_chunked && framing_.length > limits_.max_body_bytes) {
    return refuse(413);
  }
  if (const Progress progress = parse_body(buffer); progress != Progress::kComplete) {
    return progress;
  }
  if (head_base_ != buffer.data()) {  // the buffer moved while the body came: views must follow
    static_cast<void>(parse_head(as_text(buffer.subspan(start_, head_end_ - start_))));
    head_base_ = buffer.data();
  }
  request_.body = buffer.subspan(head_end_, body_end_ - head_end_);
  return Progress::kComplete;
}

RequestParser::Progress RequestParser::find_head_end(std::span<const std::uint8_t> buffer) {
  if (!buffer.empty() && buffer[0] == kTlsHandshakeRecord) {
    return Progress::kTls;
  }
  for (;;) {
    const std::size_t line_feed = find_line_feed(buffer, scanned_);
    if (line_feed == buffer.size()) {
      scanned_ = buffer.size();
      break;
    }
    scanned_ = line_feed + 1;
    if (line_feed == position_ || buffer[line_feed - 1] != '\r') {
      return refuse(400);
    }
    const bool is_empty = line_feed - 1 == position_;
    const bool is_request_line_missing = position_ == start_;
    if (is_request_line_missing &&
        line_feed - start_ > limits_.max_target_bytes + kMaxMethodAndVersionBytes) {
      return refuse(414);
    }
    position_ = scanned_;
    if (is_empty && is_request_line_missing) {
      start_ = scanned_;
      continue;
    }
    if (is_request_line_missing && !kTokenSet[buffer[start_]]) {
      return refuse(400);  // as below, where the line has not ended yet
    }
    if (is_empty) {
      head_end_ = scanned_;
      return head_end_ > limits_.max_header_bytes ? refuse(431) : Progress::kComplete;
    }
  }
  const bool is_in_request_line = position_ == start_;
  if (is_in_request_line && start_ < buffer.size() && buffer[start_] != '\r' &&
      !kTokenSet[buffer[start_]]) {
    return refuse(400);  // no method begins so: answer garbage now, not at the deadline
  }
  if (is_in_request_line &&
      buffer.size() - start_ > limits_.max_target_bytes + kMaxMethodAndVersionBytes) {
    return refuse(414);
  }
  return buffer.size() > limits_.max_header_bytes ? refuse(431) : Progress::kNeedHead;
}

RequestParser::Progress RequestParser::parse_head(std::string_view head) {
  request_ = RequestView{};
  framing_ = {};
  has_content_length_ = has_transfer_encoding_ = has_host_ = wants_continue_ = false;

  const std::size_t line_end = head.find('\r');
  if (const Progress progress = parse_request_line(head.substr(0, line_end));
      progress != Progress::kComplete) {
    return progress;
  }
  head.remove_prefix(line_end + 1);
  if (!head.starts_with('\n')) {
    return refuse(400);  // a bare CR in the request line
  }
  request_.header_block = head.substr(1, head.size() - 3);
  std::string_view rest = request_.header_block;
  while (!rest.empty()) {
    const std::size_t line_feed = rest.find('\n');  // find_head_end saw CR before each
    if (const Progress progress = parse_header_line(rest.substr(0, line_feed - 1));
        progress != Progress::kComplete) {
      return progress;
    }
    rest.remove_prefix(line_feed + 1);
  }
  if (has_transfer_encoding_ && (has_content_length_ || request_.version_minor == 0)) {
    return refuse(400);
  }
  framing_.is_chunked = has_transfer_encoding_;
  wants_continue_ = wants_continue_ && request_.version_minor >= 1;
  return Progress::kComplete;
}

RequestParser::Progress RequestParser::parse_request_line(std::string_view line) {
  const std::size_t method_end = line.find(' ');
  if (method_end == std::string_view::npos) {
    return refuse(400);
  }
  const std::string_view method = line.substr(0, method_end);
  line.remove_prefix(method_end + 1);
  const std::size_t target_end = line.find(' ');
  if (!is_token(method) || target_end == std::string_view::npos) {
    return refuse(400);
  }
  const std::string_view target = line.substr(0, target_end);
  if (target.size() > limits_.max_target_bytes) {
    return refuse(414);
  }
  if (target.empty() || !all_in_visible_and(kTargetSet, target)) {
    return refuse(400);
  }
  const std::string_view version = line.substr(target_end + 1);
  const bool has_version_form = version.size() == 8 && version.starts_with("HTTP/") &&
                                version[6] == '.' && version[5] >= '0' && version[5] <= '9' &&
                                version[7] >= '0' && version[7] <= '9';
  if (!has_version_form) {
    return refuse(400);
  }
  if (version[5] != '1') {
    return refuse(505);
  }
  request_.method_text = method;
  request_.method = method == "GET"    ? Method::kGet
                    : method == "POST" ? Method::kPost
                    : method == "HEAD" ? Method::kHead
                                       : Method::kOther;
  request_.target = target;
  request_.version_minor = static_cast<unsigned>(version[7] - '0');
  request_.keep_alive = request_.version_minor >= 1;
  return Progress::kComplete;
}

RequestParser::Progress RequestParser::parse_header_line(std::string_view line) {
  // A folded line begins with a blank, and a blank before the colon is no token: both end here.
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return refuse(400);
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim_blanks(line.substr(colon + 1));
  if (!all_in_visible_and(kValueSet, value)) {
    return refuse(400);
  }
  switch (name.size()) {
    case 4:
      if (iequals(name, "Host")) {
        if (has_host_) {
          return refuse(400);
        }
        has_host_ = true;
        request_.host = value;
      }
      break;
    case 6:
      if (iequals(name, "Expect")) {
        if (!iequals(value, "100-continue")) {
          return refuse(417);
        }
        wants_continue_ = true;
      }
      break;
    case 10:
      if (iequals(name, "Connection")) {
        apply_connection_options(value, request_.keep_alive);
      }
      break;
    case 12:
      if (iequals(name, "Content-Type")) {
        request_.content_type = value;
      }
      break;
    case 13:
      if (iequals(name, "If-None-Match")) {
        request_.if_none_match = value;
      }
      break;
    case 14:
      if (iequals(name, "Content-Length")) {
        const auto [end, error] =
            std::from_chars(value.data(), value.data() + value.size(), framing_.length);
        if (has_content_length_ || value.empty() || value[0] == '-' ||
            end != value.data() + value.size()) {
          return refuse(400);
        }
        has_content_length_ = true;
        if (error == std::errc::result_out_of_range) {
          return refuse(413);
        }
      }
      break;
    case 17:
      if (iequals(name, "Transfer-Encoding")) {
        if (has_transfer_encoding_) {
          return refuse(400);
        }
        has_transfer_encoding_ = true;
        if (!iequals(value, "chunked")) {
          return refuse(501);
        }
      } else if (iequals(name, "If-Modified-Since")) {
        request_.if_modified_since = value;
      }
      break;
    default:
      break;
  }
  return Progress::kComplete;
}

RequestParser::Progress RequestParser::parse_body(std::span<std::uint8_t> buffer) {
  if (framing_.is_chunked) {
    return parse_chunks(buffer);
  }
  if (buffer.size() - head_end_ < framing_.length) {
    return Progress::kNeedBody;
  }
  body_end_ = position_ = head_end_ + framing_.length;
  return Progress::kComplete;
}

RequestParser::Progress RequestParser::parse_chunks(std::span<std::uint8_t> buffer) {
  for (;;) {
    if (position_ - head_end_ >
        kChunkOverheadFactor * limits_.max_body_bytes + limits_.max_header_bytes) {
      return refuse(413);
    }
    const ChunkDecoder::Step step = chunks_.next(buffer.subspan(position_));
    switch (step.kind) {
      case ChunkDecoder::Kind::kNeedMore:
        return Progress::kNeedBody;
      case ChunkDecoder::Kind::kRefused:
        return refuse(step.status);
      case ChunkDecoder::Kind::kData:
        std::memmove(buffer.data() + body_end_, buffer.data() + position_, step.bytes);
        body_end_ += step.bytes;
        break;
      case ChunkDecoder::Kind::kFraming:
        if (chunks_.chunk_left() > limits_.max_body_bytes - (body_end_ - head_end_)) {
          return refuse(413);
        }
        break;
      case ChunkDecoder::Kind::kEnd:
        position_ += step.bytes;
        return Progress::kComplete;
    }
    position_ += step.bytes;
  }
}

}  // namespace muster::http
