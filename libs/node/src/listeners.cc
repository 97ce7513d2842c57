#include "listeners.h"

#include <algorithm>
#include <cerrno>

#include "muster/base/ip_reach.h"
#include "muster/base/text.h"
#include "muster/net/address.h"
#include "muster/net/control_fetch.h"
#include "muster/net/ip_of.h"

namespace muster::node {
namespace {

/// These listeners staple nothing.
class NoStaples final : public tls::StapleSource {
 public:
  [[nodiscard]] tls::OfferedStaple find(const tls::Fingerprint&) const noexcept override {
    return {};
  }
};
const NoStaples kNoStaples;

Err<NodeError> usage(std::string detail) {
  return Err{NodeError{NodeErrc::kUsage, std::move(detail)}};
}
Err<NodeError> input(std::string_view table, const char* key, const std::string& detail) {
  return Err{NodeError{NodeErrc::kInput, "[" + std::string(table) + "] " + key + ": " + detail}};
}

bool is_given(const TlsFiles& files) { return !files.certificate.empty(); }

/// By the file of a socket, by being this machine's own, or by mutual TLS.
bool is_protected(const net::SocketAddress& address, const TlsFiles& files) {
  return address.family() == AF_UNIX || is_given(files) ||
         reach_of(net::ip_of(address.data())) == IpReach::kMachine;
}

template <class Check>
NodeResult<std::vector<std::string>> check_all(const std::vector<std::string>& given,
                                               std::string_view table, Check check) {
  std::vector<std::string> addresses;
  for (const std::string& text : given) {
    addresses.push_back(net::with_loopback(text));
    const auto address = net::SocketAddress::parse(addresses.back());
    if (!address) {
      return usage("[" + std::string(table) + "] listen: " + net::to_string(address.error()));
    }
    MUSTER_CHECK(check(*address, addresses.back()));
  }
  return addresses;
}

}  // namespace

NodeResult<std::shared_ptr<const tls::ServerContext>> load_tls(const TlsFiles& files,
                                                               std::string_view table) {
  if (files.certificate.empty() && files.key.empty() && files.client_ca.empty()) {
    return std::shared_ptr<const tls::ServerContext>();
  }
  if (files.certificate.empty() || files.key.empty() || files.client_ca.empty()) {
    return usage("[" + std::string(table) + "] mutual TLS needs certificate, key and client_ca");
  }
  auto chain = pki::load_certificates(files.certificate);
  if (!chain) {
    return input(table, "certificate", chain.error().detail);
  }
  auto key = pki::PrivateKey::load(files.key);
  if (!key) {
    return input(table, "key", key.error().detail);
  }
  auto anchors = pki::load_certificates(files.client_ca);
  if (!anchors) {
    return input(table, "client_ca", anchors.error().detail);
  }
  tls::ServerOptions options;
  options.clients.anchors = *std::move(anchors);
  auto context =
      tls::ServerContext::make({{*std::move(chain), *std::move(key)}}, kNoStaples, options);
  if (!context) {
    return input(table, "certificate", context.error().detail);
  }
  return *std::move(context);
}

NodeError cannot_listen(const net::NetError& error) {
  const NodeErrc code = error.code == net::NetErrc::kBadAddress                ? NodeErrc::kUsage
                        : error.os_error == EMFILE || error.os_error == ENFILE ? NodeErrc::kSystem
                                                                               : NodeErrc::kAddress;
  return {code, net::to_string(error)};
}

NodeResult<Unit> check_written(const std::vector<std::string>& addresses) {
  for (const std::string& text : addresses) {
    if (const auto address = net::SocketAddress::parse(text); !address) {
      return Err{cannot_listen(address.error())};
    }
  }
  return Unit{};
}

NodeResult<std::vector<std::string>> check_admin_addresses(const AdminOptions& options,
                                                           std::string_view table) {
  return check_all(
      options.listen, table,
      [&](const net::SocketAddress& address, const std::string& text) -> NodeResult<Unit> {
        if (is_protected(address, options.tls) || options.insecurely_allow_remote) {
          return Unit{};
        }
        return usage("[" + std::string(table) + "] listen: " + printable(text) +
                     " can be reached from elsewhere, and whoever reaches it can reload and drain; "
                     "give certificate, key and client_ca "
                     "(mutual TLS), or insecurely_allow_remote = true where the network itself is "
                     "the protection");
      });
}

NodeResult<std::vector<std::string>> check_batch_addresses(const BatchOptions& options) {
  return check_all(
      options.listen, "responder.batch",
      [&](const net::SocketAddress& address, const std::string& text) -> NodeResult<Unit> {
        if (is_protected(address, options.tls) || options.insecurely_allow_remote) {
          return Unit{};
        }
        return usage("[responder.batch] listen: " + printable(text) +
                     " can be reached from elsewhere, and one call can cost thousands of "
                     "signatures; give certificate, key and client_ca (mutual TLS), or "
                     "insecurely_allow_remote = true where the network itself is the protection");
      });
}

NodeResult<std::vector<std::string>> check_push_addresses(const PushOptions& options) {
  MUSTER_TRY(const auto addresses,
             check_all(options.listen, "responder.push",
                       [&](const net::SocketAddress& address,
                           const std::string& text) -> NodeResult<Unit> {
                         if (address.family() == AF_UNIX || is_given(options.tls)) {
                           return Unit{};
                         }
                         return usage("[responder.push] listen: " + printable(text) +
                                      " is TCP, where clients prove who they are by mutual TLS "
                                      "alone; give certificate, key and client_ca, or listen "
                                      "on \"unix:/path\"");
                       }));
  if (!addresses.empty() && options.clients.empty()) {
    return usage("[responder.push] nobody may push: give at least one [[responder.push.client]]");
  }
  for (const push::Client& client : options.clients) {
    if (const std::string problem = push::check_client(client); !problem.empty()) {
      return usage("[[responder.push.client]] '" + printable(client.name) + "': " + problem);
    }
  }
  return addresses;
}

NodeResult<ListenerFiles> load_admin(const AdminOptions& options, std::string_view table) {
  ListenerFiles files;
  MUSTER_TRY(files.addresses, check_admin_addresses(options, table));
  MUSTER_TRY(files.certificates, load_tls(options.tls, table));
  return files;
}

NodeResult<ListenerFiles> load_push(const PushOptions& options) {
  ListenerFiles files;
  MUSTER_TRY(files.addresses, check_push_addresses(options));
  MUSTER_TRY(files.certificates, load_tls(options.tls, "responder.push"));
  return files;
}

NodeResult<ListenerFiles> load_batch(const BatchOptions& options) {
  ListenerFiles files;
  MUSTER_TRY(files.addresses, check_batch_addresses(options));
  MUSTER_TRY(files.certificates, load_tls(options.tls, "responder.batch"));
  return files;
}

}  // namespace muster::node
