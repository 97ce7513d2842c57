#include "options_stapler.h"

namespace muster::app {

void bind(config::Section&, StaplerOptions&) {}

}  // namespace muster::app
