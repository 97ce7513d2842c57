// A TLS server that staples whatever octets a file holds at that instant, right or wrong (none: no
// staple), and answers one HTTP request a connection: muster_staple_server CHAIN KEY FILE. Prints
// its port; ends with its standard input.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

namespace {

const char* staple_file;

int staple(SSL* ssl, void*) {
  std::ifstream file(staple_file, std::ios::binary);
  const std::string octets((std::istreambuf_iterator<char>(file)), {});
  // The library frees it, so it must be of its making.
  void* copy = OPENSSL_memdup(octets.data(), octets.size());
  if (octets.empty() || copy == nullptr) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(octets.size()));
  return SSL_TLSEXT_ERR_OK;
}

void serve(SSL_CTX* context, int fd) {
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  if (SSL_accept(ssl) == 1) {
    char request[4096];
    if (SSL_read(ssl, request, sizeof request) > 0) {
      static constexpr char kReply[] =
          "HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
      SSL_write(ssl, kReply, sizeof kReply - 1);
    }
    SSL_shutdown(ssl);
  }
  SSL_free(ssl);
  ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: muster_staple_server CHAIN KEY FILE\n", stderr);
    return 64;
  }
  staple_file = argv[3];
  std::signal(SIGPIPE, SIG_IGN);  // clients that refuse go away in the middle of our answer
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr || SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1) {
    ERR_print_errors_fp(stderr);
    return 66;
  }
  // What the macro SSL_CTX_set_tlsext_status_cb does, without its C cast.
  SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB,
                        reinterpret_cast<void (*)()>(staple));
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 64) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::perror("muster_staple_server");
    return 69;
  }
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  std::thread([] {
    char octet;
    while (::read(STDIN_FILENO, &octet, 1) > 0) {
    }
    std::_Exit(0);
  }).detach();
  while (true) {
    if (const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC); fd >= 0) {
      std::thread(serve, context, fd).detach();
    }
  }
}
