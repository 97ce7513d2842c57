#pragma once

#include "held_fetches.h"
#include "muster/http/get_path.h"
#include "muster/keeper/keeper.h"
#include "muster/testing/fake_clock.h"
#include "shelf_fixture.h"

namespace muster::keeper {

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
  net::HeldFetches fetcher;
  std::unique_ptr<Keeper> keeper;
  int first_rounds = 0;
};

}  // namespace muster::keeper
