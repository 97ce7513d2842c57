#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "muster/pki/keys.h"
#include "muster/tls/staple.h"

// The server side of TLS over non-blocking sockets: certificates by SNI, staples attached.
namespace muster::tls {

/// A certificate to serve with what is sent behind it.
struct ServerCertificate {
  std::vector<pki::Certificate>
      chain;  ///< the server's own first; self-signed anchors are not sent
  pki::PrivateKey key;
};

enum class TlsVersion : std::uint8_t { k12, k13 };
enum class UnknownName : std::uint8_t {
  kServeDefault,  ///< the first certificate
  kRefuse,        ///< alert unrecognized_name
};

/// Whether clients must show a certificate (mutual TLS).
struct ClientVerification {
  /// Anchors: a client needs a certificate for clientAuth with a path to one of them. Empty: none
  /// is asked for.
  std::vector<pki::Certificate> anchors{};
};

struct ServerOptions {
  TlsVersion least = TlsVersion::k12;
  std::string ciphers12{};  ///< OpenSSL list for TLS 1.2; empty: AEAD with forward secrecy
  std::vector<std::string>
      alpn{};  ///< protocols on offer, best first; empty: the extension is ignored
  UnknownName unknown_name = UnknownName::kServeDefault;
  AttachOptions staple{};
  ClientVerification clients{};
};

/// A client's verified certificate.
struct PeerIdentity {
  pki::Certificate certificate;
  /// Its subjectAltName: "dns:ca.example" (lower case), "uri:spiffe://...", "email:...",
  /// "ip:192.0.2.1".
  std::vector<std::string> names;
};

class Session;

/// Certificates and policy of a server, immutable. Each name gets all certificates that carry it
/// (RSA and ECDSA together), the first of a kind when there are several. Threads: any,
/// concurrently.
class ServerContext {
 public:
  /// `source` and what `options.staple` points to must outlive the context and its sessions.
  /// Errors: kNoCertificate, kBadCertificate, kKeyMismatch, kBadOption.
  static Result<std::shared_ptr<const ServerContext>, TlsError> make(
      const std::vector<ServerCertificate>& certificates, const StapleSource& source,
      const ServerOptions& options);
  ~ServerContext();
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  struct Impl;
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  explicit ServerContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// What an operation on a session came to.
enum class Io : std::uint8_t {
  kDone,
  kWantRead,   ///< repeat when the socket is readable
  kWantWrite,  ///< repeat when the socket is writable
  kClosed,     ///< the peer said goodbye
  kFailed,     ///< error() says why; the session is over
};
struct IoResult {
  Io state;
  std::size_t bytes = 0;
};

/// One server-side connection over a connected non-blocking socket, which it does not own. Threads:
/// one at a time. SIGPIPE must be ignored.
class Session {
 public:
  Session(std::shared_ptr<const ServerContext> context, int fd);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  Io handshake();
  /// Until it wants to read there may be octets that the socket does not announce.
  IoResult read(std::span<std::uint8_t> into);
  /// Takes some of `from`. After kWantRead or kWantWrite the same octets must come again (elsewhere
  /// in memory, if you like).
  IoResult write(Bytes from);
  /// Sends our goodbye; does not wait for the peer's.
  Io say_goodbye();
  [[nodiscard]] std::string_view server_name() const;  ///< asked by SNI; empty: none
  [[nodiscard]] std::string_view version() const;      ///< "TLSv1.3"
  /// Who the peer proved to be; nothing unless client certificates are asked for. After the
  /// handshake.
  [[nodiscard]] std::optional<PeerIdentity> peer() const;
  [[nodiscard]] const std::string& error()
      const;  ///< of the operation that failed, in OpenSSL's words

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::tls
