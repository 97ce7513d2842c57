#pragma once

#include <cstddef>

namespace muster::net {

/// Calls of operator new by the calling thread so far.
std::size_t allocations_of_this_thread();

}  // namespace muster::net
