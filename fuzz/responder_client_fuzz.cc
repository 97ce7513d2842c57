#include "fuzz.h"
#include "muster/http/list_header.h"
#include "muster/http/request_parser.h"
#include "muster/responder/handler.h"

namespace {

using namespace muster;

IpNetwork network(const char* text) { return *IpNetwork::parse(text); }

}  // namespace

// Who asks, by what proxies say: the first octet says whether the peer is one of ours, the rest is
// a request's head.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  Buffer octets(data + 1, data + size);
  http::RequestParser parser({});
  if (parser.parse(octets) != http::RequestParser::Progress::kComplete) {
    return 0;
  }
  http::RequestView request = parser.request();
  request.peer = *IpAddress::parse(data[0] % 2 == 0 ? "192.0.2.1" : "198.51.100.1");

  std::size_t items = 0;
  http::ListFromRight hops(request, "X-Forwarded-For");
  while (const auto item = hops.next()) {
    MUSTER_ASSERT(++items <= size);
    MUSTER_ASSERT(item->empty() || (item->data() >= request.header_block.data() &&
                                    item->data() + item->size() <=
                                        request.header_block.data() + request.header_block.size()));
  }
  const auto asks = [&](const std::vector<IpNetwork>& trusted) {
    return responder::client_of(request, trusted).address;
  };
  MUSTER_ASSERT(asks({}) == request.peer);
  const std::vector<IpNetwork> ours{network("192.0.2.0/24")};
  const IpAddress seen = asks(ours);
  if (!contains(ours, request.peer)) {
    MUSTER_ASSERT(seen == request.peer);  // a stranger's header counts for nothing
  } else if (!(seen == request.peer)) {
    MUSTER_ASSERT(items != 0);
  }
  return 0;
}
