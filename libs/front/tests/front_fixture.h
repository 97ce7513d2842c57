#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "muster/front/front.h"
#include "muster/net/fetcher.h"
#include "muster/testing/response_builder.h"
#include "tls_client.h"

namespace muster::front {

using muster::testing::FakeClock;
using muster::testing::Identity;
using muster::testing::issue;
using muster::testing::kTestNow;
using muster::testing::leaf_spec;
using muster::testing::standard_pki;
using muster::testing::TempDir;
using net::eventually;
using net::kPatience;

/// An upstream that treats each connection as told, each on its own thread.
class Upstream {
 public:
  using Script = std::function<void(net::RawClient& peer)>;
  explicit Upstream(Script script)
      : listener_(*net::Listener::open("127.0.0.1:0", 64)), script_(std::move(script)) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      std::vector<std::jthread> peers;
      while (!stop.stop_requested()) {
        pollfd entry{listener_.fd(), POLLIN, 0};
        if (::poll(&entry, 1, 10) == 1) {
          peers.emplace_back(
              [this, fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC)] {
                net::RawClient peer{UniqueFd(fd)};
                script_(peer);
              });
        }
      }
    });
  }
  [[nodiscard]] const std::string& address() const { return listener_.address(); }

  /// Sends everything back until the client ends.
  static void echo(net::RawClient& peer) {
    char buffer[65536];
    for (;;) {
      const ssize_t count = ::recv(peer.fd(), buffer, sizeof buffer, 0);
      if (count <= 0 || !peer.send({buffer, static_cast<std::size_t>(count)})) {
        return;
      }
    }
  }

 private:
  net::Listener listener_;
  Script script_;
  std::jthread thread_;
};

/// Octets that are different everywhere.
inline std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>((i * 2654435761U) >> 13);
  }
  return text;
}

/// A good answer for a leaf of the standard PKI; later ones replace earlier ones.
inline Buffer make_staple(const pki::Certificate& certificate, Seconds age = Seconds(3600),
                          ocsp::CertStatus status = ocsp::Good{}) {
  muster::testing::EntrySpec entry =
      muster::testing::entry_for(certificate, standard_pki().intermediate.certificate, status);
  entry.this_update = kTestNow - age;
  muster::testing::ResponseSpec spec;
  spec.entries = {entry};
  return muster::testing::build_response(standard_pki().ocsp_signer, spec);
}

/// A front on its own loop, with certificates and a shelf in a directory.
class FrontTest : public ::testing::Test {
 protected:
  FrontTest() {
    std::signal(SIGPIPE, SIG_IGN);
    options_.listen = {"127.0.0.1:0"};
    options_.loops = 2;
    options_.shelf = dir_.file("shelf");
    options_.start_wait = Milliseconds(0);
    options_.upstream = echo_.address();
  }
  ~FrontTest() override {
    thread_.call([this] {
      front_.reset();
      fetcher_.reset();
    });
  }

  /// A leaf for this name, written to files and listed in the options.
  Identity add_leaf(const std::string& name,
                    const std::vector<std::string>& ocsp_uris = {"http://127.0.0.1:1/"},
                    std::vector<std::uint32_t> features = {}) {
    auto spec = leaf_spec(name);
    spec.ocsp_uris = ocsp_uris;
    spec.tls_features = std::move(features);
    const Identity leaf = issue(standard_pki().intermediate, spec);
    write_leaf(name, leaf);
    return leaf;
  }
  void write_leaf(const std::string& name, const Identity& leaf) {
    const std::string cert = leaf.write(dir_, name, {standard_pki().intermediate.certificate});
    const std::string key = cert.substr(0, cert.size() - 3) + "key";
    for (const CertificateFiles& files : options_.certificates) {
      if (files.cert == cert) {
        return;
      }
    }
    options_.certificates.push_back({cert, key, ""});
  }
  /// What `muster stapler` in another process would do. \param issuers  of each; none: the
  /// intermediate
  void put_on_shelf(const std::vector<pki::Certificate>& certificates,
                    const std::vector<Buffer>& staples,
                    const std::vector<pki::Certificate>& issuers = {}) {
    const auto issuer_of = [&issuers](std::size_t i) {
      return issuers.empty() ? standard_pki().intermediate.certificate : issuers.at(i);
    };
    auto shelf = keeper::Shelf::open(options_.shelf, keeper::ShelfMode::kOwner, {}, null_logger());
    ASSERT_TRUE(shelf) << shelf.error().detail;
    std::vector<keeper::Subject> subjects;
    for (const pki::Certificate& certificate : certificates) {
      subjects.push_back(
          {std::to_string(subjects.size()), certificate, issuer_of(subjects.size())});
    }
    (*shelf)->set_subjects(subjects, kTestNow);
    for (std::size_t i = 0; i < certificates.size(); ++i) {
      const auto verified = client::verify({.response = staples[i],
                                            .subject = certificates[i],
                                            .issuer = issuer_of(i),
                                            .nonce_sent = {},
                                            .extra_certificates = {}},
                                           {}, kTestNow);
      ASSERT_TRUE(verified) << verified.error().detail;
      ASSERT_TRUE(keeper::takes((*shelf)->offer(*verified, "test", kTestNow)));
    }
    ASSERT_EQ((*shelf)->unsaved(), 0U);
  }
  /// Makes the front and starts it; `listening_` gets its address.
  void start() {
    thread_.call([this] {
      fetcher_ = net::make_fetcher(thread_.loop());
      auto front = Front::make(thread_.loop(), *fetcher_, clock_, null_logger(), options_, 1);
      ASSERT_TRUE(front) << front.error().detail;
      front_ = *std::move(front);
      front_->start([this](Result<std::vector<std::string>, FrontError> addresses) {
        listening_.set_value(std::move(addresses));
      });
    });
  }
  /// Waits until it listens.
  const std::string& address() {
    if (address_.empty()) {
      auto addresses = listening_.get_future().get();
      EXPECT_TRUE(addresses) << addresses.error().detail;
      address_ = addresses->front();
    }
    return address_;
  }
  [[nodiscard]] const FrontStats& stats() const { return front_->stats(); }
  /// What version 1 of the PROXY protocol says of this client.
  std::string proxy_line_of(TlsClient& client) {
    const std::string own = net::SocketAddress::of_local(client.raw().fd()).text();
    return "PROXY TCP4 127.0.0.1 127.0.0.1 " + own.substr(own.rfind(':') + 1) + " " +
           address().substr(address().rfind(':') + 1) + "\r\n";
  }

  TempDir dir_;
  Upstream echo_{Upstream::echo};
  FakeClock clock_;
  FrontOptions options_;
  net::LoopThread thread_;
  std::unique_ptr<net::FetchService> fetcher_;
  std::unique_ptr<Front> front_;
  std::promise<Result<std::vector<std::string>, FrontError>> listening_;
  std::string address_;
};

}  // namespace muster::front
