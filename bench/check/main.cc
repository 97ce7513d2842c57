// muster_bench_check serve DIRECTORY HEALTHY HANGING [DELEGATES]   servers, until it is ended
// muster_bench_check measure DIRECTORY COUNT    one check beside the same work by hand
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "one_check.h"
#include "servers.h"

int main(int argc, char** argv) {
  const auto number = [argv](int at) { return std::strtoull(argv[at], nullptr, 10); };
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "serve" && (argc == 5 || (argc == 6 && number(5) > 0))) {
    muster::bench::serve(argv[2], number(3), number(4), argc == 6 ? number(5) : 1);
  }
  if (what == "measure" && argc == 4) {
    muster::bench::measure_one_check(argv[2], number(3));
    return 0;
  }
  std::fputs(
      "usage: muster_bench_check serve DIRECTORY HEALTHY HANGING [DELEGATES] | measure DIRECTORY "
      "COUNT\n",
      stderr);
  return 64;
}
