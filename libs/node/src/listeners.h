#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "muster/net/address.h"
#include "muster/node/options.h"
#include "muster/tls/server.h"

// Where admin and push listen, and under which protection.
namespace muster::node {

/// A context that lets in clients certified by `client_ca` alone; null when no files are given.
/// `table`: of the configuration, for messages.
NodeResult<std::shared_ptr<const tls::ServerContext>> load_tls(const TlsFiles& files,
                                                               std::string_view table);

/// Who may connect to the socket of an admin or batch listener: its owner and group.
inline constexpr ::mode_t kAdminSocketMode = 0660;

/// Why a node cannot listen: kUsage for a text that is no address, kSystem without a
/// descriptor left, else kAddress.
NodeError cannot_listen(const net::NetError& error);
/// Whether each is written as an address is: said before files are read for minutes. Errors:
/// kUsage.
NodeResult<Unit> check_written(const std::vector<std::string>& addresses);

/// The addresses in full ("8889" is "127.0.0.1:8889"), if each is protected: a unix socket by its
/// file, loopback by being loopback, all else by mutual TLS or an explicit waiver. Errors: kUsage.
NodeResult<std::vector<std::string>> check_admin_addresses(const AdminOptions& options,
                                                           std::string_view table);
NodeResult<std::vector<std::string>> check_batch_addresses(const BatchOptions& options);
/// The same for the push API: no TCP without mutual TLS.
NodeResult<std::vector<std::string>> check_push_addresses(const PushOptions& options);

/// What a listener for the few needs, judged and read before anything is switched.
struct ListenerFiles {
  std::vector<std::string> addresses{};                      ///< in full; none: it is not wanted
  std::shared_ptr<const tls::ServerContext> certificates{};  ///< null: without TLS
};
/// Errors: of check_admin_addresses() and load_tls().
NodeResult<ListenerFiles> load_admin(const AdminOptions& options, std::string_view table);
/// And for the others, which the responder alone has.
NodeResult<ListenerFiles> load_push(const PushOptions& options);
NodeResult<ListenerFiles> load_batch(const BatchOptions& options);

}  // namespace muster::node
