#include "fuzz.h"
#include "muster/http/request_parser.h"

namespace {

using namespace muster;
using Progress = http::RequestParser::Progress;

constexpr http::RequestLimits kLimits{
    .max_target_bytes = 200, .max_header_bytes = 500, .max_body_bytes = 300};

bool inside(std::string_view part, Bytes whole) {
  return part.empty() || (as_bytes(part).data() >= whole.data() &&
                          as_bytes(part).data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

// However a request is cut into pieces, it means the same; and what it means lies inside the
// buffer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Buffer whole(data, data + size);
  http::RequestParser parser(kLimits);
  const Progress progress = parser.parse(whole);

  http::RequestParser piecewise(kLimits);
  Progress seen = Progress::kNeedHead;
  std::size_t given = 0;
  Buffer moving;
  while (given < size && (seen == Progress::kNeedHead || seen == Progress::kNeedBody)) {
    Buffer next(moving);  // another place in memory each time
    next.push_back(data[given++]);
    moving.swap(next);
    seen = piecewise.parse(moving);
  }
  MUSTER_ASSERT(size == 0 || seen == progress);
  if (progress == Progress::kRefused) {
    MUSTER_ASSERT(parser.refusal_status() >= 400 && parser.refusal_status() < 600);
  }
  if (progress != Progress::kComplete) {
    return 0;
  }
  const http::RequestView& request = parser.request();
  const http::RequestView& other = piecewise.request();
  MUSTER_ASSERT(parser.consumed() == given && piecewise.consumed() == given);
  MUSTER_ASSERT(request.target == other.target && request.host == other.host &&
                request.keep_alive == other.keep_alive);
  MUSTER_ASSERT(equal(request.body, other.body) && request.body.size() <= kLimits.max_body_bytes);
  for (const std::string_view part :
       {request.method_text, request.target, request.host, request.if_none_match,
        request.if_modified_since, request.content_type, request.header_block,
        as_text(request.body)}) {
    MUSTER_ASSERT(inside(part, whole));
  }
  MUSTER_ASSERT(!request.target.empty() && request.target.size() <= kLimits.max_target_bytes);
  MUSTER_ASSERT(request.header("Host").value_or("") == request.host);
  return 0;
}
