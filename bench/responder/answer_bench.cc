// One request without sockets: parse, look up in a real store, remembered answer or live signature.
// Nanoseconds and allocations.
#include <benchmark/benchmark.h>

#include "muster/http/get_path.h"
#include "muster/responder/handler.h"
#include "muster/source/load.h"
#include "muster/testing/allocation_counter.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/temp_dir.h"

namespace muster::responder {
namespace {

constexpr unsigned kSerials = 10'000;

class Discard final : public net::HttpReply {
 public:
  void send_ready(Bytes octets, std::size_t) override { benchmark::DoNotOptimize(octets.data()); }
  void send(unsigned, std::string_view, std::string_view, Bytes) override {}
};

/// A responder over a store of kSerials records, P-256 delegate.
struct World {
  World() {
    store = *store::Store::open(dir.file("store"));
    const testing::TestPki& pki = testing::standard_pki();
    issuer = *store->ensure_issuer(source::make_issuer_key(pki.intermediate.certificate), "bench");
    auto replacement = *store->begin_replacement(issuer);
    for (unsigned n = 0; n < kSerials; ++n) {
      MUSTER_ASSERT(replacement->put(testing::make_serial(0x10000000 + n), store::Status{}));
    }
    store::IssuerState facts;
    facts.key = source::make_issuer_key(pki.intermediate.certificate);
    facts.knows_issued = store::KnowsIssued::kYes;
    facts.loaded_at = testing::kTestNow;
    MUSTER_ASSERT(replacement->commit(facts));
    std::vector<IssuerSpec> specs;
    specs.push_back({.label = "bench",
                     .certificates = {pki.intermediate.certificate},
                     .signers = {{.label = "",
                                  .certificate = pki.ocsp_signer.certificate,
                                  .key = pki.ocsp_signer.key}},
                     .origin = DataOrigin::kWatchedSource,
                     .store_id = issuer,
                     .policy = {}});
    std::vector<std::string> warnings;
    setup = *Setup::make(std::move(specs), Policy{}, testing::kTestNow, warnings);
    answerer = std::make_unique<Answerer>(setup, store->reader(), counters);
    for (unsigned n = 0; n < kSerials; ++n) {
      ocsp::Request request;
      request.requests.push_back(
          {pki::make_cert_id(HashAlgorithm::kSha256, pki.intermediate.certificate,
                             testing::make_serial(0x10000000 + n)),
           {}});
      requests.push_back(ocsp::encode_request(request));
      targets.push_back("/" + http::encode_get_tail(requests.back()));
    }
  }
  testing::TempDir dir;
  testing::FakeClock clock;
  std::unique_ptr<store::Store> store;
  store::IssuerId issuer{};
  std::shared_ptr<const Setup> setup;
  Counters counters;
  std::unique_ptr<Answerer> answerer;
  std::vector<Buffer> requests;
  std::vector<std::string> targets;
};
World& world() {
  static World instance;
  return instance;
}

void report_allocations(benchmark::State& state, std::uint64_t before) {
  state.counters["allocations"] =
      static_cast<double>(testing::allocations_of_this_thread() - before) /
      static_cast<double>(state.iterations());
}

/// \param range(0)  how many different certificates are asked about in turn
void BM_RememberedPost(benchmark::State& state) {
  World& w = world();
  const auto serials = static_cast<std::size_t>(state.range(0));
  for (std::size_t i = 0; i < serials; ++i) {
    w.answerer->answer(w.requests[i], testing::kTestNow);
  }
  const std::uint64_t before = testing::allocations_of_this_thread();
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(w.answerer->answer(w.requests[i], testing::kTestNow).octets.data());
    i = i + 1 == serials ? 0 : i + 1;
  }
  report_allocations(state, before);
}
BENCHMARK(BM_RememberedPost)->Arg(1)->Arg(10'000);

void BM_RememberedGet(benchmark::State& state) {
  World& w = world();
  OcspHandler handler({}, *w.answerer, w.clock, null_logger(), w.counters);
  Discard reply;
  http::RequestView request;
  request.method = http::Method::kGet;
  request.target = w.targets[0];
  handler.handle(request, reply);
  const std::uint64_t before = testing::allocations_of_this_thread();
  for (auto _ : state) {
    handler.handle(request, reply);
  }
  report_allocations(state, before);
}
BENCHMARK(BM_RememberedGet);

/// What a moved store adds to a remembered answer: renewing the snapshot and reading the record.
void BM_StoreLookup(benchmark::State& state) {
  World& w = world();
  auto reader = w.store->reader();
  const std::uint64_t before = testing::allocations_of_this_thread();
  const Buffer serial = to_buffer(testing::make_serial(0x10000000).octets());
  for (auto _ : state) {
    benchmark::DoNotOptimize(reader->renew());
    benchmark::DoNotOptimize(reader->find(w.issuer, serial));
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
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, testing::standard_pki().intermediate.certificate,
                         testing::make_serial(0x10000000)),
       {}});
  request.extensions.push_back(
      {to_buffer(oid::kOcspNonce), false, ocsp::encode_nonce(Buffer(32, 0x6e))});
  const Buffer octets = ocsp::encode_request(request);
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
}  // namespace muster::responder

BENCHMARK_MAIN();
