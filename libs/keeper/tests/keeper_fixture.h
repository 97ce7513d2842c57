#pragma once

#include <map>

#include "muster/http/get_path.h"
#include "muster/keeper/keeper.h"
#include "muster/testing/fake_clock.h"
#include "shelf_fixture.h"

namespace muster::keeper {

/// Holds each request until the test answers it.
class FakeFetcher final : public net::FetchService {
 public:
  struct Pending {
    net::FetchRequest request;
    std::function<void(net::FetchResult)> done;
  };
  net::FetchId start(net::FetchRequest request,
                     std::function<void(net::FetchResult)> done) override {
    pending.emplace(++last_, Pending{std::move(request), std::move(done)});
    ++started;
    return last_;
  }
  void cancel(net::FetchId id) override {
    auto found = pending.extract(id);
    if (!found.empty()) {
      ++cancelled;
      found.mapped().done(
          Err{net::FetchError{net::FetchErrc::kCancelled, "cancelled", 0, std::nullopt}});
    }
  }
  /// Answers the oldest request.
  void answer(net::FetchResult result) {
    ASSERT_FALSE(pending.empty());
    auto first = pending.extract(pending.begin());
    first.mapped().done(std::move(result));
  }
  void answer(Buffer body, std::optional<Seconds> max_age = {}) {
    net::FetchResponse response;
    response.http_status = 200;
    response.body = std::move(body);
    response.max_age = max_age;
    answer(net::FetchResult(std::move(response)));
  }
  void fail(net::FetchErrc code, unsigned http_status = 0) {
    answer(net::FetchResult(
        Err{net::FetchError{code, std::string(to_string(code)), http_status, std::nullopt}}));
  }
  std::map<net::FetchId, Pending> pending;
  std::size_t started = 0, cancelled = 0;

 private:
  net::FetchId last_ = 0;
};

class KeeperTest : public ShelfFixture {
 protected:
  void SetUp() override {
    auto opened = Shelf::open(dir.file("shelf"), ShelfMode::kOwner, {}, logger);
    ASSERT_TRUE(opened);
    shelf = *std::move(opened);
    make();
  }
  void make(KeeperOptions options = {}) {
    keeper.reset();
    keeper = std::make_unique<Keeper>(loop, fetcher, clock, logger, *shelf, std::move(options), 1);
    keeper->on_change([this](const Subject& s, ShelfChange c, const StaplePointer& p) {
      events.push_back({s.name, c, p});
    });
    keeper->on_first_round([this] { ++first_rounds; });
  }
  Watched watch(const testing::Identity& identity, std::string name,
                std::vector<std::string> urls = {"http://a.example/"}) {
    return {subject_of(identity, std::move(name)), std::move(urls)};
  }
  void start_with_leaf() {
    keeper->set_inventory({watch(leaf, "leaf")});
    keeper->start();
  }
  void go(std::int64_t seconds) {
    clock.advance(Seconds(seconds));
    keeper->turn();
  }
  /// Lets time pass, at most so many seconds, until a request is pending.
  void go_to_next_request(std::int64_t at_most = 200'000) {
    const UnixSeconds end = clock.now() + Seconds(at_most);
    while (fetcher.pending.empty() && clock.now() < end) {
      UnixSeconds next = end;
      for (const CertificateStatus& s : keeper->status()) {
        next = std::min(next, s.next_due.value_or(end));
      }
      go(std::max<std::int64_t>(1, (next - clock.now()).count()));
    }
    ASSERT_FALSE(fetcher.pending.empty());
  }
  [[nodiscard]] StaplePointer staple() const {
    return shelf->find(leaf.certificate.fingerprint(), clock.now());
  }
  [[nodiscard]] CertificateStatus status() const { return keeper->status().at(0); }
  /// A good answer that begins now and lasts a day.
  [[nodiscard]] Buffer fresh(ocsp::CertStatus s = ocsp::Good{}) const {
    const std::int64_t t = (clock.now() - kTestNow).count();
    return make_response(leaf, {t, t + 86400}, s);
  }

  net::Loop loop;
  testing::FakeClock clock;
  FakeFetcher fetcher;
  std::unique_ptr<Keeper> keeper;
  int first_rounds = 0;
};

}  // namespace muster::keeper
