#include "control_server.h"
#include "muster/http/response.h"

namespace muster::node {
namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
/// A client that sends one-octet chunks may not make us keep more than this of coding.
constexpr std::size_t kMaxUnread = 64 * 1024;

std::string hexadecimal(std::size_t number) {
  char text[24];
  const int size = std::snprintf(text, sizeof text, "%zx", number);
  return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace

Exchange::Exchange(Stream& stream, const http::RequestParser& parser, const ControlPeer& peer,
                   Buffer& rest, const ControlLimits& limits, ControlStats& stats)
    : stream_(stream),
      head_(parser.request()),
      framing_(parser.framing()),
      wants_continue_(parser.wants_continue()),
      peer_(peer),
      rest_(rest),
      limits_(limits),
      stats_(stats),
      chunks_(limits.max_header_bytes),
      body_left_(framing_.is_chunked ? 0 : framing_.length) {}

Exchange::~Exchange() {
  rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(handed_out_));
}

std::string_view Exchange::path() const { return head_.target.substr(0, head_.target.find('?')); }

bool Exchange::is_body_read() const { return framing_.is_chunked ? chunks_over_ : body_left_ == 0; }

bool Exchange::may_go_on() const {
  return head_.keep_alive && is_body_read() && is_answered_ && !closes_ && !is_broken_;
}

/// Tells a client that waits for it to send the body; before the answer begins, which would mean
/// that nobody wants it.
void Exchange::ask_for_body() {
  if (wants_continue_ && !std::exchange(continue_sent_, true)) {
    stream_.write(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"), limits_.write_timeout);
  }
}

/// Reads more octets into rest_.
Result<Unit, unsigned> Exchange::fill(MonotonicTime deadline) {
  ask_for_body();
  const std::size_t had = rest_.size();
  rest_.resize(had + kReadBytes);
  const Stream::Read got = stream_.read(std::span(rest_).subspan(had), deadline);
  rest_.resize(had + got.bytes);
  if (got.state == StreamState::kOk) {
    return Unit{};
  }
  closes_ = true;
  if (got.state == StreamState::kTimedOut) {
    ++stats_.timeouts;
  }
  return Err{got.state == StreamState::kTimedOut ? 408U : 400U};
}

Result<Bytes, unsigned> Exchange::next_piece(MonotonicTime deadline) {
  rest_.erase(rest_.begin(),
              rest_.begin() + static_cast<std::ptrdiff_t>(std::exchange(handed_out_, 0)));
  while (!is_body_read()) {
    if (!framing_.is_chunked && !rest_.empty()) {
      handed_out_ = std::min(body_left_, rest_.size());
      body_left_ -= handed_out_;
      return Bytes(rest_).first(handed_out_);
    }
    if (framing_.is_chunked) {
      const http::ChunkDecoder::Step step = chunks_.next(rest_);
      switch (step.kind) {
        case http::ChunkDecoder::Kind::kData:
          handed_out_ = step.bytes;
          return Bytes(rest_).first(handed_out_);
        case http::ChunkDecoder::Kind::kEnd:
          chunks_over_ = true;
          [[fallthrough]];
        case http::ChunkDecoder::Kind::kFraming:
          rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(step.bytes));
          continue;
        case http::ChunkDecoder::Kind::kRefused:
          closes_ = true;
          ++stats_.bad_requests;
          return Err{step.status};
        case http::ChunkDecoder::Kind::kNeedMore:
          break;
      }
    }
    if (rest_.size() > kMaxUnread) {
      closes_ = true;
      return Err{413U};
    }
    MUSTER_CHECK(fill(deadline));
  }
  return Bytes();
}

Result<Bytes, unsigned> Exchange::read_piece() {
  return next_piece(std::chrono::steady_clock::now() + limits_.body_timeout);
}

Result<Buffer, unsigned> Exchange::read_body(std::size_t limit) {
  const MonotonicTime deadline = std::chrono::steady_clock::now() + limits_.body_timeout;
  Buffer body;
  for (;;) {
    if (body.size() > limit || (!framing_.is_chunked && framing_.length > limit)) {
      ++stats_.too_large;
      return Err{413U};
    }
    MUSTER_TRY(const Bytes piece, next_piece(deadline));
    if (piece.empty()) {
      return body;
    }
    body.insert(body.end(), piece.begin(), piece.end());
  }
}

void Exchange::send(unsigned status, std::string_view content_type, std::string_view extra_headers,
                    std::string_view body) {
  is_answered_ = true;
  Buffer out;
  std::string headers(extra_headers);
  headers += may_go_on() ? "\r\n" : "Connection: close\r\n\r\n";
  http::append_head(out, status, content_type, headers, body.size());
  if (head_.method != http::Method::kHead && !http::is_bodiless(status)) {
    const Bytes octets = as_bytes(body);
    out.insert(out.end(), octets.begin(), octets.end());
  }
  is_broken_ = stream_.write(out, limits_.write_timeout) != StreamState::kOk || is_broken_;
}

void Exchange::begin(unsigned status, std::string_view content_type,
                     std::string_view extra_headers) {
  ask_for_body();
  is_answered_ = true;
  is_chunked_answer_ =
      head_.version_minor >= 1;  // 1.0 knows no chunks: the end of the connection ends the body
  std::string out =
      "HTTP/1.1 " + std::to_string(status) + " " + std::string(http::reason_phrase(status)) +
      "\r\nContent-Type: " + std::string(content_type) + "\r\n" + std::string(extra_headers) +
      (is_chunked_answer_ ? "Transfer-Encoding: chunked\r\n" : "Connection: close\r\n") + "\r\n";
  closes_ = closes_ || !is_chunked_answer_;
  is_broken_ = stream_.write(as_bytes(out), limits_.write_timeout) != StreamState::kOk;
}

void Exchange::write(std::string_view text) {
  if (text.empty() || is_broken_) {
    return;
  }
  const std::string out = is_chunked_answer_
                              ? hexadecimal(text.size()) + "\r\n" + std::string(text) + "\r\n"
                              : std::string(text);
  is_broken_ = stream_.write(as_bytes(out), limits_.write_timeout) != StreamState::kOk;
}

void Exchange::end() {
  if (is_chunked_answer_ && !is_broken_) {
    is_broken_ = stream_.write(as_bytes("0\r\n\r\n"), limits_.write_timeout) != StreamState::kOk;
  }
}

}  // namespace muster::node
