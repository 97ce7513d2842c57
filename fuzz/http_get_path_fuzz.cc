#include "fuzz.h"
#include "muster/http/base64.h"
#include "muster/http/get_path.h"
#include "muster/http/url.h"

using namespace muster;

// A GET tail that decodes, encodes to one that decodes to the same; strict base64 has one spelling.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(Bytes(data, size));
  constexpr std::size_t kMost = 1000;
  Buffer request;
  if (http::decode_get_tail(text, kMost, request)) {
    MUSTER_ASSERT(request.size() <= kMost);
    Buffer again;
    MUSTER_ASSERT(http::decode_get_tail(http::encode_get_tail(request), kMost, again) &&
                  again == request);
  }
  if (const auto decoded = http::base64_decode(text)) {
    MUSTER_ASSERT(http::base64_encode(*decoded) == text);
    if (!decoded->empty() && decoded->size() <= kMost) {
      MUSTER_ASSERT(http::decode_get_tail(text, kMost, request) && request == *decoded);
    }
  }
  if (const auto tail = http::find_get_tail(text, "/ocsp")) {
    MUSTER_ASSERT(text.ends_with(*tail));
  }
  if (const auto url = http::parse_url(text)) {
    MUSTER_ASSERT(!url->host.empty() && url->port != 0 &&
                  (url->path.empty() || url->path.front() == '/'));
  }
  return 0;
}
