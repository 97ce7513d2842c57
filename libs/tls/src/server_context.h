#pragma once

#include <map>

#include "muster/tls/server.h"
#include "openssl_tls.h"

namespace muster::tls {

struct ServerContext::Impl {
  ServerOptions options;
  std::string alpn_wire;  // lengths and names as the extension has them
  /// One context for each set of certificates that share a name.
  std::map<std::vector<std::size_t>, ContextPtr> contexts;
  std::map<std::string, SSL_CTX*, std::less<>> by_name;      // "www.example", in lower case
  std::map<std::string, SSL_CTX*, std::less<>> by_wildcard;  // "example" for "*.example"
  SSL_CTX* fallback = nullptr;

  /// The context for a name asked by SNI, or null.
  [[nodiscard]] SSL_CTX* find(std::string_view name) const;
};

}  // namespace muster::tls
