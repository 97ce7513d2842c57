// One request without sockets: parse, look up in a real store, remembered answer or live signature.
// Nanoseconds and allocations. MUSTER_BENCH_SERIALS says how many certificates the store holds.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>

#include "muster/testing/allocation_counter.h"
#include "world.h"

namespace muster::bench {
namespace {

std::uint64_t serials() {
  const char* const text = std::getenv("MUSTER_BENCH_SERIALS");
  return text == nullptr ? 10'000 : std::max<std::uint64_t>(std::strtoull(text, nullptr, 10), 1);
}
std::uint64_t spread() { return std::min<std::uint64_t>(serials(), 10'000); }

World& world() {
  static World instance(serials(), spread());
  return instance;
}

void report_allocations(benchmark::State& state, std::uint64_t before) {
  state.counters["allocations"] =
      static_cast<double>(testing::allocations_of_this_thread() - before) /
      static_cast<double>(state.iterations());
}

/// \param asked  how many different certificates are asked about in turn
void remembered(benchmark::State& state, std::size_t asked) {
  World& w = world();
  for (std::size_t i = 0; i < asked; ++i) {
    w.answerer->answer(w.requests[i], testing::kTestNow);
  }
  const std::uint64_t before = testing::allocations_of_this_thread();
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(w.answerer->answer(w.requests[i], testing::kTestNow).octets.data());
    i = i + 1 == asked ? 0 : i + 1;
  }
  report_allocations(state, before);
}
void BM_RememberedPost(benchmark::State& state) { remembered(state, 1); }
BENCHMARK(BM_RememberedPost);
void BM_RememberedSpread(benchmark::State& state) { remembered(state, world().requests.size()); }
BENCHMARK(BM_RememberedSpread);

void BM_RememberedGet(benchmark::State& state) {
  World& w = world();
  responder::OcspHandler handler({}, *w.answerer, w.clock, null_logger(), w.counters);
  Discard reply;
  http::RequestView request;
  request.method = http::Method::kGet;
  request.target = w.targets[0];
  handler.handle(request, reply);
  const std::uint64_t before = testing::allocations_of_this_thread();
  for (auto _ : state) {
    handler.handle(request, reply);
    benchmark::DoNotOptimize(reply.last.data());
  }
  report_allocations(state, before);
}
BENCHMARK(BM_RememberedGet);

/// What a moved store adds to a remembered answer: renewing the snapshot and reading the record.
void BM_StoreLookup(benchmark::State& state) {
  World& w = world();
  auto reader = w.store->reader();
  std::vector<Serial> serial_list;
  for (std::uint64_t i = 0; i < spread(); ++i) {
    serial_list.push_back(*Serial::make(serial_of(i * (serials() / spread()))));
  }
  const std::uint64_t before = testing::allocations_of_this_thread();
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(reader->renew());
    benchmark::DoNotOptimize(reader->find(w.issuer, serial_list[i].octets()));
    i = i + 1 == serial_list.size() ? 0 : i + 1;
  }
  report_allocations(state, before);
}
BENCHMARK(BM_StoreLookup);

void BM_UnknownIssuer(benchmark::State& state) {
  World& w = world();
  ocsp::Request foreign;
  foreign.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, testing::standard_pki().root.certificate,
                         testing::make_serial(1)),
       {}});
  const Buffer request = ocsp::encode_request(foreign);
  w.answerer->answer(request, testing::kTestNow);
  const std::uint64_t before = testing::allocations_of_this_thread();
  for (auto _ : state) {
    benchmark::DoNotOptimize(w.answerer->answer(request, testing::kTestNow).octets.data());
  }
  report_allocations(state, before);
}
BENCHMARK(BM_UnknownIssuer);

/// Compare with BM_SignatureAlone and with `openssl speed ecdsap256`.
void BM_LiveSigned(benchmark::State& state) {
  World& w = world();
  const Buffer octets = World::request_about(0, true);
  w.answerer->answer(octets, testing::kTestNow);
  const std::uint64_t before = testing::allocations_of_this_thread();
  for (auto _ : state) {
    benchmark::DoNotOptimize(w.answerer->answer(octets, testing::kTestNow).octets.data());
  }
  report_allocations(state, before);
}
BENCHMARK(BM_LiveSigned)->Unit(benchmark::kMicrosecond);

void BM_SignatureAlone(benchmark::State& state) {
  auto signer = *pki::Signer::make(testing::standard_pki().ocsp_signer.key);
  const Buffer tbs(220, 0x30);
  Buffer signature;
  for (auto _ : state) {
    benchmark::DoNotOptimize(signer.sign(tbs, signature));
  }
}
BENCHMARK(BM_SignatureAlone)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace muster::bench

BENCHMARK_MAIN();
