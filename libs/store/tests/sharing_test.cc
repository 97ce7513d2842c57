#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <thread>

#include "store_fixture.h"

// Several Stores on one directory: in one process, and in several.
namespace muster::store {
namespace {

using muster::testing::kTestNow;
using testing::contents;
using testing::good;
using ::testing::HasSubstr;
using testing::key_of;
using testing::must;
using testing::must_open;
using testing::serial_of;
using testing::StoreTest;

class SharingTest : public StoreTest {
 protected:
  /// Runs `body` in a child process that has no store open; expects true.
  static void in_child(const std::function<bool()>& body) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::_exit(body() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  /// A child forked now that acts when told: a parent with an open store must not fork and have the
  /// child use LMDB.
  class Helper {
   public:
    explicit Helper(const std::function<bool()>& body) {
      EXPECT_EQ(::pipe(go_), 0);
      child_ = ::fork();
      if (child_ == 0) {
        char octet = 0;
        const bool told = ::read(go_[0], &octet, 1) == 1;
        ::_exit(told && body() ? 0 : 1);
      }
    }
    void run() {
      ASSERT_EQ(::write(go_[1], "x", 1), 1);
      int status = 0;
      ASSERT_EQ(::waitpid(child_, &status, 0), child_);
      EXPECT_EQ(status, 0);
      ::close(go_[0]);
      ::close(go_[1]);
    }

   private:
    int go_[2] = {-1, -1};
    pid_t child_ = -1;
  };
};

TEST_F(SharingTest, TwoStoresOfOneProcessAreOne) {
  const auto a = must_open(path());
  const auto b = must_open(path() + "/../" +
                           path().substr(path().rfind('/') + 1));  // the same by another name
  const IssuerId issuer = must(a->ensure_issuer(key_of(1), "CA"));
  const std::uint64_t epoch = b->epoch();
  must(a->apply(issuer, std::vector{Change{serial_of(1), good()}}));
  EXPECT_GT(b->epoch(), epoch);
  EXPECT_EQ(contents(*b, issuer).size(), 1u);
}

TEST_F(SharingTest, ReadOnlyBesideReadWriteStaysReadOnly) {
  const auto writer = must_open(path());
  const IssuerId issuer = must(writer->ensure_issuer(key_of(1), "CA"));
  StoreOptions options;
  options.mode = StoreOptions::Mode::kReadOnly;
  const auto reader = must_open(path(), options);
  EXPECT_FALSE(reader->apply(issuer, {}));
  must(writer->apply(issuer, {}));
}

TEST_F(SharingTest, ReadWriteBesideReadOnlyIsRefused) {
  must_open(path());
  StoreOptions options;
  options.mode = StoreOptions::Mode::kReadOnly;
  const auto reader = must_open(path(), options);
  const auto writer = Store::open(path());
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, StoreErrc::kBusy);
}

TEST_F(SharingTest, ReopeningWhileAnotherThreadClosesWorks) {
  { must(must_open(path())->ensure_issuer(key_of(1), "CA")); }
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const auto store = must_open(path());
        EXPECT_EQ(store->issuers().size(), 1u);
      }
    });
  }
}

TEST_F(SharingTest, ChangesOfAnotherProcessAreSeenAtTheNextRenew) {
  Helper helper([this] {
    const auto store = must_open(path());
    const IssuerId a = must(store->ensure_issuer(key_of(1), "A"));
    const IssuerId b =
        must(store->ensure_issuer(key_of(2), "B"));  // a partition the parent has no handle of
    return store->apply(a, std::vector{Change{serial_of(1), good()}}) &&
           store->apply(b, std::vector{Change{serial_of(2), good()}});
  });
  const auto store = must_open(path());
  const IssuerId issuer = must(store->ensure_issuer(key_of(1), "A"));
  const auto reader = store->reader();
  const std::uint64_t before = reader->renew();
  EXPECT_FALSE(must(reader->find(issuer, serial_of(1).octets())));
  helper.run();
  EXPECT_FALSE(must(reader->find(issuer, serial_of(1).octets()))) << "still the old state";
  EXPECT_GT(reader->renew(), before);
  EXPECT_TRUE(must(reader->find(issuer, serial_of(1).octets())));
  const auto other = store->find_issuer(key_of(2));
  ASSERT_TRUE(other);
  EXPECT_TRUE(must(reader->find(*other, serial_of(2).octets())));
  EXPECT_EQ(contents(*store, *other).size(), 1u);
  must(store->apply(*other, std::vector{Change{serial_of(3), good()}}));
  EXPECT_TRUE(store->verify(*other));
}

TEST_F(SharingTest, AMapGrownByAnotherProcessIsFollowed) {
  StoreOptions small;
  small.map_bytes = std::size_t{1} << 20;
  Helper helper([this] {
    StoreOptions large;
    large.map_bytes = std::size_t{64} << 20;
    const auto store = must_open(path(), large);
    std::vector<Change> many;
    for (std::uint64_t n = 0; n < 100'000; ++n) {
      many.push_back({serial_of(n), good(kTestNow)});
    }
    return static_cast<bool>(store->apply(must(store->ensure_issuer(key_of(1), "A")), many));
  });
  const auto store = must_open(path(), small);
  const IssuerId issuer = must(store->ensure_issuer(key_of(1), "A"));
  const auto reader = store->reader();
  ASSERT_NE(reader->renew(), 0u);
  helper.run();
  ASSERT_NE(reader->renew(), 0u);
  EXPECT_TRUE(must(reader->find(issuer, serial_of(99'999).octets())));
  reader->release();
  must(store->apply(issuer, std::vector{Change{serial_of(1), good()}}));
  EXPECT_EQ(contents(*store, issuer).size(), 100'000u);
}

TEST_F(SharingTest, SlotsOfDeadReadersAreCleared) {
  StoreOptions few;
  few.max_readers = 3;
  for (int i = 0; i < 6; ++i) {
    in_child([&] {
      const auto store = must_open(path(), few);
      const auto reader = store->reader();
      return reader->renew() != 0;  // ends without releasing
    });
  }
  const auto store = must_open(path(), few);
  const auto reader = store->reader();
  EXPECT_NE(reader->renew(), 0u);
}

TEST_F(SharingTest, TooManyReadersAreAnErrorNotACrash) {
  StoreOptions few;
  few.max_readers = 2;
  const auto store = must_open(path(), few);
  const IssuerId issuer = must(store->ensure_issuer(key_of(1), "A"));
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 2; ++i) {
    readers.push_back(store->reader());
    EXPECT_NE(readers.back()->renew(), 0u);
  }
  const auto third = store->reader();
  EXPECT_EQ(third->renew(), 0u);
  const auto found = third->find(issuer, serial_of(1).octets());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, StoreErrc::kBusy);
  readers.clear();
  EXPECT_NE(third->renew(), 0u);
}

/// A store and what happens to its directory while it is in use.
class PlaceTest : public StoreTest {
 protected:
  void fill(StoreOptions::Life life = StoreOptions::Life::kLasting) {
    StoreOptions options;
    options.life = life;
    store_ = must_open(directory(), options);
    issuer_ = must(store_->ensure_issuer(key_of(1), "CA"));
    must(store_->apply(issuer_, std::vector{Change{serial_of(1), good()}}));
    reader_ = store_->reader();
    ASSERT_NE(reader_->renew(), 0u);
  }
  [[nodiscard]] std::string directory() const { return path() + "/store"; }
  [[nodiscard]] std::string away() const { return path() + "/away"; }
  void move_away() const { std::filesystem::rename(directory(), away()); }
  StoreResult<std::uint64_t> change() {
    return store_->apply(issuer_, std::vector{Change{serial_of(2), good()}});
  }
  void expect_silence() {
    EXPECT_EQ(reader_->renew(), 0u);
    const auto found = reader_->find(issuer_, serial_of(1).octets());
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, StoreErrc::kIo);
    EXPECT_THAT(found.error().detail, HasSubstr("replaced, moved or removed"));
    EXPECT_FALSE(store_->verify(issuer_));
    EXPECT_FALSE(store_->figures());
    EXPECT_FALSE(change());
  }
  void expect_service() {
    EXPECT_NE(reader_->renew(), 0u);
    EXPECT_TRUE(must(reader_->find(issuer_, serial_of(1).octets())));
    EXPECT_TRUE(store_->verify(issuer_));
    EXPECT_TRUE(change());
  }
  std::unique_ptr<Store> store_;
  std::unique_ptr<Reader> reader_;
  IssuerId issuer_{};
};

TEST_F(PlaceTest, NothingIsToldOfAStoreThatOthersDoNotFindAnyMore) {
  fill();
  EXPECT_TRUE(store_->check_in_place());
  move_away();
  EXPECT_FALSE(store_->check_in_place());
  expect_silence();
  must_open(directory());  // another one, as from a backup
  const auto looked = store_->check_in_place();
  ASSERT_FALSE(looked);
  EXPECT_EQ(looked.error().code, StoreErrc::kIo);
  EXPECT_THAT(looked.error().detail, HasSubstr("restart"));
  expect_silence();
  std::filesystem::remove_all(directory());
  std::filesystem::rename(away(), directory());
  EXPECT_TRUE(store_->check_in_place());
  expect_service();
}

TEST_F(PlaceTest, AWriterLooksByItselfAndTakesNothingThatNobodyWouldFind) {
  fill();
  move_away();
  EXPECT_FALSE(change());
  expect_silence();
}

TEST_F(PlaceTest, ATemporaryStoreMayBeTidiedAwayUnderItsUser) {
  fill(StoreOptions::Life::kTemporary);
  std::filesystem::remove_all(directory());
  EXPECT_TRUE(store_->check_in_place());
  expect_service();
}

}  // namespace
}  // namespace muster::store
