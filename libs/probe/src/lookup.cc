#include "lookup.h"

#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "connect.h"
#include "muster/base/text.h"
#include "muster/base/turns.h"

namespace muster::probe {
namespace {

constexpr int kMaxRunningLookups = 64;

/// One lookup of the name service on a thread of its own. It cannot be stopped once begun; when its
/// deadline passes it is left to itself, and what it finds goes with it.
struct Lookup {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  int error = 0;
  AddressList found{nullptr, ::freeaddrinfo};
};

/// Counts lookups that run, those nobody waits for any more among them.
class RunningLookups {
 public:
  /// Waits for its turn: a scan of many names is no reason to fail. False when the deadline passes.
  bool begin(MonotonicTime deadline) {
    std::unique_lock lock(mutex_);
    if (!ended_.wait_until(lock, deadline, [this] { return count_ < kMaxRunningLookups; })) {
      return false;
    }
    ++count_;
    return true;
  }
  void end() {
    {
      const std::lock_guard lock(mutex_);
      --count_;
    }
    ended_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  int count_ = 0;
};
RunningLookups& running() {
  static auto* const all = new RunningLookups;  // never freed: a lookup may still end at exit
  return *all;
}

void run(const std::shared_ptr<Lookup>& lookup, const std::string& host,
         const std::string& service) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  // Not AI_ADDRCONFIG: it takes away addresses that would tell by failing, and those of a loopback
  // that only this machine has.
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
  {
    const std::lock_guard lock(lookup->mutex);
    lookup->done = true;
    lookup->error = error;
    lookup->found.reset(error == 0 ? found : nullptr);
  }
  lookup->changed.notify_one();
  running().end();
}

Err<ProbeError> refuse(std::string detail) {
  return Err{ProbeError{ProbeErrc::kResolve, std::move(detail)}};
}

Result<AddressList, ProbeError> parse_address(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    const std::size_t zone = host.find('%');
    return refuse("address " + printable(host) + ": " +
                  (zone == std::string::npos
                       ? std::string(::gai_strerror(error))
                       : "no interface " + printable(host.substr(zone + 1)) + " on this machine"));
  }
  return AddressList(found, ::freeaddrinfo);
}

}  // namespace

Result<AddressList, ProbeError> look_up(const std::string& host, std::uint16_t port,
                                        MonotonicTime deadline) {
  if (is_address(host)) {
    return parse_address(host, port);
  }
  const WhileWaiting others(AfterWait::kLittle);
  if (!running().begin(deadline)) {
    return Err{ProbeError{ProbeErrc::kTimeout, "timed out looking up " + printable(host) +
                                                   ": too many lookups hang; is the name service "
                                                   "reachable?"}};
  }
  const auto lookup = std::make_shared<Lookup>();
  try {
    std::thread(run, lookup, host, std::to_string(port)).detach();
  } catch (const std::system_error& e) {
    running().end();
    return refuse("cannot look up " + printable(host) + ": no thread for it (" + e.what() + ")");
  }
  std::unique_lock lock(lookup->mutex);
  if (!lookup->changed.wait_until(lock, deadline, [&] { return lookup->done; })) {
    return Err{ProbeError{ProbeErrc::kTimeout, "timed out looking up " + printable(host)}};
  }
  if (lookup->error != 0) {
    return refuse("cannot look up " + printable(host) + ": " + ::gai_strerror(lookup->error));
  }
  return std::move(lookup->found);
}

}  // namespace muster::probe
