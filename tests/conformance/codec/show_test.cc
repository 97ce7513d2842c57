#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "muster/base/text.h"
#include "muster/crl/crl.h"
#include "muster/http/base64.h"
#include "muster/http/get_path.h"
#include "muster/ocsp/ocsp.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"
#include "muster/testing/response_builder.h"
#include "muster/testing/temp_dir.h"

// `muster show`, run as a program.
namespace muster::testing {
namespace {

using nlohmann::json;

std::string binary() {
  const char* const told = std::getenv("MUSTER_BINARY");
  return told != nullptr ? told : MUSTER_BUILT_BINARY;
}

ProcessResult show(std::vector<std::string> arguments, std::string input = {}) {
  arguments.insert(arguments.begin(), {binary(), "show"});
  ProcessOptions options;
  options.input = std::move(input);
  return run_process(arguments, options);
}

json show_json(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "--json");
  const ProcessResult result = show(std::move(arguments));
  const json document = json::parse(result.out, nullptr, false);
  EXPECT_FALSE(document.is_discarded()) << result.describe();
  EXPECT_EQ(document.value("schema_version", 0), 1);
  return document.value("objects", json::array());
}

ocsp::Request make_request() {
  ocsp::Request request;
  const TestPki& pki = standard_pki();
  request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, pki.leaf.certificate,
                                                pki.intermediate.certificate),
                              {}});
  request.extensions.push_back(
      {to_buffer(oid::kOcspNonce), false, ocsp::encode_nonce(Buffer(16, 0xab))});
  return request;
}

Buffer make_response() {
  const TestPki& pki = standard_pki();
  ResponseSpec spec;
  spec.entries.push_back(
      entry_for(pki.leaf.certificate, pki.intermediate.certificate,
                ocsp::Revoked{kTestNow - Seconds(60), ReasonCode::kKeyCompromise}));
  return build_response(pki.ocsp_signer, spec);
}

Buffer make_crl(std::size_t entries) {
  crl::Crl crl;
  crl.issuer = make_name("Show CA");
  crl.signature_algorithm = *from_hex("300a06082a8648ce3d040302");
  crl.this_update = kTestNow;
  for (std::size_t i = 0; i < entries; ++i) {
    crl.entries.push_back({make_serial(i + 1), kTestNow, ReasonCode::kSuperseded, {}, {}});
  }
  return crl::encode_crl(crl::encode_tbs_crl(crl), crl.signature_algorithm, Buffer(8, 1));
}

TEST(Show, RecognisesARequestInEverySpelling) {
  const Buffer der = ocsp::encode_request(make_request());
  const TempDir dir;
  const std::string base64 = http::base64_encode(der);
  std::string url_safe = base64;
  std::replace(url_safe.begin(), url_safe.end(), '+', '-');
  std::replace(url_safe.begin(), url_safe.end(), '/', '_');
  const std::string tail = http::encode_get_tail(der);
  const std::vector<std::string> files = {
      dir.write("a.der", der),
      dir.write("a.pem", to_pem("OCSP REQUEST", der)),
      dir.write("a.hex", to_hex(der) + "\n"),
      dir.write("a.hex2", to_hex_colons(der)),
      dir.write("a.b64", base64.substr(0, 40) + "\r\n" + base64.substr(40) + "\n"),
      dir.write("a.b64url", url_safe.substr(0, url_safe.find('='))),
      dir.write("a.url", "http://ocsp.example/ca/" + tail),
      dir.write("a.path", "/" + tail + "\n"),
      dir.write("a.line", "GET /ocsp/" + tail + " HTTP/1.1\r\nHost: ocsp.example\r\n"),
  };
  const json objects = show_json(files);
  ASSERT_EQ(objects.size(), files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    json expected = objects[0];
    expected["file"] = files[i];
    EXPECT_EQ(objects[i], expected) << files[i];
  }
  EXPECT_EQ(objects[0]["type"], "ocsp-request");
  EXPECT_EQ(objects[0]["requests"][0]["cert_id"]["hash"], "sha256");
  EXPECT_EQ(objects[0]["extensions"][0]["name"], "nonce");
  EXPECT_EQ(objects[0]["extensions"][0]["value"]["octets"], to_hex(Buffer(16, 0xab)));
}

TEST(Show, TellsPeopleWhatAResponseSays) {
  const TempDir dir;
  const ProcessResult result = show({dir.write("r.ors", make_response())});
  ASSERT_EQ(result.exit_code, 0) << result.describe();
  for (const char* const line :
       {"OCSP response (", "response status: successful", "status: revoked",
        "revocation reason: keyCompromise", "by: key",
        "serial: ", "this update: ", "algorithm: ecdsa-with-SHA256", "subject: "}) {
    EXPECT_NE(result.out.find(line), std::string::npos) << line << "\n" << result.describe();
  }
  const ProcessResult error = show({"-"}, std::string("\x30\x03\x0a\x01\x06", 5));
  EXPECT_EQ(error.exit_code, 0);
  EXPECT_NE(error.out.find("response status: unauthorized"), std::string::npos);
}

TEST(Show, ShowsEveryBlockOfAPemFile) {
  const TestPki& pki = standard_pki();
  const TempDir dir;
  const std::string text = "Bag Attributes: none\n" + pki.leaf.certificate_pem() +
                           to_pem("X509 CRL", make_crl(2)) + pki.root.certificate_pem();
  const json objects = show_json({dir.write("mixed.pem", text)});
  ASSERT_EQ(objects.size(), 3u);
  EXPECT_EQ(objects[0]["type"], "certificate");
  EXPECT_EQ(objects[0]["subject"], pki.leaf.certificate.subject_text());
  EXPECT_EQ(objects[1]["type"], "crl");
  EXPECT_EQ(objects[1]["entry_count"], 2);
  EXPECT_EQ(objects[2]["ca"], true);
}

TEST(Show, PrintsEveryEntryOfACrl) {
  constexpr std::size_t kEntries = 5000;
  const TempDir dir;
  const std::string file = dir.write("big.crl", make_crl(kEntries));
  const json objects = show_json({file});
  ASSERT_EQ(objects.size(), 1u);
  ASSERT_EQ(objects[0]["entries"].size(), kEntries);
  EXPECT_EQ(objects[0]["entries"][kEntries - 1]["serial"], "1388");
  EXPECT_EQ(objects[0]["entries"][0]["reason"], "superseded");
  const ProcessResult text = show({file});
  EXPECT_EQ(
      std::count(text.out.begin(), text.out.end(), '\n') > static_cast<std::ptrdiff_t>(kEntries),
      true);
  EXPECT_NE(text.out.find("    1388 2"), std::string::npos);
}

TEST(Show, NamesFieldAndOctetOfBrokenInput) {
  const TempDir dir;
  Buffer broken = make_response();
  const std::string cut = dir.write("cut.ors", Bytes(broken).first(200));
  const ProcessResult result = show({cut});
  EXPECT_EQ(result.exit_code, 66);
  EXPECT_NE(result.err.find("not a valid OCSP response: ocspResponse: truncated at octet 200"),
            std::string::npos)
      << result.describe();
  broken.push_back(0);
  const json objects =
      show_json({dir.write("long.der", broken), dir.write("good.der", make_response())});
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0]["error"]["code"], "trailing data");
  EXPECT_EQ(objects[0]["error"]["field"], "ocspResponse");
  EXPECT_EQ(objects[0]["error"]["offset"], broken.size() - 1);
  EXPECT_EQ(objects[1]["type"], "ocsp-response") << "a broken file does not hide the next";
}

TEST(Show, RefusesWhatItCannotShow) {
  const TempDir dir;
  struct Case {
    std::string file;
    std::string message;
  };
  const Case cases[] = {
      {dir.file("absent"), "cannot open"},
      {dir.path(), "not a regular file"},
      {dir.write("empty", ""), "the input is empty"},
      {dir.write("text", "hello, world!\n"), "neither PEM, hexadecimal, base64"},
      {dir.write("key", to_pem("PRIVATE KEY", Buffer(32, 7))), "among the PEM blocks"},
      {dir.write("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n"), "is the file cut off?"},
      {dir.write("bad.pem", "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"),
       "damaged"},
      {dir.write("label.pem", "-----BEGIN CERTIFICATE"), "does not end"},
      {dir.write("zeros", Buffer(100, 0)),
       "neither OCSP request, OCSP response, CRL nor certificate"},
      {dir.write("cert.pem", to_pem("CERTIFICATE", Buffer(10, 0x30))), "not a valid certificate"},
  };
  for (const Case& c : cases) {
    const ProcessResult result = show({c.file});
    EXPECT_EQ(result.exit_code, 66) << result.describe();
    EXPECT_NE(result.err.find(c.message), std::string::npos) << c.message << "\n"
                                                             << result.describe();
    EXPECT_EQ(result.out, "") << "nothing of a key is printed";
  }
}

TEST(Show, BelievesTheTypeItIsTold) {
  const TempDir dir;
  const std::string file = dir.write("r.der", make_response());
  EXPECT_EQ(show({"--type", "response", file}).exit_code, 0);
  const ProcessResult wrong = show({"--type", "request", file});
  EXPECT_EQ(wrong.exit_code, 66);
  EXPECT_NE(wrong.err.find("not a valid OCSP request: tbsRequest: wrong tag at octet"),
            std::string::npos)
      << wrong.describe();
  EXPECT_EQ(show({"--type", "banana", file}).exit_code, 64);
  EXPECT_EQ(show({}).exit_code, 64);
}

// req: OCSP-COD-028
TEST(Show, ToleratesOverlongFramingOnlyWhenAsked) {
  Buffer der = ocsp::encode_request(make_request());
  ASSERT_EQ(der[1], 0x81);
  der[1] = 0x82;
  der.insert(der.begin() + 2, 0);
  const TempDir dir;
  const std::string file = dir.write("overlong.der", der);
  EXPECT_EQ(show({file}).exit_code, 66);
  EXPECT_EQ(show({"--lenient", file}).exit_code, 0);
}

TEST(Show, TellsWhenOutputIsLost) {
  const TempDir dir;
  const std::string file = dir.write("r.der", make_response());
  const ProcessResult result =
      run_process({"/bin/sh", "-c", "\"$0\" show \"$1\" >/dev/full", binary(), file});
  EXPECT_EQ(result.exit_code, 70) << result.describe();
  EXPECT_NE(result.err.find("cannot write to standard output"), std::string::npos);
}

TEST(Show, HelpFitsAScreen) {
  const ProcessResult result = show({"--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_LE(std::count(result.out.begin(), result.out.end(), '\n'), 24);
  for (const std::string_view line : split(result.out, '\n')) {
    EXPECT_LE(line.size(), 90u) << line;
  }
}

}  // namespace
}  // namespace muster::testing
