#include "fuzz.h"
#include "muster/edge/manifest.h"

// The manifest of an export. What is read is what would be written, its last line aside.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  const std::string_view text = as_text(Bytes(data, size));
  const auto read = edge::parse_manifest(text);
  if (!read) {
    MUSTER_ASSERT(!read.error().empty());
    return 0;
  }
  MUSTER_ASSERT(text.starts_with(edge::encode_manifest(*read)));
  return 0;
}
