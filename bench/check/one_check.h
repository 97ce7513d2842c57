#pragma once

#include <cstddef>
#include <string>

namespace muster::bench {

/// Checks `count` healthy servers of serve() one after the other, in turns with the same work done
/// by hand, and prints one JSON object: who -> median microseconds and CPU microseconds of one.
/// Ends the program when a verdict is another than good.
void measure_one_check(const std::string& directory, std::size_t count);

}  // namespace muster::bench
