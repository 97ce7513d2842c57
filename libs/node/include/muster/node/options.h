#pragma once

#include <functional>
#include <string>
#include <vector>

#include "muster/node/publication.h"
#include "muster/push/api.h"
#include "muster/responder/issuer_files.h"
#include "muster/responder/service.h"
#include "muster/source/watcher.h"

// What an operator decides about a node.
namespace muster::node {

/// Bounds of a listener for the few (admin, push). Each has a counter in the metrics and a test.
struct ControlLimits {
  std::size_t max_connections = 64;  ///< more are told 503 and closed
  /// Of these for one peer: a user (unix socket), a client certificate's subject, or before that an
  /// address. So nobody alone can keep the others out.
  std::size_t max_peer_connections = 16;
  std::size_t max_header_bytes = 16 * 1024;
  Milliseconds header_timeout{
      10'000};  ///< TLS handshake; first octet of a request to the end of its head
  Milliseconds body_timeout{
      10'000};  ///< for a whole body; without progress for one that is streamed
  Milliseconds idle_timeout{60'000};
  Milliseconds write_timeout{30'000};  ///< without progress
  Milliseconds grace{5'000};           ///< for requests in flight when stopping
};

/// Mutual TLS for TCP listeners: all three files, or none.
struct TlsFiles {
  std::string certificate;  ///< ours, with its chain
  std::string key;
  std::string client_ca;  ///< who certifies the clients that are let in
};

/// Probes, metrics, reload, drain, explain.
struct AdminOptions {
  /// "127.0.0.1:8889", "8889" (the same), "unix:/path". Other addresses than loopback need `tls`,
  /// or `insecurely_allow_remote`. Empty: no admin listener.
  std::vector<std::string> listen;
  /// Names by which it may be asked besides localhost and addresses (protects from DNS rebinding).
  std::vector<std::string> hosts;
  TlsFiles tls;
  bool insecurely_allow_remote = false;
  /// Between /readyz failing and the end of accepting, for load balancers to notice.
  Milliseconds drain_delay{0};
  std::size_t max_body_bytes = 64 * 1024;
  ControlLimits limits;
};

/// Many certificates in one call (docs/formats/batch.md). Everything stays until a restart, but the
/// TLS files.
struct BatchOptions {
  /// As of AdminOptions. Empty: no batch listener.
  std::vector<std::string> listen;
  TlsFiles tls;
  bool insecurely_allow_remote = false;
  std::size_t max_certificates = 10'000;  ///< in one call; more: 413
  std::size_t max_body_bytes = 2 << 20;
  Milliseconds deadline{60'000};  ///< for one call; what is left then is asked for again
  ControlLimits limits;
};

/// The push API (libs/push).
struct PushOptions {
  std::vector<std::string>
      listen;  ///< "unix:/path" by peer credentials, TCP by mutual TLS always. Empty: none
  std::vector<push::Client> clients;
  TlsFiles tls;
  push::Limits api;
  ControlLimits limits;
  /// File that remembers how far the store was when a push was acknowledged. Empty: beside the
  /// store, with ".mark" behind its name.
  std::string mark;
};

/// `store`, `service` and what admin and push listen on stay as they are until a restart,
/// everything else follows a reload.
struct NodeOptions {
  std::string store;  ///< directory of the status database; made when absent
  store::StoreOptions::Life store_life = store::StoreOptions::Life::kLasting;
  std::vector<responder::IssuerFiles> issuers;
  std::vector<responder::RouteFiles> routes;
  responder::Policy policy;
  responder::ServiceOptions service;
  source::WatchOptions watch;
  /// How long a reload waits for the first look at new or changed sources.
  Milliseconds reload_patience{600'000};
  AdminOptions admin;
  PushOptions push;
  BatchOptions batch;
  PublicationOptions publication;
};

enum class NodeErrc : std::uint8_t {
  kUsage,    ///< the options contradict each other or leave something open
  kInput,    ///< a file, the store or a source is not what it should be
  kAddress,  ///< cannot listen there: in use, or no right to
  kSystem,   ///< the operating system refused: a disk full
  kStopped,  ///< the node was stopped meanwhile
};
struct NodeError {
  NodeErrc code;
  std::string detail;  ///< what, where, what to do
};
template <class T>
using NodeResult = Result<T, NodeError>;

/// Reads the configuration again, at each reload.
using OptionsReader = std::function<NodeResult<NodeOptions>()>;

}  // namespace muster::node
