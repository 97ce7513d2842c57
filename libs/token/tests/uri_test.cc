#include "uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "muster/token/bare_uri.h"

namespace muster::token {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(KeyUri, TakesWhatRfc7512Names) {
  const auto uri = KeyUri::parse(
      "pkcs11:token=my%20token;object=ocsp;id=%01%02;type=private?module-path=/lib/"
      "x.so&pin-source=file:/run/pin");
  ASSERT_TRUE(uri) << uri.error().detail;
  EXPECT_EQ(uri->module_path(), "/lib/x.so");
  EXPECT_EQ(uri->pin_file(), "/run/pin");
  EXPECT_EQ(uri->text(), "pkcs11:token=my%20token;object=ocsp;id=%01%02;type=private");
  const CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
  const auto search = uri->search_for(object_class);
  ASSERT_EQ(search.size(), 3u);
  EXPECT_EQ(search[2].type, CKA_ID);
  EXPECT_EQ(search[2].ulValueLen, 2u);
}

TEST(KeyUri, PinSourcesAreFiles) {
  for (const auto& [source, file] : {std::pair{"file:/run/pin", "/run/pin"},
                                     {"file:///run/pin", "/run/pin"},
                                     {"/run/pin", "/run/pin"},
                                     {"file:pin", "pin"}}) {
    const auto uri = KeyUri::parse(std::string("pkcs11:token=t;object=o?pin-source=") + source);
    ASSERT_TRUE(uri) << source << ": " << uri.error().detail;
    EXPECT_EQ(uri->pin_file(), file);
  }
  for (const char* source :
       {"%7Ccat%20/run/pin", "file:", "file://host/pin", "pin", "http://x/pin"}) {
    EXPECT_FALSE(KeyUri::parse(std::string("pkcs11:token=t;object=o?pin-source=") + source))
        << source;
  }
}

TEST(KeyUri, SaysWhatIsMissingOrWrong) {
  const struct {
    const char* uri;
    const char* says;
  } cases[] = {
      {"pkcs11:token=t", "which key"},
      {"pkcs11:object=o", "which token"},
      {"pkcs11:token=t;object=o;type=cert", "type must be private"},
      {"pkcs11:token=t;object=o;colour=red", "not one of RFC 7512"},
      {"pkcs11:token=t;object=o?module-path=x.so", "must be absolute"},
      {"pkcs11:token=%zz;object=o", "PKCS#11 URI"},
      {"file:/etc/key.pem", "begin with"},
  };
  for (const auto& c : cases) {
    const auto checked = check_key_uri(c.uri);
    ASSERT_FALSE(checked) << c.uri;
    EXPECT_EQ(checked.error().code, pki::PkiErrc::kNotAKey);
    EXPECT_THAT(checked.error().detail, HasSubstr(c.says)) << c.uri;
  }
  EXPECT_TRUE(check_key_uri("pkcs11:slot-id=3;id=%01"));
  EXPECT_FALSE(check_key_uri("pkcs11:token=t;object=" + std::string(5000, 'x')));
}

TEST(KeyUri, APinInItIsRefusedAndNotRepeated) {
  const auto uri = KeyUri::parse("pkcs11:token=t;object=o?pin-value=secret77");
  ASSERT_FALSE(uri);
  EXPECT_THAT(uri.error().detail, HasSubstr("pin-source"));
  EXPECT_THAT(uri.error().detail, Not(HasSubstr("secret77")));
}

TEST(KeyUri, ABareOneNamesNeitherModuleNorPinFile) {
  EXPECT_TRUE(check_bare_key_uri("pkcs11:token=t;serial=1;object=o;id=%01"));
  const struct {
    const char* uri;
    const char* says;
  } cases[] = {
      {"pkcs11:token=t;object=o?module-path=/tmp/evil.so", "module-path"},
      {"pkcs11:token=t;object=o?module-path=%2Ftmp%2Fevil.so", "module-path"},
      {"pkcs11:token=t;object=o?x-note=1&module-name=evil", "module-name"},
      {"pkcs11:token=t;object=o?pin-source=file:/etc/shadow", "pin-source"},
      {"pkcs11:token=t;object=o?pin-source=/etc/shadow", "pin-source"},
      {"pkcs11:token=t;object=o?pin-value=1234", "pin-value"},
      {"pkcs11:token=t", "which key"},
      {"/etc/key.pem", "begin with"},
  };
  for (const auto& c : cases) {
    const auto checked = check_bare_key_uri(c.uri);
    ASSERT_FALSE(checked) << c.uri;
    EXPECT_EQ(checked.error().code, pki::PkiErrc::kNotAKey);
    EXPECT_THAT(checked.error().detail, HasSubstr(c.says)) << c.uri;
  }
}

TEST(KeyUri, MatchesTokensByAllThatIsGiven) {
  CK_TOKEN_INFO token{};
  std::memset(token.label, ' ', sizeof token.label);
  std::memcpy(token.label, "demo", 4);
  std::memset(token.serialNumber, ' ', sizeof token.serialNumber);
  std::memcpy(token.serialNumber, "42", 2);
  EXPECT_TRUE(KeyUri::parse("pkcs11:token=demo;object=o")->matches(1, token));
  EXPECT_TRUE(KeyUri::parse("pkcs11:token=demo;serial=42;object=o")->matches(1, token));
  EXPECT_FALSE(KeyUri::parse("pkcs11:token=demo;serial=43;object=o")->matches(1, token));
  EXPECT_FALSE(KeyUri::parse("pkcs11:token=demo2;object=o")->matches(1, token));
  EXPECT_TRUE(KeyUri::parse("pkcs11:slot-id=1;object=o")->matches(1, token));
  EXPECT_FALSE(KeyUri::parse("pkcs11:slot-id=2;object=o")->matches(1, token));
}

}  // namespace
}  // namespace muster::token
