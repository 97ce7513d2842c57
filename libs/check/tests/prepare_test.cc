#include "muster/check/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "muster/testing/pki_builder.h"
#include "muster/testing/plain_user.h"
#include "muster/testing/response_builder.h"
#include "muster/testing/temp_dir.h"

namespace muster::check {
namespace {

using namespace muster::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const TestPki& P() { return standard_pki(); }

/// "TARGET: SUBJECT", "TARGET: server HOST", "TARGET: problem ...", without the directory.
std::vector<std::string> told(const Plan& plan, const TempDir& dir) {
  const auto prepared = prepare(plan);
  if (!prepared) {
    return {"error: " + prepared.error()};
  }
  std::vector<std::string> out;
  for (const Unit& unit : prepared->units) {
    std::string target = unit.target;
    if (target.starts_with(dir.path())) {
      target.erase(0, std::min(dir.path().size() + 1, target.size()));
    }
    if (const auto* host = std::get_if<HostTarget>(&unit.what)) {
      out.push_back(target + ": server " + host->host);
    } else if (const auto* question = std::get_if<Question>(&unit.what)) {
      const std::string subject = question->subject.text();
      const std::size_t name = subject.find("CN=");
      out.push_back(
          target + ": " +
          (name == std::string::npos
               ? subject
               : subject.substr(name + 3, subject.find(',', name) - name - 3)) +
          (question->responses.empty() ? "" : " +" + std::to_string(question->responses.size())));
    } else {
      out.push_back(target + ": problem " + std::get<Problem>(unit.what).detail);
    }
  }
  return out;
}

Plan plan_of(std::vector<std::string> targets) {
  Plan plan;
  plan.inputs.targets = std::move(targets);
  return plan;
}

class Prepare : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> tell(const Plan& plan) const { return told(plan, dir_); }
  [[nodiscard]] std::vector<std::string> tell(const std::string& target) const {
    return told(plan_of({target}), dir_);
  }
  [[nodiscard]] std::vector<std::string> notes(const std::string& target) const {
    const auto prepared = prepare(plan_of({target}));
    return prepared ? prepared->notes : std::vector<std::string>{"error: " + prepared.error()};
  }
  /// A response about these, by the standard delegate.
  std::string write_response(const std::string& name,
                             const std::vector<pki::Certificate>& about) const {
    ResponseSpec spec;
    for (const pki::Certificate& one : about) {
      spec.entries.push_back(entry_for(one, P().intermediate.certificate));
    }
    return dir_.write(name, build_response(P().ocsp_signer, spec));
  }

  TempDir dir_;
};

TEST_F(Prepare, EachEndEntityOfABundleIsAQuestion) {
  const std::string bundle =
      dir_.write("bundle.pem", to_pem({P().leaf.certificate, P().intermediate.certificate,
                                       P().other_leaf.certificate, P().root.certificate}));
  EXPECT_THAT(tell(bundle), ElementsAre("bundle.pem: leaf.example", "bundle.pem: other.example"));
  Plan all = plan_of({bundle});
  all.inputs.all = true;
  EXPECT_THAT(tell(all), SizeIs(3));
}

TEST_F(Prepare, FilesServersAndProblemsKeepTheOrderOfTheirNames) {
  const std::string leaf = dir_.write("leaf.pem", to_pem({P().leaf.certificate}));
  const auto out = tell(plan_of({"a.example:8443", leaf, dir_.file("none.pem"), "http://x"}));
  ASSERT_THAT(out, SizeIs(4));
  EXPECT_EQ(out[0], "a.example:8443: server a.example");
  EXPECT_EQ(out[1], "leaf.pem: leaf.example");
  EXPECT_THAT(out[2], HasSubstr("none.pem: problem cannot open"));
  EXPECT_THAT(out[3], HasSubstr("http://x: problem "));
}

TEST_F(Prepare, AnEmptyOrOversizedFileThatWasNamedIsAProblem) {
  EXPECT_THAT(tell(dir_.write("empty.pem", "")), ElementsAre(HasSubstr("problem it is empty")));
  const std::string large = dir_.write("large.pem", "");
  ASSERT_EQ(::truncate(large.c_str(), static_cast<off_t>(kMaxFileBytes + 1)), 0);
  EXPECT_THAT(tell(large), ElementsAre(HasSubstr("octets allowed here")));
}

TEST_F(Prepare, ASecretsStapleGoesWithItsCertificate) {
  const std::string secret =
      "kind: Secret\nmetadata: {name: tls, namespace: shop}\nstringData:\n"
      "  tls.crt: |\n";
  std::string pem = "    " + to_pem({P().leaf.certificate});
  for (std::size_t at = pem.find('\n'); at + 1 < pem.size(); at = pem.find('\n', at + 5)) {
    pem.insert(at + 1, "    ");
  }
  const std::string path =
      dir_.write("secret.yaml", secret + pem + "  tls.ocsp-staple: |\n    whatever\n");
  EXPECT_THAT(tell(path), ElementsAre("secret.yaml (Secret shop/tls): leaf.example +1"));
}

// ---- directories --------------------------------------------------------------------------------

TEST_F(Prepare, ADirectoryIsWalkedAndWhatHoldsNothingIsCounted) {
  dir_.write("certs/a/leaf.pem", to_pem({P().leaf.certificate}));
  dir_.write("certs/a/leaf.key", P().leaf.key_pem);
  dir_.write("certs/b/other.crt", to_pem({P().other_leaf.certificate}));
  dir_.write("certs/chain.pem", to_pem({P().intermediate.certificate}));
  dir_.write("certs/README", "hello");
  dir_.write("certs/.hidden/leaf.pem", to_pem({P().root.certificate}));
  EXPECT_THAT(tell(dir_.file("certs")),
              ElementsAre("certs/a/leaf.pem: leaf.example", "certs/b/other.crt: other.example"));
  EXPECT_THAT(notes(dir_.file("certs")),
              ElementsAre(HasSubstr("certs: 2 files that hold nothing to judge")));
}

TEST_F(Prepare, FilesOfADirectoryAreOneHeap) {
  dir_.write("d/cert.pem", to_pem({P().leaf.certificate}));
  dir_.write("d/chain.pem", to_pem({P().intermediate.certificate}));
  dir_.write("d/fullchain.pem", to_pem({P().leaf.certificate, P().intermediate.certificate}));
  const auto prepared = prepare(plan_of({dir_.file("d")}));
  ASSERT_TRUE(prepared) << prepared.error();
  ASSERT_THAT(prepared->units, SizeIs(1)) << "the same certificate twice is one question";
  const auto& question = std::get<Question>(prepared->units[0].what);
  EXPECT_THAT(*question.around, ElementsAre(P().intermediate.certificate));
}

TEST_F(Prepare, ADamagedCertificateInADirectoryIsAProblem) {
  dir_.write("d/good.pem", to_pem({P().leaf.certificate}));
  dir_.write("d/bad.pem", to_pem({P().other_leaf.certificate}).substr(0, 300));
  EXPECT_THAT(tell(dir_.file("d")),
              ElementsAre(HasSubstr("d/bad.pem: problem PEM block 1"), "d/good.pem: leaf.example"));
}

TEST_F(Prepare, ADirectoryWithoutCertificatesIsAProblem) {
  dir_.write("d/README", "hello");
  EXPECT_THAT(tell(dir_.file("d")),
              ElementsAre(HasSubstr("d: problem none of the 1 files in it holds")));
}

TEST_F(Prepare, SymbolicLinksLeadToFilesAndIntoNoLoop) {
  namespace fs = std::filesystem;
  dir_.write("d/real/leaf.pem", to_pem({P().leaf.certificate}));
  fs::create_directory_symlink(dir_.file("d"), dir_.file("d/loop"));
  fs::create_directory_symlink("..", dir_.file("d/real/up"));
  fs::create_symlink(dir_.file("d/real/leaf.pem"), dir_.file("d/again.pem"));
  fs::create_symlink("nowhere", dir_.file("d/dangling.pem"));
  dir_.write("outside/other.pem", to_pem({P().other_leaf.certificate}));
  fs::create_symlink(dir_.file("outside/other.pem"), dir_.file("d/other.pem"));
  ASSERT_EQ(::mkfifo(dir_.file("d/pipe.pem").c_str(), 0600), 0);  // would block whoever opens it
  EXPECT_THAT(tell(dir_.file("d")),
              ElementsAre("d/again.pem: leaf.example", "d/other.pem: other.example"));
  EXPECT_THAT(notes(dir_.file("d")), IsEmpty());
}

TEST_F(Prepare, DirectoriesTooDeepAreCounted) {
  std::string path = "d";
  for (std::size_t i = 0; i < kMaxDirectoryDepth - 1; ++i) {
    path += "/d";
  }
  dir_.write(path + "/leaf.pem", to_pem({P().leaf.certificate}));
  dir_.write(path + "/d/other.pem", to_pem({P().other_leaf.certificate}));
  EXPECT_THAT(tell(dir_.file("d")), ElementsAre(HasSubstr("leaf.pem: leaf.example")));
  EXPECT_THAT(notes(dir_.file("d")), ElementsAre(HasSubstr("1 directories lie too deep")));
}

TEST_F(Prepare, WhatMayNotBeReadIsCounted) {
  const PlainUser user(dir_);
  if (!user.is_plain()) {
    GTEST_SKIP() << "root may read everything, and cannot be somebody else here";
  }
  dir_.write("d/leaf.pem", to_pem({P().leaf.certificate}));
  ASSERT_EQ(::chmod(dir_.write("d/closed.pem", "x").c_str(), 0), 0);
  EXPECT_THAT(notes(dir_.file("d")), ElementsAre(HasSubstr("1 files or directories may not be")));
}

// ---- responses by themselves --------------------------------------------------------------------

TEST_F(Prepare, AResponseIsJudgedAboutWhatItNames) {
  Plan plan = plan_of({write_response(
      "two.ors", {P().leaf.certificate, P().other_leaf.certificate, P().leaf.certificate})});
  const std::string leaf = P().leaf.certificate.serial().to_hex();
  const std::string other = P().other_leaf.certificate.serial().to_hex();
  EXPECT_THAT(tell(plan), ElementsAre(HasSubstr("serial " + leaf + " of an issuer whose"),
                                      HasSubstr("serial " + other + " of an issuer whose"),
                                      HasSubstr("serial " + leaf + " of an issuer whose")));
  plan.issuers = {P().root.certificate, P().intermediate.certificate};
  EXPECT_THAT(tell(plan),
              ElementsAre("two.ors: serial " + leaf + " +1", "two.ors: serial " + other + " +1"));
  plan.anchors = std::exchange(plan.issuers, {});
  EXPECT_THAT(tell(plan), SizeIs(2)) << "the issuer may be among the anchors";
}

TEST_F(Prepare, AResponseInADirectoryFindsItsIssuerThere) {
  write_response("d/leaf.ors", {P().leaf.certificate});
  dir_.write("d/ca.pem", to_pem({P().intermediate.certificate}));
  EXPECT_THAT(tell(dir_.file("d")), ::testing::Contains(HasSubstr("d/leaf.ors: serial ")));
}

TEST_F(Prepare, AnErrorResponseIsAboutNobody) {
  const Buffer unauthorized = {0x30, 0x03, 0x0a, 0x01, 0x06};
  EXPECT_THAT(tell(dir_.write("error.ors", unauthorized)),
              ElementsAre(HasSubstr("error status, which is about no certificate")));
}

// ---- serials ------------------------------------------------------------------------------------

TEST_F(Prepare, SerialsAreThoseOfTheOneIssuer) {
  Plan plan;
  plan.inputs.serials = {make_serial(1), make_serial(0x80)};
  const auto refused = [&] { return tell(plan).front(); };
  EXPECT_THAT(refused(), HasSubstr("give --issuer FILE"));
  plan.issuers = {P().leaf.certificate};
  EXPECT_THAT(refused(), HasSubstr("is a CA's"));
  plan.issuers = {P().intermediate.certificate, make_self_signed(ca_spec("Another")).certificate};
  EXPECT_THAT(refused(), HasSubstr("--issuer names 2: "));
  plan.issuers = {P().root.certificate, P().intermediate.certificate};
  EXPECT_THAT(tell(plan), ElementsAre("01: serial 01", "80: serial 80"));
  const auto prepared = prepare(plan);
  EXPECT_EQ(*std::get<Question>(prepared->units[0].what).subject.named_issuer(),
            P().intermediate.certificate)
      << "the lower end of the chain";
}

struct SerialRow {
  const char* text;
  const char* wanted;  ///< nullptr: none
};
class Serials : public ::testing::TestWithParam<SerialRow> {};

TEST_P(Serials, AreReadAsProgramsPrintThem) {
  const auto serial = parse_serial(GetParam().text);
  ASSERT_EQ(static_cast<bool>(serial), GetParam().wanted != nullptr) << GetParam().text;
  if (serial) {
    EXPECT_EQ(serial->to_hex(), GetParam().wanted);
  } else {
    EXPECT_THAT(serial.error(), HasSubstr("wanted: hexadecimal"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Forms, Serials,
    ::testing::Values(SerialRow{"04A1", "04A1"}, SerialRow{"4a1", "04A1"},
                      SerialRow{"04:a1", "04A1"}, SerialRow{"04 a1", "04A1"},
                      SerialRow{"0x4a1", "04A1"}, SerialRow{"0X04A1", "04A1"},
                      SerialRow{"serial=04A1", "04A1"}, SerialRow{" 04A1\n", "04A1"},
                      SerialRow{"0D1185", "0D1185"}, SerialRow{"0d1185", "0D1185"},
                      SerialRow{"decimal=1185", "04A1"}, SerialRow{"decimal=0", "00"},
                      SerialRow{"decimal=340282366920938463463374607431768211455",
                                "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"},
                      SerialRow{"-42", "-42"}, SerialRow{"1185", "1185"}, SerialRow{"0", "00"},
                      SerialRow{"", nullptr}, SerialRow{"0x", nullptr}, SerialRow{"4g", nullptr},
                      SerialRow{"04::a1", nullptr}, SerialRow{":04", nullptr},
                      SerialRow{"04:", nullptr}, SerialRow{"decimal=", nullptr},
                      SerialRow{"decimal=1f", nullptr}, SerialRow{"--4", nullptr}));

TEST(SerialText, IsBounded) {
  EXPECT_TRUE(parse_serial(std::string(2 * kMaxSerialOctets, '1')));
  EXPECT_FALSE(parse_serial(std::string(2 * kMaxSerialOctets + 2, '1')));
  EXPECT_FALSE(parse_serial("decimal=" + std::string(100'000, '9')));
}

// ---- lists of targets ---------------------------------------------------------------------------

TEST(TargetList, HasOneTargetALine) {
  const auto list = parse_target_list(
      as_bytes("\xef\xbb\xbf# servers\na.example\r\n\n  b.example:8443  # the other\n"
               "/srv/with#hash.pem\n#c.example\nunix:/run/x y.sock"));
  ASSERT_TRUE(list) << list.error();
  EXPECT_THAT(*list, ElementsAre("a.example", "b.example:8443", "/srv/with#hash.pem",
                                 "unix:/run/x y.sock"));
  const auto empty = parse_target_list({});
  ASSERT_TRUE(empty);
  EXPECT_THAT(*empty, IsEmpty());
}

TEST(TargetList, SaysWhichLineIsWrong) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"a\n" + std::string(4097, 'x'), "line 2"},
      {std::string("a\0b", 3), "line 1"},
      {"a\n-\n", "line 2: standard input"}};
  for (const auto& [text, word] : rows) {
    const auto list = parse_target_list(as_bytes(text));
    ASSERT_FALSE(list) << text;
    EXPECT_THAT(list.error(), HasSubstr(word));
  }
  std::string many;
  for (std::size_t i = 0; i <= kMaxUnits; ++i) {
    many += "a\n";
  }
  const auto list = parse_target_list(as_bytes(many));
  ASSERT_FALSE(list);
  EXPECT_THAT(list.error(), HasSubstr("split the list"));
}

TEST(TargetList, ThereIsALimitToAllTargetsTogether) {
  EXPECT_TRUE(prepare(plan_of(std::vector<std::string>(kMaxUnits, "a.example"))));
  const auto many = prepare(plan_of(std::vector<std::string>(kMaxUnits + 1, "a.example")));
  ASSERT_FALSE(many);
  EXPECT_THAT(many.error(), HasSubstr("split the list"));
}

}  // namespace
}  // namespace muster::check
