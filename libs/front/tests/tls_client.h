#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "net_testing.h"

namespace muster::front {

/// A blocking TLS client that trusts everybody and keeps the staple.
class TlsClient {
 public:
  explicit TlsClient(const std::string& address, const std::string& name = "",
                     int version = TLS1_3_VERSION)
      : raw_(address),
        context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
        ssl_(SSL_new(context_.get()), SSL_free) {
    SSL_set_min_proto_version(ssl_.get(), version);
    SSL_set_max_proto_version(ssl_.get(), version);
    SSL_set_tlsext_status_type(ssl_.get(), TLSEXT_STATUSTYPE_ocsp);
    if (!name.empty()) {
      // What SSL_set_tlsext_host_name does, without its C cast.
      SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               const_cast<char*>(name.c_str()));
    }
    const timeval patience{net::kPatience.count() / 1000, 0};
    ::setsockopt(raw_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    SSL_set_fd(ssl_.get(), raw_.fd());
    is_connected_ = SSL_connect(ssl_.get()) == 1;
  }

  [[nodiscard]] bool is_connected() const { return is_connected_; }
  [[nodiscard]] Buffer staple() const {
    const unsigned char* octets = nullptr;
    const long size = SSL_get_tlsext_status_ocsp_resp(ssl_.get(), &octets);
    return size > 0 ? Buffer(octets, octets + size) : Buffer{};
  }
  [[nodiscard]] Buffer certificate() const {
    X509* const x509 = SSL_get0_peer_certificate(ssl_.get());
    if (x509 == nullptr) {
      return {};
    }
    Buffer der(static_cast<std::size_t>(i2d_X509(x509, nullptr)));
    unsigned char* out = der.data();
    i2d_X509(x509, &out);
    return der;
  }
  bool send(std::string_view text) {
    std::size_t written = 0;
    return SSL_write_ex(ssl_.get(), text.data(), text.size(), &written) == 1 &&
           written == text.size();
  }
  void say_goodbye() { SSL_shutdown(ssl_.get()); }
  /// Exactly so many octets, fewer at the end of the stream.
  std::string read(std::size_t size) {
    std::string text(size, '\0');
    std::size_t have = 0, count = 0;
    while (have < size && SSL_read_ex(ssl_.get(), text.data() + have, size - have, &count) == 1) {
      have += count;
    }
    text.resize(have);
    return text;
  }
  std::string read_to_end() {
    std::string text;
    for (std::string part = read(65536); !part.empty(); part = read(65536)) {
      text += part;
    }
    return text;
  }
  /// Whether the server said goodbye, as opposed to cutting the connection.
  [[nodiscard]] bool has_goodbye() const {
    return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }
  net::RawClient& raw() { return raw_; }

 private:
  net::RawClient raw_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  bool is_connected_ = false;
};

}  // namespace muster::front
