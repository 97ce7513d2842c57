// expect: nodiscard|unused-result
#include "muster/base/result.h"

muster::Result<int, int> answer();
void use();
void use() {
#ifdef RIGHT
  if (answer()) {
  }
#else
  answer();
#endif
}
