#include "registry.h"

namespace muster::token {
namespace {

struct Registry {
  struct Entry {
    TokenOptions options;
    const Clock* clock;
    std::weak_ptr<Pool> pool;
  };
  Mutex mutex;
  std::multimap<std::string, Entry> pools MUSTER_GUARDED_BY(mutex);
};

Registry& registry() {
  static Registry& all =
      *new Registry();  // never destroyed: threads that hang in a module may outlive main()
  return all;
}

}  // namespace

pki::PkiResult<std::shared_ptr<Pool>> pool_for(const KeyUri& uri, const TokenOptions& options,
                                               const Clock& clock) {
  Registry& all = registry();
  const std::string name = uri.token_text() + "|" + uri.pin_file();
  std::shared_ptr<Pool> pool;  // let go without the lock where it is of no use
  const MutexLock lock(all.mutex);
  std::erase_if(all.pools, [](const auto& entry) { return entry.second.pool.expired(); });
  const auto [first, last] = all.pools.equal_range(name);
  for (auto at = first; at != last; ++at) {
    if (at->second.options == options && at->second.clock == &clock) {
      // Asked of those that fit alone: one that was the last to let go of a pool would destroy it
      // under the registry's lock.
      if (auto there = at->second.pool.lock()) {
        return there;
      }
    }
  }
  if (const unsigned lost = ModuleUse::of(uri).lost; lost >= kMaxLostThreads) {
    return Err{pki::PkiError{
        pki::PkiErrc::kUnavailable,
        std::to_string(lost) + " threads hang in the PKCS#11 module (" +
            (uri.module_path().empty() ? "one of those p11-kit is configured with"
                                       : uri.module_path()) +
            ") already, and no more are begun. See that its daemon, network or device is up; if "
            "its calls never come back, restart this process"}};
  }
  pool = std::make_shared<Pool>(std::make_shared<Token>(uri), options, clock);
  if (!pool->is_whole()) {
    return Err{pki::PkiError{pki::PkiErrc::kUnavailable,
                             "the system gives no thread for each of " +
                                 std::to_string(options.sessions) +
                                 " sessions; use fewer (token_sessions) or allow this process more "
                                 "(TasksMax, ulimit -u)"}};
  }
  all.pools.emplace(name, Registry::Entry{options, &clock, pool});
  return pool;
}

}  // namespace muster::token
