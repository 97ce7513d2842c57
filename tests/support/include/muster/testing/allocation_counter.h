#pragma once

#include <cstddef>

namespace muster::testing {

/// Calls of operator new by the calling thread so far. Programs that link muster_allocation_counter
/// get a counting operator new.
std::size_t allocations_of_this_thread();

}  // namespace muster::testing
