#pragma once

#include <set>
#include <string>
#include <vector>

#include "muster/push/operation.h"

// Who may push what. Authentication itself is the shell's: the kernel's peer credentials, or mutual
// TLS.
namespace muster::push {

/// One entry of the allow-list.
struct Client {
  std::string name;                       ///< in logs
  std::vector<std::uint32_t> uids, gids;  ///< of the process at the other end of a unix socket
  /// Of a verified client certificate: "dns:ca.example", "uri:spiffe://...", "email:...", "ip:...",
  /// "subject:CN=..." as muster shows subjects, or "sha256:<fingerprint>".
  std::vector<std::string> certificates;
  std::vector<std::string> issuers;  ///< labels
  std::set<OperationKind> may{OperationKind::kIssue, OperationKind::kRevoke, OperationKind::kHold,
                              OperationKind::kUnhold};
};

/// What is proven about a peer.
struct Peer {
  std::optional<std::uint32_t> uid, gid;
  std::vector<std::string> names;  ///< in the words of Client::certificates
};

/// The first client that `peer` is; null: nobody who may push.
const Client* find_client(const std::vector<Client>& clients, const Peer& peer);

/// What is wrong with an entry ("needs uid, gid or certificate"); empty: nothing.
std::string check_client(const Client& client);

}  // namespace muster::push
