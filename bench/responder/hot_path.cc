// What instructions.py counts the instructions of: COUNT remembered answers one after another,
// the store being asked each time. usage: muster_bench_hot_path get|post|moved COUNT
//   get    handler: base64, parse, issuer, status, ready answer
//   post   answerer alone: parse, issuer, status, ready answer
//   moved  the same while the store changes: the record is read again for each answer
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "world.h"

namespace {

using namespace muster;

constexpr std::uint64_t kSerials = 1'000;
constexpr std::uint64_t kAsked = 16;  // the instructions must not depend on one lucky slot

}  // namespace

// Nothing outside is counted: callgrind looks for the names.
extern "C" {
[[gnu::noinline, gnu::visibility("default")]] void muster_counted_get(
    responder::OcspHandler& handler, const http::RequestView& request, bench::Discard& reply);
[[gnu::noinline, gnu::visibility("default")]] void muster_counted_post(bench::World& world,
                                                                       const Buffer& request,
                                                                       bench::Discard& reply);
void muster_counted_get(responder::OcspHandler& handler, const http::RequestView& request,
                        bench::Discard& reply) {
  handler.handle(request, reply);
}
void muster_counted_post(bench::World& world, const Buffer& request, bench::Discard& reply) {
  reply.last = world.answerer->answer(request, testing::kTestNow).octets;
}
}

int main(int argc, char** argv) {
  const std::string_view way = argc == 3 ? argv[1] : "";
  const std::uint64_t count = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (count == 0 || (way != "get" && way != "post" && way != "moved")) {
    std::fputs("usage: muster_bench_hot_path get|post|moved COUNT\n", stderr);
    return 64;
  }
  bench::World world(kSerials, kAsked);
  for (const Buffer& request : world.requests) {  // sign once
    world.answerer->answer(request, testing::kTestNow);
  }
  responder::OcspHandler handler({}, *world.answerer, world.clock, null_logger(), world.counters);
  bench::Discard reply;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t at = i % kAsked;
    if (way == "get") {
      http::RequestView request;
      request.method = http::Method::kGet;
      request.target = world.targets[at];
      muster_counted_get(handler, request, reply);
    } else {
      if (way == "moved") {
        const store::Change change{*Serial::make(bench::serial_of(kSerials + i)), store::Status{}};
        MUSTER_ASSERT(world.store->apply(world.issuer, {&change, 1}));
      }
      muster_counted_post(world, world.requests[at], reply);
    }
    MUSTER_ASSERT(!reply.last.empty());
  }
  // An answer signed anew would be counted as a slow remembered one.
  const responder::Counters& counters = world.counters;
  if (counters.signatures.value() != kAsked || counters.ready_hits.value() != count ||
      (way == "moved" && counters.ready_rechecked.value() != count)) {
    std::fputs("muster_bench_hot_path: not every answer was a remembered one\n", stderr);
    return 70;
  }
  return 0;
}
