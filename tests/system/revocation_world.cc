#include "revocation_world.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "muster/net/address.h"
#include "muster/testing/crl_builder.h"

namespace muster::testing {
namespace {

/// The promise holds for what is signed before anybody asks, too.
constexpr const char* kSignedAhead = "presign = [\"sha1\", \"sha256\"]\n";

constexpr Milliseconds kPatience{30'000};

/// 0x0A00 and on: two octets, so that nothing else has them.
std::string hex_of(unsigned serial) {
  char text[8];
  std::snprintf(text, sizeof text, "%04X", 0x0A00 + serial);
  return text;
}
Serial serial_of(unsigned serial) { return *Serial::from_hex(hex_of(serial)); }

std::string binary() {
  const char* path = std::getenv("MUSTER_BINARY");
  EXPECT_NE(path, nullptr) << "set MUSTER_BINARY to the muster program";
  return path == nullptr ? "muster" : path;
}

std::string post(std::string_view target, std::string_view body) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace

Wire::Wire(const std::string& address) {
  const auto parsed = net::SocketAddress::parse(address);
  if (!parsed) {
    return;
  }
  fd_.reset(::socket(parsed->family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{60, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(fd_.get(), parsed->data(), parsed->size()) != 0) {
    fd_.reset();
  }
}

bool Wire::send(std::string_view text) {
  while (fd_ && !text.empty()) {
    const ssize_t count = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return static_cast<bool>(fd_);
}

bool Wire::receive(std::string& text) {
  std::array<char, 16 * 1024> piece;
  const ssize_t count = fd_ ? ::recv(fd_.get(), piece.data(), piece.size(), 0) : 0;
  if (count <= 0) {
    return false;
  }
  text.append(piece.data(), static_cast<std::size_t>(count));
  return true;
}

std::string Wire::receive_all() {
  std::string text;
  while (receive(text)) {
  }
  return text;
}

RevocationWorld::RevocationWorld() {
  pki_.root.write(dir_, "root");
  pki_.intermediate.write(dir_, "ca");
  pki_.ocsp_signer.write(dir_, "ocsp");
  listed_.write(dir_, "listed");
  list(std::vector<bool>(kSerials, false), {}, false);
  write_config(false);
  swap_index(std::vector<bool>(kSerials, false));
}

void RevocationWorld::write_config(bool broken) const {
  const auto file = [&](const char* name) { return "\"" + dir_.file(name) + "\"\n"; };
  dir_.write(
      "muster.toml",
      "[responder]\nlisten = \"127.0.0.1:0\"\nloops = 2\nstore = " + file("store") +
          "check_interval = \"1s\"\n" + (broken ? "lisen = 1\n" : "") +
          "[responder.admin]\nlisten = \"unix:" + dir_.file("admin.sock") +
          "\"\n[responder.push]\nlisten = \"" + push_address() +
          "\"\nbatch_lines = 25\n[[responder.push.client]]\nname = \"test\"\nusers = [\"" +
          std::to_string(::getuid()) + "\"]\nissuers = [\"pushed\"" +
          (by_crl_ ? "" : ", \"listed\"") + "]\n" + "[[responder.issuer]]\nlabel = \"pushed\"\n" +
          kSignedAhead + "ca = " + file("ca.pem") + "signer = " + file("ocsp.pem") +
          "key = " + file("ocsp.key") + "[[responder.issuer]]\nlabel = \"indexed\"\n" +
          kSignedAhead + "ca = " + file("root.pem") + "key = " + file("root.key") + "index = " +
          file("index.txt") + "[[responder.issuer]]\nlabel = \"listed\"\nunlisted = \"good\"\n" +
          kSignedAhead + "ca = " + file("listed.pem") + "key = " + file("listed.key") +
          (by_crl_ ? "[responder.issuer.crls]\nsources = [\"" + dir_.file("base.crl") + "\", \"" +
                         dir_.file("delta.crl") + "\"]\n"
                   : ""));
}

CertificateSpec RevocationWorld::listed_spec() {
  CertificateSpec spec = ca_spec("Listed CA");
  spec.at = SystemClock().now();
  return spec;
}

const Identity& RevocationWorld::ca(Fed fed) const {
  return fed == Fed::kPushed ? pki_.intermediate : fed == Fed::kIndexed ? pki_.root : listed_;
}

void RevocationWorld::write_crl(const std::string& name, std::optional<std::uint64_t> base,
                                const std::vector<bool>& revoked) const {
  const UnixSeconds now = SystemClock().now();
  CrlSpec crl;
  crl.this_update = now;
  crl.next_update = now + Seconds(30 * 86400);
  crl.number = crl_number_;
  crl.delta_base = base;
  for (unsigned i = 0; i < revoked.size(); ++i) {
    if (revoked[i]) {
      crl.entries.push_back(revoked_entry(serial_of(i), now - Seconds(60)));
    }
  }
  const std::string fresh = dir_.write(name + ".new", build_crl(listed_, crl));
  EXPECT_EQ(std::rename(fresh.c_str(), dir_.file(name).c_str()), 0);
}

bool RevocationWorld::list(const std::vector<bool>& revoked, const std::vector<unsigned>& fresh,
                           bool is_delta) {
  ++crl_number_;
  if (!is_delta) {
    base_number_ = crl_number_;
    write_crl("base.crl", std::nullopt, revoked);
  }
  write_crl("delta.crl", base_number_, is_delta ? revoked : std::vector<bool>());
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (const unsigned serial : fresh) {
    while (ask(ocsp_address(), request(Fed::kListed, serial, HashAlgorithm::kSha256, false)) !=
           Told::kRevoked) {
      if (std::chrono::steady_clock::now() > deadline) {
        return false;
      }
      ::usleep(10'000);  // the responder looks at the file in its own time
    }
  }
  return true;
}

bool RevocationWorld::set_revoked(unsigned serial) {
  const ProcessResult done =
      run_process({binary(), "store", "--store", dir_.file("store"), "--ca",
                   dir_.file("listed.pem"), "set", hex_of(serial), "revoked"});
  EXPECT_EQ(done.exit_code, 0) << done.describe();
  return done.exit_code == 0;
}

void RevocationWorld::change_source() {
  by_crl_ = !by_crl_;
  write_config(false);
}

void RevocationWorld::lose_store() const { std::filesystem::remove_all(dir_.file("store")); }

std::string RevocationWorld::publish() {
  for (const char* const name : {"ca", "root", "listed"}) {
    const std::string file = dir_.file(name);
    const ProcessResult done =
        run_process({binary(), "crl", "publish", "--store", dir_.file("store"), "--issuer",
                     file + ".pem", "--key", file + ".key", "--out", file + ".published"});
    if (done.exit_code != 0) {
      return std::string(name) + ": " + done.describe();
    }
  }
  return "";
}

bool RevocationWorld::is_published(Fed fed, unsigned serial) const {
  const char* const name = fed == Fed::kPushed ? "ca" : fed == Fed::kIndexed ? "root" : "listed";
  const Buffer der = read_octets(dir_.file(std::string(name) + ".published"));
  const auto crl = crl::parse_crl(der);
  return crl && crl::find_entry(*crl, serial_of(serial).octets(), crl->issuer).has_value();
}

void RevocationWorld::start() {
  daemon_ = std::make_unique<Daemon>(
      std::vector<std::string>{binary(), "responder", "-c", dir_.file("muster.toml")});
  const auto port = daemon_->wait_for_port("listening on ", kPatience);
  ASSERT_TRUE(port) << daemon_->output();
  const std::lock_guard lock(mutex_);
  address_ = "127.0.0.1:" + std::to_string(*port);
}

void RevocationWorld::crash() {
  daemon_->send_signal(SIGKILL);
  daemon_->wait(kPatience);
}
void RevocationWorld::end() { daemon_->stop(SIGTERM, kPatience); }

std::string RevocationWorld::ocsp_address() const {
  const std::lock_guard lock(mutex_);
  return address_;
}

std::string RevocationWorld::line(std::string_view op, unsigned serial) {
  return R"({"op":")" + std::string(op) + R"(","serial":")" + hex_of(serial) + "\"}\n";
}

std::optional<unsigned> RevocationWorld::push(std::string_view verb, unsigned serial, Fed fed) {
  Wire wire(push_address());
  const std::string issuer = fed == Fed::kListed ? "listed/" : "pushed/";
  if (!wire.send(post("/v1/issuers/" + issuer + std::string(verb), line(verb, serial)))) {
    return std::nullopt;
  }
  const std::string text = wire.receive_all();
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos || !text.ends_with("}\n")) {
    return std::nullopt;  // not acknowledged: it may have happened or not
  }
  return static_cast<unsigned>(std::stoul(text.substr(9, 3)));
}

void RevocationWorld::push_bulk(const std::string& lines,
                                const std::function<void(std::size_t)>& acknowledged) {
  Wire wire(push_address());
  if (!wire.send(post("/v1/issuers/pushed/bulk", lines))) {
    return;
  }
  std::string text;
  std::size_t seen = 0;
  while (wire.receive(text)) {
    for (std::size_t end = text.find('\n', seen); end != std::string::npos;
         end = text.find('\n', seen)) {
      const std::string one = text.substr(seen, end - seen);
      seen = end + 1;
      if (one.starts_with("{\"line\":") && one.find("\"result\":") != std::string::npos) {
        acknowledged(std::stoul(one.substr(8)));
      }
    }
  }
}

std::string RevocationWorld::admin(const std::string& method, const std::string& page) {
  Wire wire("unix:" + dir_.file("admin.sock"));
  wire.send(method + " " + page + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string text = wire.receive_all();
  const std::size_t end = text.find("\r\n\r\n");
  return end == std::string::npos ? "" : text.substr(end + 4);
}

std::uint64_t RevocationWorld::metric(const std::string& name_and_labels) {
  const std::string page = admin("GET", "/metrics");
  const std::size_t at = page.find("\n" + name_and_labels + " ");
  return at == std::string::npos ? UINT64_MAX
                                 : std::stoull(page.substr(at + name_and_labels.size() + 2));
}

bool RevocationWorld::swap_index(const std::vector<bool>& revoked) {
  const std::string ends = "491231235959Z";
  std::string text;
  std::uint64_t count = 0;
  for (unsigned i = 0; i < kSerials; ++i) {
    text += (revoked[i] ? "R\t" + ends + "\t261101000000Z" : "V\t" + ends + "\t") + "\t" +
            hex_of(i) + "\tunknown\t/CN=" + std::to_string(i) + "\n";
    count += revoked[i] ? 1U : 0U;
  }
  const std::string fresh = dir_.write("index.new", text);
  if (std::rename(fresh.c_str(), dir_.file("index.txt").c_str()) != 0) {
    return false;
  }
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (daemon_ != nullptr &&
         metric("muster_issuer_records{issuer=\"indexed\",state=\"revoked\"}") != count) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    ::usleep(10'000);  // the responder looks at the file in its own time
  }
  return true;
}

bool RevocationWorld::reload(bool broken) {
  write_config(broken);
  const std::string answer = admin("POST", "/reload");
  write_config(false);
  return answer.find(broken ? "not_reloaded" : "reloaded") != std::string::npos;
}

Buffer RevocationWorld::request(Fed fed, unsigned serial, HashAlgorithm hash, bool nonce) const {
  const pki::Certificate& issuer = ca(fed).certificate;
  ocsp::Request request;
  request.requests.push_back({pki::make_cert_id(hash, issuer, serial_of(serial)), {}});
  if (nonce) {
    request.extensions.push_back(
        {to_buffer(oid::kOcspNonce), false, ocsp::encode_nonce(Buffer(16, 0x5a))});
  }
  return ocsp::encode_request(request);
}

Told read_answer(Bytes body) {
  const auto parsed = ocsp::parse_response(body);
  if (!parsed) {
    return Told::kNothing;
  }
  if (!parsed->basic) {
    return Told::kRefused;
  }
  const ocsp::CertStatus status = (*parsed->basic->responses.begin()).status;  // of a temporary
  return std::holds_alternative<ocsp::Good>(status)      ? Told::kGood
         : std::holds_alternative<ocsp::Revoked>(status) ? Told::kRevoked
                                                         : Told::kUnknown;
}

Told ask(const std::string& address, const Buffer& request) {
  Wire wire(address);
  if (!wire.send(post("/", as_text(request)))) {
    return Told::kNothing;
  }
  const std::string text = wire.receive_all();
  const std::size_t end = text.find("\r\n\r\n");
  return end == std::string::npos ? Told::kNothing : read_answer(as_bytes(text).subspan(end + 4));
}

}  // namespace muster::testing
