// expect: use an enum
#include "muster/base/result.h"

#ifdef RIGHT
using Answer = muster::Result<int, int>;
#else
using Answer = muster::Result<bool, int>;
#endif
Answer answer();
void use();
void use() {
  if (answer()) {
  }
}
