#include "fuzz.h"
#include "muster/responder/batch.h"

// A batch answer as a caller reads it. What is read adds up.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  if (size == 0) {
    return 0;
  }
  const std::size_t asked = data[0] % 8;
  const auto answers = responder::parse_batch_answers(Bytes(data + 1, size - 1), asked);
  if (!answers) {
    return 0;
  }
  MUSTER_ASSERT(answers->replies.size() == asked);
  std::size_t answered = 0;
  for (const responder::BatchReply& reply : answers->replies) {
    answered += reply ? 1U : 0U;
  }
  const responder::BatchEnd& end = answers->end;
  MUSTER_ASSERT(end.answered == answered);
  MUSTER_ASSERT(end.answered + end.unchanged + end.left == asked);
  return 0;
}
