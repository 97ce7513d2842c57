#pragma once

#include "http_connection.h"

// Private to the server: what a handler answers with.
namespace muster::net {

/// The line about the connection at the end of a head; empty where the version says enough.
std::string_view connection_line(bool stays, unsigned version_minor);

/// Writes an answer behind what `output` holds.
class Reply final : public HttpReply {
 public:
  /// \param asked  connection whose request this answers; null: a reply that cannot be deferred
  Reply(HttpShared& shared, Buffer& output, bool is_head, std::string_view line,
        HttpConnection* asked = nullptr)
      : shared_(shared),
        output_(output),
        is_head_(is_head),
        connection_line_(line),
        asked_(asked) {}

  std::unique_ptr<LaterReply> defer() override;
  void send_ready(Bytes octets, std::size_t head_bytes) override;
  void send(unsigned status, std::string_view content_type, std::string_view extra_headers,
            Bytes body) override;
  [[nodiscard]] bool is_sent() const { return is_sent_; }

 private:
  HttpShared& shared_;
  Buffer& output_;
  const bool is_head_;
  const std::string_view connection_line_;
  HttpConnection* const asked_;
  bool is_sent_ = false;
};

template <class Write>
void HttpConnection::finish(const Write& write) {
  const bool stays = deferred_stays_ && !shared_.is_draining;
  const std::string_view line = connection_line(stays, deferred_version_minor_);
  if (shared_.handled == this) {  // deferred and answered at once
    let_go_of_reply();
    closes_after_output_ = !stays;
    Reply reply(shared_, shared_.output, deferred_is_head_, line);
    write(reply);
    return;
  }
  Reply reply(shared_, shared_.finished->output(), deferred_is_head_, line);
  write(reply);
  shared_.finished->add(link_, stays);
}

}  // namespace muster::net
