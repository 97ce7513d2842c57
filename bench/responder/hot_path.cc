// What instructions.py counts the instructions of: COUNT answers one after another, the store being
// asked each time. usage: muster_bench_hot_path get|post|moved|live|nonce|ahead COUNT
//   get    remembered; handler: base64, parse, issuer, status, ready answer
//   post   remembered; answerer alone: parse, issuer, status, ready answer
//   moved  the same while the store changes: the record is read again for each answer
//   live   each about another certificate, signed and remembered
//   nonce  each with a nonce: signed
//   ahead  signed before anybody asks
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "ahead_signer.h"
#include "world.h"

namespace {

using namespace muster;

constexpr std::uint64_t kSerials = 1'000;
constexpr std::uint64_t kAsked = 16;  // the instructions must not depend on one lucky slot
constexpr std::uint64_t kFirst = 32;

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
[[gnu::noinline, gnu::visibility("default")]] responder::AheadSigner::Made muster_counted_ahead(
    responder::AheadSigner& signer, const responder::PresignItem& item);
responder::AheadSigner::Made muster_counted_ahead(responder::AheadSigner& signer,
                                                  const responder::PresignItem& item) {
  return signer.sign(item, testing::kTestNow);
}
}

namespace {

[[noreturn]] void fail(const char* what, int code) {
  std::fprintf(stderr, "muster_bench_hot_path: %s\n", what);
  std::exit(code);
}

void remember(std::string_view way, std::uint64_t count) {
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
    fail("not every answer was a remembered one", 70);
  }
}

/// The first few are not counted: they make forms and buffers.
void sign_live(bool nonce, std::uint64_t count) {
  bench::World world(kFirst + count, 1);
  bench::Discard reply;
  for (std::uint64_t i = 0; i < kFirst + count; ++i) {
    const Buffer request = bench::World::request_about(i, nonce);
    if (i < kFirst) {
      world.answerer->answer(request, testing::kTestNow);
    } else {
      muster_counted_post(world, request, reply);
    }
  }
  if (world.counters.signatures.value() != kFirst + count) {
    fail("not every answer was signed", 70);
  }
}

void sign_ahead(std::uint64_t count) {
  bench::World world(kFirst + count, 1);
  const auto exchange = std::make_shared<responder::AnswerExchange>(0, 2 * (kFirst + count));
  responder::AheadSigner signer(world.setup, world.store->reader(), exchange);
  for (std::uint64_t i = 0; i < kFirst + count; ++i) {
    const responder::PresignItem item{0, *Serial::make(bench::serial_of(i))};
    const auto made =
        i < kFirst ? signer.sign(item, testing::kTestNow) : muster_counted_ahead(signer, item);
    if (made.signatures != 1) {
      fail("not every answer was signed", 70);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view way = argc == 3 ? argv[1] : "";
  const std::uint64_t count = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (count != 0 && (way == "get" || way == "post" || way == "moved")) {
    remember(way, count);
  } else if (count != 0 && (way == "live" || way == "nonce")) {
    sign_live(way == "nonce", count);
  } else if (count != 0 && way == "ahead") {
    sign_ahead(count);
  } else {
    fail("usage: muster_bench_hot_path get|post|moved|live|nonce|ahead COUNT", 64);
  }
  return 0;
}
