#include "options_front.h"

namespace muster::app {

void bind(config::Section&, FrontOptions&) {}

}  // namespace muster::app
