#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "muster/publish/publisher.h"
#include "muster/source/load.h"
#include "muster/testing/pki_builder.h"

// muster_bench_publish [revoked records]: from the store to published CRLs, each kind in a process
// of its own for its peak memory.
namespace {

using namespace muster;
using testing::kTestNow;
using testing::standard_pki;

template <class E>
std::string why(const E& error) {
  return error.detail;
}
std::string why(const der::DerError& error) { return der::to_string(error); }

template <class T, class E>
T must(Result<T, E> result) {
  if (!result) {
    std::fprintf(stderr, "muster_bench_publish: %s\n", why(result.error()).c_str());
    std::exit(70);
  }
  return *std::move(result);
}

/// Serials of 16 octets in rising order, every tenth with an invalidity date.
void fill(store::Store& store, store::IssuerId id, std::uint64_t count, unsigned changed_each) {
  auto load = must(store.begin_replacement(id));
  std::mt19937_64 random(1);
  for (std::uint64_t i = 0; i < count; ++i) {
    Buffer serial(16);
    const std::uint64_t high = i + 0x1000000000000000;
    const std::uint64_t low = random();
    for (unsigned n = 0; n < 8; ++n) {
      serial[n] = static_cast<std::uint8_t>(high >> 8 * (7 - n));
      serial[8 + n] = static_cast<std::uint8_t>(low >> 8 * (7 - n));
    }
    store::Status status;
    status.state = store::State::kRevoked;
    status.revoked_at = kTestNow - Seconds(static_cast<int>(i % 1'000'000));
    status.reason = changed_each != 0 && i % changed_each == 0 ? ReasonCode::kKeyCompromise
                                                               : ReasonCode::kSuperseded;
    if (i % 10 == 0) {
      status.invalidity_date = kTestNow - Seconds(86400);
    }
    must(load->put(must(Serial::make(serial)), status));
  }
  store::IssuerState facts;
  facts.loaded_at = kTestNow;
  must(load->commit(facts));
}

publish::Spec spec_of(const std::string& directory, store::IssuerId id, std::size_t partitions,
                      bool deltas) {
  const auto& ca = standard_pki().intermediate;
  publish::Spec spec{.label = "bench",
                     .subjects = {{ca.certificate, id, {}, std::nullopt}},
                     .signer = ca.certificate,
                     .key = ca.key,
                     .terms = {},
                     .partitions = {},
                     .assignment = publish::Assignment::by_hash(partitions),
                     .samples = {},
                     .state_directory = directory + "/state" + std::to_string(partitions)};
  for (std::size_t i = 0; i < partitions; ++i) {
    const std::string name = directory + "/" + std::to_string(partitions) + "-" + std::to_string(i);
    const std::vector<std::string> uris =
        partitions > 1 ? std::vector{"http://x/" + std::to_string(i)} : std::vector<std::string>();
    spec.partitions.push_back({std::to_string(i),
                               uris,
                               crl::Scope::Only::kAll,
                               {},
                               name + ".crl",
                               deltas ? name + ".delta" : ""});
  }
  return spec;
}

void measure(const char* what, const publish::Spec& spec, const std::string& store_directory,
             publish::What kind, int second) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto store =
        must(store::Store::open(store_directory, {.mode = store::StoreOptions::Mode::kReadOnly}));
    const auto start = std::chrono::steady_clock::now();
    const auto publisher = must(publish::Publisher::open(spec, *store, kTestNow + Seconds(second)));
    const auto opened = std::chrono::steady_clock::now();
    const publish::Published done = must(publisher->publish(kind, kTestNow + Seconds(second)));
    const auto end = std::chrono::steady_clock::now();
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    std::uint64_t bytes = 0;
    std::uint64_t entries = 0;
    for (const publish::PublishedFile& file : done.files) {
      bytes += file.bytes;
      entries += file.entries;
    }
    std::printf(
        "%-28s %9llu entries %7.1f MB  open %5.2f s  publish %6.2f s  cpu %6.2f s  peak %6.1f MB\n",
        what, static_cast<unsigned long long>(entries), static_cast<double>(bytes) / 1e6,
        std::chrono::duration<double>(opened - start).count(),
        std::chrono::duration<double>(end - opened).count(),
        static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
        static_cast<double>(usage.ru_maxrss) / 1e3);
    std::fflush(stdout);
    std::_Exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) {
    std::exit(70);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const testing::TempDir directory;
  const std::string path = directory.file("store");
  store::IssuerId id{};
  const auto refill = [&](unsigned changed_each) {
    const auto store = must(store::Store::open(path));
    id = must(store->ensure_issuer(source::make_issuer_key(standard_pki().intermediate.certificate),
                                   "bench"));
    fill(*store, id, count, changed_each);
  };
  refill(0);
  measure("complete, no deltas", spec_of(directory.path(), id, 1, false), path,
          publish::What::kComplete, 1);
  measure("complete, first", spec_of(directory.path(), id, 1, true), path, publish::What::kComplete,
          2);
  measure("16 partitions", spec_of(directory.path(), id, 16, false), path, publish::What::kComplete,
          3);
  refill(100);
  measure("delta, one in a hundred", spec_of(directory.path(), id, 1, true), path,
          publish::What::kDelta, 4);
  measure("complete and delta", spec_of(directory.path(), id, 1, true), path,
          publish::What::kComplete, 5);
  return 0;
}
