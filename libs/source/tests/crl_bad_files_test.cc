#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "crl_set_fixture.h"

// Bad input by file and directory: told with what, where and what to do; the last good state stays.
namespace muster::source {
namespace {

using testing::build_crl;
using testing::CrlSetTest;
using testing::CrlSpec;
using ::testing::HasSubstr;
using testing::kTestNow;
using testing::numbered;

struct BadFile {
  const char* name;
  SourceErrc code;
  const char* text;
  /// Puts it where `good`, the next CRL, should be.
  std::function<void(const std::string& path, const Buffer& good)> put;
};
void PrintTo(const BadFile& bad, std::ostream* out) { *out << bad.name; }

void put(const std::string& path, Bytes octets) {
  ASSERT_TRUE(write_file_atomically(path, octets));
}
const muster::testing::Identity& ca() { return muster::testing::standard_pki().intermediate; }

const BadFile kBadFiles[] = {
    {"IsEmpty", SourceErrc::kMalformed, "no CRL",
     [](const std::string& path, const Buffer&) { put(path, {}); }},
    {"IsHalfWritten", SourceErrc::kMalformed, "damaged one",
     [](const std::string& path, const Buffer& good) {
       put(path, Bytes(good).first(good.size() / 2));
     }},
    {"LacksItsLastOctet", SourceErrc::kMalformed, "damaged one",
     [](const std::string& path, const Buffer& good) {
       put(path, Bytes(good).first(good.size() - 1));
     }},
    {"HasMoreBehindIt", SourceErrc::kMalformed, "damaged one",
     [](const std::string& path, Buffer good) {
       good.push_back(0);
       put(path, good);
     }},
    {"IsHalfAPem", SourceErrc::kMalformed, "",
     [](const std::string& path, const Buffer& good) {
       const std::string pem = muster::testing::to_pem("X509 CRL", good);
       put(path, as_bytes(pem).first(pem.size() / 2));
     }},
    {"IsAPemOfSomethingElse", SourceErrc::kMalformed, "",
     [](const std::string& path, const Buffer&) {
       put(path, as_bytes(muster::testing::to_pem("CERTIFICATE", ca().certificate.der())));
     }},
    {"IsAWebPage", SourceErrc::kMalformed, "",
     [](const std::string& path, const Buffer&) { put(path, as_bytes("<html>login</html>")); }},
    {"IsTooLarge", SourceErrc::kMalformed, "raise the limit",
     [](const std::string& path, const Buffer&) { put(path, Buffer((1 << 20) + 1, 0x30)); }},
    {"IsOfAnotherCa", SourceErrc::kNotTrusted, "name who else may sign it",
     [](const std::string& path, const Buffer&) {
       put(path, build_crl(muster::testing::standard_pki().root, numbered(9, {2})));
     }},
    {"IsForged", SourceErrc::kNotTrusted, "bad-signature",
     [](const std::string& path, Buffer good) {
       good.back() ^= 1;
       put(path, good);
     }},
    {"IsRolledBack", SourceErrc::kRollback, "number 04 after 05",
     [](const std::string& path, const Buffer&) { put(path, build_crl(ca(), numbered(4))); }},
    {"IsFromTheFuture", SourceErrc::kNotYetValid, "compare the clocks",
     [](const std::string& path, const Buffer&) {
       CrlSpec future = numbered(6, {2});
       future.this_update = kTestNow + std::chrono::hours(24 * 5);
       put(path, build_crl(ca(), future));
     }},
    {"EndsBeforeItBegins", SourceErrc::kMalformed, "",
     [](const std::string& path, const Buffer&) {
       CrlSpec wrong = numbered(6, {2});
       wrong.next_update = wrong.this_update - Seconds(1);
       put(path, build_crl(ca(), wrong));
     }},
    {"ContinuesNothing", SourceErrc::kNoBase, "give a complete CRL",
     [](const std::string& path, const Buffer&) {
       CrlSpec delta = numbered(21, {2});
       delta.delta_base = 20;
       put(path, build_crl(ca(), delta));
     }},
};

class BadCrlFile : public CrlSetTest, public ::testing::WithParamInterface<BadFile> {};
INSTANTIATE_TEST_SUITE_P(All, BadCrlFile, ::testing::ValuesIn(kBadFiles),
                         [](const auto& c) { return c.param.name; });

// req: OCSP-CRL-053
TEST_P(BadCrlFile, LeavesTheLastGoodOneInForce) {
  for (const bool in_directory : {false, true}) {
    const std::string name = in_directory ? "crls/ca.crl" : "ca.crl";
    std::filesystem::remove_all(directory_.file("state"));
    spec_.crls.files.clear();
    spec_.crls.max_bytes = 1 << 20;
    if (in_directory) {
      spec_.crls.directories = {directory_.file("crls")};
    } else {
      add_files({name});
    }
    restart();
    write(name, numbered(in_directory ? 7 : 5, {1}));
    look();
    ASSERT_FALSE(error()) << error_text();
    const Buffer next = build_crl(issuer(), numbered(in_directory ? 10 : 8, {1, 2}));
    for (const bool restarted : {false, true}) {
      GetParam().put(directory_.file(name), next);
      restarted ? restart() : void();
      look();
      EXPECT_EQ(error(), GetParam().code) << error_text();
      EXPECT_THAT(error_text(), HasSubstr(directory_.file(name)));
      if (!in_directory) {  // where the numbers are others
        EXPECT_THAT(error_text(), HasSubstr(GetParam().text));
      }
      EXPECT_TRUE(is_revoked(1) && !is_revoked(2) && covers_everything()) << restarted;
      EXPECT_TRUE(status().parts.at(0).error);
    }
    put(directory_.file(name), next);
    clock_.advance(Seconds(120));
    look();
    EXPECT_FALSE(error()) << error_text();
    EXPECT_TRUE(is_revoked(1) && is_revoked(2) && covers_everything());
    spec_.crls.directories.clear();
    spec_.id = id_ = *store_->ensure_issuer(
        make_issuer_key(muster::testing::standard_pki().root.certificate), "a fresh entry");
  }
}

class CrlFileForms : public CrlSetTest {};

TEST_F(CrlFileForms, FilesAndDirectoriesTakePemAndDer) {
  const auto pem = [&](std::uint64_t number, std::uint64_t serial) {
    return muster::testing::to_pem("X509 CRL", build_crl(issuer(), numbered(number, {serial})));
  };
  add_files({"one.crl"});
  directory_.write("one.crl", pem(5, 1));
  look();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(1));
  write("one.crl", numbered(6, {2}));
  look();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(2));
  spec_.crls.files.clear();
  spec_.crls.directories = {directory_.file("crls")};
  restart();
  directory_.write("crls/a.pem", pem(7, 3));
  look();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(3));
  directory_.write("crls/b.r0", pem(8, 4));
  look();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(4));
  write("crls/c.der", numbered(9, {5}));
  look();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(5));
}

TEST_F(CrlFileForms, AFileThatIsNoneIsUnreadable) {
  add_files({"ca.crl"});
  write("ca.crl", numbered(5, {1}));
  look();
  for (const bool pipe : {false, true}) {
    std::filesystem::remove_all(directory_.file("ca.crl"));
    if (pipe) {
      ASSERT_EQ(::mkfifo(directory_.file("ca.crl").c_str(), 0600), 0);  // would hang who opens it
    } else {
      std::filesystem::create_directories(directory_.file("ca.crl"));
    }
    look();
    EXPECT_EQ(error(), SourceErrc::kUnreadable) << error_text();
    EXPECT_THAT(error_text(), HasSubstr(directory_.file("ca.crl")));
    EXPECT_THAT(error_text(), HasSubstr("stays in force"));
    EXPECT_TRUE(is_revoked(1) && covers_everything());
  }
}

}  // namespace
}  // namespace muster::source
