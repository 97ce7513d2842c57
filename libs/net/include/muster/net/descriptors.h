#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "muster/base/log.h"
#include "muster/net/address.h"

namespace muster::net {

/// Whether the process may open enough files and sockets for `loops` loops and what every process
/// needs (RLIMIT_NOFILE): a loop without a descriptor for itself cannot be made, which stops the
/// process. To be asked before the first is made. What is open already is not counted.
/// Errors: kSystem with EMFILE; the text says how many there are and how many are needed.
/// Threads: any.
Result<Unit, NetError> check_descriptors(std::size_t loops);

/// Connections a server wants to have open, and what they take of the process's descriptors.
struct ConnectionBudget {
  std::size_t wanted;            ///< its max_connections
  std::size_t descriptors_each;  ///< that one more of `wanted` may take, at least 1: two for a
                                 ///< proxy, as many as there are servers where each may have
                                 ///< `wanted`
  std::size_t loops;
};

/// `budget.wanted`, or as many as fit into `allowed` descriptors, less what everything else may
/// need (files that are read again, stores, listeners, loops). Pure.
std::size_t connections_that_fit(const ConnectionBudget& budget, std::size_t allowed);

/// The same with what this process may have open (RLIMIT_NOFILE, the soft limit). That they are
/// fewer than wanted is logged as a warning under `event`. Threads: any.
std::size_t connections_that_fit(const ConnectionBudget& budget, std::string_view event,
                                 Logger& logger);

/// How many connections each HTTP server of a service may have, where one listens at every address
/// of `listen` on each of `loops` loops (HttpServers): `wanted`, or as many as fit, which is logged
/// as above. To be asked before the first loop is made. Errors: of check_descriptors(). Threads:
/// any.
Result<std::size_t, NetError> connections_of_each(std::size_t wanted,
                                                  const std::vector<std::string>& listen,
                                                  std::size_t loops, std::string_view event,
                                                  Logger& logger);

}  // namespace muster::net
