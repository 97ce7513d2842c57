#include "requests.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "kit/serials.h"
#include "muster/http/get_path.h"

namespace muster::bench {
namespace {

Buffer pattern(bool nonce = false) {
  Buffer octets(20, 0xaa);
  const auto serial = serial_of(0);
  octets.insert(octets.end(), serial.begin(), serial.end());
  if (nonce) {
    octets.insert(octets.end(), 32, 'n');
  }
  return octets;
}
RequestPlan plan(std::uint64_t serials, std::uint64_t hot, Order order) {
  RequestPlan out;
  out.pattern = pattern();
  out.serials = serials;
  out.hot = hot;
  out.order = order;
  return out;
}

TEST(Serials, DifferAndStayPositiveAndFull) {
  std::set<std::array<std::uint8_t, kSerialOctets>> seen;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const auto serial = serial_of(i);
    EXPECT_EQ(serial[0] & 0xc0U, 0x40U);
    EXPECT_TRUE(seen.insert(serial).second);
  }
  // The same as in bench/responder/serials.py, whose test has these octets too.
  const std::array<std::uint8_t, 4> begin{0x62, 0x20, 0xa8, 0x39};
  EXPECT_TRUE(std::equal(begin.begin(), begin.end(), serial_of(0).begin()));
}

TEST(Requests, AskAboutEveryHotCertificateInTurn) {
  auto requests = Requests::make(plan(1000, 10, Order::kSequential));
  ASSERT_TRUE(requests);
  std::set<std::uint64_t> asked;
  for (int i = 0; i < 10; ++i) {
    const Question question = requests->next();
    asked.insert(question.certificate);
    const auto serial = serial_of(question.certificate);
    const Bytes der = requests->der(question);
    EXPECT_TRUE(std::equal(serial.begin(), serial.end(), der.begin() + 20));
  }
  EXPECT_EQ(asked, (std::set<std::uint64_t>{0, 100, 200, 300, 400, 500, 600, 700, 800, 900}));
}

TEST(Requests, AtRandomReachEverything) {
  auto requests = Requests::make(plan(50, 0, Order::kRandom));
  ASSERT_TRUE(requests);
  std::set<std::uint64_t> asked;
  for (int i = 0; i < 2000; ++i) {
    asked.insert(requests->next().certificate);
  }
  EXPECT_EQ(asked.size(), 50U);
  EXPECT_EQ(*asked.rbegin(), 49U);
}

TEST(Requests, UseEachNonceOnce) {
  RequestPlan asked;
  asked.pattern = pattern(true);
  auto requests = Requests::make(asked);
  ASSERT_TRUE(requests);
  const Buffer first = to_buffer(requests->der(requests->next()));
  const Buffer second = to_buffer(requests->der(requests->next()));
  EXPECT_NE(first, second);
  EXPECT_TRUE(std::equal(first.begin(), first.begin() + 36, second.begin()));
}

TEST(Requests, AreWrittenAsGetAndAsPost) {
  RequestPlan asked;
  asked.pattern = pattern();
  std::string text;
  Requests::make(asked)->append_http({}, text);
  EXPECT_EQ(text,
            "GET /" + http::encode_get_tail(pattern()) + " HTTP/1.1\r\nHost: ocsp.example\r\n\r\n");
  asked.method = Method::kPost;
  asked.close = true;
  text.clear();
  Requests::make(asked)->append_http({}, text);
  const Buffer octets = pattern();
  EXPECT_EQ(text,
            "POST / HTTP/1.1\r\nHost: ocsp.example\r\nContent-Type: application/ocsp-request\r\n"
            "Content-Length: 36\r\nConnection: close\r\n\r\n" +
                std::string(octets.begin(), octets.end()));
}

TEST(Requests, OneInSoManyAsksWhatIsAskedBeside) {
  RequestPlan asked;
  asked.pattern = pattern(true);
  asked.beside = Buffer(5, 0x42);
  asked.one_in = 10;
  asked.method = Method::kPost;
  auto requests = Requests::make(asked);
  ASSERT_TRUE(requests);
  int beside = 0;
  for (int i = 0; i < 100; ++i) {
    const Question question = requests->next();
    std::string text;
    requests->append_http(question, text);
    EXPECT_EQ(text.ends_with("\r\n\r\nBBBBB"), question.beside);
    EXPECT_EQ(equal(requests->der(question), asked.beside), question.beside);
    beside += question.beside ? 1 : 0;
  }
  EXPECT_EQ(beside, 10);
}

TEST(Requests, NeedAPatternAboutCertificateZero) {
  RequestPlan asked;
  asked.pattern = Buffer(40, 1);
  EXPECT_FALSE(Requests::make(asked));
}

}  // namespace
}  // namespace muster::bench
