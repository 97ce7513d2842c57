#include "build_revision.h"

#ifndef MUSTER_REVISION
#error "MUSTER_REVISION is given by the build"
#endif

namespace muster::node {

std::string_view build_revision() { return MUSTER_REVISION; }

}  // namespace muster::node
