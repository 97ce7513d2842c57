#include "muster/net/control_fetch.h"

#include <algorithm>

#include "fetch_transfer.h"
#include "muster/base/assert.h"

namespace muster::net {
namespace {

constexpr std::string_view kUnix = "unix:";

/// `access.address` as a URL without its path.
std::string base_url(const ControlAccess& access) {
  const std::string address = with_loopback(access.address);
  if (address.find("://") != std::string::npos) {
    return address.ends_with('/') ? address.substr(0, address.size() - 1) : address;
  }
  const bool is_unix = address.starts_with(kUnix);
  return (access.certificate.empty() || is_unix ? "http://" : "https://") +
         (is_unix ? "localhost" : address);
}

}  // namespace

std::string with_loopback(const std::string& address) {
  const std::string port = address.starts_with(':') ? address.substr(1) : address;
  const bool is_port = !port.empty() && std::all_of(port.begin(), port.end(),
                                                    [](char c) { return c >= '0' && c <= '9'; });
  return is_port ? "127.0.0.1:" + port : address;
}

FetchResult fetch_from(const ControlAccess& access, const std::string& target,
                       FetchRequest request) {
  request.url = base_url(access) + target;
  FetchTransfer transfer(std::move(request));
  if (transfer.refusal()) {
    return Err{*transfer.refusal()};
  }
  const auto set = [&transfer](CURLoption option, const std::string& value) {
    if (!value.empty()) {
      MUSTER_ASSERT(::curl_easy_setopt(transfer.easy(), option, value.c_str()) == CURLE_OK);
    }
  };
  if (access.address.starts_with(kUnix)) {
    set(CURLOPT_UNIX_SOCKET_PATH, access.address.substr(kUnix.size()));
  }
  set(CURLOPT_SSLCERT, access.certificate);
  set(CURLOPT_SSLKEY, access.key);
  set(CURLOPT_CAINFO, access.ca);
  return transfer.finish(::curl_easy_perform(transfer.easy()));
}

}  // namespace muster::net
