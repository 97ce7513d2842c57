// What a signature costs in this process, and in a token behind libs/token: SoftHSM2, and our own
// module of tests, whose signature is OpenSSL's as well, so that the difference is the way there
// and back (two threads, p11-kit, the check of what came back).
#include <benchmark/benchmark.h>

#include "muster/testing/fault_token.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/softhsm.h"
#include "muster/token/token_key.h"

namespace muster::token {
namespace {

using testing::cached_key;
using testing::KeyKind;

void sign(benchmark::State& state, const pki::PrivateKey& key) {
  auto signer = *pki::Signer::make(key);
  Buffer out;
  for (auto _ : state) {
    MUSTER_ASSERT(signer.sign(as_bytes("a ResponseData of two hundred octets or so"), out));
  }
  state.SetItemsProcessed(state.iterations());
}

void local(benchmark::State& state, KeyKind kind) { sign(state, cached_key(kind).key); }

void our_module(benchmark::State& state, KeyKind kind) {
  [[maybe_unused]] static const bool prepared = [] {
    auto& token = testing::fault_token(MUSTER_FAULT_TOKEN);
    token.reset();
    for (const KeyKind each : {KeyKind::kP256, KeyKind::kRsa2048}) {
      token.add_key("k" + std::to_string(static_cast<int>(each)), static_cast<std::uint8_t>(each),
                    cached_key(each).pem);
    }
    return true;
  }();
  const std::string uri = "pkcs11:token=fault;object=k" + std::to_string(static_cast<int>(kind)) +
                          "?module-path=" MUSTER_FAULT_TOKEN;
  sign(state, *load_token_key(uri, {}, [] { return std::optional<std::string>("1234"); }));
}

testing::SoftHsm* softhsm() {
  static const auto hsm = [] {
    auto made = testing::SoftHsm::make("bench");
    if (made != nullptr) {
      made->import(cached_key(KeyKind::kP256).pem, "k0", "01");
      made->import(cached_key(KeyKind::kRsa2048).pem, "k1", "02");
    }
    return made;
  }();
  return hsm.get();
}
void in_softhsm(benchmark::State& state, KeyKind kind) {
  if (softhsm() == nullptr) {
    state.SkipWithError("SoftHSM2 is not installed");
    return;
  }
  sign(state, *load_token_key(softhsm()->uri(kind == KeyKind::kP256 ? "k0" : "k1")));
}

BENCHMARK_CAPTURE(local, p256, KeyKind::kP256)->UseRealTime();
BENCHMARK_CAPTURE(our_module, p256, KeyKind::kP256)->UseRealTime();
BENCHMARK_CAPTURE(in_softhsm, p256, KeyKind::kP256)->UseRealTime()->Threads(1)->Threads(4);
BENCHMARK_CAPTURE(local, rsa2048, KeyKind::kRsa2048)->UseRealTime();
BENCHMARK_CAPTURE(our_module, rsa2048, KeyKind::kRsa2048)->UseRealTime();
BENCHMARK_CAPTURE(in_softhsm, rsa2048, KeyKind::kRsa2048)->UseRealTime()->Threads(1)->Threads(4);

}  // namespace
}  // namespace muster::token

BENCHMARK_MAIN();
