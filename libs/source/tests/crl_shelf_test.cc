#include "crl_shelf.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "crl_set_fixture.h"
#include "muster/testing/few_descriptors.h"

namespace muster::source {
namespace {

using testing::build_crl;
using testing::CrlSpec;
using ::testing::HasSubstr;
using testing::kTestNow;
using testing::make_serial;
using testing::numbered;
using testing::SourceTest;

class Shelf : public SourceTest {
 protected:
  Shelf() { reopen(); }
  /// As after a restart.
  std::vector<std::string> reopen(UnixSeconds now = kTestNow) {
    shelf_ = std::make_unique<CrlShelf>(directory_.file("shelf"), CrlShelf::Places::kByCoverage);
    std::vector<std::string> problems;
    EXPECT_TRUE(shelf_->open(terms(now), problems));
    return problems;
  }
  static CrlTerms terms(UnixSeconds now = kTestNow) {
    return {issuer().certificate, {issuer().certificate}, now, Seconds(300), 1 << 20};
  }
  HeldCrl crl(const CrlSpec& spec) {
    auto writer = ContentWriter::begin(shelf_->directory());
    EXPECT_TRUE(writer && writer->write(build_crl(issuer(), spec)));
    auto judged = judge_crl(*writer->finish(), "ca.crl", terms());
    EXPECT_TRUE(judged) << judged.error().detail;
    return *std::move(judged);
  }
  CrlShelf::Outcome take(const CrlSpec& spec) {
    auto outcome = shelf_->take(crl(spec));
    EXPECT_TRUE(outcome) << outcome.error().detail;
    return *std::move(outcome);
  }
  /// Numbers of the complete CRLs and deltas in use.
  [[nodiscard]] std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> all;
    for (const auto& held : shelf_->crls()) {
      all.push_back(held->view.crl_number->back());
    }
    return all;
  }
  static CrlSpec delta(std::uint64_t number, std::uint64_t base) {
    CrlSpec spec = numbered(number);
    spec.delta_base = base;
    return spec;
  }
  std::unique_ptr<CrlShelf> shelf_;
};

// A machine that starts with its clock far behind must not forget what it must not go back to.
TEST_F(Shelf, AClockThatIsBehindForgetsNothing) {
  take(numbered(6));
  EXPECT_TRUE(reopen(kTestNow - std::chrono::years(30)).empty());
  EXPECT_EQ(numbers(), std::vector<std::uint64_t>{6});
  EXPECT_EQ(take(numbered(5)).taken, CrlShelf::Taken::kOlder);
}

TEST_F(Shelf, ADirectoryThatCannotBeReadIsNoEmptyShelf) {
  take(numbered(6));
  CrlShelf again(directory_.file("shelf"), CrlShelf::Places::kByCoverage);
  std::vector<std::string> problems;
  const auto refused = [&] {
    const muster::testing::FewDescriptors none(0);
    return again.open(terms(), problems);
  }();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, SourceErrc::kStore);
  EXPECT_THAT(refused.error().detail, HasSubstr(directory_.file("shelf") + ": cannot be read"));
  ASSERT_TRUE(again.open(terms(), problems));
  EXPECT_EQ(again.crls().size(), 1u);
}

TEST_F(Shelf, LettingGoOfAReplacedCrlLeavesItsSuccessor) {
  const auto before = take(numbered(5)).held;
  take(numbered(6));
  shelf_->drop(*before);
  EXPECT_EQ(numbers(), std::vector<std::uint64_t>{6});
  EXPECT_TRUE(reopen().empty());
  EXPECT_EQ(numbers(), std::vector<std::uint64_t>{6}) << "on disk too";
}

// What is parked counts for nothing until a delta continues it.
TEST_F(Shelf, AParkedCrlWaitsForItsDelta) {
  take(numbered(10));
  store::IssuerState known;
  known.crl_number = Buffer{12};
  shelf_->park(*shelf_->crls()[0], "older than what is known", known);
  EXPECT_EQ(take(delta(11, 10)).taken, CrlShelf::Taken::kOlder) << "than 12, which is known";
  for (const bool restarted : {false, true}) {
    restarted ? (void)reopen() : void();
    EXPECT_TRUE(numbers().empty()) << restarted;
    ASSERT_EQ(shelf_->parked().size(), 1u) << restarted;
    for (const unsigned number : {10u, 9u}) {
      const auto outcome = take(numbered(number));
      EXPECT_EQ(outcome.taken, CrlShelf::Taken::kOlder);
      EXPECT_THAT(outcome.why, HasSubstr("older than"));
    }
    EXPECT_EQ(take(delta(12, 11)).taken, CrlShelf::Taken::kNoBase);
  }
  EXPECT_EQ(take(delta(12, 10)).taken, CrlShelf::Taken::kNew);
  for (const bool restarted : {false, true}) {
    restarted ? (void)reopen() : void();
    EXPECT_EQ(numbers(), (std::vector<std::uint64_t>{10, 12})) << restarted;
    EXPECT_TRUE(shelf_->parked().empty()) << restarted;
  }
}

TEST_F(Shelf, ANewerCrlTakesThePlaceOfAParkedOne) {
  take(numbered(10));
  shelf_->park(*shelf_->crls()[0], "older than what is known", {});
  EXPECT_EQ(take(numbered(11)).taken, CrlShelf::Taken::kNew);
  for (const bool restarted : {false, true}) {
    restarted ? (void)reopen() : void();
    EXPECT_EQ(numbers(), std::vector<std::uint64_t>{11}) << restarted;
    EXPECT_TRUE(shelf_->parked().empty()) << restarted;
  }
}

// A crash between the two would leave an old list that seems to be of now.
TEST_F(Shelf, AListHasItsTimeBeforeItHasItsName) {
  const UniqueFd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(::inotify_add_watch(inotify.get(), shelf_->directory().c_str(),
                                IN_ATTRIB | IN_MODIFY | IN_MOVED_TO),
            0);
  auto list = judge_list(std::make_shared<Content>(to_buffer(as_bytes("01\n"))), "issued.txt",
                         kTestNow - Seconds(600));
  ASSERT_TRUE(list && shelf_->take(*std::move(list)));
  alignas(inotify_event) char events[4096];
  const ssize_t got = ::read(inotify.get(), events, sizeof events);
  bool named = false;
  for (ssize_t at = 0; at < got;) {
    inotify_event event{};
    std::memcpy(&event, events + at, sizeof event);
    const std::string_view name(events + at + sizeof event);
    at += static_cast<ssize_t>(sizeof event + event.len);
    if (name.starts_with("issued-")) {
      named = named || (event.mask & IN_MOVED_TO) != 0;
      EXPECT_EQ(event.mask & (IN_ATTRIB | IN_MODIFY), 0u) << "stamped under its name";
    }
  }
  EXPECT_TRUE(named);
  EXPECT_TRUE(reopen().empty());
  ASSERT_EQ(shelf_->lists().size(), 1u);
  EXPECT_EQ(shelf_->lists()[0].written_at, kTestNow - Seconds(600));
}

}  // namespace
}  // namespace muster::source
