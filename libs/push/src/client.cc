#include "muster/push/client.h"

#include <algorithm>
#include <array>

#include "muster/base/text.h"

namespace muster::push {
namespace {

constexpr std::array<std::string_view, 6> kKinds = {
    "dns:", "uri:", "email:", "ip:", "subject:", "sha256:"};

/// As same_name compares them: 64 digits, nothing between them.
bool is_fingerprint(std::string_view text) {
  return text.size() == 64 &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

template <class T>
bool contains(const std::vector<T>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

/// Host names and digests are compared without case.
bool same_name(const std::string& a, const std::string& b) {
  return a.starts_with("dns:") || a.starts_with("sha256:") ? iequals(a, b) : a == b;
}

}  // namespace

const Client* find_client(const std::vector<Client>& clients, const Peer& peer) {
  for (const Client& client : clients) {
    const bool by_process = (peer.uid && contains(client.uids, *peer.uid)) ||
                            (peer.gid && contains(client.gids, *peer.gid));
    const bool by_certificate = std::any_of(
        client.certificates.begin(), client.certificates.end(), [&](const auto& wanted) {
          return std::any_of(peer.names.begin(), peer.names.end(),
                             [&](const auto& name) { return same_name(wanted, name); });
        });
    if (by_process || by_certificate) {
      return &client;
    }
  }
  return nullptr;
}

std::string check_client(const Client& client) {
  if (client.uids.empty() && client.gids.empty() && client.certificates.empty()) {
    return "says nobody: give users, groups (unix socket) or certificates (mutual TLS)";
  }
  if (client.issuers.empty()) {
    return "may push for no issuer: give issuers = [\"label\"]";
  }
  for (const std::string& name : client.certificates) {
    const bool known = std::any_of(kKinds.begin(), kKinds.end(), [&](std::string_view kind) {
      return name.starts_with(kind) && name.size() > kind.size();
    });
    if (!known) {
      return "certificates: '" + printable(name) +
             "' must begin with dns:, uri:, email:, ip:, subject: or sha256:";
    }
    constexpr std::string_view kFingerprint = "sha256:";
    if (name.starts_with(kFingerprint) &&
        !is_fingerprint(std::string_view(name).substr(kFingerprint.size()))) {
      return "certificates: '" + printable(name) +
             "' must be sha256: and 64 hexadecimal digits, without colons between them";
    }
  }
  return "";
}

}  // namespace muster::push
