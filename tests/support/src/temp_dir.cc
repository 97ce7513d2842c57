#include "muster/testing/temp_dir.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "muster/base/assert.h"

namespace muster::testing {

TempDir::TempDir() {
  const char* base = std::getenv("TMPDIR");
  path_ = std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/muster-test-XXXXXX";
  MUSTER_ASSERT(::mkdtemp(path_.data()) != nullptr);
}

TempDir::~TempDir() {
  std::error_code ignored;  // a leftover directory must not turn a passed test into a failure
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::file(std::string_view name) const { return path_ + "/" + std::string(name); }

std::string TempDir::write(std::string_view name, Bytes content) const {
  const std::string path = file(name);
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  MUSTER_ASSERT(!error);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  const std::string_view text = as_text(content);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  MUSTER_ASSERT(out.good());
  return path;
}

std::string TempDir::write(std::string_view name, std::string_view content) const {
  return write(name, as_bytes(content));
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  MUSTER_ASSERT(in.good());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Buffer read_octets(const std::string& path) { return to_buffer(as_bytes(read_text(path))); }

}  // namespace muster::testing
