#include "fuzz.h"
#include "show_input.h"

// Files that people hand to `muster show`.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto inputs = muster::app::decode_shown_input(muster::Buffer(data, data + size));
  if (!inputs) {
    MUSTER_ASSERT(!inputs.error().empty());
    return 0;
  }
  MUSTER_ASSERT(!inputs->empty());
  for (const muster::app::ShownInput& input : *inputs) {
    MUSTER_ASSERT(input.der.size() <= size);
  }
  return 0;
}
