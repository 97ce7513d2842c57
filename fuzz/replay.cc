#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "fuzz.h"
#include "muster/base/file.h"

// Runs a fuzz target once over each file of the folders given, and over their octets cut short,
// without libFuzzer.
int main(int argc, char** argv) {
  constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      paths.push_back(entry.path().string());
    }
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) {
      const auto octets = muster::read_file(path, kMaxBytes);
      if (!octets) {
        std::fprintf(stderr, "%s\n", to_string(octets.error()).c_str());
        return 1;
      }
      for (std::size_t size = octets->size() + 1; size-- > 0;) {
        const muster::Buffer exact(octets->begin(),
                                   octets->begin() + static_cast<std::ptrdiff_t>(size));
        LLVMFuzzerTestOneInput(exact.data(), exact.size());
      }
      ++count;
    }
  }
  std::printf("%zu files\n", count);
  return count == 0 ? 1 : 0;
}
