#pragma once

#include "environment.h"

namespace muster::store {

StoreResult<std::unique_ptr<Replacement>> make_replacement(std::shared_ptr<Environment> env,
                                                           IssuerId issuer,
                                                           ReplacementOptions options);

}  // namespace muster::store
