#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "json_fields.h"
#include "muster/http/base64.h"
#include "muster/net/address.h"
#include "muster/stapler/control.h"

// The side of who asks.
namespace muster::stapler {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxLineBytes = 1 << 20;
/// For the stapler to have room for a connection: it has none when it hangs and many asked it.
constexpr Milliseconds kConnectPatience{5000};

std::string errno_text(int error) {
  char text[128];
  return ::strerror_r(error, text, sizeof text);
}

ControlEnd failed(std::string text) { return {ControlEnd::How::kFailed, 0, std::move(text)}; }

class Asking {
 public:
  Asking(const std::string& directory, Milliseconds patience)
      : directory_(directory),
        connect_patience_(std::clamp(patience, Milliseconds(1), kConnectPatience)),
        deadline_(std::chrono::steady_clock::now() + patience) {}

  ControlEnd ask(const std::string& request,
                 const std::function<void(const std::string&, bool)>& on_line) {
    const auto path = ControlPath::of(directory_);
    if (!path) {
      return failed(path.error());
    }
    const auto address = net::SocketAddress::parse("unix:" + path->text());
    fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!address || !fd_) {
      return failed("no socket is to be had: " + errno_text(errno));
    }
    timeval most{};  // connect() to a unix socket goes by it
    most.tv_sec = connect_patience_.count() / 1000;
    most.tv_usec = connect_patience_.count() % 1000 * 1000;
    static_cast<void>(::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most));
    if (::connect(fd_.get(), address->data(), address->size()) != 0) {
      if (errno == EAGAIN) {
        return failed("the stapler of the shelf '" + directory_ +
                      "' takes no conversation up (does it hang? see `muster stapler status`)");
      }
      const bool is_nobody = errno == ENOENT || errno == ECONNREFUSED;
      return {is_nobody ? ControlEnd::How::kNobody : ControlEnd::How::kFailed, 0,
              is_nobody
                  ? "no stapler runs for the shelf '" + directory_ + "' (start `muster stapler`)"
                  : "cannot talk to the stapler of the shelf '" + directory_ +
                        "': " + errno_text(errno) + " (only its user and root may)"};
    }
    // What it said before it hung up is worth more than that it did.
    static_cast<void>(send(request + '\n'));
    return listen(on_line);
  }

 private:
  [[nodiscard]] bool wait(short events) const {
    pollfd fd{fd_.get(), events, 0};
    for (;;) {
      const auto left =
          std::chrono::duration_cast<Milliseconds>(deadline_ - std::chrono::steady_clock::now());
      const int n = left.count() <= 0 ? 0 : ::poll(&fd, 1, static_cast<int>(left.count()));
      if (n >= 0 || errno != EINTR) {
        return n > 0;
      }
    }
  }

  [[nodiscard]] bool send(const std::string& text) const {
    for (std::size_t sent = 0; sent < text.size();) {
      if (!wait(POLLOUT)) {
        return false;
      }
      const ::ssize_t n =
          ::send(fd_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno != EINTR && errno != EAGAIN) {
        return false;
      }
      sent += n > 0 ? static_cast<std::size_t>(n) : 0;
    }
    return true;
  }

  ControlEnd listen(const std::function<void(const std::string&, bool)>& on_line) const {
    std::string in;
    for (;;) {
      for (std::size_t end = 0; (end = in.find('\n')) != std::string::npos; in.erase(0, end + 1)) {
        const Json line = Json::parse(std::string_view(in).substr(0, end), nullptr, false);
        if (line.is_discarded() || !line.is_object()) {
          return failed("the stapler answered with something that is no JSON object");
        }
        if (const auto code = line.find("exit"); code != line.end() && code->is_number_integer()) {
          return {ControlEnd::How::kAnswered, code->get<int>(), text_at(line, "text")};
        }
        const auto ok = line.find("ok");
        on_line(text_at(line, "text"), ok != line.end() && ok->is_boolean() && !ok->get<bool>());
      }
      if (in.size() > kMaxLineBytes) {
        return failed("the stapler answered with a line of more than " +
                      std::to_string(kMaxLineBytes) + " octets");
      }
      if (!wait(POLLIN)) {
        return failed(
            "the stapler did not answer in time (does it hang? see `muster stapler "
            "status`)");
      }
      std::array<char, 16 * 1024> piece;
      const ::ssize_t n = ::recv(fd_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
      if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        return failed("the stapler ended before it answered");
      }
      in.append(piece.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    }
  }

  const std::string& directory_;
  const Milliseconds connect_patience_;
  const MonotonicTime deadline_;
  UniqueFd fd_;
};

std::string request(const char* command, Json more) {
  Json out = {{"command", command}};
  out.update(more);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Result<ControlPath, std::string> ControlPath::of(const std::string& directory) {
  ControlPath out;
  out.text_ = directory + '/' + std::string(kControlSocketName);
  if (out.text_.size() < sizeof(sockaddr_un::sun_path)) {
    return out;
  }
  out.directory_.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!out.directory_) {
    return Err{"cannot open the directory '" + directory + "': " + errno_text(errno)};
  }
  out.text_ = "/proc/self/fd/" + std::to_string(out.directory_.get()) + '/' +
              std::string(kControlSocketName);
  return out;
}

ControlEnd ask_stapler(const std::string& directory, const std::string& request,
                       Milliseconds patience,
                       const std::function<void(const std::string& text, bool failed)>& on_line) {
  return Asking(directory, patience).ask(request, on_line);
}

namespace control {

std::string refresh(const std::vector<std::string>& certificates, Seconds timeout, bool wait) {
  return request("refresh",
                 {{"certificates", certificates}, {"timeout", timeout.count()}, {"wait", wait}});
}
std::string pin(const std::string& certificate, Bytes response, const std::string& source,
                UnixSeconds until) {
  return request("pin", {{"certificate", certificate},
                         {"response", http::base64_encode(response)},
                         {"source", source},
                         {"until", format_iso8601(until)}});
}
std::string unpin(const std::string& certificate) {
  return request("unpin", {{"certificate", certificate}});
}
std::string pause(const std::vector<std::string>& certificates, std::optional<Seconds> duration) {
  return request("pause", {{"certificates", certificates},
                           {"for", duration ? Json(duration->count()) : Json()}});
}
std::string resume(const std::vector<std::string>& certificates) {
  return request("resume", {{"certificates", certificates}});
}
std::string import(Bytes response, const std::string& source) {
  return request("import", {{"response", http::base64_encode(response)}, {"source", source}});
}
std::string wait(const std::string& name, const std::vector<Pair>& pairs, Seconds timeout,
                 bool served, const std::string& path) {
  Json certificates = Json::array();
  for (const Pair& pair : pairs) {
    Json one = {{"certificate", http::base64_encode(pair.certificate)}};
    if (!pair.issuer.empty()) {
      one["issuer"] = http::base64_encode(pair.issuer);
    }
    certificates.push_back(std::move(one));
  }
  return request("wait", {{"name", name},
                          {"certificates", std::move(certificates)},
                          {"timeout", timeout.count()},
                          {"served", served},
                          {"path", path}});
}

}  // namespace control
}  // namespace muster::stapler
