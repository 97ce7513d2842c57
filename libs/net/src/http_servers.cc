#include "muster/net/http_servers.h"

namespace muster::net {

Result<Unit, NetError> HttpServers::listen(const std::vector<std::string>& wanted,
                                           std::vector<std::string>& settled,
                                           const HttpLimits& limits, HttpHandler& handler) {
  const bool is_first = settled.empty();
  for (std::size_t n = 0; n < wanted.size(); ++n) {
    const std::string& address = is_first ? wanted[n] : settled[n];
    if (!is_first && address.starts_with("unix:")) {
      continue;
    }
    MUSTER_TRY(auto server,
               HttpServer::listen(loop_, address, limits, handler,
                                  is_first ? AddressSharing::kExclusive : AddressSharing::kJoin));
    if (is_first) {
      settled.push_back(server->address());
    }
    servers_.push_back(std::move(server));
  }
  return Unit{};
}

void HttpServers::drain(Milliseconds grace) {
  draining_ = servers_.size();
  if (servers_.empty()) {
    loop_.stop();
  }
  for (const auto& server : servers_) {
    server->drain(grace, [this] {
      if (--draining_ == 0) {
        loop_.stop();
      }
    });
  }
}

}  // namespace muster::net
