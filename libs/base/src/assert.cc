#include "muster/base/assert.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace muster::internal {
namespace {
void put(const char* text) noexcept {
  if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) {
    return;  // nothing better to do on the way to abort
  }
}
}  // namespace

void assert_failed(const char* expression, const char* file, int line) noexcept {
  char digits[16];
  char* p = digits + sizeof digits;
  *--p = '\0';
  unsigned n = line > 0 ? static_cast<unsigned>(line) : 0U;
  do {
    *--p = static_cast<char>('0' + n % 10);
    n /= 10;
  } while (n != 0);
  put("muster: internal error: ");
  put(expression);
  put(" does not hold at ");
  put(file);
  put(":");
  put(p);
  put("\n");
  std::abort();
}
}  // namespace muster::internal
