#pragma once

namespace muster {

/// For work that may take a while beside threads that answer at once: from here on the calling
/// thread, and those it starts, run in the time that others leave. Where others want a whole core
/// it still gets about a tenth of it, so that nothing starves. Threads: the calling one.
void give_way();

}  // namespace muster
