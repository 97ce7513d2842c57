#include "muster/client/sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "disk_cache.h"
#include "muster/base/turns.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/temp_dir.h"

namespace muster::client {
namespace {

using namespace muster::testing;
using ::testing::Contains;
using ::testing::IsEmpty;

using Done = std::function<void(net::FetchResult)>;

const std::string kUrl = "http://crl.test/ca.crl";
constexpr auto kKind = internal::DiskCache::Kind::kCrl;
bool always(const net::FetchResponse&) { return true; }
bool never(const net::FetchResponse&) { return false; }

net::FetchResponse ok(Buffer body) {
  net::FetchResponse response;
  response.http_status = 200;
  response.body = std::move(body);
  response.final_url = "asked";
  return response;
}
net::FetchError broken(net::FetchErrc code) { return {code, "as told", 0, std::nullopt}; }

/// A network that says what it is told, and remembers what it was asked.
class Network {
 public:
  net::FetchResult answer = ok({1});
  std::vector<net::FetchRequest> asked;
  [[nodiscard]] FetchFunction fetch() {
    return [this](const net::FetchRequest& request) {
      asked.push_back(request);
      return answer;
    };
  }
};

TEST(Sources, AskTheSameOnce) {
  Network network;
  Sources sources(network.fetch());
  const net::FetchRequest get{.url = "http://a.test/1"};
  EXPECT_TRUE(sources.fetch(get, {}, always));
  EXPECT_TRUE(sources.fetch(get, {}, always));
  EXPECT_EQ(network.asked.size(), 1u);
  for (const net::FetchRequest& other :
       {net::FetchRequest{.url = "http://a.test/2"},
        net::FetchRequest{.url = "http://a.test/1", .post_body = Buffer{1}},
        net::FetchRequest{.url = "http://a.test/1", .post_body = Buffer{2}},
        net::FetchRequest{.url = "http://a.test/1", .headers = {"Cache-Control: no-cache"}}}) {
    const std::size_t before = network.asked.size();
    EXPECT_TRUE(sources.fetch(other, {}, always));
    EXPECT_EQ(network.asked.size(), before + 1) << "another question";
  }
}

TEST(Sources, AskAgainForWhatDoesNotLast) {
  Network network;
  Sources sources(network.fetch());
  const net::FetchRequest get{.url = "http://a.test/1"};
  EXPECT_TRUE(sources.fetch(get, {}, never));
  EXPECT_TRUE(sources.fetch(get, {}, never));
  EXPECT_EQ(network.asked.size(), 2u);
  network.answer = Err{broken(net::FetchErrc::kProtocol)};
  EXPECT_FALSE(sources.fetch(get, {}, always));
  network.answer = ok({2});
  EXPECT_TRUE(sources.fetch(get, {}, always)) << "a failure does not last";
}

TEST(Sources, ThoseWhoAskAtOnceWaitForOneAnswer) {
  std::mutex mutex;
  std::vector<std::function<void(net::FetchResult)>> waiting;
  Sources sources(StartFetch([&](const net::FetchRequest&, Done done) {
    const std::lock_guard lock(mutex);
    waiting.push_back(std::move(done));
  }));
  std::atomic<int> served{0};
  {
    std::vector<std::jthread> askers;
    for (int i = 0; i < 8; ++i) {
      askers.emplace_back([&] {
        const auto got = sources.fetch({.url = "http://a.test/"}, {}, always);
        served += got && got->body == Buffer{7} ? 1 : 0;
      });
    }
    for (bool begun = false; !begun; std::this_thread::yield()) {
      const std::lock_guard lock(mutex);
      begun = !waiting.empty();
    }
    const std::lock_guard lock(mutex);
    waiting.front()(ok({7}));
  }
  EXPECT_EQ(served, 8);
  EXPECT_EQ(waiting.size(), 1u);
}

TEST(Sources, WhoWaitsForAnAnswerGivesItsTurnUp) {
  Turns turns(1);
  std::promise<Done> asked;
  Sources sources(
      StartFetch([&](const net::FetchRequest&, Done done) { asked.set_value(std::move(done)); }));
  bool answered = false;
  std::jthread asker([&] {
    Turn turn(turns);
    const auto deadline = std::chrono::steady_clock::now() + Seconds(30);
    answered = static_cast<bool>(sources.fetch({.url = "http://a.test/"}, deadline, always));
  });
  const Done done = asked.get_future().get();
  {
    Turn mine(turns);  // only behind the deadline, if the asker kept its own
    done(ok({7}));
  }
  asker.join();
  EXPECT_TRUE(answered);
}

TEST(Sources, NobodyWaitsBeyondHisDeadline) {
  int begun = 0;
  Sources sources(StartFetch([&](const net::FetchRequest&, const Done&) { ++begun; }));
  const auto now = std::chrono::steady_clock::now();
  const auto late = sources.fetch({.url = "http://a.test/"}, now - Milliseconds(1), always);
  EXPECT_EQ(late.error().code, net::FetchErrc::kTimeout);
  EXPECT_EQ(begun, 0) << "there was no time left to ask";
  const auto soon = [] { return std::chrono::steady_clock::now() + Milliseconds(200); };
  const auto hung = sources.fetch({.url = "http://a.test/"}, soon(), always);
  EXPECT_EQ(hung.error().code, net::FetchErrc::kTimeout);
  EXPECT_EQ(begun, 1);
  const auto ticket = sources.begin_crl({.url = kUrl});
  const CrlFetched crl = sources.finish_crl(ticket, soon());
  EXPECT_EQ(crl.document, nullptr);
  EXPECT_EQ(crl.failure->code, LiveErrc::kTransport);
}

TEST(Sources, WhatIsWaitedForIsFetchedHereAndCrlsAreBegun) {
  Network network;
  std::vector<std::string> begun;
  Sources sources(StartFetch([&](const net::FetchRequest& request, const Done&) {
                    begun.push_back(request.url);
                  }),
                  network.fetch(), {});
  const net::FetchRequest get{.url = "http://a.test/1"};
  EXPECT_TRUE(sources.fetch(get, {}, always));
  EXPECT_TRUE(sources.fetch(get, {}, always));
  EXPECT_EQ(network.asked.size(), 1u) << "the same is asked once here, too";
  EXPECT_THAT(begun, IsEmpty());
  (void)sources.begin_crl({.url = kUrl});
  EXPECT_EQ(begun, std::vector<std::string>{kUrl});
  EXPECT_EQ(network.asked.size(), 1u);
}

// Twice silent is left alone; who was not given his time was not silent.
TEST(Sources, WhatIsFetchedHereEndsAtTheDeadlineAndIsNotHeldAgainstTheServer) {
  std::vector<Milliseconds> limits;
  std::optional<MonotonicTime> until;
  Sources sources(StartFetch{}, FetchFunction([&](const net::FetchRequest& request) {
                    limits.push_back(request.total_timeout);
                    while (until && std::chrono::steady_clock::now() < *until) {
                      std::this_thread::yield();
                    }
                    return net::FetchResult(Err{broken(net::FetchErrc::kTimeout)});
                  }),
                  {});
  const net::FetchRequest get{.url = "http://a.test/"};
  for (unsigned i = 0; i < Sources::kPatience; ++i) {
    until = std::chrono::steady_clock::now() + Milliseconds(300);
    const auto cut = sources.fetch(get, *until, always);
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().detail, "the time for this target is over");
    ASSERT_EQ(limits.size(), i + 1);
    EXPECT_GT(limits.back(), Milliseconds(0));
    EXPECT_LE(limits.back(), Milliseconds(300));
  }
  until.reset();
  const auto far = std::chrono::steady_clock::now() + std::chrono::hours(1);
  for (unsigned i = 0; i < Sources::kPatience; ++i) {
    const auto silent = sources.fetch(get, far, always);
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().detail, "as told");
    EXPECT_EQ(limits.back(), get.total_timeout);
  }
  const std::size_t asked = limits.size();
  EXPECT_EQ(asked, 2 * Sources::kPatience);
  EXPECT_FALSE(sources.fetch(get, far, always));
  EXPECT_EQ(limits.size(), asked) << "now it was silent twice";
}

TEST(Sources, WhoFetchesHereGivesItsTurnUp) {
  Turns turns(1);
  std::promise<void> asked, answer;
  Sources sources(StartFetch{}, FetchFunction([&](const net::FetchRequest&) {
                    asked.set_value();
                    const auto told = answer.get_future().wait_for(Seconds(30));
                    return told == std::future_status::ready
                               ? net::FetchResult(ok({7}))
                               : net::FetchResult(Err{broken(net::FetchErrc::kTimeout)});
                  }),
                  {});
  bool answered = false;
  std::jthread asker([&] {
    Turn turn(turns);
    answered = static_cast<bool>(sources.fetch({.url = "http://a.test/"}, {}, always));
  });
  asked.get_future().wait();
  {
    Turn mine(turns);  // too late, if the asker kept its own
    answer.set_value();
  }
  asker.join();
  EXPECT_TRUE(answered);
}

struct SilenceCase {
  net::FetchErrc code;
  bool left_alone;
};
class SilentServers : public ::testing::TestWithParam<SilenceCase> {};

TEST_P(SilentServers, AreLeftAloneAfterTwoFailures) {
  Network network;
  network.answer = Err{broken(GetParam().code)};
  Sources sources(network.fetch());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(sources.fetch({.url = "http://a.test/" + std::to_string(i)}, {}, always).error().code,
              GetParam().code);
  }
  EXPECT_EQ(network.asked.size(), GetParam().left_alone ? Sources::kPatience : 5u);
  const std::size_t before = network.asked.size();
  EXPECT_FALSE(sources.fetch({.url = "http://b.test/"}, {}, always));
  EXPECT_FALSE(sources.fetch({.url = "http://a.test:81/"}, {}, always));
  EXPECT_EQ(network.asked.size(), before + 2) << "other servers are asked";
}
INSTANTIATE_TEST_SUITE_P(Codes, SilentServers,
                         ::testing::Values(SilenceCase{net::FetchErrc::kTimeout, true},
                                           SilenceCase{net::FetchErrc::kConnect, true},
                                           SilenceCase{net::FetchErrc::kResolve, true},
                                           SilenceCase{net::FetchErrc::kHttpStatus, false},
                                           SilenceCase{net::FetchErrc::kProtocol, false}));

// ---- CRLs

/// The same octets each time: signatures are not.
Buffer some_crl(std::uint64_t number = 1, UnixSeconds next_update = kTestNow + Seconds(86400)) {
  static std::mutex mutex;
  static std::map<std::pair<std::uint64_t, UnixSeconds>, Buffer> made;
  const std::lock_guard lock(mutex);
  Buffer& der = made[{number, next_update}];
  if (der.empty()) {
    CrlSpec spec;
    spec.number = number;
    spec.next_update = next_update;
    der = build_crl(standard_pki().intermediate, spec);
  }
  return der;
}
std::vector<std::string> validators(const net::FetchRequest& request) { return request.headers; }

class CrlSources : public ::testing::Test {
 protected:
  [[nodiscard]] SourcesOptions options() const {
    return {.cache_directory = directory_.file("cache"), .clock = &clock_};
  }
  /// One run: asks for the CRL once, and keeps what comes.
  CrlFetched run() {
    Sources sources(network_.fetch(), options());
    const auto ticket = sources.begin_crl({.url = kUrl});
    CrlFetched fetched = sources.finish_crl(ticket, {});
    if (fetched.document != nullptr) {
      sources.keep(ticket);
    }
    return fetched;
  }
  void answer(Buffer body, std::string etag = "", std::optional<Seconds> max_age = {}) {
    net::FetchResponse response = ok(std::move(body));
    response.etag = std::move(etag);
    response.max_age = max_age;
    response.last_modified = kTestNow - Seconds(100);
    network_.answer = std::move(response);
  }
  void answer_unchanged() {
    net::FetchResponse response = ok({});
    response.http_status = 304;
    network_.answer = std::move(response);
  }
  TempDir directory_;
  FakeClock clock_;
  Network network_;
};

TEST_F(CrlSources, DownloadOncePerRun) {
  answer(some_crl());
  Sources sources(network_.fetch(), options());
  const auto first = sources.begin_crl({.url = kUrl});
  const auto second = sources.begin_crl({.url = kUrl});
  const CrlFetched a = sources.finish_crl(first, {});
  const CrlFetched b = sources.finish_crl(second, {});
  ASSERT_NE(a.document, nullptr);
  EXPECT_EQ(a.document, b.document) << "kept once";
  EXPECT_EQ(network_.asked.size(), 1u);
  EXPECT_THAT(validators(network_.asked.front()), IsEmpty());
}

// req: OCSP-CRL-053
TEST_F(CrlSources, AskWhetherTheCopyIsStillTheNewest) {
  answer(some_crl(1), "\"one\"");
  EXPECT_FALSE(run().from_cache);
  answer_unchanged();
  const CrlFetched same = run();
  EXPECT_TRUE(same.from_cache);
  EXPECT_FALSE(same.kept_since) << "its place confirmed it";
  EXPECT_TRUE(equal(same.document->der(), some_crl(1)));
  EXPECT_THAT(validators(network_.asked.back()), Contains("If-None-Match: \"one\""));
  EXPECT_THAT(validators(network_.asked.back()),
              Contains("If-Modified-Since: " + format_http_date(kTestNow - Seconds(100))));
  answer(some_crl(2), "\"two\"");
  EXPECT_TRUE(equal(run().document->der(), some_crl(2)));
  answer_unchanged();
  EXPECT_TRUE(equal(run().document->der(), some_crl(2)));
  EXPECT_THAT(validators(network_.asked.back()), Contains("If-None-Match: \"two\""));
}

// req: OCSP-CLI-056 OCSP-CLI-057
TEST_F(CrlSources, AskNobodyWhileTheirPlaceSaidSo) {
  answer(some_crl(), "\"one\"", Seconds(60));
  run();
  clock_.advance(Seconds(59));
  EXPECT_NE(run().document, nullptr);
  EXPECT_EQ(network_.asked.size(), 1u);
  clock_.advance(Seconds(2));
  answer_unchanged();
  EXPECT_NE(run().document, nullptr);
  EXPECT_EQ(network_.asked.size(), 2u);
  clock_.advance(Seconds(59));
  EXPECT_NE(run().document, nullptr);
  EXPECT_EQ(network_.asked.size(), 2u) << "confirmed, and fresh again";
  clock_.jump_to(kTestNow - Seconds(500));
  run();
  EXPECT_EQ(network_.asked.size(), 3u) << "a copy from the future is not fresh";
}

TEST_F(CrlSources, AskForACopyThatHasExpiredHoweverFreshTheHeadersSayItIs) {
  answer(some_crl(1, kTestNow + Seconds(30)), "\"one\"", Seconds(3600));
  run();
  clock_.advance(Seconds(31));
  run();
  EXPECT_EQ(network_.asked.size(), 2u);
}

TEST_F(CrlSources, AskAfterAnHourWhateverTheHeadersSay) {
  answer(some_crl(1, kTestNow + Seconds(86400 * 30)), "\"one\"", Seconds(86400 * 30));
  run();
  clock_.advance(Seconds(3601));
  run();
  EXPECT_EQ(network_.asked.size(), 2u);
}

// req: OCSP-CRL-053
TEST_F(CrlSources, FallBackOnTheCopyAndSaySo) {
  answer(some_crl(), "\"one\"");
  run();
  clock_.advance(Seconds(500));
  for (const net::FetchResult& failure :
       {net::FetchResult(Err{broken(net::FetchErrc::kTooLarge)}), net::FetchResult(ok({'<', 'h'})),
        net::FetchResult(ok({0x30, 0x00}))}) {
    network_.answer = failure;
    const CrlFetched fetched = run();
    ASSERT_NE(fetched.document, nullptr);
    EXPECT_TRUE(fetched.failure);
    EXPECT_EQ(fetched.kept_since, kTestNow);
    EXPECT_TRUE(equal(fetched.document->der(), some_crl()));
  }
  answer_unchanged();
  EXPECT_TRUE(equal(run().document->der(), some_crl())) << "garbage did not replace it";
}

TEST_F(CrlSources, KeepOnlyWhatWasFoundGood) {
  answer(some_crl(), "\"one\"");
  {
    Sources sources(network_.fetch(), options());
    EXPECT_NE(sources.finish_crl(sources.begin_crl({.url = kUrl}), {}).document, nullptr);
  }
  run();
  EXPECT_THAT(validators(network_.asked.back()), IsEmpty()) << "nothing was kept";
}

TEST_F(CrlSources, FetchDamagedCopiesAnew) {
  answer(some_crl(), "\"one\"");
  run();
  for (const auto& file : std::filesystem::directory_iterator(directory_.file("cache"))) {
    std::filesystem::resize_file(file.path(), 4100);
  }
  EXPECT_NE(run().document, nullptr);
  EXPECT_THAT(validators(network_.asked.back()), IsEmpty());
}

TEST_F(CrlSources, GoPastEveryCopyWhenTold) {
  answer(some_crl(), "\"one\"", Seconds(3600));
  run();
  Sources sources(network_.fetch(), options());
  EXPECT_TRUE(sources.finish_crl(sources.begin_crl({.url = kUrl}), {}).from_cache);
  const CrlFetched anew = sources.finish_crl(sources.begin_crl_anew({.url = kUrl}), {});
  EXPECT_FALSE(anew.from_cache);
  EXPECT_THAT(validators(network_.asked.back()), ::testing::ElementsAre("Cache-Control: no-cache"));
}

TEST_F(CrlSources, WithoutACacheFetchEachRun) {
  answer(some_crl(), "\"one\"", Seconds(3600));
  for (std::size_t i = 1; i <= 3; ++i) {
    Sources sources(network_.fetch(), {.clock = &clock_});
    const auto ticket = sources.begin_crl({.url = kUrl});
    EXPECT_NE(sources.finish_crl(ticket, {}).document, nullptr);
    sources.keep(ticket);
    EXPECT_EQ(network_.asked.size(), i);
  }
}

TEST_F(CrlSources, OfTwoProcessesEachSeesAWholeCopy) {
  // Writers and readers of one directory at once, each with sources of its own as processes have.
  std::vector<std::jthread> threads;
  std::atomic<int> whole{0}, torn{0};
  for (std::uint64_t writer = 0; writer < 2; ++writer) {
    threads.emplace_back([this, writer] {
      const internal::DiskCache cache(directory_.file("cache"), 1 << 20);
      for (std::uint64_t i = 0; i < 50; ++i) {
        cache.store(kKind, kUrl, {}, some_crl(2 * i + writer), kTestNow);
      }
    });
    threads.emplace_back([&, this] {
      const internal::DiskCache cache(directory_.file("cache"), 1 << 20);
      for (int i = 0; i < 200; ++i) {
        if (const auto entry = cache.load(kKind, kUrl)) {
          const CrlDocument document(to_buffer(entry->der()));
          const bool is_whole =
              document.view() && document.verify(standard_pki().intermediate.certificate, {});
          ++(is_whole ? whole : torn);
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(torn, 0);
  EXPECT_TRUE(internal::DiskCache(directory_.file("cache"), 1 << 20).load(kKind, kUrl));
}

}  // namespace
}  // namespace muster::client
