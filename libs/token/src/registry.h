#pragma once

#include "pool.h"

namespace muster::token {

/// For each module: threads that hang in it although the pool they belong to was let go. With more,
/// no pool is begun: trying again and again to load a key would lose one with each try.
inline constexpr unsigned kMaxLostThreads = 32;

/// The pool of the token that `uri` names, shared by all keys that are alive and were loaded with
/// the same options. There is one registry in a process because PKCS#11 itself is one: logins and
/// sessions belong to the process. Errors: kUnavailable (kMaxLostThreads, no thread to be had).
/// Threads: any.
pki::PkiResult<std::shared_ptr<Pool>> pool_for(const KeyUri& uri, const TokenOptions& options,
                                               const Clock& clock);

}  // namespace muster::token
