#include "fuzz.h"
#include "muster/keeper/shelf_file.h"

// What is read from the shelf is written again as the same; what holds the right digest of its own
// response is found whole.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  const auto survives = [](const keeper::ShelfFile& file) {
    const auto again = keeper::parse_shelf_file(
        keeper::encode_shelf_file(file.certificate, file.obtained, file.source, file.response));
    MUSTER_ASSERT(again && again->certificate == file.certificate &&
                  again->obtained == file.obtained && again->response == file.response);
  };
  const Bytes content(data, size);
  if (const auto file = keeper::parse_shelf_file(content)) {
    survives(*file);
  }
  // The digest keeps a fuzzer from ever getting far: the same octets as source and response.
  keeper::ShelfFile made;
  made.source = std::string(as_text(content.first(size / 2)));
  made.response = to_buffer(content.subspan(size / 2));
  survives(made);
  return 0;
}
