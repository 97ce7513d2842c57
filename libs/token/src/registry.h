#pragma once

#include "pool.h"

namespace muster::token {

/// The pool of the token that `uri` names, shared by all keys that are alive and were loaded with
/// the same options. There is one registry in a process because PKCS#11 itself is one: logins and
/// sessions belong to the process. Threads: any.
std::shared_ptr<Pool> pool_for(const KeyUri& uri, const TokenOptions& options, const Clock& clock);

}  // namespace muster::token
