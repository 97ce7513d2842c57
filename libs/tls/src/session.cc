#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>

#include "muster/base/assert.h"
#include "muster/base/text.h"
#include "server_context.h"

namespace muster::tls {
namespace {

std::string text_of(const ASN1_STRING* text) {
  return std::string(as_text(
      Bytes(ASN1_STRING_get0_data(text), static_cast<std::size_t>(ASN1_STRING_length(text)))));
}

/// Nothing for kinds of names that nobody is allowed by.
std::optional<std::string> describe(const GENERAL_NAME& name) {
  switch (name.type) {
    case GEN_DNS:
      return "dns:" + to_lower(text_of(name.d.dNSName));
    case GEN_URI:
      return "uri:" + text_of(name.d.uniformResourceIdentifier);
    case GEN_EMAIL:
      return "email:" + text_of(name.d.rfc822Name);
    case GEN_IPADD: {
      const int length = ASN1_STRING_length(name.d.iPAddress);
      char text[INET6_ADDRSTRLEN] = "";
      if ((length != 4 && length != 16) ||
          ::inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name.d.iPAddress),
                      text, sizeof text) == nullptr) {
        return std::nullopt;
      }
      return std::string("ip:") + text;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

struct Session::Impl {
  std::shared_ptr<const ServerContext> context;  // its contexts' callbacks point into it
  SslPtr ssl;
  std::string error;

  Io judge(int result) {
    switch (SSL_get_error(ssl.get(), result)) {
      case SSL_ERROR_NONE:
        return Io::kDone;
      case SSL_ERROR_WANT_READ:
        return Io::kWantRead;
      case SSL_ERROR_WANT_WRITE:
        return Io::kWantWrite;
      case SSL_ERROR_ZERO_RETURN:
        return Io::kClosed;
      case SSL_ERROR_SYSCALL:
        error = errno == 0 ? "connection closed" : std::strerror(errno);
        break;
      default:
        error = "TLS error";
        break;
    }
    error = take_error(error.c_str());
    return Io::kFailed;
  }
};

Session::Session(std::shared_ptr<const ServerContext> context, int fd)
    : impl_(std::make_unique<Impl>()) {
  impl_->ssl.reset(SSL_new(context->impl().fallback));
  impl_->context = std::move(context);
  MUSTER_ASSERT(impl_->ssl != nullptr && SSL_set_fd(impl_->ssl.get(), fd) == 1);
  SSL_set_accept_state(impl_->ssl.get());
}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

Io Session::handshake() {
  ERR_clear_error();
  errno = 0;
  return impl_->judge(SSL_do_handshake(impl_->ssl.get()));
}

IoResult Session::read(std::span<std::uint8_t> into) {
  ERR_clear_error();
  errno = 0;
  std::size_t count = 0;
  const int result = SSL_read_ex(impl_->ssl.get(), into.data(), into.size(), &count);
  return result == 1 ? IoResult{Io::kDone, count} : IoResult{impl_->judge(result), 0};
}

IoResult Session::write(Bytes from) {
  ERR_clear_error();
  errno = 0;
  std::size_t count = 0;
  const int result = SSL_write_ex(impl_->ssl.get(), from.data(), from.size(), &count);
  return result == 1 ? IoResult{Io::kDone, count} : IoResult{impl_->judge(result), 0};
}

Io Session::say_goodbye() {
  ERR_clear_error();
  errno = 0;
  const int result = SSL_shutdown(impl_->ssl.get());
  return result >= 0 ? Io::kDone : impl_->judge(result);
}

std::string_view Session::server_name() const {
  const char* name = SSL_get_servername(impl_->ssl.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string_view() : name;
}

std::optional<PeerIdentity> Session::peer() const {
  SSL* const ssl = impl_->ssl.get();
  X509* const shown = SSL_get0_peer_certificate(ssl);
  if (shown == nullptr || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE ||
      SSL_get_verify_result(ssl) != X509_V_OK) {
    return std::nullopt;
  }
  unsigned char* der = nullptr;
  const int size = i2d_X509(shown, &der);
  if (size <= 0) {
    return std::nullopt;
  }
  auto certificate = pki::Certificate::parse(Bytes(der, static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  if (!certificate) {
    return std::nullopt;
  }
  PeerIdentity peer{*std::move(certificate), {}};
  auto* const names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(shown, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    if (auto text = describe(*sk_GENERAL_NAME_value(names, i))) {
      peer.names.push_back(*std::move(text));
    }
  }
  GENERAL_NAMES_free(names);
  return peer;
}

std::string_view Session::version() const { return SSL_get_version(impl_->ssl.get()); }
const std::string& Session::error() const { return impl_->error; }

}  // namespace muster::tls
