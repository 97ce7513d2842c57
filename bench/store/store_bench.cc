#include <lmdb.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "muster/store/store.h"

// muster_bench_store [records] [directory]: the store beside bare LMDB on the same input, in one
// run.
namespace {

using namespace muster;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kSerialOctets = 16;
constexpr std::size_t kLookups = 1'000'000;
constexpr std::size_t kChangesPerTransaction = 1000;

double seconds_since(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

template <class T>
T must(store::StoreResult<T> result) {
  if (!result) {
    std::fprintf(stderr, "muster_bench_store: %s\n", result.error().detail.c_str());
    std::exit(70);
  }
  return *std::move(result);
}
void must_lmdb(int rc) {
  if (rc != 0) {
    std::fprintf(stderr, "muster_bench_store: LMDB: %s\n", mdb_strerror(rc));
    std::exit(70);
  }
}

/// Random positive 16-octet serials, as CAs make them.
std::vector<Serial> make_serials(std::size_t count) {
  std::mt19937_64 random(1);
  std::vector<Serial> serials;
  serials.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::array<std::uint8_t, kSerialOctets> octets{};
    const std::uint64_t halves[2] = {random(), random()};
    std::memcpy(octets.data(), halves, sizeof halves);
    octets[0] = static_cast<std::uint8_t>((octets[0] & 0x7f) | 1);
    serials.push_back(*Serial::make(octets));
  }
  return serials;
}

/// One in ten is revoked; each knows when it expires.
store::Status status_of(std::size_t i) {
  store::Status status;
  status.expires = unix_seconds(1'800'000'000 + static_cast<std::int64_t>(i % 10'000'000));
  if (i % 10 == 0) {
    status.state = store::State::kRevoked;
    status.revoked_at = unix_seconds(1'790'000'000);
    status.reason = ReasonCode::kSuperseded;
  }
  return status;
}

double file_octets(const std::string& directory, std::size_t records) {
  struct stat info {};
  ::stat((directory + "/data.mdb").c_str(), &info);
  return static_cast<double>(info.st_size) / static_cast<double>(records);
}

double peak_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

struct Figures {
  double load_per_second = 0;
  double octets_per_record = 0;
  double lookup_ns = 0;
};

Figures bare_lmdb(const std::string& directory, const std::vector<Serial>& sorted,
                  const std::vector<Serial>& wanted) {
  Figures figures;
  ::mkdir(directory.c_str(), 0750);
  MDB_env* env = nullptr;
  must_lmdb(mdb_env_create(&env));
  must_lmdb(mdb_env_set_mapsize(env, std::size_t{16} << 30));
  must_lmdb(mdb_env_open(env, directory.c_str(), MDB_NOTLS, 0640));
  auto start = Steady::now();
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  must_lmdb(mdb_txn_begin(env, nullptr, 0, &txn));
  must_lmdb(mdb_dbi_open(txn, nullptr, 0, &dbi));
  const std::array<std::uint8_t, 6> bare_value{};  // status and a 40-bit time
  for (const Serial& serial : sorted) {
    MDB_val key{serial.octets().size(), const_cast<std::uint8_t*>(serial.octets().data())};
    MDB_val value{bare_value.size(), const_cast<std::uint8_t*>(bare_value.data())};
    must_lmdb(mdb_put(txn, dbi, &key, &value, MDB_APPEND));
  }
  must_lmdb(mdb_txn_commit(txn));
  figures.load_per_second = static_cast<double>(sorted.size()) / seconds_since(start);
  figures.octets_per_record = file_octets(directory, sorted.size());
  must_lmdb(mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn));
  start = Steady::now();
  for (const Serial& serial : wanted) {
    mdb_txn_reset(txn);
    must_lmdb(mdb_txn_renew(txn));
    MDB_val key{serial.octets().size(), const_cast<std::uint8_t*>(serial.octets().data())};
    MDB_val value{};
    must_lmdb(mdb_get(txn, dbi, &key, &value));
  }
  figures.lookup_ns = seconds_since(start) * 1e9 / static_cast<double>(wanted.size());
  mdb_txn_abort(txn);
  mdb_env_close(env);
  return figures;
}

store::IssuerKey key_of(std::uint8_t n) {
  store::IssuerKey key;
  key.digest.fill(n);
  return key;
}

double load(store::Store& store, store::IssuerId issuer, const std::vector<Serial>& serials) {
  const auto start = Steady::now();
  auto replacement = must(store.begin_replacement(issuer));
  for (std::size_t i = 0; i < serials.size(); ++i) {
    must(replacement->put(serials[i], status_of(i)));
  }
  must(replacement->commit({}));
  return static_cast<double>(serials.size()) / seconds_since(start);
}

Figures ours(const std::string& directory, const std::vector<Serial>& serials,
             const std::vector<Serial>& wanted) {
  Figures figures;
  const auto store = must(store::Store::open(directory));
  const store::IssuerId issuer = must(store->ensure_issuer(key_of(1), "bench"));
  figures.load_per_second = load(*store, issuer, serials);
  figures.octets_per_record = file_octets(directory, serials.size());
  const auto reader = store->reader();
  const auto start = Steady::now();
  for (const Serial& serial : wanted) {
    reader->renew();
    if (!must(reader->find(issuer, serial.octets()))) {
      std::exit(70);
    }
  }
  figures.lookup_ns = seconds_since(start) * 1e9 / static_cast<double>(wanted.size());
  return figures;
}

void changes_beside_records(const std::string& directory, const std::vector<Serial>& wanted) {
  const auto store = must(store::Store::open(directory));
  const store::IssuerId issuer = *store->find_issuer(key_of(1));
  store::Status revoked;
  revoked.state = store::State::kRevoked;
  revoked.revoked_at = unix_seconds(1'795'000'000);
  std::vector<store::Change> changes;
  constexpr std::size_t kTransactions = 50;
  auto start = Steady::now();
  for (std::size_t t = 0; t < kTransactions; ++t) {
    changes.clear();
    for (std::size_t i = 0; i < kChangesPerTransaction; ++i) {
      changes.push_back({wanted[(t * kChangesPerTransaction + i) % wanted.size()], revoked});
    }
    must(store->apply(issuer, changes));
  }
  std::printf("random durable changes, %zu a transaction: %.0f/s\n", kChangesPerTransaction,
              static_cast<double>(kTransactions * kChangesPerTransaction) / seconds_since(start));
  std::vector<double> single;
  for (std::size_t i = 0; i < 300; ++i) {
    start = Steady::now();
    must(store->apply(issuer, std::vector{store::Change{wanted[i], revoked}}));
    single.push_back(seconds_since(start) * 1e3);
  }
  std::sort(single.begin(), single.end());
  std::printf("one durable change: p50 %.2f ms, p99 %.2f ms\n", single[150], single[297]);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t records = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  std::string root =
      (argc > 2 ? std::string(argv[2]) : std::string("/tmp")) + "/muster-bench.XXXXXX";
  if (records == 0 || ::mkdtemp(root.data()) == nullptr) {
    std::fprintf(stderr, "usage: muster_bench_store [records] [directory]\n");
    return 64;
  }
  const std::vector<Serial> unsorted = make_serials(records);
  std::vector<Serial> sorted = unsorted;
  std::sort(sorted.begin(), sorted.end());
  std::vector<Serial> wanted;
  std::mt19937_64 random(2);
  for (std::size_t i = 0; i < kLookups; ++i) {
    wanted.push_back(sorted[random() % sorted.size()]);
  }
  const double before = peak_mib();
  const Figures s = ours(root + "/sorted", sorted, wanted);
  const Figures u = ours(root + "/unsorted", unsorted, wanted);
  const double after = peak_mib();
  const Figures bare = bare_lmdb(root + "/bare", sorted, wanted);
  std::printf("%zu records, %zu-octet serials, one in ten revoked\n", records, kSerialOctets);
  std::printf("%-22s %14s %8s %12s %12s\n", "", "load records/s", "/ bare", "octets each",
              "lookup ns");
  const auto print = [&](const char* name, const Figures& f) {
    std::printf("%-22s %14.0f %8.2f %12.1f %12.0f\n", name, f.load_per_second,
                f.load_per_second / bare.load_per_second, f.octets_per_record, f.lookup_ns);
  };
  print("bare LMDB, sorted", bare);
  print("muster, sorted", s);
  print("muster, unsorted", u);
  std::printf("lookup / bare: %.2f\n", s.lookup_ns / bare.lookup_ns);
  std::printf("resident peak above the input: %.0f MiB (mapped file pages included)\n",
              after - before);
  changes_beside_records(root + "/sorted", wanted);
  const auto start = Steady::now();
  const auto again = must(store::Store::open(root + "/sorted"));
  std::printf("open: %.2f ms\n", seconds_since(start) * 1e3);
  std::error_code ignored;
  std::filesystem::remove_all(root, ignored);
  return 0;
}
