#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "muster/crl/encode.h"
#include "muster/source/watcher.h"
#include "muster/testing/pki_builder.h"

// muster_bench_source [entries] [delta entries]: a CRL of that size into the store, then a delta
// over it, with the time and the most memory each took.
namespace {

using namespace muster;
using Steady = std::chrono::steady_clock;
using testing::kTestNow;

class RunningAtTestNow final : public Clock {
 public:
  [[nodiscard]] UnixSeconds now() const override { return kTestNow; }
  [[nodiscard]] MonotonicTime monotonic() const override { return Steady::now(); }
};

/// Writes a CRL with random serials of 16 octets.
void write_crl(const testing::Identity& ca, const std::string& path, std::size_t entries,
               std::uint64_t number, std::optional<std::uint64_t> base) {
  auto signer = *pki::Signer::make(ca.key);
  crl::CrlEncoder encoder({ca.certificate.subject(), signer.algorithm(),
                           kTestNow - Seconds(3600) + Seconds(number), kTestNow + Seconds(86400)},
                          entries * 40);
  std::mt19937_64 random(number);
  for (std::size_t i = 0; i < entries; ++i) {
    std::array<std::uint8_t, 16> serial{};
    const std::uint64_t halves[2] = {random(), random()};
    std::memcpy(serial.data(), halves, sizeof halves);
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 1);
    encoder.add({serial, kTestNow - Seconds(86400), std::nullopt, std::nullopt});
  }
  crl::CrlFacts facts;
  facts.authority_key_id = *ca.certificate.facts().subject_key_id;
  facts.number = crl::Number(number);
  if (base) {
    facts.delta_base = crl::Number(*base);
  }
  const Bytes tbs = encoder.finish_tbs(*crl::make_extensions(facts));
  Buffer signature;
  MUSTER_ASSERT(signer.sign(tbs, signature));
  MUSTER_ASSERT(write_file_atomically(path, encoder.finish(signature)));
}

long most_memory_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

/// Of what is neither a file nor shared: what a small machine must really have.
long own_memory_kib() {
  long kib = 0;
  if (std::FILE* file = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, file) != nullptr) {
      (void)std::sscanf(line, "RssAnon: %ld", &kib);
    }
    std::fclose(file);
  }
  return kib;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t entries = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::size_t changes = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000;
  const auto ca = testing::make_self_signed(testing::ca_spec("Bench"));
  const testing::TempDir directory;
  if (const pid_t writer = ::fork(); writer == 0) {  // its memory is not ours
    write_crl(ca, directory.file("base.crl"), entries, 1, std::nullopt);
    write_crl(ca, directory.file("delta.part"), changes, 2, 1);
    ::_exit(0);
  } else {
    int status = 0;
    MUSTER_ASSERT(::waitpid(writer, &status, 0) == writer && status == 0);
  }
  const auto store = store::Store::open(directory.file("store"));
  MUSTER_ASSERT(store);
  source::SourceSpec spec{
      source::SourceKind::kCrlSet, "bench", ca.certificate,
      *(*store)->ensure_issuer(source::make_issuer_key(ca.certificate), "bench"), "bench"};
  spec.crls.files = {directory.file("base.crl")};
  spec.crls.directories = {directory.path()};
  source::WatchOptions options;
  options.settle = Milliseconds(0);
  options.load.state_directory = directory.file("sources");
  const RunningAtTestNow clock;
  const long before = own_memory_kib();
  const auto start = Steady::now();
  source::SourceWatcher watcher(**store, {spec}, options, clock, null_logger());
  long most_own = before;
  std::optional<std::vector<source::SourceStatus>> loaded;
  while (!loaded) {
    loaded = watcher.wait_until_checked(Milliseconds(20));
    most_own = std::max(most_own, own_memory_kib());
  }
  MUSTER_ASSERT(loaded && !loaded->at(0).error);
  const double seconds = std::chrono::duration<double>(Steady::now() - start).count();
  std::printf(
      "complete: %zu entries in %.2f s (%.2f M/s), own memory at most %ld MiB more, with mapped "
      "files %ld MiB\n",
      entries, seconds, static_cast<double>(entries) / seconds / 1e6, (most_own - before) / 1024,
      most_memory_kib() / 1024);
  const auto changed = Steady::now();
  MUSTER_ASSERT(
      std::rename(directory.file("delta.part").c_str(), directory.file("delta.crl").c_str()) == 0);
  while (watcher.status().at(0).loads < 2) {
    ::usleep(1'000);
  }
  std::printf("delta: %zu entries in %.3f s\n", changes,
              std::chrono::duration<double>(Steady::now() - changed).count());
  return 0;
}
