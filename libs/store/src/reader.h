#pragma once

#include "environment.h"

namespace muster::store {

std::unique_ptr<Reader> make_reader(std::shared_ptr<Environment> env);

}  // namespace muster::store
