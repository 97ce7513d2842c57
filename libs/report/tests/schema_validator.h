#pragma once

#include "muster/testing/json_schema.h"

namespace muster::report {

using Json = nlohmann::json;

/// What `muster check` writes, in every form that is JSON.
class Validator : public testing::JsonSchema {
 public:
  Validator() : testing::JsonSchema("check.schema.json", Unnamed::kRefused) {}
};

}  // namespace muster::report
