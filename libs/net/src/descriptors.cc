#include "muster/net/descriptors.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

namespace muster::net {
namespace {

/// Standard streams, signals, store, sources, admin; and some to accept with.
constexpr std::size_t kOfAProcess = 64;
/// Two of the loop itself, its listeners, its fetcher.
constexpr std::size_t kOfALoop = 8;
/// Descriptors for everything else: stores, sources, tokens, certificates that are read again, what
/// admin, push and batch accept; where few are allowed, a quarter.
constexpr std::size_t kOtherDescriptors = 256;
/// What a loop has itself: two, and its listeners.
constexpr std::size_t kLoopDescriptors = 4;

}  // namespace

Result<Unit, NetError> check_descriptors(std::size_t loops) {
  const std::size_t needed = kOfAProcess + kOfALoop * loops;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
      limit.rlim_cur >= needed) {
    return Unit{};
  }
  return Err{NetError{NetErrc::kSystem, EMFILE,
                      std::to_string(limit.rlim_cur) + " descriptors where " +
                          std::to_string(needed) + " are needed" +
                          (loops == 0 ? "" : " for " + std::to_string(loops) + " loops")}};
}

std::size_t connections_that_fit(const ConnectionBudget& budget, std::size_t allowed) {
  const std::size_t others =
      std::min(allowed / 4, kOtherDescriptors) + budget.loops * kLoopDescriptors;
  return std::min(budget.wanted,
                  (allowed - std::min(others, allowed / 2)) / budget.descriptors_each);
}

std::size_t connections_that_fit(const ConnectionBudget& budget, std::string_view event,
                                 Logger& logger) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return budget.wanted;
  }
  const auto allowed = static_cast<std::size_t>(limit.rlim_cur);
  const std::size_t fit = connections_that_fit(budget, allowed);
  if (budget.wanted > fit) {
    logger.log(LogLevel::kWarning, event,
               "max_connections is more than there are descriptors for; allow more (systemd: "
               "LimitNOFILE, shell: ulimit -n), or fewer connections",
               {{"max_connections", std::to_string(budget.wanted)},
                {"loops", std::to_string(budget.loops)},
                {"descriptors", std::to_string(allowed)},
                {"in_force", std::to_string(fit)}});
  }
  return fit;
}

Result<std::size_t, NetError> connections_of_each(std::size_t wanted,
                                                  const std::vector<std::string>& listen,
                                                  std::size_t loops, std::string_view event,
                                                  Logger& logger) {
  MUSTER_CHECK(check_descriptors(loops));
  std::size_t servers = 0;
  for (const std::string& address : listen) {
    // The path of a socket has one owner.
    servers += address.starts_with("unix:") ? std::size_t{1} : loops;
  }
  const std::size_t fit = connections_that_fit(
      {.wanted = wanted, .descriptors_each = std::max<std::size_t>(1, servers), .loops = loops},
      event, logger);
  if (fit == 0 && wanted != 0) {  // each would refuse everybody
    return Err{NetError{
        NetErrc::kSystem, EMFILE,
        std::to_string(servers) + " listeners, which leave no descriptor for a connection"}};
  }
  return fit;
}

}  // namespace muster::net
