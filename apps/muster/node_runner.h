#pragma once

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "muster/net/loop.h"
#include "responder_flags.h"

namespace muster::app {

/// How much longer than its settings allow an end may take.
inline constexpr Milliseconds kLeavingPatience = std::chrono::seconds(30);

inline void tell_addresses(const char* what, const std::vector<std::string>& all) {
  std::string addresses;
  for (const std::string& address : all) {
    addresses += (addresses.empty() ? "" : ", ") + address;
  }
  if (!addresses.empty()) {
    std::printf("%s %s\n", what, addresses.c_str());
  }
}

/// Serves with a node that has no key (edge, relay) until SIGTERM or SIGINT; SIGHUP has it read its
/// configuration again. \param name  of the log's events \param usual  what an end takes at the
/// most when nothing hangs \param start  makes the node: NodeResult<std::unique_ptr<...>>, called
/// once, with the signals blocked for every thread that it starts
template <class Start>
Outcome<Unit> run_node(const std::string& name, Milliseconds usual, Logger& logger, Start start) {
  net::Loop control;
  typename decltype(start())::value_type node;
  std::thread ending;
  const net::SignalWatch signals(control, {SIGTERM, SIGINT, SIGHUP}, [&](int signal) {
    if (ending.joinable()) {
      return;
    }
    if (signal == SIGHUP) {
      static_cast<void>(node->reload());  // the outcome is logged
      return;
    }
    logger.log(LogLevel::kInfo, name + ".stopping", "finishing what is in flight");
    control.after(usual + kLeavingPatience, [&] {
      logger.log(LogLevel::kError, name + ".gave_up",
                 "a file system does not answer; leaving without waiting for it any longer");
      std::_Exit(kExitInternal);  // threads that hang cannot be joined
    });
    ending = std::thread([&] {
      node->stop();
      control.stop();
    });
  });
  auto started = start();
  if (!started) {
    return fail(exit_code_for(started.error().code), started.error().detail);
  }
  node = *std::move(started);
  tell_addresses("admin on", node->admin_addresses());
  tell_addresses("listening on", node->addresses());
  std::fflush(stdout);
  control.run();
  ending.join();
  return Unit{};
}

}  // namespace muster::app
