#include "making.h"

#include "publish_fixture.h"

// What is not as meant is not published, whoever made the mistake.
namespace muster::publish {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class SelfCheck : public PublishTest {
 protected:
  SelfCheck() : spec_(spec()), signer_(*pki::Signer::make(ca().key)) {
    head_ = {crl_issuer_of(spec_), signer_.algorithm(), kTestNow, kTestNow + Seconds(3600)};
  }
  std::unique_ptr<LineEncoder> lines() const {
    auto out = std::make_unique<LineEncoder>(spec_, head_, 0, 1 << 20);
    for (const Serial& serial : {make_serial(1), make_serial(2)}) {
      out->add({0, serial.octets(), kTestNow, ReasonCode::kSuperseded, std::nullopt});
    }
    return out;
  }
  std::string why(std::unique_ptr<LineEncoder> lines) {
    auto made = make_crl(std::move(lines), common_facts(spec_, 0, crl::Number(1)), head_, spec_,
                         signer_, out());
    EXPECT_TRUE(made || made.error().code == PublishErrc::kSelfCheck);
    return made ? "" : made.error().detail;
  }
  Spec spec_;
  pki::Signer signer_;
  crl::CrlEncoder::Head head_;
};

TEST_F(SelfCheck, PassesWhatIsAsMeant) { EXPECT_EQ(why(lines()), ""); }

TEST_F(SelfCheck, SeesAnEntryThatReadsOtherwise) {
  auto with_another = lines();
  with_another->add({1, make_serial(3).octets(), kTestNow, std::nullopt,
                     std::nullopt});  // of a CA that this CRL does not name
  EXPECT_THAT(why(std::move(with_another)), HasSubstr("the entries are not those of the store"));
}

TEST_F(SelfCheck, SeesAnotherTime) {
  auto made_before = lines();
  head_.next_update = kTestNow + Seconds(3601);
  EXPECT_THAT(why(std::move(made_before)), HasSubstr("times differ"));
}

TEST_F(SelfCheck, SeesASignatureThatDoesNotVerify) {
  spec_.signer = standard_pki().root.certificate;
  EXPECT_THAT(why(lines()), HasSubstr("does not stand"));
  const Identity same_name = [] {
    auto twin = muster::testing::ca_spec("twin");
    twin.subject = to_buffer(ca().certificate.subject());
    return muster::testing::make_self_signed(twin);
  }();
  spec_.signer = same_name.certificate;
  EXPECT_THAT(why(lines()), HasSubstr("does not stand"));
}

}  // namespace
}  // namespace muster::publish
