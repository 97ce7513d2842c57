#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>

#include "publish_fixture.h"

// A publisher is killed at every step, and its disk is full at every octet. Whatever happens the
// published files are whole CRLs, a number is never signed twice, and the next publisher goes on.
namespace muster::publish {
namespace {

using namespace testing;
using ::testing::AnyOf;
using ::testing::HasSubstr;

class Crash : public PublishTest {
 protected:
  /// Compares with what a number was signed with before; the same file of the same number must be
  /// the same octets for ever.
  void note_signed(const std::string& path, const std::string& series) {
    const ReadCrl crl = read(path);
    const auto [it, is_new] = signed_.emplace(series + " " + crl.number().to_hex(), crl.octets);
    EXPECT_TRUE(is_new || it->second == crl.octets)
        << path << ": number " << crl.number().to_hex() << " was used twice";
  }
  /// Everything that was signed and can be seen: published, and in the state directory of a
  /// publisher that died.
  void note_all() {
    for (std::size_t i = 0; i < partitioned_spec().partitions.size(); ++i) {
      const Partition partition = partitioned_spec().partitions[i];
      note_signed(partition.out, "complete-" + std::to_string(i));
      if (exists(partition.delta_out)) {
        note_signed(partition.delta_out, "delta-" + std::to_string(i));
      }
    }
    for (const auto& entry : std::filesystem::directory_iterator(directory_.file("state"))) {
      const std::string name = entry.path().filename();
      if (name.ends_with(".crl")) {  // complete-0-1A.crl
        note_signed(entry.path(), name.substr(0, name.rfind('-')));
      }
    }
  }
  /// Runs `body` in a child. Returns its wait status.
  template <class Body>
  static int in_child(Body&& body) {
    const pid_t child = ::fork();
    if (child == 0) {
      body();
      std::_Exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
  }
  std::map<std::string, Buffer> signed_;
};

// req: OCSP-CRL-009, OCSP-CRL-011
TEST_F(Crash, AtEveryStepLeavesWholeCrlsAndANumberThatIsNeverUsedAgain) {
  publish(partitioned_spec());
  UnixSeconds now = kTestNow;
  std::size_t killed = 0;
  for (const What what : {What::kComplete, What::kDelta}) {
    for (int kill_at = 1;; ++kill_at) {
      now += Seconds(60);
      set(static_cast<std::uint64_t>(1000 + kill_at), revoked(ReasonCode::kSuperseded, now));
      const int status = in_child([&] {
        Spec dying = partitioned_spec();
        int step = 0;
        dying.checkpoint_for_test = [&](std::string_view) {
          if (++step == kill_at) {
            ::kill(::getpid(), SIGKILL);
          }
        };
        auto store = store::Store::open(directory_.file("store"),
                                        {.mode = store::StoreOptions::Mode::kReadOnly});
        auto publisher = store ? Publisher::open(dying, **store, now) : Err{PublishError{}};
        std::_Exit(publisher && (*publisher)->publish(what, now) ? 0 : 1);
      });
      note_all();
      if (WIFEXITED(status)) {
        EXPECT_EQ(WEXITSTATUS(status), 0);
        break;  // there was no such step: all were tried
      }
      ++killed;
      // The next one finds everything in order, publishes, and says what the store says.
      now += Seconds(1);
      const auto publisher = open(partitioned_spec(), now);
      ASSERT_NE(publisher, nullptr);
      note_all();
      must(publisher->publish(What::kComplete, now));
      note_all();
      std::size_t entries = 0;
      for (const Partition& partition : partitioned_spec().partitions) {
        const ReadCrl crl = read(partition.out);
        entries += crl.view.entry_count;
        EXPECT_EQ(crl.view.this_update, now);
      }
      std::uint64_t in_store = 0;
      EXPECT_TRUE(store_->for_each(id_, [&](const Serial&, const store::Status&) { ++in_store; }));
      EXPECT_EQ(entries, in_store);
      for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
        EXPECT_EQ(entry.path().native().find(".tmp."), std::string::npos)
            << entry.path() << " was left lying about";
      }
    }
  }
  EXPECT_GE(killed, 20u) << "each CRL made and each file put in place is a step";
}

TEST_F(Crash, OfADiskThatIsFullLeavesTheOldCrlAndSaysSo) {
  for (std::uint64_t i = 0; i < 300; ++i) {
    set(i, revoked());
  }
  publish(spec_with_deltas());
  const std::string before = muster::testing::read_text(out());
  std::size_t failures = 0;
  bool passed = false;
  // A limit on the size of files stands in for the disk: it hits the state, the CRL and the
  // published copy in turn.
  for (rlim_t limit = 0; !passed; limit += limit < 1000 ? 97 : 1999) {
    ASSERT_LT(limit, 100'000u);
    const std::string report = directory_.file("report");
    const int status = in_child([&] {
      std::signal(SIGXFSZ, SIG_IGN);
      const int fd = ::open(report.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
      auto store = store::Store::open(directory_.file("store"),
                                      {.mode = store::StoreOptions::Mode::kReadOnly});
      auto publisher = store ? Publisher::open(spec_with_deltas(), **store, kTestNow + Seconds(1))
                             : Err{PublishError{}};
      if (!publisher) {
        std::_Exit(2);
      }
      rlimit size{limit, RLIM_INFINITY};
      ::setrlimit(RLIMIT_FSIZE, &size);
      const auto done = (*publisher)->publish(What::kComplete, kTestNow + Seconds(1));
      size.rlim_cur = RLIM_INFINITY;
      ::setrlimit(RLIMIT_FSIZE, &size);
      if (!done) {
        const std::string detail =
            std::string(to_string(done.error().code)) + " " + done.error().detail;
        std::_Exit(::write(fd, detail.data(), detail.size()) > 0 ? 1 : 3);
      }
      std::_Exit(0);
    });
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_THAT(WEXITSTATUS(status), AnyOf(0, 1));
    passed = WEXITSTATUS(status) == 0;
    if (!passed) {
      ++failures;
      EXPECT_THAT(muster::testing::read_text(report), HasSubstr("io cannot write"));
      EXPECT_EQ(muster::testing::read_text(out()), before);
    }
  }
  EXPECT_GE(failures, 5u);
  EXPECT_EQ(read(out()).view.this_update, kTestNow + Seconds(1));
}

}  // namespace
}  // namespace muster::publish
