#include "fuzz.h"
#include "muster/responder/batch.h"

// The body of a batch call. What parses is what its items are written as, in the same octets.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  constexpr std::size_t kMost = 64;
  const Bytes body(data, size);
  const auto items = responder::parse_batch(body, kMost);
  if (!items) {
    MUSTER_ASSERT(!responder::to_string(items.error()).empty());
    MUSTER_ASSERT(items.error().item <= kMost);
    return 0;
  }
  MUSTER_ASSERT(!items->empty() && items->size() <= kMost);
  Buffer again;
  for (const responder::BatchItemView& item : *items) {
    responder::append_batch_item(again, item.cert_id, item.have);
    const responder::BatchQuestion question = responder::question_of(item);
    const auto request = ocsp::parse_request(question.request);
    MUSTER_ASSERT(request && request->requests.size() == 1);
    MUSTER_ASSERT(equal((*request->requests.begin()).cert_id.raw, item.cert_id.raw));
  }
  MUSTER_ASSERT(equal(again, body));
  return 0;
}
