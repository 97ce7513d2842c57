#include "handshake.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "muster/base/assert.h"
#include "muster/base/c_deleter.h"
#include "muster/pki/native.h"
#include "starttls.h"
#include "tls_messages.h"

namespace muster::probe {

class Session {
 public:
  explicit Session(SSL_SESSION* session) : session_(session) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { SSL_SESSION_free(session_); }
  [[nodiscard]] SSL_SESSION* get() const { return session_; }

 private:
  SSL_SESSION* session_;
};

namespace {

using SslPtr = std::unique_ptr<SSL, CDeleter<SSL_free>>;

/// How long is waited for what TLS 1.3 servers say behind the handshake.
constexpr Milliseconds kBehindPatience{1000};
/// Beside the chain: hellos, staples (each below 2^24, in practice a few KiB), tickets, record
/// headers.
constexpr std::size_t kOtherHandshakeBytes = std::size_t{1} << 20;

/// What OpenSSL tells us during the handshake, as it comes.
struct Witness {
  Buffer certificate_message;
  Buffer status_message;
  bool certificate_requested = false;
  std::optional<int> alert;  ///< fatal one received
  std::shared_ptr<const Session> session;
};

Witness& witness_of(const SSL* ssl) { return *static_cast<Witness*>(SSL_get_app_data(ssl)); }

void on_message(int written, int /*version*/, int content_type, const void* data, std::size_t size,
                SSL* ssl, void* /*argument*/) noexcept {
  const Bytes octets(static_cast<const std::uint8_t*>(data), size);
  Witness& witness = witness_of(ssl);
  if (written != 0 || size < 2) {
    return;
  }
  if (content_type == SSL3_RT_ALERT && octets[0] == SSL3_AL_FATAL) {
    witness.alert = octets[1];
  } else if (content_type == SSL3_RT_HANDSHAKE && size >= SSL3_HM_HEADER_LENGTH) {
    if (octets[0] == kCertificateMessage) {
      witness.certificate_message = to_buffer(octets.subspan(SSL3_HM_HEADER_LENGTH));
    } else if (octets[0] == kCertificateStatusMessage) {
      witness.status_message = to_buffer(octets.subspan(SSL3_HM_HEADER_LENGTH));
    } else if (octets[0] == SSL3_MT_CERTIFICATE_REQUEST) {
      witness.certificate_requested = true;
    }
  }
}

int on_new_session(SSL* ssl, SSL_SESSION* session) noexcept {
  witness_of(ssl).session = std::make_shared<const Session>(session);
  return 1;  // the reference is ours now
}

std::string take_ssl_error() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return reason != nullptr ? reason : "no reason given";
}

ProbeError bad_request(const std::string& what) {
  return {ProbeErrc::kBadRequest, what + ": " + take_ssl_error()};
}

/// Whatever a server may have, weak or not: it must be seen to be judged.
constexpr const char* kAnyCipher = "ALL:!aNULL:!eNULL:!aPSK:!aSRP";

SSL_CTX* make_context() {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  MUSTER_ASSERT(context != nullptr);
  // Weak chains must be seen to be judged; nothing of ours is protected by this connection.
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, on_new_session);
  MUSTER_ASSERT(SSL_CTX_set_cipher_list(context, kAnyCipher) == 1);
#ifdef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION
  SSL_CTX_set_options(context,
                      SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);  // we read the message itself
#endif
  return context;
}

/// One for all probes of the process, never changed: making one takes OpenSSL 3.0 a fifth of the
/// time of a whole handshake. Keeps no sessions, trusts nobody, and stays, since a thread that
/// shakes hands may outlive main().
SSL_CTX* shared_context() {
  static SSL_CTX* const context = make_context();
  return context;
}

/// TLS over a socket of ours by memory BIOs: every wait has our deadline, every octet is counted,
/// and a broken pipe is an error instead of a signal.
class Handshake {
 public:
  Handshake(const ProbeRequest& request, const Connection& connection, MonotonicTime deadline)
      : request_(request),
        connection_(connection),
        deadline_(deadline),
        octets_left_(request.max_chain_bytes + kOtherHandshakeBytes) {}

  Result<Unit, ProbeError> prepare(const std::string& server_name) {
    ssl_.reset(SSL_new(shared_context()));
    MUSTER_ASSERT(ssl_ != nullptr);
    SSL_set_max_cert_list(ssl_.get(), static_cast<long>(request_.max_chain_bytes));
    SSL_set_app_data(ssl_.get(), &witness_);
    SSL_set_msg_callback(ssl_.get(), on_message);
    BIO* in = BIO_new(BIO_s_mem());
    BIO* out = BIO_new(BIO_s_mem());
    MUSTER_ASSERT(in != nullptr && out != nullptr);
    BIO_set_mem_eof_return(in, -1);  // empty means "not yet"
    SSL_set_bio(ssl_.get(), in, out);
    SSL_set_connect_state(ssl_.get());

    if (!server_name.empty() && !set_server_name(server_name)) {
      return Err{bad_request("server name " + server_name)};
    }
    if (request_.ask_status == AskStatus::kYes) {
      SSL_set_tlsext_status_type(ssl_.get(), TLSEXT_STATUSTYPE_ocsp);
    }
    set_algorithms();
    set_alpn();
    if (request_.resume != nullptr && SSL_set_session(ssl_.get(), request_.resume->get()) != 1) {
      return Err{bad_request("session to resume")};
    }
    return request_.client_certificate ? use_client_certificate(*request_.client_certificate)
                                       : Unit{};
  }

  Result<Unit, ProbeError> run() {
    for (;;) {
      ERR_clear_error();
      const int done = SSL_do_handshake(ssl_.get());
      const int why = SSL_get_error(ssl_.get(), done);
      if (auto sent = send_pending(); !sent) {
        // The peer may have said why before it closed: an alert it sent is the better answer.
        if (receive()) {
          SSL_do_handshake(ssl_.get());
        }
        return Err{witness_.alert ? failure() : sent.error()};
      }
      if (done == 1) {
        return Unit{};
      }
      if (why != SSL_ERROR_WANT_READ) {
        return Err{failure()};
      }
      MUSTER_CHECK(receive());
    }
  }

  /// TLS 1.2 servers give a session, and tell what they think of our certificate, during the
  /// handshake; TLS 1.3 servers behind it.
  void listen_behind() {
    if (SSL_version(ssl_.get()) != TLS1_3_VERSION) {
      if (request_.keep_session) {
        witness_.session = std::make_shared<const Session>(SSL_get1_session(ssl_.get()));
      }
      return;
    }
    if (!request_.keep_session && !witness_.certificate_requested) {
      return;
    }
    deadline_ = std::min(deadline_, std::chrono::steady_clock::now() + kBehindPatience);
    while (witness_.session == nullptr) {
      char nothing[1];
      ERR_clear_error();
      const int got = SSL_read(ssl_.get(), nothing, sizeof nothing);
      if (witness_.session != nullptr || got > 0) {
        break;  // the server goes on: it has no objection
      }
      if (SSL_get_error(ssl_.get(), got) != SSL_ERROR_WANT_READ) {
        ended_behind(failure());
        break;
      }
      if (const auto more = receive(); !more) {
        if (more.error().code == ProbeErrc::kClosed) {
          ended_behind(more.error());
        }
        break;
      }
    }
    ERR_clear_error();
  }

  Result<ProbeResult, ProbeError> collect() {
    ProbeResult result;
    result.version =
        SSL_version(ssl_.get()) == TLS1_3_VERSION ? TlsVersion::kTls13 : TlsVersion::kTls12;
    result.cipher = SSL_get_cipher_name(ssl_.get());
    result.resumed = SSL_session_reused(ssl_.get()) == 1;
    result.peer_address = connection_.peer_address;
    result.session = request_.keep_session ? witness_.session : nullptr;
    result.certificate_requested = witness_.certificate_requested;
    result.refusal = std::move(refusal_);
    if (result.resumed) {
      collect_remembered_chain(result);
      parse_chain(result);
      return result;
    }
    const auto entries = parse_certificate_message(witness_.certificate_message, result.version);
    if (!entries || entries->empty()) {
      return Err{ProbeError{ProbeErrc::kProtocol,
                            connection_.peer_address + " sent no certificates that can be read"}};
    }
    for (const CertificateEntry& entry : *entries) {
      result.chain.push_back(to_buffer(entry.certificate));
      result.staples.push_back(entry.staple ? std::optional(to_buffer(*entry.staple))
                                            : std::nullopt);
    }
    if (!witness_.status_message.empty()) {  // TLS 1.2: a message of its own
      const auto response = parse_certificate_status(witness_.status_message);
      if (!response) {
        return Err{ProbeError{ProbeErrc::kProtocol,
                              connection_.peer_address + " sent a malformed CertificateStatus"}};
      }
      result.staples.front() = to_buffer(*response);
    }
    result.staple = result.staples.front();
    parse_chain(result);
    return result;
  }

  void parse_chain(ProbeResult& result) const {
    STACK_OF(X509)* decoded = SSL_get_peer_cert_chain(ssl_.get());
    const int known = decoded != nullptr ? sk_X509_num(decoded) : 0;
    for (const Buffer& der : result.chain) {
      const int at = static_cast<int>(result.certificates.size());
      result.certificates.push_back(
          pki::parse_decoded(der, at < known ? sk_X509_value(decoded, at) : nullptr));
    }
  }

  /// Says goodbye as far as that needs no waiting.
  void close() {
    SSL_shutdown(ssl_.get());
    deadline_ = std::chrono::steady_clock::now();
    static_cast<void>(send_pending());
    ERR_clear_error();
  }

 private:
  /// SSL_set_tlsext_host_name, whose macro casts const away in the old style; the name is copied.
  bool set_server_name(const std::string& name) {
    return SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    const_cast<char*>(name.c_str())) == 1;
  }

  void set_algorithms() {
    int least = TLS1_2_VERSION;
    int most = TLS1_3_VERSION;
    if (request_.version) {
      least = most = *request_.version == TlsVersion::kTls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    }
    MUSTER_ASSERT(SSL_set_min_proto_version(ssl_.get(), least) == 1);
    MUSTER_ASSERT(SSL_set_max_proto_version(ssl_.get(), most) == 1);
    const char* ciphers = nullptr;  // those of the context
    const char* signatures = nullptr;
    switch (request_.key_preference) {
      case KeyPreference::kAny:
        break;
      case KeyPreference::kRsa:
        ciphers = "aRSA";
        signatures =
            "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512";
        break;
      case KeyPreference::kEcdsa:
        ciphers = "aECDSA";
        signatures = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512";
        break;
    }
    MUSTER_ASSERT(ciphers == nullptr || SSL_set_cipher_list(ssl_.get(), ciphers) == 1);
    // SSL_set1_sigalgs_list, whose macro casts const away in the old style; the list is copied.
    MUSTER_ASSERT(signatures == nullptr || SSL_ctrl(ssl_.get(), SSL_CTRL_SET_SIGALGS_LIST, 0,
                                                    const_cast<char*>(signatures)) == 1);
  }

  void set_alpn() {
    const std::string_view name = alpn_of(request_.protocol);
    if (!name.empty()) {
      std::string list(1, static_cast<char>(name.size()));
      list += name;
      const Bytes octets = as_bytes(list);
      MUSTER_ASSERT(SSL_set_alpn_protos(ssl_.get(), octets.data(),
                                        static_cast<unsigned>(octets.size())) == 0);
    }
  }

  void ended_behind(ProbeError how) {
    if (witness_.certificate_requested) {
      refusal_ = std::move(how);
    }
  }

  Result<Unit, ProbeError> use_client_certificate(const ClientCertificate& client) {
    bool used = SSL_use_certificate(ssl_.get(), pki::native_x509(client.chain.front())) == 1 &&
                SSL_use_PrivateKey(ssl_.get(), pki::native_key(client.key)) == 1;
    for (std::size_t i = 1; used && i < client.chain.size(); ++i) {
      used = SSL_add1_chain_cert(ssl_.get(), pki::native_x509(client.chain[i])) == 1;
    }
    if (!used) {
      return Err{bad_request("client certificate")};
    }
    return Unit{};
  }

  Result<Unit, ProbeError> send_pending() {
    BIO* out = SSL_get_wbio(ssl_.get());
    char* data = nullptr;
    const long pending = BIO_get_mem_data(out, &data);
    const std::string_view octets(data, pending > 0 ? static_cast<std::size_t>(pending) : 0);
    if (const auto sent = send_all(connection_.fd.get(), octets, deadline_); !sent) {
      return Err{failure_of(sent.error())};
    }
    static_cast<void>(BIO_reset(out));
    return Unit{};
  }

  Result<Unit, ProbeError> receive() {
    std::uint8_t chunk[16384];
    const auto size = receive_some(connection_.fd.get(), chunk, deadline_);
    if (!size) {
      return Err{failure_of(size.error())};
    }
    if (*size > octets_left_) {
      return Err{ProbeError{ProbeErrc::kTooLarge, connection_.peer_address + " sent more than " +
                                                      std::to_string(limit()) +
                                                      " octets in a handshake"}};
    }
    if (octets_left_ == limit()) {
      first_words_ = in_quotes(as_text(Bytes(chunk).first(*size)));
    }
    octets_left_ -= *size;
    const int n = static_cast<int>(*size);
    MUSTER_ASSERT(BIO_write(SSL_get_rbio(ssl_.get()), chunk, n) == n);
    return Unit{};
  }

  void collect_remembered_chain(ProbeResult& result) {
    STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl_.get());
    for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
      std::uint8_t* encoded = nullptr;
      const int size = i2d_X509(sk_X509_value(chain, i), &encoded);
      if (size > 0) {
        result.chain.emplace_back(encoded, encoded + size);
        result.staples.emplace_back();
        OPENSSL_free(encoded);
      }
    }
  }

  [[nodiscard]] std::size_t limit() const {
    return request_.max_chain_bytes + kOtherHandshakeBytes;
  }

  [[nodiscard]] ProbeError failure_of(const IoError& io) const {
    if (io.kind == IoError::Kind::kClosed) {
      return {ProbeErrc::kClosed, connection_.peer_address +
                                      " closed the connection during the handshake" +
                                      reason_text(io) + certificate_hint()};
    }
    return {ProbeErrc::kTimeout,
            "timed out shaking hands with " + connection_.peer_address +
                (octets_left_ == limit() ? ", which accepted the connection and then said nothing"
                                         : "")};
  }

  [[nodiscard]] std::string certificate_hint() const {
    return witness_.certificate_requested && !request_.client_certificate
               ? "; it asks for a client certificate, and none was given"
               : "";
  }

  /// Why SSL_do_handshake failed.
  [[nodiscard]] ProbeError failure() const {
    if (witness_.alert) {
      ERR_clear_error();
      return {ProbeErrc::kAlert,
              connection_.peer_address + " refused the handshake: alert " +
                  std::to_string(*witness_.alert) + ", " +
                  std::string(alert_name(*witness_.alert)) + certificate_hint(),
              witness_.alert};
    }
    const int reason = ERR_GET_REASON(ERR_peek_error());
    const std::string text = take_ssl_error();
    switch (reason) {
      case SSL_R_WRONG_VERSION_NUMBER:
      case SSL_R_HTTP_REQUEST:
      case SSL_R_HTTPS_PROXY_REQUEST:
      case SSL_R_UNKNOWN_PROTOCOL:
        return {ProbeErrc::kNotTls, connection_.peer_address +
                                        " does not speak TLS (or only an old version): " + text +
                                        "; it says " + first_words_};
      case SSL_R_EXCESSIVE_MESSAGE_SIZE:
        return {ProbeErrc::kTooLarge, connection_.peer_address + " sent a message beyond " +
                                          std::to_string(request_.max_chain_bytes) + " octets"};
      default:
        return {ProbeErrc::kProtocol,
                "handshake with " + connection_.peer_address + " failed: " + text};
    }
  }

  const ProbeRequest& request_;
  const Connection& connection_;
  MonotonicTime deadline_;
  std::size_t octets_left_;
  std::string first_words_;  ///< of the peer, as errors quote them
  std::optional<ProbeError> refusal_;
  Witness witness_;
  SslPtr ssl_;
};

}  // namespace

Result<ProbeResult, ProbeError> shake_hands(const ProbeRequest& request,
                                            const Connection& connection,
                                            const std::string& server_name,
                                            MonotonicTime deadline) {
  Handshake handshake(request, connection, deadline);
  MUSTER_CHECK(handshake.prepare(server_name));
  MUSTER_CHECK(handshake.run());
  handshake.listen_behind();
  auto result = handshake.collect();
  handshake.close();
  return result;
}

}  // namespace muster::probe
