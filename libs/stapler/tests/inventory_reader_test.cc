#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include <filesystem>

#include "inventory_names.h"
#include "muster/testing/pki_builder.h"

namespace muster::stapler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::to_pem;
using testing_staples::names;

class InventoryReaderTest : public ::testing::Test {
 protected:
  Inventory read(const std::string& path,
                 InventoryReader::Gone gone = InventoryReader::Gone::kWait) {
    return reader.read({{path, "", "", "", {}}}, {}, gone, now);
  }
  /// As if it had been written long ago: its stamp tells every later change.
  static void make_old(const std::string& path) {
    const utimbuf old{1'000'000'000, 1'000'000'000};
    ASSERT_EQ(::utime(path.c_str(), &old), 0);
  }
  Inventory read_to_prove_later(const std::string& path) {
    return reader.read({{path, "", "", "", {}}}, {}, InventoryReader::Gone::kWait, now, nullptr,
                       InventoryReader::Proof::kLater);
  }
  /// The file of a certificate that names the intermediate, which did not sign it.
  std::string put_forged(const std::string& name, bool names_key = true) {
    testing::CertificateSpec spec = testing::leaf_spec("forged.example");
    spec.break_signature = true;
    spec.authority_key_id = names_key;
    const testing::Identity forged = testing::issue(pki.intermediate, spec);
    const std::string path =
        dir.write(name, to_pem({forged.certificate, pki.intermediate.certificate}));
    make_old(path);
    return path;
  }
  const testing::TestPki& pki = testing::standard_pki();
  const std::string whole = to_pem({pki.leaf.certificate, pki.intermediate.certificate});
  const std::string renewed = to_pem({pki.other_leaf.certificate, pki.intermediate.certificate});
  testing::TempDir dir;
  InventoryReader reader;
  Seconds now{1000};
};

TEST_F(InventoryReaderTest, AFileThatDidNotChangeIsNotReadAgain) {
  const std::string path = dir.write("web.pem", whole);
  make_old(path);
  EXPECT_THAT(names(read(path)), ElementsAre("web"));
  EXPECT_FALSE(reader.is_restless());
  // The same octets in number, at the same time, in the same file: only reading would tell.
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  std::string damaged = whole;
  std::fill(damaged.begin() + 40, damaged.end() - 40, 'A');
  dir.write("web.pem", damaged);
  make_old(path);
  EXPECT_THAT(read(path).problems, IsEmpty());
  EXPECT_THAT(reader.places(), ::testing::Contains(path));
}

TEST_F(InventoryReaderTest, AFileThatNobodyNamedIsTakenAsItWas) {
  const auto& ca = pki.intermediate.certificate;
  const std::string a = dir.write("d/a.pem", whole);
  const std::string b = dir.write("d/b.pem", renewed);
  make_old(a);
  make_old(b);
  const auto read_named = [this](const std::set<std::string>* changed) {
    return reader.read({{dir.file("d"), "", "", "", {}}}, {}, InventoryReader::Gone::kWait, now,
                       changed);
  };
  read_named(nullptr);
  dir.write("d/a.pem", to_pem({pki.ocsp_signer.certificate, ca}));
  dir.write("d/b.pem", to_pem({pki.ocsp_signer.certificate, ca}));
  dir.write(
      "d/c.pem",
      to_pem({testing::issue(pki.intermediate, testing::leaf_spec("c.example")).certificate, ca}));
  const std::set<std::string> named = {a};
  const Inventory some = read_named(&named);
  EXPECT_THAT(names(some), ElementsAre("a", "b", "c")) << "a new one is read, named or not";
  EXPECT_EQ(some.entries[0].watched.subject.certificate, pki.ocsp_signer.certificate);
  EXPECT_EQ(some.entries[1].watched.subject.certificate, pki.other_leaf.certificate);
  const Inventory all = read_named(nullptr);
  EXPECT_THAT(names(all), ElementsAre("a", "c")) << "the same certificate twice";
  // What could not be used is looked at whoever is named.
  dir.write("d/b.pem", "half");
  EXPECT_THAT(read_named(nullptr).problems, ::testing::SizeIs(1));
  dir.write("d/b.pem", renewed);
  const std::set<std::string> nobody;
  EXPECT_THAT(names(read_named(&nobody)), ElementsAre("a", "b", "c"));
}

TEST_F(InventoryReaderTest, AHalfWrittenFileKeepsWhatItHeldAndIsReadAgain) {
  const std::string path = dir.write("web.pem", whole);
  make_old(path);
  read(path);
  const std::size_t ends[] = {0, 1, 27, 40, 200, renewed.size() / 2 - 40};
  for (const std::size_t end : ends) {
    dir.write("web.pem", std::string_view(renewed).substr(0, end));
    const Inventory inventory = read(path);
    ASSERT_EQ(inventory.entries.size(), 1U) << end;
    EXPECT_EQ(inventory.entries[0].watched.subject.certificate, pki.leaf.certificate) << end;
    EXPECT_THAT(inventory.problems, ElementsAre(HasSubstr("stays in use"))) << end;
    EXPECT_TRUE(reader.is_restless());
  }
  dir.write("web.pem", renewed);
  const Inventory inventory = read(path);
  EXPECT_THAT(inventory.problems, IsEmpty());
  EXPECT_EQ(inventory.entries.at(0).watched.subject.certificate, pki.other_leaf.certificate);
}

TEST_F(InventoryReaderTest, WithoutItsChainYetTheNewCertificateWaits) {
  const std::string path = dir.write("web.pem", whole);
  make_old(path);
  read(path);
  dir.write("web.pem", to_pem({pki.other_leaf.certificate}));
  const Inventory inventory = read(path);
  EXPECT_EQ(inventory.entries.at(0).watched.subject.certificate, pki.leaf.certificate);
  EXPECT_THAT(inventory.problems, ElementsAre(HasSubstr("no certificate of its issuer")));
}

TEST_F(InventoryReaderTest, AFileThatIsGoneKeepsWhatItHeld) {
  const std::string path = dir.write("web.pem", whole);
  read(path);
  ::unlink(path.c_str());
  for (const auto gone : {InventoryReader::Gone::kWait, InventoryReader::Gone::kDrop}) {
    now += Seconds(1000);
    const Inventory inventory = read(path, gone);
    EXPECT_THAT(names(inventory), ElementsAre("web"));
    EXPECT_THAT(inventory.problems, ElementsAre(HasSubstr("stays in use")));
  }
}

TEST_F(InventoryReaderTest, WhatADirectoryLosesIsDroppedAfterAWhile) {
  dir.write("d/a.pem", whole);
  const std::string b = dir.write("d/b.pem", renewed);
  EXPECT_THAT(names(read(dir.file("d"))), ElementsAre("a", "b"));
  ::unlink(b.c_str());
  EXPECT_THAT(names(read(dir.file("d"))), ElementsAre("a", "b"));
  EXPECT_TRUE(reader.is_restless());
  now += InventoryReader::kGoneGrace - Seconds(1);
  EXPECT_THAT(names(read(dir.file("d"))), ElementsAre("a", "b"));
  dir.write("d/b.pem", renewed);
  EXPECT_THAT(names(read(dir.file("d"))), ElementsAre("a", "b")) << "it came back";
  ::unlink(b.c_str());
  read(dir.file("d"));
  now += InventoryReader::kGoneGrace;
  EXPECT_THAT(names(read(dir.file("d"))), ElementsAre("a"));
  dir.write("d/b.pem", renewed);
  read(dir.file("d"));
  ::unlink(b.c_str());
  EXPECT_THAT(names(read(dir.file("d"), InventoryReader::Gone::kDrop)), ElementsAre("a"))
      << "who says reload means now";
}

TEST_F(InventoryReaderTest, ADirectoryThatIsAwayTakesNothingWithIt) {
  dir.write("d/a.pem", whole);
  read(dir.file("d"));
  std::filesystem::rename(dir.file("d"), dir.file("aside"));
  now += Seconds(1000);
  const Inventory inventory = read(dir.file("d"));
  EXPECT_THAT(names(inventory), ElementsAre("a"));
  EXPECT_THAT(inventory.problems, ElementsAre(HasSubstr("cannot be read")));
  dir.write("d/c.pem", renewed);
  now += Seconds(1000);
  EXPECT_THAT(names(read(dir.file("d"), InventoryReader::Gone::kDrop)), ElementsAre("c"));
}

TEST_F(InventoryReaderTest, AnIssuerInAnotherFileOfTheDirectoryIsFoundInWhateverOrder) {
  dir.write("d/a.pem", to_pem({pki.leaf.certificate}));
  dir.write("d/z.pem", to_pem({pki.intermediate.certificate}));
  EXPECT_THAT(names(read(dir.file("d"))), ElementsAre("a"));
  make_old(dir.file("d/a.pem"));
  make_old(dir.file("d/z.pem"));
  read(dir.file("d"));
  // What did not change lends its issuers on.
  dir.write("d/b.pem", to_pem({pki.other_leaf.certificate}));
  EXPECT_THAT(names(read(dir.file("d"))), ElementsAre("a", "b"));
}

TEST_F(InventoryReaderTest, TheOneIssuerThatComesIntoQuestionIsProvenLaterWhenToldTo) {
  make_old(dir.write("d/a.pem", whole));
  put_forged("d/b.pem");
  EXPECT_THAT(names(read_to_prove_later(dir.file("d"))), ElementsAre("a", "b"));
  EXPECT_FALSE(reader.is_restless());
  EXPECT_TRUE(reader.prove_if(
      [this](const keeper::Fingerprint& id) { return id == pki.leaf.certificate.fingerprint(); }));
  EXPECT_FALSE(reader.prove_some(10));
  EXPECT_TRUE(reader.is_restless());
  const Inventory proven = read(dir.file("d"));
  EXPECT_THAT(names(proven), ElementsAre("a"));
  EXPECT_THAT(proven.problems, ElementsAre(HasSubstr("no certificate of its issuer")));
  EXPECT_TRUE(reader.prove_some(10)) << "nothing is left";
}

TEST_F(InventoryReaderTest, ProofsComeInTurn) {
  put_forged("d/a.pem");
  put_forged("d/b.pem");
  EXPECT_THAT(names(read_to_prove_later(dir.file("d"))), ElementsAre("a", "b"));
  EXPECT_FALSE(reader.prove_some(1));
  EXPECT_THAT(names(read(dir.file("d"))), ElementsAre("b"));
  EXPECT_FALSE(reader.prove_some(1));
  EXPECT_THAT(names(read(dir.file("d"))), IsEmpty());
}

TEST_F(InventoryReaderTest, WhereSeveralIssuersComeIntoQuestionTheSignatureTellsAtOnce) {
  EXPECT_THAT(names(read_to_prove_later(put_forged("unnamed.pem", false))), IsEmpty());
  const auto& ca = pki.intermediate.certificate;
  testing::CertificateSpec spec = testing::ca_spec("whatever");
  spec.subject = to_buffer(ca.subject());
  const auto namesake = testing::make_self_signed(spec);
  const Inventory both = read_to_prove_later(
      dir.write("both.pem", to_pem({pki.leaf.certificate, namesake.certificate, ca})));
  ASSERT_EQ(both.entries.size(), 1U);
  EXPECT_EQ(both.entries[0].watched.subject.issuer, ca);
}

TEST_F(InventoryReaderTest, NamesAreTheSameAsOfAFreshReading) {
  const auto& a = pki.leaf.certificate;
  const auto& b = pki.other_leaf.certificate;
  const auto& ca = pki.intermediate.certificate;
  dir.write("one/web.pem", to_pem({a, ca}));
  dir.write("two/web.pem", to_pem({b, ca}));
  const std::vector<CertificateSource> sources = {{dir.file("one/web.pem"), "", "", "", {}},
                                                  {dir.file("two/web.pem"), "", "", "", {}}};
  const InventoryOptions options{{}, "/out", false};
  for (int round = 0; round < 3; ++round) {
    const Inventory again = reader.read(sources, options, InventoryReader::Gone::kWait, now);
    const Inventory fresh = load_inventory(sources, options);
    EXPECT_EQ(names(again), names(fresh));
    EXPECT_EQ(again.entries.at(1).output, fresh.entries.at(1).output);
  }
}

}  // namespace
}  // namespace muster::stapler
