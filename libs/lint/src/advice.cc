#include "muster/lint/advice.h"

#include <algorithm>

#include "advice_tables.h"
#include "muster/base/assert.h"

namespace muster::lint {

const Advice& advice_of(const Rule& rule) {
  for (const auto part : {response_advice(), other_advice()}) {
    const auto found = std::find_if(part.begin(), part.end(),
                                    [&rule](const Advice& a) { return a.rule == rule.id; });
    if (found != part.end()) {
      return *found;
    }
  }
  MUSTER_ASSERT(false);  // a test asks for all of them
  return response_advice().front();
}

}  // namespace muster::lint
