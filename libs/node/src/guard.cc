#include "guard.h"

#include <arpa/inet.h>

#include <algorithm>

#include "muster/base/text.h"

namespace muster::node {
namespace {

/// Host without port, brackets or case.
std::string host_name(std::string_view host) {
  if (host.starts_with('[')) {
    return to_lower(host.substr(1, std::max<std::size_t>(host.find(']'), 1) - 1));
  }
  return to_lower(host.substr(0, host.find(':')));
}

bool is_address(const std::string& host) {
  in6_addr scratch{};
  return ::inet_pton(AF_INET, host.c_str(), &scratch) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &scratch) == 1;
}

}  // namespace

std::string refuse_origin(const http::RequestView& request, bool is_unix,
                          const std::vector<std::string>& hosts) {
  const auto site = request.header("Sec-Fetch-Site");
  if (request.header("Origin") || (site && !iequals(*site, "none"))) {
    return "requests of web pages are refused (Origin, Sec-Fetch-Site)";
  }
  const std::string host = host_name(request.host);
  const bool known = is_unix || host.empty() || host == "localhost" || is_address(host) ||
                     std::any_of(hosts.begin(), hosts.end(),
                                 [&](const std::string& name) { return iequals(name, host); });
  return known ? ""
               : "host '" + printable(host.substr(0, 80)) +
                     "' is not ours; ask by address, or list it in [responder.admin] hosts";
}

}  // namespace muster::node
