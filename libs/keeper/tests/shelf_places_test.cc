#include <sys/stat.h>

#include "shelf_fixture.h"

// Answers kept for serials rather than certificates, one at a time (libs/relay).
namespace muster::keeper {
namespace {

using ::testing::IsNull;
using ::testing::NotNull;

class ShelfPlaces : public ShelfFixture {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    shelf.reset();
    auto opened = Shelf::open(dir.file("shelf"), ShelfMode::kOwner, ShelfPolicy{}, logger);
    ASSERT_TRUE(opened) << opened.error().detail;
    shelf = *std::move(opened);
    shelf->on_place_change([this](const Place& p, ShelfChange c, const StaplePointer& s) {
      events.push_back({p.name, c, s});
    });
  }
  [[nodiscard]] Place place() const {
    const pki::Certificate& issuer = pki.intermediate.certificate;
    return {key, "serial", client::Subject(issuer, leaf.certificate.serial()), issuer};
  }
  client::VerifiedResponse answer(ResponseTimes times = {}) {
    const Buffer octets = make_response(leaf, times);
    auto result =
        client::verify({octets, place().subject, pki.intermediate.certificate, std::nullopt, {}},
                       ShelfPolicy::default_verify_policy(), now);
    EXPECT_TRUE(result) << result.error().detail;
    return *std::move(result);
  }
  [[nodiscard]] bool is_on_disk() const {
    struct stat st {};
    return ::stat(shelf->path_of(key).c_str(), &st) == 0;
  }

  Fingerprint key{7, 7, 7};
};

TEST_F(ShelfPlaces, KeepTheAnswerForASerialOverARestart) {
  shelf->add(place(), now);
  EXPECT_EQ(shelf->offer(key, answer(), "http://up.example/", now), Choice::kTake);
  ASSERT_THAT(shelf->find(key, now), NotNull());
  EXPECT_EQ(shelf->find(key, now)->source, "http://up.example/");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].name, "serial");

  reopen();
  EXPECT_THAT(shelf->find(key, now), IsNull()) << "nobody asked for it yet";
  shelf->add(place(), now);
  EXPECT_THAT(shelf->find(key, now), NotNull());
  EXPECT_EQ(events.back().change, ShelfChange::kLoaded);
}

TEST_F(ShelfPlaces, ObeyTheSameOrderAsCertificates) {
  shelf->add(place(), now);
  EXPECT_EQ(shelf->offer(key, answer(), "", now), Choice::kTake);
  EXPECT_EQ(shelf->offer(key, answer({-7200, 86400}), "", now), Choice::kOlder);
  EXPECT_EQ(shelf->offer(key, answer({-60, 86400}), "", now), Choice::kTake);
  pass(86400);
  EXPECT_THAT(shelf->find(key, now), IsNull());
  EXPECT_EQ(events.back().change, ShelfChange::kWithdrawn);
}

TEST_F(ShelfPlaces, AreForgottenWithTheirFiles) {
  shelf->add(place(), now);
  EXPECT_EQ(shelf->offer(key, answer(), "", now), Choice::kTake);
  EXPECT_TRUE(is_on_disk());
  shelf->remove(key);
  EXPECT_THAT(shelf->find(key, now), IsNull());
  EXPECT_FALSE(is_on_disk());
  EXPECT_EQ(shelf->offer(key, answer(), "", now), Choice::kExpired) << "it has no place any more";
  shelf->remove(key);
  EXPECT_FALSE(shelf->next_deadline());
}

TEST_F(ShelfPlaces, StayWhenWhatIsHeldIsDiscarded) {
  shelf->add(place(), now);
  EXPECT_EQ(shelf->offer(key, answer(), "", now), Choice::kTake);
  shelf->discard(key);
  EXPECT_THAT(shelf->find(key, now), IsNull());
  EXPECT_THAT(shelf->held(key), IsNull());
  EXPECT_FALSE(is_on_disk());
  EXPECT_FALSE(shelf->next_deadline());
  EXPECT_EQ(events.size(), 1U);
  shelf->discard(Fingerprint{});
  EXPECT_EQ(shelf->offer(key, answer({-7200, 86400}), "", now), Choice::kTake)
      << "nothing is held that it could be older than";
  EXPECT_TRUE(is_on_disk());
}

TEST_F(ShelfPlaces, StayAsTheyAreWhenAddedAgain) {
  shelf->add(place(), now);
  EXPECT_EQ(shelf->offer(key, answer(), "", now), Choice::kTake);
  shelf->add(place(), now);
  EXPECT_THAT(shelf->find(key, now), NotNull());
  EXPECT_EQ(events.size(), 1U);
}

}  // namespace
}  // namespace muster::keeper
