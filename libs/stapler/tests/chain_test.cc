#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "muster/stapler/dry_run.h"
#include "stapler_world.h"

// Chains: intermediates are watched, and handed to servers that staple for whole chains.
namespace muster::stapler {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ChainTest : public StaplerWorld {
 protected:
  ChainTest() {
    options.inventory.chain = true;
    fetcher.others = [this](const Buffer& serial) -> std::optional<Buffer> {
      return equal(serial, ca.certificate.serial().octets()) ? std::optional(about_ca())
                                                             : std::nullopt;
    };
  }
  [[nodiscard]] Buffer about_ca() const {
    testing::EntrySpec entry =
        testing::entry_for(ca.certificate, pki.root.certificate, fetcher.status);
    entry.this_update = clock.now();
    entry.next_update = clock.now() + Seconds(86400);
    testing::ResponseSpec spec;
    spec.produced_at = clock.now();
    spec.entries.push_back(std::move(entry));
    return testing::build_response(pki.root, spec);
  }
  std::string put_chain(const testing::Identity& identity, const std::string& name = "web.pem") {
    return dir.write(name,
                     testing::to_pem({identity.certificate, ca.certificate, pki.root.certificate}));
  }
  [[nodiscard]] keeper::CertificateStatus status_of(const std::string& name) const {
    const StatusReport report = stapler->status();
    for (const keeper::CertificateStatus& c : report.certificates) {
      if (c.name == name) {
        return c;
      }
    }
    ADD_FAILURE() << "there is no " << name;
    return {};
  }

  const testing::Identity ca = testing::issue_intermediate(kUrl);
};

// req: OCSP-STAP-013
TEST_F(ChainTest, ARevokedIntermediateIsAnAlarmAndLeavesTheOtherStaplesAlone) {
  use(put_chain(leaf));
  start();
  EXPECT_EQ(status_of("web").state, keeper::CertificateState::kFresh);
  EXPECT_EQ(status_of("web").below, 0U);
  EXPECT_EQ(status_of("web.ca1").state, keeper::CertificateState::kFresh);
  EXPECT_EQ(status_of("web.ca1").below, 1U);
  EXPECT_NE(staple_of(ca), nullptr);
  EXPECT_EQ(logger.count("certificate.revoked"), 0U);
  EXPECT_EQ(status_exit_code(stapler->status(), clock.now()), 0);

  clock.advance(Seconds(60));
  fetcher.status = keeper::revoked();
  ask(control::refresh({"web.ca1"}, Seconds(60), true));
  EXPECT_EQ(status_of("web.ca1").state, keeper::CertificateState::kRevoked);
  EXPECT_EQ(logger.count("certificate.revoked"), 1U);
  EXPECT_EQ(status_exit_code(stapler->status(), clock.now()), 1);
  EXPECT_EQ(status_of("web").state, keeper::CertificateState::kFresh);
  EXPECT_NE(staple_of(leaf), nullptr);
}

// req: OCSP-STAP-013
TEST_F(ChainTest, ATargetForChainsIsHandedTheIntermediatesInFilesOfTheirOwn) {
  TargetOptions target;
  target.kind = TargetKind::kGnutls;
  target.chain = true;
  target.certificates = {"web"};
  target.file = dir.file("target/{name}.ocsp");
  target.reload = {"/bin/true"};
  target.reload_every = Seconds(0);
  options.targets = {target};
  ASSERT_EQ(check_targets(options.targets), std::nullopt);
  std::filesystem::create_directories(dir.file("target"));
  use(put_chain(leaf));
  start();
  const auto all_are = [this](Delivery web, Delivery intermediate) {
    const std::vector<TargetStatus> told = stapler->status().targets;
    return told.size() == 2 && std::all_of(told.begin(), told.end(), [&](const TargetStatus& t) {
             return t.delivery == (t.certificate == "web" ? web : intermediate);
           });
  };
  const auto in_file = [this](const std::string& name) {
    return read_file(dir.file("target/" + name + ".ocsp"), 1 << 20);
  };
  run_until([&] { return all_are(Delivery::kDelivered, Delivery::kDelivered); });
  ASSERT_TRUE(in_file("web"));
  ASSERT_TRUE(in_file("web.ca1"));
  EXPECT_TRUE(equal(*in_file("web"), staple_of(leaf)->der()));
  EXPECT_TRUE(equal(*in_file("web.ca1"), staple_of(ca)->der()));
  EXPECT_THAT(stapler->status().target_errors, IsEmpty());
  EXPECT_EQ(stapler->shelf().policy().expiry_margin, Seconds(5)) << "a reload takes its time";

  // GnuTLS staples nothing but "good".
  clock.advance(Seconds(60));
  fetcher.status = keeper::revoked();
  ask(control::refresh({"web.ca1"}, Seconds(60), true));
  run_until([&] { return all_are(Delivery::kDelivered, Delivery::kRefused); });
  EXPECT_TRUE(in_file("web"));
  EXPECT_FALSE(in_file("web.ca1"));
}

// req: OCSP-STAP-013
TEST_F(ChainTest, TheRehearsalNamesIntermediatesWhereTheyAreHandedOver) {
  TargetOptions target;
  target.name = "edge";
  target.file = dir.file("{name}.staple");
  options.targets = {target};
  use(put_chain(leaf));
  start();
  end();
  const Inventory inventory = load_inventory(options.certificates, options.inventory);
  auto shelf = keeper::Shelf::open(options.shelf, keeper::ShelfMode::kFollower, {}, logger);
  ASSERT_TRUE(shelf);
  (*shelf)->set_subjects(
      {inventory.entries.at(0).watched.subject, inventory.entries.at(1).watched.subject},
      clock.now());
  const auto rehearse = [&] {
    return render_dry_run({inventory, **shelf, options.shelf, options.keeper, options.targets},
                          clock.now());
  };
  EXPECT_THAT(rehearse(), ::testing::Not(HasSubstr("web.ca1.staple")));
  options.targets[0].chain = true;
  EXPECT_THAT(rehearse(), HasSubstr("write " + dir.file("web.ca1.staple")));
}

TEST_F(ChainTest, WithoutTheOptionIntermediatesAreNotAskedAbout) {
  options.inventory.chain = false;
  use(put_chain(leaf));
  start();
  EXPECT_EQ(stapler->status().certificates.size(), 1U);
  EXPECT_EQ(fetcher.asked, 1U);
}

}  // namespace
}  // namespace muster::stapler
