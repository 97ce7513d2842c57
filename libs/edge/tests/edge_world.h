#pragma once

#include <fstream>
#include <map>
#include <mutex>

#include "export_world.h"
#include "muster/edge/edge_handler.h"
#include "muster/http/base64.h"
#include "muster/http/get_path.h"
#include "net_testing.h"

// An export, a web server that shows it (and lies where a test wants), and an edge that follows it.
namespace muster::edge {

/// Shows a directory as web servers do.
class Origin final : public net::HttpHandler {
 public:
  explicit Origin(std::string root) : root_(std::move(root)) {
    const auto listening = loop_.call([this] {
      auto server = net::HttpServer::listen(loop_.loop(), "127.0.0.1:0", {}, *this);
      EXPECT_TRUE(server);
      server_ = *std::move(server);
      return server_->address();
    });
    url = "http://" + listening + "/";
  }
  ~Origin() override {
    loop_.call([this] { server_.reset(); });
  }
  void handle(const http::RequestView& request, net::HttpReply& reply) override {
    std::string path;
    for (std::size_t i = 0; i < request.target.size(); ++i) {
      const std::string_view escape = request.target.substr(i, 3);
      const bool is_escape = escape == "%2B" || escape == "%3D";
      path += is_escape ? (escape == "%2B" ? '+' : '=') : request.target[i];
      i += is_escape ? 2U : 0U;
    }
    const std::lock_guard lock(mutex_);
    ++requests_;
    const auto content = read_file(root_ + path, 1 << 20);
    if (is_down_ || !content) {
      reply.send(is_down_ ? 503 : 404, "text/plain", "", {});
      return;
    }
    const auto lie = lies_.find(path);
    reply.send(200, "application/octet-stream", "",
               lie == lies_.end() ? Bytes(*content) : Bytes(lie->second));
  }
  void lie(const std::string& path, const Buffer& content) {
    const std::lock_guard lock(mutex_);
    lies_[path] = content;
  }
  void tell_the_truth() {
    const std::lock_guard lock(mutex_);
    lies_.clear();
    is_down_ = false;
  }
  void go_down() {
    const std::lock_guard lock(mutex_);
    is_down_ = true;
  }
  [[nodiscard]] std::size_t requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  [[nodiscard]] std::uint64_t connections() const { return server_->stats().connections; }
  std::string url;

 private:
  const std::string root_;
  std::size_t requests_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, Buffer> lies_;
  bool is_down_ = false;
  std::unique_ptr<net::HttpServer> server_;
  net::LoopThread loop_;  // last: runs what is above
};

struct EdgeWorld : World {
  EdgeWorld() : origin(options.directory) {
    options.manifest_key = standard_pki().leaf.key;
    static_cast<void>(run());
    open();
  }
  /// As after a restart.
  void open() {
    mirror.reset();
    auto opened =
        Mirror::open(options_of(), {origin.url, {standard_pki().leaf.certificate}}, null_logger());
    ASSERT_TRUE(opened) << opened.error().detail;
    mirror = *std::move(opened);
  }
  [[nodiscard]] MirrorOptions options_of() const {
    MirrorOptions how;
    how.directory = dir.file("edge");
    return how;
  }
  void export_again() {
    clock.advance(Milliseconds(1000));
    static_cast<void>(run());
  }
  PullReport pull() {
    const auto report = mirror->pull();
    EXPECT_TRUE(report) << (report ? "" : report.error().detail);
    return report ? *report : PullReport{};
  }
  [[nodiscard]] std::optional<MirrorErrc> pull_fails() const {
    const auto report = mirror->pull();
    return report ? std::nullopt : std::optional(report.error().code);
  }
  /// Octets the edge gives, or nothing.
  [[nodiscard]] Buffer gives(const Serial& serial,
                             HashAlgorithm hash = HashAlgorithm::kSha256) const {
    const auto held = mirror->find(request(serial, hash), clock.now());
    return held ? held->response : Buffer();
  }
  [[nodiscard]] Buffer manifest_text() const {
    return *read_file(options.directory + "/manifest", 1 << 20);
  }
  Origin origin;
  std::unique_ptr<Mirror> mirror;
};

}  // namespace muster::edge
