#include <openssl/err.h>

#include <cerrno>
#include <cstring>

#include "muster/base/assert.h"
#include "server_context.h"

namespace muster::tls {

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

bool Session::has_buffered() const { return SSL_has_pending(impl_->ssl.get()) == 1; }

std::string_view Session::server_name() const {
  const char* name = SSL_get_servername(impl_->ssl.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string_view() : name;
}

std::string_view Session::version() const { return SSL_get_version(impl_->ssl.get()); }
const std::string& Session::error() const { return impl_->error; }

}  // namespace muster::tls
