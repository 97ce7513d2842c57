#include <string>

#include "fuzz.h"
#include "uri.h"

// PKCS#11 URIs: what we keep of one for logs never has its query, where PINs and their files are.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  const std::string_view text = as_text(Bytes(data, size));
  if (const auto uri = token::KeyUri::parse(text)) {
    MUSTER_ASSERT(uri->text().find("pin-value") == std::string::npos ||
                  text.substr(0, text.find('?')).find("pin-value") != std::string_view::npos);
    MUSTER_ASSERT(uri->text().starts_with("pkcs11:"));
  }
  return 0;
}
