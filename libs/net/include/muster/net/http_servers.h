#pragma once

#include <memory>
#include <string>
#include <vector>

#include "muster/net/http_server.h"

namespace muster::net {

/// The HTTP servers of one loop, where several loops answer at the same addresses. Destroyed as a
/// server: before its loop, by the loop's thread or when that does not run. Threads: the loop's, or
/// any while that does not run.
class HttpServers {
 public:
  explicit HttpServers(Loop& loop) : loop_(loop) {}

  /// Listens at each of `wanted`. For the first loop `settled` is empty, and gets their real
  /// addresses in their order; the others join it there, but for unix sockets: one listener alone
  /// can own a path.
  /// \param handler  outlives the servers
  /// Errors: of the first address that cannot be used; the servers before it stay.
  Result<Unit, NetError> listen(const std::vector<std::string>& wanted,
                                std::vector<std::string>& settled, const HttpLimits& limits,
                                HttpHandler& handler);
  /// Has all of them finish what is in flight, at most `grace` long, then stops the loop. Once.
  void drain(Milliseconds grace);
  [[nodiscard]] const std::vector<std::unique_ptr<HttpServer>>& all() const { return servers_; }

 private:
  Loop& loop_;
  std::vector<std::unique_ptr<HttpServer>> servers_;
  std::size_t draining_ = 0;
};

}  // namespace muster::net
