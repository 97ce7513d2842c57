#include "control_socket.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include "haproxy.h"
#include "muster/testing/temp_dir.h"
#include "peer.h"

namespace muster::stapler {
namespace {

using ::testing::HasSubstr;
using testing_staples::Peer;

// Words as HAProxy 2.6 and 3.0 say them.
TEST(Haproxy, ItsAnswersAreUnderstood) {
  struct Row {
    const char* answer;
    HaproxySays says;
    const char* why;
  };
  const Row rows[] = {
      {"OCSP Response updated!\n\n", HaproxySays::kDone, ""},
      {"OCSP single response: Certificate ID does not match any certificate or issuer.\n\n",
       HaproxySays::kNoEntry, "HAProxy said"},
      {"OCSP single response: no longer valid. Must be valid during at least 300s.\n\n",
       HaproxySays::kRefused, "within 300 s"},
      {"'set ssl ocsp-response' received invalid base64 encoded response.\n\n",
       HaproxySays::kRefused, "tune.bufsize"},
      {"Permission denied\n\n", HaproxySays::kRefused, "level admin"},
      {"Unknown command. Please enter one of the following\n\n", HaproxySays::kRefused,
       "built without OCSP"},
      {"something new\x1b[2J\n", HaproxySays::kRefused, "HAProxy said: something new\\x1b[2J"},
  };
  for (const auto& [answer, says, why] : rows) {
    const HaproxyAnswer got = read_push_answer(answer);
    EXPECT_EQ(got.says, says) << answer;
    EXPECT_THAT(got.why, HasSubstr(why));
    EXPECT_EQ(got.why.empty(), says == HaproxySays::kDone);
  }
  EXPECT_EQ(read_stage_answer("Transaction created for certificate /x!\n\n").says,
            HaproxySays::kDone);
  EXPECT_EQ(read_stage_answer("Transaction updated for certificate /x!\n\n").says,
            HaproxySays::kRefused)
      << "somebody else's";
  EXPECT_THAT(read_stage_answer("Can't replace a certificate which is not referenced by the "
                                "configuration!\nCan't update /x.ocsp!\n\n")
                  .why,
              HasSubstr("calls it by another path"));
  EXPECT_EQ(read_commit_answer("Committing /x.\nSuccess!\n\n").says, HaproxySays::kDone);
  EXPECT_EQ(open_transaction("# transaction\n*/x.pem\n# filename\n/x.pem\n/y.pem\n"), "/x.pem");
  EXPECT_EQ(open_transaction("# filename\n/x.pem\n"), "");
}

TEST(Haproxy, ALongResponseIsAPayloadOfShortLines) {
  const std::string request = push_request(Buffer(5000, 0xab));
  EXPECT_TRUE(request.starts_with("set ssl ocsp-response <<\n"));
  EXPECT_TRUE(request.ends_with("\n\n"));
  std::size_t longest = 0, at = 0;
  for (std::size_t end = request.find('\n'); end != std::string::npos;
       at = end + 1, end = request.find('\n', at)) {
    longest = std::max(longest, end - at);
  }
  EXPECT_EQ(longest, 76U);
}

class ControlSocketTest : public ::testing::Test {
 protected:
  ControlSocket::Answer ask(const std::string& question, Milliseconds timeout) {
    ControlSocket socket(loop, *net::SocketAddress::parse("unix:" + dir.file("s")), timeout);
    std::optional<ControlSocket::Answer> got;
    socket.ask(question, [&](const ControlSocket::Answer& answer) {
      got.emplace(answer);
      loop.stop();
    });
    EXPECT_TRUE(socket.asking());
    loop.run();
    return *got;
  }
  testing::TempDir dir;
  net::Loop loop;
};

TEST_F(ControlSocketTest, AnswersArriveWholeHoweverTheyAreSent) {
  const std::string question(200'000, 'q');
  Peer peer(dir.file("s"), [&](int fd) {
    std::string read(question.size(), ' ');
    ASSERT_EQ(::recv(fd, read.data(), read.size(), MSG_WAITALL),
              static_cast<::ssize_t>(question.size()));
    EXPECT_EQ(read, question);
    for (const char c : std::string("done\n")) {
      ASSERT_EQ(::send(fd, &c, 1, MSG_NOSIGNAL), 1);
    }
  });
  const auto answer = ask(question, Milliseconds(20'000));
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(*answer, "done\n");
}

TEST_F(ControlSocketTest, SilentEndlessAndAbsentServersAreLeft) {
  EXPECT_THAT(ask("x\n", Milliseconds(20'000)).error(), HasSubstr(dir.file("s")));
  {
    Peer peer(dir.file("s"), [](int fd) {
      char c = 0;
      while (::recv(fd, &c, 1, 0) > 0) {  // until it hangs up
      }
    });
    EXPECT_THAT(ask("x\n", Milliseconds(50)).error(), HasSubstr("did not answer within 50 ms"));
  }
  {
    Peer peer(dir.file("s"), [](int fd) {
      const std::string much(65'536, 'a');
      while (::send(fd, much.data(), much.size(), MSG_NOSIGNAL) > 0) {
      }
    });
    EXPECT_THAT(ask("x\n", Milliseconds(20'000)).error(), HasSubstr("more than"));
  }
  Peer peer(dir.file("s"), [](int) {});
  EXPECT_FALSE(ask("x\n", Milliseconds(20'000)));
}

}  // namespace
}  // namespace muster::stapler
