#include <gmock/gmock.h>

#include <filesystem>

#include "crl_check_fixture.h"
#include "muster/client/crl_document.h"
#include "muster/testing/plain_user.h"
#include "muster/testing/temp_dir.h"

// Which CRLs a file or a directory gives: all of them, or an error. An older one alone would call
// good what a newer one beside it revokes.
namespace muster::client::test {
namespace {

using muster::testing::PlainUser;
using pki::PkiErrc;
using ::testing::HasSubstr;
using testing::to_pem;

class LoadCrls : public ::testing::Test {
 protected:
  /// Files of the directory whose CRLs are taken, each as often as it gives one.
  std::vector<std::string> taken() const {
    std::vector<std::string> names;
    const auto crls = load_crls(dir_.file("crls"));
    EXPECT_TRUE(crls) << crls.error().detail;
    for (const NamedCrl& crl : crls ? *crls : std::vector<NamedCrl>()) {
      EXPECT_TRUE(crl.document->view());
      names.push_back(std::filesystem::path(crl.name).filename().string());
    }
    return names;
  }
  static void expect_refused(const std::string& path, PkiErrc code, const std::string& word) {
    const auto crls = load_crls(path);
    ASSERT_FALSE(crls) << path;
    EXPECT_EQ(crls.error().code, code) << crls.error().detail;
    EXPECT_THAT(crls.error().detail, HasSubstr(word));
  }

  const Buffer older_ = empty_crl(ca()), newer_ = crl_revoking(ca(), leaf().certificate);
  const Buffer cut_ = Buffer(newer_.begin(), newer_.end() - 40);
  const testing::TempDir dir_;
};
using Names = std::vector<std::string>;

TEST_F(LoadCrls, TakesEveryOneOfAFile) {
  const auto alone = load_crls(dir_.write("one", older_));
  ASSERT_TRUE(alone) << alone.error().detail;
  ASSERT_EQ(alone->size(), 1u);
  const std::string path =
      dir_.write("two", to_pem("X509 CRL", older_) + to_pem("X509 CRL", newer_));
  const auto both = load_crls(path);
  ASSERT_TRUE(both) << both.error().detail;
  ASSERT_EQ(both->size(), 2u);
  EXPECT_EQ(both->front().name, path);
  EXPECT_TRUE(equal((*both)[0].document->der(), older_));
  EXPECT_TRUE(equal((*both)[1].document->der(), newer_));
}

TEST_F(LoadCrls, RefusesAFileThatIsDamagedOrSomethingElse) {
  Buffer two = older_;
  two.insert(two.end(), newer_.begin(), newer_.end());
  expect_refused(dir_.write("cut", cut_), PkiErrc::kNotACrl, dir_.file("cut"));
  expect_refused(dir_.write("two", two), PkiErrc::kNotACrl, dir_.file("two"));
  expect_refused(dir_.write("pem", to_pem("X509 CRL", older_) + to_pem("X509 CRL", cut_)),
                 PkiErrc::kNotACrl, dir_.file("pem"));
  expect_refused(dir_.write("certificate", ca().certificate.der()), PkiErrc::kNotACrl,
                 dir_.file("certificate"));
  expect_refused(dir_.write("text", std::string_view("hello")), PkiErrc::kNotACrl, "no CRL in it");
  expect_refused(dir_.file("none"), PkiErrc::kUnreadable, dir_.file("none"));
}

TEST_F(LoadCrls, OfADirectoryPassesOverWhatIsEvidentlyNone) {
  dir_.write("crls/1.crl", older_);
  dir_.write("crls/2.pem", to_pem("X509 CRL", newer_) + to_pem("X509 CRL", empty_crl(root())));
  dir_.write("crls/3", older_);
  dir_.write("crls/README", std::string_view("no CRL"));
  dir_.write("crls/ca.der", ca().certificate.der());
  dir_.write("crls/ca.pem", ca().certificate_pem());
  dir_.write("crls/empty", std::string_view());
  dir_.write("crls/small", Buffer{0x30, 0x03, 0x02, 0x01, 0x05});
  dir_.write("crls/.1.crl.Xa3", cut_);  // as rsync writes
  dir_.write("crls/below.crl/9.crl", cut_);
  EXPECT_EQ(taken(), (Names{"1.crl", "2.pem", "2.pem", "3"}));
  std::filesystem::create_directory(dir_.file("none"));
  expect_refused(dir_.file("none"), PkiErrc::kNotACrl, "no CRL in the directory");
}

TEST_F(LoadCrls, OfADirectoryRefusesADamagedOneUnderAnyName) {
  const std::string crls = dir_.file("crls");
  dir_.write("crls/1.crl", older_);
  const std::string pem = to_pem("X509 CRL", newer_);
  const std::vector<std::pair<std::string, Buffer>> rows = {
      {"new.crl", cut_},
      {"new.der", cut_},
      {"new", Buffer(newer_.begin(), newer_.end() - 1)},
      {"new.CRL", {}},
      {"empty.der", {}},
      {"empty.PEM", {}},
      {"1a2b3c4d.r0", to_buffer(as_bytes("hello"))},
      {"1a2b3c4d.r12", to_buffer(ca().certificate.der())},
      {"new.pem", to_buffer(as_bytes(pem.substr(0, pem.size() - 40)))},
      {"new.txt", to_buffer(as_bytes(pem + to_pem("X509 CRL", cut_)))},
      {"indented.pem", to_buffer(as_bytes(" " + pem))}};
  for (const auto& [name, octets] : rows) {
    const std::string path = dir_.write("crls/" + name, octets);
    expect_refused(crls, PkiErrc::kNotACrl, path);
    std::filesystem::remove(path);
  }
  EXPECT_EQ(taken(), Names{"1.crl"});
}

TEST_F(LoadCrls, OfADirectoryRefusesWhatCannotBeRead) {
  const PlainUser user(dir_);
  dir_.write("crls/1.crl", older_);
  const std::string gone = dir_.file("crls/new");
  std::filesystem::create_symlink(dir_.file("elsewhere"), gone);
  expect_refused(dir_.file("crls"), PkiErrc::kUnreadable, gone);
  std::filesystem::remove(gone);
  if (!user.is_plain()) {
    GTEST_SKIP() << "root may read everything, and cannot be somebody else here";
  }
  const std::string closed = dir_.write("crls/closed", newer_);
  std::filesystem::permissions(closed, std::filesystem::perms::none);
  expect_refused(dir_.file("crls"), PkiErrc::kUnreadable, closed);
}

}  // namespace
}  // namespace muster::client::test
