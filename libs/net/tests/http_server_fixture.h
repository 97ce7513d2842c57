#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/net/http_server.h"
#include "net_testing.h"

namespace muster::net {

/// "/ready" a prepared answer; "/big/N" N octets; "/peer" who asks;
/// "/silent" no answer at all; else an echo of
/// method, target and body.
class TestHandler final : public HttpHandler {
 public:
  void handle(const http::RequestView& request, HttpReply& reply) override {
    static const std::string kReady =
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nready";
    if (request.target == "/ready") {
      reply.send_ready(as_bytes(kReady), kReady.size() - 5);
    } else if (request.target.starts_with("/big/")) {
      const Buffer body(std::stoul(std::string(request.target.substr(5))), 'x');
      reply.send(200, "text/plain", {}, body);
    } else if (request.target == "/peer") {
      reply.send(200, "text/plain", {}, as_bytes(request.peer.text()));
    } else if (request.target != "/silent") {
      const std::string body = std::string(request.method_text) + " " +
                               std::string(request.target) + " " +
                               std::string(as_text(request.body));
      reply.send(200, "text/plain", "X-Test: yes\r\n", as_bytes(body));
    }
  }
};

/// A server on its own loop and thread.
class HttpServerTest : public ::testing::Test {
 protected:
  ~HttpServerTest() override {
    thread_.call([this] { server_.reset(); });
  }
  void start(const HttpLimits& limits = {}, const std::string& address = "127.0.0.1:0") {
    thread_.call([&] {
      auto server = HttpServer::listen(thread_.loop(), address, limits, handler_);
      ASSERT_TRUE(server) << to_string(server.error());
      server_ = *std::move(server);
    });
  }
  [[nodiscard]] const std::string& address() const { return server_->address(); }
  [[nodiscard]] const HttpStats& stats() const { return server_->stats(); }
  /// The whole answer to `request` on a connection of its own that the client ends.
  std::string ask(const std::string& request) {
    RawClient client(address());
    client.send(request);
    return client.read_answer();
  }
  void expect_alive() {
    EXPECT_THAT(ask("GET /alive HTTP/1.1\r\n\r\n"), ::testing::EndsWith("GET /alive "));
  }

  TestHandler handler_;
  LoopThread thread_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace muster::net
