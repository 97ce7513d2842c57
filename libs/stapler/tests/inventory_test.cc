#include "muster/stapler/inventory.h"

#include <gmock/gmock.h>

#include "inventory_names.h"
#include "muster/testing/pki_builder.h"

namespace muster::stapler {
namespace {

using testing::standard_pki;
using testing::to_pem;
using testing_staples::names;

class InventoryTest : public ::testing::Test {
 protected:
  Inventory load(std::vector<std::string> paths, InventoryOptions options = {}) {
    std::vector<CertificateSource> sources;
    for (std::string& path : paths) {
      sources.push_back({std::move(path), "", "", "", {}});
    }
    return load_inventory(sources, options);
  }
  const testing::TestPki& pki = standard_pki();
  testing::TempDir dir;
  const pki::Certificate& leaf = pki.leaf.certificate;
  const pki::Certificate& ca = pki.intermediate.certificate;
};

TEST_F(InventoryTest, FindsTheIssuerInTheChainOfTheFile) {
  const Inventory inventory = load(
      {dir.write("web.chain.pem", to_pem({leaf, ca, pki.root.certificate}))}, {{}, "/out", false});
  ASSERT_EQ(inventory.entries.size(), 1U) << ::testing::PrintToString(inventory.problems);
  EXPECT_EQ(inventory.entries[0].watched.subject.certificate, leaf);
  EXPECT_EQ(inventory.entries[0].watched.subject.issuer, ca);
  EXPECT_EQ(inventory.entries[0].watched.subject.name, "web");
  EXPECT_EQ(inventory.entries[0].output, "/out/web.ocsp");
}

// A fleet of 100,000 has a few CAs; each is parsed, its key decoded, and kept once.
TEST_F(InventoryTest, FilesWithTheSameIssuerShareIt) {
  const Inventory inventory =
      load({dir.write("a.pem", to_pem({leaf, ca})),
            dir.write("b.pem", to_pem({pki.other_leaf.certificate, ca, pki.root.certificate}))},
           {{}, "", false});
  ASSERT_EQ(inventory.entries.size(), 2U) << ::testing::PrintToString(inventory.problems);
  EXPECT_EQ(inventory.entries[0].watched.subject.issuer, ca);
  EXPECT_EQ(inventory.entries[0].watched.subject.issuer.der().data(),
            inventory.entries[1].watched.subject.issuer.der().data());
}

// req: OCSP-STAP-012
TEST_F(InventoryTest, TheOrderInTheFileDoesNotMatterAndSeveralLeavesAreServed) {
  const Inventory inventory = load(
      {dir.write("both.pem", to_pem({ca, pki.other_leaf.certificate, pki.root.certificate, leaf}))},
      {{}, "/out", false});
  EXPECT_THAT(names(inventory), ::testing::ElementsAre("both", "both.2"));
  EXPECT_EQ(inventory.entries[0].watched.subject.certificate, pki.other_leaf.certificate);
  EXPECT_EQ(inventory.entries[1].watched.subject.certificate, leaf);
  EXPECT_EQ(inventory.entries[1].output, "/out/both.2.ocsp");
}

TEST_F(InventoryTest, FindsTheIssuerInItsOwnFileOrThePool) {
  const std::string lone = dir.write("lone.pem", to_pem({leaf}));
  const std::string issuer = dir.write("ca.pem", to_pem({ca}));
  EXPECT_EQ(load({lone}, {{issuer}, "", false}).entries.size(), 1U);
  EXPECT_EQ(
      load_inventory({{lone, issuer, "given", "/a/b.der", {"http://x/"}}}, {}).entries.at(0).output,
      "/a/b.der");
  const Inventory none = load({lone});
  EXPECT_TRUE(none.entries.empty());
  ASSERT_EQ(none.problems.size(), 1U);
  EXPECT_THAT(none.problems[0],
              ::testing::AllOf(::testing::HasSubstr("lone.pem"), ::testing::HasSubstr("--issuer")));
}

TEST_F(InventoryTest, AnIssuerOfTheSameNameButAnotherKeyIsNotTaken) {
  testing::CertificateSpec spec = testing::ca_spec("whatever");
  spec.subject = to_buffer(ca.subject());
  const auto impostor = testing::make_self_signed(spec);
  EXPECT_TRUE(load({dir.write("a.pem", to_pem({leaf, impostor.certificate}))}).entries.empty());
  const Inventory both = load({dir.write("b.pem", to_pem({leaf, impostor.certificate, ca}))});
  ASSERT_EQ(both.entries.size(), 1U);
  EXPECT_EQ(both.entries[0].watched.subject.issuer, ca);
}

TEST_F(InventoryTest, ADirectoryGivesItsLeavesAndLendsItsIssuers) {
  dir.write("d/ca.pem", to_pem({ca}));
  dir.write("d/b.crt", to_pem({pki.other_leaf.certificate}));
  dir.write("d/a.der", leaf.der());
  dir.write("d/a.key.pem", pki.leaf.key_pem);
  dir.write("d/notes.txt", "not looked at");
  const Inventory inventory = load({dir.file("d")});
  EXPECT_THAT(names(inventory), ::testing::ElementsAre("a", "b"));
  EXPECT_THAT(inventory.problems, ::testing::IsEmpty());
}

TEST_F(InventoryTest, ADamagedFileInADirectoryIsNamedAndTheOthersServed) {
  dir.write("d/good.pem", to_pem({leaf, ca}));
  std::string damaged = to_pem({pki.other_leaf.certificate});
  damaged[100] = damaged[100] == 'A' ? 'B' : 'A';
  damaged.resize(damaged.size() / 2);
  dir.write("d/bad.pem", damaged + "\n-----END CERTIFICATE-----\n");
  const Inventory inventory = load({dir.file("d")});
  EXPECT_THAT(names(inventory), ::testing::ElementsAre("good"));
  ASSERT_EQ(inventory.problems.size(), 1U);
  EXPECT_THAT(inventory.problems[0], ::testing::HasSubstr("bad.pem"));
}

TEST_F(InventoryTest, AnEmptyDirectoryIsAProblem) {
  dir.write("d/x.txt", "");
  EXPECT_EQ(load({dir.file("d")}).problems.size(), 1U);
  EXPECT_EQ(load({dir.file("absent.pem")}).problems.size(), 1U);
}

TEST_F(InventoryTest, TheSameCertificateTwiceCountsOnceAndEqualNamesAreKeptApart) {
  dir.write("one/fullchain.pem", to_pem({leaf, ca}));
  dir.write("two/fullchain.pem", to_pem({pki.other_leaf.certificate, ca}));
  dir.write("x/web.pem", to_pem({leaf, ca}));
  dir.write("y/web.pem", to_pem({pki.other_leaf.certificate, ca}));
  EXPECT_THAT(names(load({dir.file("one/fullchain.pem"), dir.file("two/fullchain.pem"),
                          dir.file("x/web.pem")})),
              ::testing::ElementsAre("one", "two"));
  EXPECT_THAT(names(load({dir.file("x/web.pem"), dir.file("y/web.pem")})),
              ::testing::ElementsAre("web", ::testing::StartsWith("web-")));
}

// req: OCSP-STAP-013
TEST_F(InventoryTest, InChainModeIntermediatesWithAnOcspUrlAreKeptToo) {
  testing::CertificateSpec spec = testing::ca_spec("Chain CA");
  spec.ocsp_uris = {"http://root.example/"};
  const auto chain_ca = testing::issue(pki.root, spec);
  const auto chain_leaf = testing::issue(chain_ca, testing::leaf_spec("chain.example"));
  const std::string path = dir.write(
      "web.pem", to_pem({chain_leaf.certificate, chain_ca.certificate, pki.root.certificate}));
  EXPECT_THAT(names(load({path})), ::testing::ElementsAre("web"));
  const Inventory inventory = load({path}, {{}, "/out", true});
  EXPECT_THAT(names(inventory), ::testing::ElementsAre("web", "web.ca1"));
  EXPECT_EQ(inventory.entries[1].watched.subject.issuer, pki.root.certificate);
  EXPECT_EQ(inventory.entries[1].output, "/out/web.ca1.ocsp");
  EXPECT_FALSE(inventory.entries[0].is_intermediate);
  EXPECT_TRUE(inventory.entries[1].is_intermediate);
  EXPECT_THAT(inventory.entries[0].below, ::testing::IsEmpty());
  EXPECT_THAT(inventory.entries[1].below, ::testing::ElementsAre(0U));
  // Of two chains, in whatever files.
  const auto second = testing::issue(chain_ca, testing::leaf_spec("second.example"));
  const std::string other = dir.write(
      "other.pem", to_pem({second.certificate, chain_ca.certificate, pki.root.certificate}));
  const std::string copy = dir.write(
      "copy.pem", to_pem({chain_leaf.certificate, chain_ca.certificate, pki.root.certificate}));
  const Inventory shared = load({path, other, copy}, {{}, "", true});
  EXPECT_THAT(names(shared), ::testing::ElementsAre("web", "web.ca1", "other"));
  EXPECT_THAT(shared.entries.at(1).below, ::testing::ElementsAre(0U, 2U));
  EXPECT_FALSE(is_same(shared, load({path, copy}, {{}, "", true})));
  // Named for its own sake too.
  const Inventory both =
      load({path, dir.write("ca.pem", to_pem({chain_ca.certificate, pki.root.certificate}))},
           {{}, "", true});
  EXPECT_FALSE(both.entries.at(1).is_intermediate);
}

TEST_F(InventoryTest, AFileWithACaCertificateAloneMeansThatOne) {
  EXPECT_THAT(names(load({dir.write("inter.pem", to_pem({ca, pki.root.certificate}))})),
              ::testing::ElementsAre("inter"));
}

}  // namespace
}  // namespace muster::stapler
