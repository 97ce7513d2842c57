#include "http_reply.h"

#include <algorithm>
#include <utility>

#include "muster/base/assert.h"
#include "muster/base/text.h"
#include "muster/http/response.h"

namespace muster::net {
namespace {

void append(Buffer& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }
void append(Buffer& out, Bytes octets) { out.insert(out.end(), octets.begin(), octets.end()); }

bool has_date(std::string_view headers) {
  while (!headers.empty()) {
    const std::size_t end = std::min(headers.find('\n'), headers.size() - 1) + 1;
    if (iequals(headers.substr(0, std::min<std::size_t>(5, end)), "date:")) {
      return true;
    }
    headers.remove_prefix(end);
  }
  return false;
}

/// The other half of a deferred reply, in the handler's hands.
class Later final : public LaterReply {
 public:
  explicit Later(std::shared_ptr<ReplyLink> link) : link_(std::move(link)) {}
  ~Later() override {
    if (!is_sent_) {
      Later::send(500, {}, {}, {});
    }
  }
  void send_ready(Bytes octets, std::size_t head_bytes) override {
    finish([&](HttpReply& reply) { reply.send_ready(octets, head_bytes); });
  }
  void send(unsigned status, std::string_view content_type, std::string_view extra_headers,
            Bytes body) override {
    finish([&](HttpReply& reply) { reply.send(status, content_type, extra_headers, body); });
  }

 private:
  template <class Write>
  void finish(const Write& write) {
    if (!std::exchange(is_sent_, true) && link_->connection != nullptr) {
      link_->connection->finish(write);
    }
  }
  const std::shared_ptr<ReplyLink> link_;
  bool is_sent_ = false;
};

}  // namespace

std::string_view connection_line(bool stays, unsigned version_minor) {
  return !stays ? "Connection: close\r\n" : version_minor == 0 ? "Connection: keep-alive\r\n" : "";
}

std::unique_ptr<LaterReply> Reply::defer() {
  MUSTER_ASSERT(!is_sent_);
  if (asked_ == nullptr) {
    return nullptr;
  }
  is_sent_ = true;
  return std::make_unique<Later>(asked_->defer());
}

void Reply::send_ready(Bytes octets, std::size_t head_bytes) {
  MUSTER_ASSERT(!is_sent_ && head_bytes >= 4 && head_bytes <= octets.size());
  is_sent_ = true;
  Buffer& out = output_;
  if (connection_line_.empty()) {  // nearly always: as it is
    append(out, is_head_ ? octets.first(head_bytes) : octets);
    return;
  }
  append(out, octets.first(head_bytes - 2));  // without the empty line
  append(out, connection_line_);
  append(out, std::string_view("\r\n"));
  if (!is_head_) {
    append(out, octets.subspan(head_bytes));
  }
}

void Reply::send(unsigned status, std::string_view content_type, std::string_view extra_headers,
                 Bytes body) {
  MUSTER_ASSERT(!is_sent_);
  is_sent_ = true;
  Buffer& out = output_;
  http::append_head(out, status, content_type, extra_headers, body.size());
  if (!has_date(extra_headers)) {
    append(out, shared_.date_line());
  }
  append(out, connection_line_);
  append(out, std::string_view("\r\n"));
  if (!is_head_ && !http::is_bodiless(status)) {
    append(out, body);
  }
}

}  // namespace muster::net
