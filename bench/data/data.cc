// index.txt of a CA with many certificates, on standard output.
// usage: muster_bench_data COUNT sorted|random [MORE_REVOKED]
// Certificate i has serial_of(i); one in ten is revoked, and so are numbers 1 to MORE_REVOKED:
// later states of the same CA.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "kit/serials.h"

namespace {

using namespace muster::bench;

struct Row {
  std::array<std::uint8_t, kSerialOctets> serial;
  std::uint64_t index;
};

void append_row(std::string& out, const Row& row, std::uint64_t more_revoked) {
  const bool revoked = is_revoked(row.index) || (row.index >= 1 && row.index <= more_revoked);
  out += revoked ? "R\t491231235959Z\t260101000000Z,superseded\t" : "V\t491231235959Z\t\t";
  for (const std::uint8_t octet : row.serial) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    out += kDigits[octet >> 4U];
    out += kDigits[octet & 15U];
  }
  out += "\tunknown\t/CN=";
  out += std::to_string(row.index);
  out += '\n';
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 2 ? std::strtoull(argv[1], nullptr, 10) : 0;
  const std::string_view order = argc > 2 ? argv[2] : "";
  const std::uint64_t more_revoked = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
  if (count == 0 || (order != "sorted" && order != "random")) {
    std::fputs("usage: muster_bench_data COUNT sorted|random [MORE_REVOKED]\n", stderr);
    return 64;
  }
  std::vector<Row> rows(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    rows[i] = {serial_of(i), i};
  }
  if (order == "sorted") {
    std::sort(rows.begin(), rows.end(),
              [](const Row& a, const Row& b) { return a.serial < b.serial; });
  }
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  std::string out;
  for (std::uint64_t i = 0; i < count; ++i) {
    append_row(out, rows[i], more_revoked);
    if (out.size() >= kBlock || i + 1 == count) {
      if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size()) {
        std::perror("muster_bench_data");
        return 74;
      }
      out.clear();
    }
  }
  return std::fflush(stdout) == 0 ? 0 : 74;
}
