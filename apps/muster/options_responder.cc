#include "options_responder.h"

namespace muster::app {

void bind(config::Section&, ResponderOptions&) {}

}  // namespace muster::app
