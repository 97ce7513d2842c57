#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "muster/keeper/keeper.h"
#include "muster/net/loop.h"
#include "muster/tls/server.h"

// TLS-terminating reverse proxy that staples by itself: octets of a TLS connection go to an
// upstream and back.
namespace muster::front {

/// A certificate to serve, as files.
struct CertificateFiles {
  std::string cert;    ///< PEM or DER; the server's certificate first, its chain behind
  std::string key;     ///< empty: in `cert`
  std::string issuer;  ///< file that holds the issuer when the chain is not in `cert`
};

enum class StaplesFrom : std::uint8_t {
  kFollow,  ///< a shelf directory that `muster stapler` writes
  kKeep,    ///< fetched by this process; kept in the shelf directory, or in memory only
};
enum class ProxyProtocol : std::uint8_t { kNone, kV1, kV2 };
/// When the upstream of a client is connected to.
enum class ConnectUpstream : std::uint8_t {
  kAtOnce,  ///< after the handshake: in some protocols the server speaks first (SMTP, IMAP, MySQL)
  kWithFirstOctets,  ///< when the client has said something: those who do not cost no connection
};

/// Every limit has a counter in FrontStats.
struct FrontLimits {
  /// Of all loops together; never more than there are descriptors for, two each.
  std::size_t max_connections = 10000;
  Milliseconds handshake_timeout{10000};
  Milliseconds connect_timeout{5000};  ///< to the upstream
  /// Without an octet in either direction; also before the client's first one.
  Milliseconds idle_timeout{300000};
  int backlog = 1024;
};

struct FrontOptions {
  std::vector<std::string> listen;
  std::string upstream;  ///< as net::SocketAddress::parse
  std::vector<CertificateFiles> certificates;
  std::vector<std::string> issuers;  ///< files in which issuers are also looked for
  std::string shelf;
  StaplesFrom staples_from = StaplesFrom::kFollow;
  tls::ServerOptions tls;
  ProxyProtocol proxy_protocol = ProxyProtocol::kNone;
  ConnectUpstream connect = ConnectUpstream::kAtOnce;
  FrontLimits limits;
  unsigned loops = 0;  ///< 0: one a core
  /// How long to wait for staples before listening, or before new certificates are put in the place
  /// of old ones.
  Milliseconds start_wait{10000};
  Milliseconds grace{10000};  ///< for connections at the end
  keeper::ShelfPolicy policy;
  keeper::KeeperOptions keeper;
};

/// Written by any loop, read by any thread.
struct FrontStats {
  std::atomic<std::uint64_t> connections{0}, open_connections{0}, refused_connections{0},
      accept_pauses{0}, handshakes{0}, handshake_failures{0}, handshake_timeouts{0},
      upstream_failures{0}, upstream_timeouts{0}, idle_timeouts{0}, cut_connections{0};
  tls::StapleStats staples;
};

enum class FrontErrc : std::uint8_t {
  kUsage,    ///< options that make no sense
  kInput,    ///< a file that cannot be used
  kAddress,  ///< cannot listen there
  kSystem,   ///< fewer descriptors than its loops need
};
struct FrontError {
  FrontErrc code;
  std::string detail;  ///< for people
};

/// Why nothing can be forwarded to `upstream` by a front that listens at `listen`, in a sentence:
/// it is no address, has port 0, or is the front itself as far as the addresses tell. Nothing: it
/// may be right. Pure.
std::optional<std::string> find_upstream_problem(const std::string& upstream,
                                                 const std::vector<std::string>& listen);

/// The service. Owns its serving threads; all methods and callbacks on the thread of `loop`, which
/// serves nobody. Create signal watches before start(). SIGPIPE must be ignored.
class Front {
 public:
  /// Loads certificates and shelf. What has no staple and why is logged, and what has expired. The
  /// other arguments must outlive the front. Errors: kUsage (also an upstream that is this front
  /// itself), kInput, kSystem.
  static Result<std::unique_ptr<Front>, FrontError> make(net::Loop& loop,
                                                         net::FetchService& fetcher,
                                                         const Clock& clock, Logger& logger,
                                                         FrontOptions options, std::uint64_t seed);
  ~Front();
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  /// Waits for staples (at most start_wait), then listens and calls `listening` with the addresses,
  /// or with kAddress.
  void start(std::function<void(Result<std::vector<std::string>, FrontError>)> listening);
  /// Reads certificates again and serves them to new connections once their staples are there (at
  /// most start_wait). Options other than certificates, issuers and tls need a restart. Errors
  /// leave everything as it is.
  Result<Unit, FrontError> reload(const FrontOptions& options);
  /// Stops listening, lets connections finish for the grace time; `done` runs when none is left.
  /// Once.
  void stop(std::function<void()> done);

  [[nodiscard]] const FrontStats& stats() const;

 private:
  struct Impl;
  explicit Front(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::front
