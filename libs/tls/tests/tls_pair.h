#pragma once

#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "muster/base/assert.h"
#include "muster/base/file.h"
#include "muster/pki/native.h"
#include "muster/testing/pki_builder.h"
#include "muster/tls/server.h"

// A client and a server of TLS in one thread, over a socket pair; what went over the wire is kept.
namespace muster::tls {

/// Staples by fingerprint; counts who asks.
class FakeSource final : public StapleSource {
 public:
  [[nodiscard]] OfferedStaple find(const Fingerprint& certificate) const noexcept override {
    ++asked_;
    const auto found = staples_.find(certificate);
    if (found == staples_.end()) {
      return {};
    }
    return {*found->second, found->second};
  }
  void set(const pki::Certificate& certificate, Buffer staple) {
    set(certificate.fingerprint(), std::move(staple));
  }
  void set(const Fingerprint& certificate, Buffer staple) {
    staples_[certificate] = std::make_shared<const Buffer>(std::move(staple));
  }
  void clear() { staples_.clear(); }
  [[nodiscard]] int asked() const { return asked_; }

 private:
  std::map<Fingerprint, std::shared_ptr<const Buffer>> staples_;
  mutable int asked_ = 0;
};

struct ClientOptions {
  int version = TLS1_3_VERSION;
  bool asks_status = true;
  std::string name{};
  std::string signature_algorithms{};
  std::vector<std::string> alpn{};
  bool offers_status_v2 = false;
  SSL_SESSION* resume = nullptr;
  const muster::testing::Identity* identity = nullptr;  ///< shown when asked for
};

struct HandshakeMessage {
  int type;
  Buffer body;  ///< without its four octets of header
};

/// What the client saw.
struct Outcome {
  bool is_done = false;
  bool is_reused = false;
  std::optional<Buffer> staple;
  std::optional<Buffer> certificate;  ///< DER of the server's
  std::string alpn;
  std::vector<HandshakeMessage> received;
  std::set<int> extensions_received;  ///< in ServerHello, EncryptedExtensions, CertificateEntries
  int alert_received = -1;
  std::shared_ptr<SSL_SESSION> session;
  std::string server_error;
  std::string server_name;
};

class TlsPair {
 public:
  TlsPair() : client_context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    int fds[2];
    MUSTER_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    client_fd_.reset(fds[0]);
    server_fd_.reset(fds[1]);
  }
  [[nodiscard]] int server_fd() const { return server_fd_.get(); }
  [[nodiscard]] int client_fd() const { return client_fd_.get(); }

  void start_client(const ClientOptions& options) {
    SSL_CTX_set_session_cache_mode(client_context_.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    if (options.offers_status_v2) {
      MUSTER_ASSERT(SSL_CTX_add_custom_ext(client_context_.get(), 17, SSL_EXT_CLIENT_HELLO,
                                           add_status_v2, nullptr, nullptr, nullptr, nullptr) == 1);
    }
    client_.reset(SSL_new(client_context_.get()));
    SSL_set_min_proto_version(client_.get(), options.version);
    SSL_set_max_proto_version(client_.get(), options.version);
    if (options.asks_status) {
      SSL_set_tlsext_status_type(client_.get(), TLSEXT_STATUSTYPE_ocsp);
    }
    if (!options.name.empty()) {
      // What SSL_set_tlsext_host_name does, without its C cast.
      SSL_ctrl(client_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               const_cast<char*>(options.name.c_str()));
    }
    if (!options.signature_algorithms.empty()) {
      SSL_set1_sigalgs_list(client_.get(), options.signature_algorithms.c_str());
    }
    std::string alpn;
    for (const std::string& protocol : options.alpn) {
      alpn += static_cast<char>(protocol.size());
      alpn += protocol;
    }
    SSL_set_alpn_protos(client_.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                        static_cast<unsigned>(alpn.size()));
    if (options.identity != nullptr) {
      SSL_use_certificate(client_.get(), pki::native_x509(options.identity->certificate));
      SSL_use_PrivateKey(client_.get(), pki::native_key(options.identity->key));
    }
    if (options.resume != nullptr) {
      SSL_set_session(client_.get(), options.resume);
    }
    SSL_set_msg_callback(client_.get(), on_message);
    SSL_set_msg_callback_arg(client_.get(), &outcome_);
    SSL_callback_ctrl(client_.get(), SSL_CTRL_SET_TLSEXT_DEBUG_CB,
                      reinterpret_cast<void (*)()>(&on_extension));
    SSL_ctrl(client_.get(), SSL_CTRL_SET_TLSEXT_DEBUG_ARG, 0, &outcome_);
    SSL_set_fd(client_.get(), client_fd_.get());
    SSL_set_connect_state(client_.get());
  }

  /// Both sides in turn until both are done or the server has failed. `serve` makes one step of the
  /// server.
  template <class Serve>
  Outcome run(Serve serve) {
    Io server = Io::kWantRead;
    int client = 0;
    for (int turn = 0; turn < 100 && (client != 1 || server != Io::kDone); ++turn) {
      client = SSL_do_handshake(client_.get());
      server = serve();
      if (server == Io::kFailed) {
        SSL_do_handshake(client_.get());  // reads the alert
        return finish();
      }
    }
    outcome_.is_done = client == 1;
    return finish();
  }

  /// A whole handshake with a session of `context`; tickets are read, one octet goes both ways.
  Outcome run(const std::shared_ptr<const ServerContext>& context, const ClientOptions& options) {
    start_client(options);
    Session session(context, server_fd_.get());
    Outcome outcome = run([&] { return session.handshake(); });
    outcome.server_error = session.error();
    outcome.server_name = session.server_name();
    return outcome;
  }

  /// The same with a plain context of OpenSSL.
  Outcome run(SSL_CTX* context, const ClientOptions& options) {
    start_client(options);
    const std::unique_ptr<SSL, void (*)(SSL*)> server(SSL_new(context), SSL_free);
    SSL_set_fd(server.get(), server_fd_.get());
    SSL_set_accept_state(server.get());
    Outcome outcome = run([&] {
      const int result = SSL_do_handshake(server.get());
      return result == 1                                                  ? Io::kDone
             : SSL_get_error(server.get(), result) == SSL_ERROR_WANT_READ ? Io::kWantRead
                                                                          : Io::kFailed;
    });
    SSL_set_shutdown(server.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    return outcome;
  }

 private:
  static int add_status_v2(SSL*, unsigned, unsigned, const unsigned char** out, std::size_t* size,
                           X509*, std::size_t, int*, void*) {
    // One item: ocsp_multi(2), four octets: no responder ids, no extensions (RFC 6961 section 2.2).
    static const unsigned char kOffer[] = {0, 7, 2, 0, 4, 0, 0, 0, 0};
    *out = kOffer;
    *size = sizeof kOffer;
    return 1;
  }
  static void on_message(int is_written, int, int content_type, const void* data, std::size_t size,
                         SSL*, void* argument) {
    auto& outcome = *static_cast<Outcome*>(argument);
    const Bytes octets(static_cast<const std::uint8_t*>(data), size);
    if (is_written == 0 && content_type == SSL3_RT_HANDSHAKE && size >= 4) {
      outcome.received.push_back({octets[0], to_buffer(octets.subspan(4))});
    } else if (is_written == 0 && content_type == SSL3_RT_ALERT && size == 2) {
      outcome.alert_received = octets[1];
    }
  }
  static void on_extension(SSL*, int, int type, const unsigned char*, int, void* argument) {
    static_cast<Outcome*>(argument)->extensions_received.insert(type);
  }
  Outcome finish() {
    char octet = 0;
    SSL_read(client_.get(), &octet, 1);  // takes the tickets of TLS 1.3
    const unsigned char* staple = nullptr;
    const long size = SSL_get_tlsext_status_ocsp_resp(client_.get(), &staple);
    if (size > 0) {
      outcome_.staple = Buffer(staple, staple + size);
    }
    if (X509* certificate = SSL_get0_peer_certificate(client_.get())) {
      Buffer der(static_cast<std::size_t>(i2d_X509(certificate, nullptr)));
      unsigned char* out = der.data();
      i2d_X509(certificate, &out);
      outcome_.certificate = der;
    }
    const unsigned char* protocol = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(client_.get(), &protocol, &length);
    outcome_.alpn.assign(protocol, protocol + length);
    outcome_.is_reused = SSL_session_reused(client_.get()) == 1;
    // A connection that ends without goodbye takes its session with it.
    SSL_set_shutdown(client_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    outcome_.session.reset(SSL_get1_session(client_.get()), SSL_SESSION_free);
    return outcome_;
  }

  UniqueFd client_fd_, server_fd_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> client_context_;
  std::unique_ptr<SSL, void (*)(SSL*)> client_{nullptr, SSL_free};
  Outcome outcome_;
};

/// The messages of a handshake by number, in order.
inline std::vector<int> types_of(const Outcome& outcome) {
  std::vector<int> types;
  for (const HandshakeMessage& message : outcome.received) {
    types.push_back(message.type);
  }
  return types;
}

inline ServerCertificate to_served(const testing::Identity& identity,
                                   std::vector<pki::Certificate> chain = {}) {
  chain.insert(chain.begin(), identity.certificate);
  return {std::move(chain), identity.key};
}

}  // namespace muster::tls
