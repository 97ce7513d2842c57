#include "keeper_fixture.h"

// What the keeper says of what it finds on the shelf.
namespace muster::keeper {
namespace {

class KeeperReportTest : public KeeperTest {
 protected:
  /// So many certificates, and an answer about each on the shelf.
  std::vector<Watched> make_shelved(std::size_t count) {
    std::vector<Watched> out;
    while (out.size() < count) {
      const std::string name = "leaf-" + std::to_string(++made_);
      testing::CertificateSpec spec = testing::leaf_spec(name + ".example");
      spec.use_key = testing::cached_key(testing::KeyKind::kP256);
      const testing::Identity one = testing::issue(pki.intermediate, spec);
      const Fingerprint id = one.certificate.fingerprint();
      const Buffer file =
          encode_shelf_file(id, clock.now(), "http://a.example/", make_response(one));
      dir.write("shelf/" + shelf_file_name(id), Bytes(file));
      out.push_back(watch(one, name));
    }
    return out;
  }

 private:
  std::size_t made_ = 0;
};

TEST_F(KeeperReportTest, EachStapleFoundOnTheShelfIsToldOf) {
  keeper->set_inventory(make_shelved(3));
  EXPECT_EQ(logger.count("staple.loaded"), 3U);
  EXPECT_EQ(logger.count("shelf.loaded"), 0U);
}

TEST_F(KeeperReportTest, OfManyTheirNumberIsToldAndNotEach) {
  keeper->set_inventory(make_shelved(102));
  EXPECT_EQ(logger.count("staple.loaded"), 100U);
  EXPECT_THAT(logger.lines(), ::testing::Contains(::testing::StartsWith("shelf.loaded 102 ")));
  for (const Watched& one : make_shelved(101)) {
    keeper->add(one);
  }
  EXPECT_EQ(logger.count("staple.loaded"), 201U) << "each that comes alone";
  EXPECT_EQ(logger.count("shelf.loaded"), 1U);
}

TEST_F(KeeperReportTest, ManyThatAreOnOfferAgainAfterTheClockWasSetBackAreToldOfInTheSameWay) {
  keeper->set_inventory(make_shelved(102));
  keeper->turn();
  clock.jump_to(kTestNow + Seconds(2 * 86400));
  keeper->turn();
  ASSERT_EQ(logger.count("staple.withdrawn"), 102U);
  clock.jump_to(kTestNow);
  keeper->turn();
  EXPECT_EQ(logger.count("staple.loaded"), 200U);
  EXPECT_EQ(logger.count("shelf.loaded"), 2U);
}

}  // namespace
}  // namespace muster::keeper
