#pragma once

#include "muster/net/loop.h"
#include "muster/testing/eventually.h"

namespace muster::stapler::testing_staples {

/// Turns the loop until it holds; false: it never did.
template <class Condition>
bool turn_until(net::Loop& loop, Condition holds) {
  return testing::eventually([&] {
    if (holds()) {
      return true;
    }
    loop.after(Milliseconds(2), [&loop] { loop.stop(); });
    loop.run();
    return false;
  });
}

}  // namespace muster::stapler::testing_staples
