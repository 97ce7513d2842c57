#include <gmock/gmock.h>
#include <lmdb.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "format.h"
#include "store_fixture.h"

// Disks that are full, files that are not what they should be.
namespace muster::store {
namespace {

using muster::testing::kTestNow;
using testing::contents;
using testing::good;
using ::testing::HasSubstr;
using testing::key_of;
using testing::Model;
using testing::must;
using testing::must_open;
using testing::revoked;
using testing::serial_of;
using testing::StoreTest;

class FaultTest : public StoreTest {
 protected:
  void expect_open_error(StoreErrc code, const std::string& text,
                         StoreOptions::Mode mode = StoreOptions::Mode::kReadWrite) {
    StoreOptions options;
    options.mode = mode;
    const auto opened = Store::open(path(), options);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, code) << opened.error().detail;
    EXPECT_THAT(opened.error().detail, HasSubstr(text));
    EXPECT_THAT(opened.error().detail, HasSubstr(path()));
  }
  [[nodiscard]] std::string data_file() const { return path() + "/data.mdb"; }
  /// Changes the store's file behind its back, as LMDB sees it.
  void with_lmdb(const std::function<void(MDB_txn*)>& change) const {
    MDB_env* env = nullptr;
    ASSERT_EQ(mdb_env_create(&env), 0);
    mdb_env_set_maxdbs(env, 16);
    ASSERT_EQ(mdb_env_open(env, path().c_str(), 0, 0640), 0);
    MDB_txn* txn = nullptr;
    ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
    change(txn);
    ASSERT_EQ(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
  }
  static void put(MDB_txn* txn, const char* table, std::string_view key, Bytes value) {
    MDB_dbi dbi = 0;
    ASSERT_EQ(mdb_dbi_open(txn, table, MDB_CREATE, &dbi), 0);
    MDB_val k{key.size(), const_cast<char*>(key.data())};
    MDB_val v{value.size(), const_cast<std::uint8_t*>(value.data())};
    ASSERT_EQ(mdb_put(txn, dbi, &k, &v, 0), 0);
  }
  /// Fills a store with `count` records.
  IssuerId fill(Store& store, std::uint64_t count) {
    const IssuerId issuer = must(store.ensure_issuer(key_of(1), "CA"));
    std::vector<Change> changes;
    for (std::uint64_t n = 0; n < count; ++n) {
      changes.push_back(
          {serial_of(n), n % 2 != 0 ? good(kTestNow) : revoked(kTestNow, ReasonCode::kSuperseded)});
    }
    must(store.apply(issuer, changes));
    return issuer;
  }
};

/// No file of this process may grow beyond a size while this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = SIG_DFL;
};

TEST_F(FaultTest, AFullDiskLeavesTheOldStateAndGoesAwayWithTheCause) {
  const auto store = must_open(path());
  const IssuerId issuer = fill(*store, 500);
  const Model before = contents(*store, issuer);
  struct stat file {};
  ASSERT_EQ(::stat(data_file().c_str(), &file), 0);
  std::vector<Change> many;
  for (std::uint64_t n = 0; n < 60'000; ++n) {
    many.push_back({serial_of(1'000'000 + n), good()});
  }
  {
    // Every limit from nothing to nearly enough: the write fails at another place each time.
    for (rlim_t room = 0; room < 400'000; room += 37'111) {
      const FileSizeLimit limit(static_cast<rlim_t>(file.st_size) + room);
      const auto applied = store->apply(issuer, many);
      ASSERT_FALSE(applied) << room;
      EXPECT_EQ(applied.error().code, StoreErrc::kDiskFull) << applied.error().detail;
      EXPECT_THAT(applied.error().detail, HasSubstr(path()));
      EXPECT_THAT(applied.error().detail, HasSubstr("free space"));
      ASSERT_EQ(contents(*store, issuer), before);
      auto replacement = must(store->begin_replacement(issuer));
      for (const Change& change : many) {
        must(replacement->put(change.serial, *change.status));
      }
      const auto replaced = replacement->commit({});
      ASSERT_FALSE(replaced);
      EXPECT_EQ(replaced.error().code, StoreErrc::kDiskFull) << replaced.error().detail;
      ASSERT_EQ(contents(*store, issuer), before);
    }
  }
  must(store->apply(issuer, many));
  EXPECT_EQ(contents(*store, issuer).size(), before.size() + many.size());
  EXPECT_TRUE(store->verify(issuer));
}

TEST_F(FaultTest, AFullDiskWhileSortingIsSaid) {
  const auto store = must_open(path());
  const IssuerId issuer = fill(*store, 10);
  ReplacementOptions options;
  options.sort_memory_bytes = 1000;
  auto replacement = must(store->begin_replacement(issuer, options));
  const FileSizeLimit limit(2000);
  std::optional<StoreError> error;
  for (std::uint64_t n = 0; n < 1000 && !error; ++n) {
    if (const auto put = replacement->put(serial_of(n), good()); !put) {
      error = put.error();
    }
  }
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, StoreErrc::kDiskFull) << error->detail;
  EXPECT_EQ(contents(*store, issuer).size(), 10u);
}

TEST_F(FaultTest, TheMapGrowsByItselfUpToItsBound) {
  StoreOptions options;
  options.map_bytes = std::size_t{1} << 20;
  options.max_map_bytes = std::size_t{8} << 20;
  const auto store = must_open(path(), options);
  const IssuerId issuer = fill(*store, 100);
  const auto idle = store->reader();
  idle->renew();
  idle->release();
  std::uint64_t written = 0;
  std::optional<StoreError> error;
  for (std::uint64_t round = 0; round < 100 && !error; ++round) {
    std::vector<Change> changes;
    for (std::uint64_t n = 0; n < 5000; ++n) {
      changes.push_back({serial_of(1'000'000 + round * 5000 + n), good(kTestNow)});
    }
    if (const auto applied = store->apply(issuer, changes); applied) {
      written += changes.size();
    } else {
      error = applied.error();
    }
  }
  ASSERT_TRUE(error) << "8 MiB hold no 500,000 records";
  EXPECT_EQ(error->code, StoreErrc::kMapFull) << error->detail;
  EXPECT_THAT(error->detail, HasSubstr("map size"));
  EXPECT_GT(written, 50'000u) << "more than one MiB holds";
  EXPECT_EQ(contents(*store, issuer).size(), 100 + written);
  EXPECT_TRUE(store->verify(issuer));
  EXPECT_EQ(must(store->figures()).map_bytes, options.max_map_bytes);
  EXPECT_TRUE(idle->renew() != 0 && must(idle->find(issuer, serial_of(1).octets())));
}

TEST_F(FaultTest, AReaderThatHoldsAnOldStateKeepsTheMapFromGrowingAndIsNamed) {
  StoreOptions options;
  options.map_bytes = std::size_t{1} << 20;
  const auto store = must_open(path(), options);
  const IssuerId issuer = fill(*store, 100);
  const auto reader = store->reader();
  reader->renew();
  std::vector<Change> many;
  for (std::uint64_t n = 0; n < 50'000; ++n) {
    many.push_back({serial_of(1000 + n), good(kTestNow)});
  }
  const auto applied = store->apply(issuer, many);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, StoreErrc::kMapFull);
  EXPECT_THAT(applied.error().detail, HasSubstr("reader"));
  EXPECT_TRUE(must(reader->find(issuer, serial_of(1).octets()))) << "the reader lives on";
  reader->release();
  must(store->apply(issuer, many));
  EXPECT_NE(reader->renew(), 0u);
  EXPECT_TRUE(must(reader->find(issuer, serial_of(1000).octets())));
}

TEST_F(FaultTest, ReadOnlyRefusesWritesAndNeedsAStore) {
  StoreOptions read_only;
  read_only.mode = StoreOptions::Mode::kReadOnly;
  expect_open_error(StoreErrc::kOpen, "No such file", StoreOptions::Mode::kReadOnly);
  IssuerId issuer{};
  {
    const auto store = must_open(path());
    issuer = fill(*store, 5);
  }
  const auto store = must_open(path(), read_only);
  EXPECT_EQ(contents(*store, issuer).size(), 5u);
  EXPECT_FALSE(store->apply(issuer, {}));
  EXPECT_FALSE(store->ensure_issuer(key_of(2), "B"));
  EXPECT_FALSE(store->touch(issuer, {}));
  EXPECT_FALSE(store->begin_replacement(issuer));
  EXPECT_TRUE(store->verify(issuer));
}

TEST_F(FaultTest, AMissingParentDirectoryIsSaid) {
  const auto opened = Store::open(path() + "/no/such/place");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, StoreErrc::kOpen);
  EXPECT_THAT(opened.error().detail, HasSubstr("/no/such/place"));
}

TEST_F(FaultTest, WhatIsNoStoreIsRefusedUntouched) {
  const std::string garbage(20'000, 'x');
  std::ofstream(data_file()) << garbage;
  expect_open_error(StoreErrc::kNotAStore, "not a store");
  EXPECT_EQ(muster::testing::read_text(data_file()), garbage);
  ::unlink(data_file().c_str());
  with_lmdb([](MDB_txn* txn) { put(txn, "somebody", "else", as_bytes("here")); });
  expect_open_error(StoreErrc::kNotAStore, "not of muster");
  expect_open_error(StoreErrc::kNotAStore, "not of muster", StoreOptions::Mode::kReadOnly);
}

TEST_F(FaultTest, AnotherFormatVersionIsRefusedWithBothNumbers) {
  must_open(path());
  Buffer format = encode_format();
  format.back() = 9;
  with_lmdb([&](MDB_txn* txn) { put(txn, "meta", "format", format); });
  expect_open_error(StoreErrc::kWrongVersion, "version 9");
  expect_open_error(StoreErrc::kWrongVersion, "knows versions 1 to 2");
  format.back() = 0;
  with_lmdb([&](MDB_txn* txn) { put(txn, "meta", "format", format); });
  expect_open_error(StoreErrc::kWrongVersion, "version 0");
}

// Records of version 1 are records of version 2 (docs/formats/store.md).
TEST_F(FaultTest, AStoreOfVersion1IsReadAndBecomesVersion2WhenItIsOpenedForWriting) {
  IssuerId issuer{};
  {
    const auto store = must_open(path());
    issuer = fill(*store, 5);
    must(store->apply(issuer, std::vector{Change{serial_of(77), revoked(kTestNow)}}));
  }
  Buffer format = encode_format();
  format.back() = 1;
  with_lmdb([&](MDB_txn* txn) { put(txn, "meta", "format", format); });
  const auto version = [&] {
    std::uint32_t found = 0;
    with_lmdb([&](MDB_txn* txn) {
      MDB_dbi dbi = 0;
      ASSERT_EQ(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
      std::string name = "format";
      MDB_val key{name.size(), name.data()};
      MDB_val value{};
      ASSERT_EQ(mdb_get(txn, dbi, &key, &value), 0);
      found = decode_format({static_cast<const std::uint8_t*>(value.mv_data), value.mv_size})
                  .value_or(0);
    });
    return found;
  };
  StoreOptions read_only;
  read_only.mode = StoreOptions::Mode::kReadOnly;
  {
    const auto store = must_open(path(), read_only);
    EXPECT_EQ(look_up(*store, issuer, serial_of(77)), revoked(kTestNow));
  }
  EXPECT_EQ(version(), 1u) << "a reader changes nothing";
  {
    const auto store = must_open(path());
    EXPECT_EQ(contents(*store, issuer).size(), 6u);
    EXPECT_EQ(look_up(*store, issuer, serial_of(77)), revoked(kTestNow))
        << "nobody said that a CRL told it";
    EXPECT_TRUE(store->verify(issuer));
  }
  EXPECT_EQ(version(), 2u);
}

TEST_F(FaultTest, AnEmptiedFileIsNoNewStore) {
  const std::string file = path() + "/data.mdb";
  { const auto store = must_open(path()); }
  std::filesystem::resize_file(file, 0);
  for (const auto mode : {StoreOptions::Mode::kReadWrite, StoreOptions::Mode::kReadOnly}) {
    StoreOptions options;
    options.mode = mode;
    const auto opened = Store::open(path(), options);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, StoreErrc::kNotAStore);
    EXPECT_THAT(opened.error().detail, HasSubstr("data.mdb is empty (0 octets)"));
    EXPECT_THAT(opened.error().detail, HasSubstr("restore it from a backup"));
    EXPECT_EQ(std::filesystem::file_size(file), 0U) << "untouched";
  }
  std::filesystem::remove(file);
  EXPECT_TRUE(Store::open(path())) << "as the message says";
}

TEST_F(FaultTest, ACutFileIsRefused) {
  { fill(*must_open(path()), 20'000); }
  struct stat file {};
  ASSERT_EQ(::stat(data_file().c_str(), &file), 0);
  ASSERT_EQ(::truncate(data_file().c_str(), file.st_size / 2), 0);
  expect_open_error(StoreErrc::kCorrupt, "cut short");
  expect_open_error(StoreErrc::kCorrupt, "cut short", StoreOptions::Mode::kReadOnly);
  ASSERT_EQ(::truncate(data_file().c_str(), 5000), 0);
  const auto opened = Store::open(path());
  EXPECT_FALSE(opened);
}

// req: OCSP-OPS-002
TEST_F(FaultTest, TamperedRecordsAreFound) {
  IssuerId issuer{};
  const Serial victim = serial_of(0x1234567890abcdef);
  {
    const auto store = must_open(path());
    issuer = fill(*store, 100);
    must(store->apply(issuer,
                      std::vector{Change{victim, revoked(kTestNow, ReasonCode::kKeyCompromise)}}));
    ASSERT_TRUE(store->verify(issuer));
  }
  // The record's octets in the file: serial, then the value. Its first octet says revoked; make it
  // another reason.
  std::string content = muster::testing::read_text(data_file());
  const Buffer serial = to_buffer(victim.octets());
  for (std::size_t at = 0;
       (at = content.find(std::string(as_text(serial)), at)) != std::string::npos; ++at) {
    content[at + serial.size()] = static_cast<char>(0x01 | (6 << 2));
  }
  std::ofstream(data_file(), std::ios::binary) << content;
  const auto store = must_open(path());
  EXPECT_EQ(look_up(*store, issuer, victim)->reason, ReasonCode::kCessationOfOperation)
      << "a lookup cannot know";
  const auto verified = store->verify(issuer);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code, StoreErrc::kCorrupt);
  EXPECT_THAT(verified.error().detail, HasSubstr("checksum"));
}

TEST_F(FaultTest, ARecordThatDoesNotParseIsAnErrorNeverAbsent) {
  IssuerId issuer{};
  const Serial serial = serial_of(7);
  { issuer = fill(*must_open(path()), 0); }
  with_lmdb(
      [&](MDB_txn* txn) { put(txn, "p00000001", as_text(serial.octets()), as_bytes("\x03")); });
  const auto store = must_open(path());
  const auto reader = store->reader();
  reader->renew();
  const auto found = reader->find(issuer, serial.octets());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, StoreErrc::kCorrupt);
  EXPECT_FALSE(store->verify(issuer));
  EXPECT_FALSE(store->for_each(issuer, [](const Serial&, const Status&) {}));
}

}  // namespace
}  // namespace muster::store
