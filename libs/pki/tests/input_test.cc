#include "muster/pki/input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"

namespace muster::pki {
namespace {

using namespace muster::testing;
using ::testing::HasSubstr;

const TestPki& P() { return standard_pki(); }

AskPassphrase always(std::string text) {
  return [text = std::move(text)] { return std::optional(text); };
}

/// Made by the openssl program of leaf and intermediate.
Buffer store(const std::string& passphrase, const std::vector<std::string>& more = {}) {
  const TempDir dir;
  P().leaf.write(dir, "leaf", {P().intermediate.certificate});
  std::vector<std::string> command = {"openssl",  "pkcs12",   "-export",
                                      "-in",      "leaf.pem", "-inkey",
                                      "leaf.key", "-passout", "pass:" + passphrase,
                                      "-out",     "out"};
  command.insert(command.end(), more.begin(), more.end());
  const auto done = run_process(command, {.directory = dir.path()});
  EXPECT_EQ(done.exit_code, 0) << done.describe();
  return read_octets(dir.file("out"));
}

PkiResult<std::vector<Certificate>> parse(Bytes der,
                                          const std::vector<AskPassphrase>& passphrases = {}) {
  return parse_pkcs12_certificates(der, passphrases);
}

TEST(Pkcs12Certificates, AreTakenWithAndWithoutKey) {
  const std::vector<Certificate> both = {P().leaf.certificate, P().intermediate.certificate};
  for (const Buffer& der : {store(""), store("", {"-nokeys"})}) {
    const auto certificates = parse(der);
    ASSERT_TRUE(certificates) << certificates.error().detail;
    EXPECT_THAT(*certificates, ::testing::UnorderedElementsAreArray(both));
  }
}

TEST(Pkcs12Certificates, EachPassphraseIsTriedOnceInItsOrder) {
  const Buffer der = store("sesame");
  std::string asked;
  const auto noting = [&asked](std::string text) -> AskPassphrase {
    return [&asked, text = std::move(text)] {
      asked += text + ",";
      return std::optional(text);
    };
  };
  EXPECT_TRUE(parse(der, {noting("open"), noting("sesame"), noting("never")}));
  EXPECT_EQ(asked, "open,sesame,");
  EXPECT_TRUE(parse(der, {{}, [] { return std::optional<std::string>(); }, always("sesame")}));

  const std::vector<std::pair<std::vector<AskPassphrase>, std::string>> rows = {
      {{}, "no passphrase was given"},
      {{AskPassphrase()}, "no passphrase was given"},
      {{always("open")}, "the passphrase does not open"},
      {{always(std::string(5'000, 'x'))}, "the passphrase does not open"},
      {{always("open"), always("up")}, "none of the passphrases opens"}};
  for (const auto& [passphrases, word] : rows) {
    const auto refused = parse(der, passphrases);
    ASSERT_FALSE(refused) << word;
    EXPECT_EQ(refused.error().code, PkiErrc::kWrongPassphrase);
    EXPECT_THAT(refused.error().detail, HasSubstr(word));
  }
}

TEST(Pkcs12Certificates, DamageAndSizeAreToldApartFromAWrongPassphrase) {
  Buffer cut = store("");
  cut.resize(cut.size() - 10);
  const std::vector<Buffer> rows = {cut, {}, Buffer(kMaxPkcs12Bytes + 1, 0x30)};
  for (const Buffer& der : rows) {
    const auto refused = parse(der);
    ASSERT_FALSE(refused) << der.size();
    EXPECT_EQ(refused.error().code, PkiErrc::kNotACertificate);
  }
}

TEST(ResponseInput, IsTakenFromPemAndDer) {
  const Buffer der = {0x30, 0x03, 0x0a, 0x01, 0x06};
  const auto pem = [](std::string_view label, Bytes octets) {
    return to_buffer(as_bytes(to_pem(label, octets)));
  };
  const std::vector<Buffer> just_one = {der};
  EXPECT_EQ(*decode_responses(der), just_one);
  EXPECT_EQ(*decode_responses(pem("OCSP RESPONSE", der)), just_one);
  const std::string behind = to_pem("X509 CRL", der) + to_pem("OCSP RESPONSE", der);
  EXPECT_EQ(*decode_responses(to_buffer(as_bytes(behind))), just_one);
  std::string damaged = to_pem("OCSP RESPONSE", der);
  damaged[31] = '!';
  const std::vector<std::pair<Buffer, std::string>> rows = {
      {{}, "no OCSP response"},
      {to_buffer(as_bytes("hello")), "no OCSP response"},
      {pem("CERTIFICATE", der), "without a block OCSP RESPONSE"},
      {to_buffer(as_bytes(damaged)), "damaged"}};
  for (const auto& [octets, word] : rows) {
    const auto refused = decode_responses(octets);
    ASSERT_FALSE(refused) << word;
    EXPECT_THAT(refused.error().detail, HasSubstr(word));
  }
}

TEST(ResponseInput, IsEveryResponseOfAFile) {
  const Buffer first = {0x30, 0x03, 0x0a, 0x01, 0x06}, second = {0x30, 0x03, 0x0a, 0x01, 0x03};
  const std::string whole = to_pem("OCSP RESPONSE", first);
  const std::string other = to_pem("OCSP RESPONSE", second);
  const auto both = decode_responses(to_buffer(as_bytes(whole + other)));
  ASSERT_TRUE(both) << both.error().detail;
  EXPECT_EQ(*both, (std::vector<Buffer>{first, second}));
  for (const std::string& damaged : {other.substr(1), " " + other, other.substr(0, 40)}) {
    const auto refused = decode_responses(to_buffer(as_bytes(whole + damaged)));
    ASSERT_FALSE(refused) << damaged;
    EXPECT_THAT(refused.error().detail, HasSubstr("damaged"));
  }
  const Buffer head = {0x30, 0x82, 0x02, 0x01, 0x0a, 0x01, 0x00};  // of one that says something
  for (const std::string& beside :
       {whole + std::string(as_text(head)), "of today\n" + std::string(as_text(head)) + whole}) {
    const auto refused = decode_responses(to_buffer(as_bytes(beside)));
    ASSERT_FALSE(refused) << "DER beside PEM";
    EXPECT_THAT(refused.error().detail, HasSubstr("no text"));
  }
}

}  // namespace
}  // namespace muster::pki
