#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

// Owners of OpenSSL's TLS objects, and its error queue.
namespace muster::tls {

struct ContextDeleter {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, ContextDeleter>;
struct SslDeleter {
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;

/// The last reason in the queue ("no shared cipher"), or `fallback`; empties the queue.
std::string take_error(const char* fallback);

}  // namespace muster::tls
