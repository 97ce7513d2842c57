#include "carrier.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <mutex>

#include "command.h"
#include "muster/testing/fake_clock.h"
#include "muster/testing/temp_dir.h"
#include "peer.h"
#include "socket_carrier.h"
#include "staples.h"

namespace muster::stapler {
namespace {

using ::testing::HasSubstr;
using testing::kTestNow;
using namespace testing_staples;

class CarrierTest : public ::testing::Test {
 protected:
  TargetOptions command(const std::string& script) {
    TargetOptions target;
    target.kind = TargetKind::kExec;
    target.command = {"/bin/sh", dir.write("push.sh", script)};
    return target;
  }
  /// What became of each parcel, in order of their ends.
  std::vector<std::string> carry(Carrier& carrier,
                                 const std::vector<keeper::StaplePointer>& staples) {
    std::vector<std::string> ends;
    for (const auto& staple : staples) {
      carrier.carry({web(), staple, "", Event::kFirst, true}, [&](const std::string& why) {
        ends.push_back(why);
        if (ends.size() == staples.size()) {
          loop.stop();
        }
      });
    }
    loop.run();
    return ends;
  }
  testing::TempDir dir;
  testing::FakeClock clock{kTestNow};
  net::Loop loop;
};

TEST_F(CarrierTest, WhatExpiresInTheQueueIsNotHandedToACommand) {
  const auto carrier = make_carrier(loop, clock,
                                    command("echo $MUSTER_EVENT >>" + dir.file("log") +
                                            "; while [ ! -e " + dir.file("go") + " ]; do :; done"));
  loop.after(Milliseconds(1), [&] {  // the first one has begun
    clock.advance(Seconds(100));
    dir.write("go", "");
  });
  const auto ends = carry(*carrier, {good_staple(Seconds(3600)), good_staple(Seconds(100)),
                                     good_staple(Seconds(101)), nullptr});
  EXPECT_THAT(ends, ::testing::ElementsAre("", HasSubstr("expired while it waited"), "", ""));
  EXPECT_EQ(testing::read_text(dir.file("log")), "staple\nstaple\nnone\n");
}

// An empty input would be taken for an empty staple.
TEST_F(CarrierTest, ACommandIsNotRunWithoutItsInput) {
  const auto carrier = make_carrier(loop, clock, command("touch " + dir.file("ran")));
  ::rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  ::rlimit small = limit;
  small.rlim_cur = 16;
  const auto before = ::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &small);
  const auto ends = carry(*carrier, {good_staple()});
  ::setrlimit(RLIMIT_FSIZE, &limit);
  ::signal(SIGXFSZ, before);
  EXPECT_THAT(ends, ::testing::ElementsAre(HasSubstr("was not run: no file for its input")));
  EXPECT_NE(::access(dir.file("ran").c_str(), F_OK), 0);
}

TEST_F(CarrierTest, ACommandThatWasKilledIsTakenInWithoutWaitingForIt) {
  Command sleeper(loop, {"/bin/sleep", "60"}, Milliseconds(20));
  std::optional<CommandEnd> end;
  sleeper.run({}, -1, [&](const CommandEnd& e) {
    end = e;
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(end.value().how, CommandEnd::How::kTimeout);
  // The loop takes it in later: then this process has no child.
  ::siginfo_t info{};
  while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
    loop.after(Milliseconds(5), [&] { loop.stop(); });
    loop.run();
  }
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(CarrierTest, ASocketThatHangsFailsAllThatWaitAtOnce) {
  Peer peer(dir.file("s"), [](int fd) {
    char c = 0;
    while (::recv(fd, &c, 1, 0) > 0) {
    }
  });
  const auto carrier = make_haproxy_carrier(
      loop, clock, *net::SocketAddress::parse("unix:" + dir.file("s")), Milliseconds(100));
  const auto begin = std::chrono::steady_clock::now();
  const auto ends = carry(*carrier, std::vector<keeper::StaplePointer>(50, good_staple()));
  EXPECT_THAT(ends, ::testing::Each(HasSubstr("did not answer")));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, Milliseconds(50 * 100))
      << "one time-out, not one after the other";
}

/// A HAProxy without an entry for the certificate, with one transaction at a time.
class HaproxyPeer {
 public:
  explicit HaproxyPeer(const std::string& path) : peer_(path, [this](int fd) { serve(fd); }) {}
  /// Questions up to now, by their first three words.
  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex_);
    return std::exchange(heard_, {});
  }
  void set(bool hangs_at_commit, const std::string& open) {
    const std::lock_guard lock(mutex_);
    hangs_ = hangs_at_commit;
    open_ = open;
  }

 private:
  void serve(int fd) {
    const std::string question = read_question(fd);
    if (question.empty()) {
      return;
    }
    const std::string what = question.substr(0, question.find_first_of("/<\n"));
    std::unique_lock lock(mutex_);
    heard_.push_back(what);
    std::string answer = "OCSP single response: Certificate ID does not match any certificate.\n";
    if (what == "set ssl cert ") {
      answer = open_.empty() ? "Transaction created for certificate /tls/web.pem!\n"
                             : "Only one transaction at a time\n";
      open_ = "/tls/web.pem";
    } else if (what == "show ssl cert") {
      answer =
          (open_.empty() ? "" : "# transaction\n*" + open_ + "\n") + "# filename\n/tls/web.pem\n";
    } else if (what == "abort ssl cert ") {
      answer = "Transaction aborted\n";
      open_.clear();
    } else if (what == "commit ssl cert ") {
      if (hangs_) {
        lock.unlock();
        char octet = 0;
        while (::recv(fd, &octet, 1, 0) > 0) {
        }
        return;
      }
      answer = "Committing.\nSuccess!\n";
      open_.clear();
    }
    ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
  }

  std::mutex mutex_;
  std::vector<std::string> heard_;  // guarded
  std::string open_;                // guarded
  bool hangs_ = false;              // guarded
  Peer peer_;
};

TEST_F(CarrierTest, ATransactionOfOursThatWasLeftOpenIsAbortedAndOneOfOthersIsNot) {
  HaproxyPeer peer(dir.file("s"));
  const auto carrier = make_haproxy_carrier(
      loop, clock, *net::SocketAddress::parse("unix:" + dir.file("s")), Milliseconds(5'000));
  peer.set(true, "");
  EXPECT_THAT(carry(*carrier, {good_staple()}),
              ::testing::ElementsAre(HasSubstr("did not answer")));
  EXPECT_THAT(peer.heard(), ::testing::ElementsAre("set ssl ocsp-response ", "show ssl cert",
                                                   "set ssl cert ", "commit ssl cert "));
  peer.set(false, "/tls/web.pem");
  EXPECT_THAT(carry(*carrier, {good_staple()}), ::testing::ElementsAre(""));
  EXPECT_THAT(peer.heard(),
              ::testing::ElementsAre("show ssl cert", "abort ssl cert ", "set ssl ocsp-response ",
                                     "show ssl cert", "set ssl cert ", "commit ssl cert "));
  peer.set(false, "/tls/web.pem");
  EXPECT_THAT(
      carry(*carrier, {good_staple()}),
      ::testing::ElementsAre(HasSubstr("somebody's transaction on '/tls/web.pem' is open")));
  EXPECT_THAT(peer.heard(), ::testing::ElementsAre("set ssl ocsp-response ", "show ssl cert"));
}

}  // namespace
}  // namespace muster::stapler
