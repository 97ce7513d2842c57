#include "muster/edge/manifest.h"

#include <gmock/gmock.h>

#include "muster/testing/pki_builder.h"

namespace muster::edge {
namespace {

using ::testing::HasSubstr;
using testing::kTestNow;
using testing::standard_pki;

ManifestEntry entry(const char* status, std::uint8_t fill) {
  ManifestEntry out;
  out.digest.fill(fill);
  out.status = status;
  out.next_update = kTestNow + Seconds(3600);
  out.due = kTestNow + Seconds(1800);
  out.basis = "00ff";
  return out;
}
Manifest sample() {
  Manifest out;
  out.number = 17;
  out.made = kTestNow;
  out.until = kTestNow + Seconds(3600);
  out.files["MAA="] = entry("good", 1);
  out.files["MDAw"] = entry("revoked", 2);
  out.files["MDAw"].basis = "-";
  return out;
}

TEST(Manifest, IsReadAsItWasWritten) {
  const auto text = seal_manifest(sample(), nullptr);
  ASSERT_TRUE(text);
  const auto read = parse_manifest(*text);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(*read, sample());
}

TEST(Manifest, TheSignatureCoversEverythingBeforeIt) {
  const testing::Identity& who = standard_pki().ocsp_signer;
  auto signer = pki::Signer::make(who.key);
  ASSERT_TRUE(signer);
  const auto text = seal_manifest(sample(), &*signer);
  ASSERT_TRUE(text);
  ASSERT_TRUE(parse_manifest(*text));
  const auto verified = verify_manifest(*text, who.certificate);
  ASSERT_TRUE(verified) << verified.error();
  EXPECT_EQ(*verified, sample());
  EXPECT_THAT(verify_manifest(*text, standard_pki().leaf.certificate).error(),
              HasSubstr("its signature"));
  std::string changed = *text;
  changed.replace(changed.find("number 17"), 9, "number 18");
  ASSERT_TRUE(parse_manifest(changed));
  EXPECT_THAT(verify_manifest(changed, who.certificate).error(), HasSubstr("its signature"));
  EXPECT_THAT(verify_manifest(*seal_manifest(sample(), nullptr), who.certificate).error(),
              HasSubstr("not signed"));
}

TEST(Manifest, WhatIsCutOffAnywhereIsRefused) {
  const std::string text = *seal_manifest(sample(), nullptr);
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(parse_manifest(std::string_view(text).substr(0, size))) << size;
  }
  EXPECT_FALSE(parse_manifest(text + "\n"));
}

TEST(Manifest, SaysWhichLineIsWrong) {
  const auto error = [](const char* from, const char* to) {
    std::string text = *seal_manifest(sample(), nullptr);
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, std::string_view(from).size(), to);
    const auto read = parse_manifest(text);
    EXPECT_FALSE(read) << from;
    return read ? std::string() : read.error();
  };
  EXPECT_THAT(error("muster-export 1", "muster-export 2"), HasSubstr("line 1"));
  EXPECT_THAT(error("number 17", "number 017"), HasSubstr("line"));
  EXPECT_THAT(error("number 17", "number -1"), HasSubstr("line"));
  EXPECT_THAT(error("files 2", "files 3"), HasSubstr("line 8"));
  EXPECT_THAT(error("files 2", "files 1"), HasSubstr("line 7"));
  EXPECT_THAT(error(" good ", " fine "), HasSubstr("line 6"));
  EXPECT_THAT(error(" 00ff ", " 00FF "), HasSubstr("line 6"));
  EXPECT_THAT(error("MAA=", "MAA"), HasSubstr("line 6"));
  EXPECT_THAT(error("MDAw", "LAAA"), HasSubstr("line 7: is out of order"));
  EXPECT_THAT(error("unsigned", "signed"), HasSubstr("line 8"));
  EXPECT_THAT(error("unsigned", "signature MAA= *"), HasSubstr("line 8"));
  EXPECT_THAT(error("unsigned", "signature MAA="), HasSubstr("line 8"));
}

}  // namespace
}  // namespace muster::edge
