#include "contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/client/request.h"
#include "muster/http/base64.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/process.h"
#include "muster/testing/response_builder.h"

namespace muster::check {
namespace {

using namespace muster::testing;
using ::testing::HasSubstr;

const TestPki& P() { return standard_pki(); }

pki::AskPassphrase always(std::string text) {
  return [text = std::move(text)] { return std::optional(text); };
}

Result<Contents, ContentsError> read(Bytes octets,
                                     const std::vector<pki::AskPassphrase>& passphrases = {}) {
  return read_contents(octets, passphrases);
}
Result<Contents, ContentsError> read(std::string_view text) { return read(as_bytes(text)); }

/// "3 certificates", "1 certificates, 1 responses", "responses alone: 1", or "nothing: ...",
/// "broken: ...".
std::string told(const Result<Contents, ContentsError>& contents) {
  if (!contents) {
    return (contents.error().code == ContentsErrc::kNothing ? "nothing: " : "broken: ") +
           contents.error().detail;
  }
  if (contents->heaps.empty()) {
    return "responses alone: " + std::to_string(contents->responses.size());
  }
  const Heap& heap = contents->heaps.front();
  return std::to_string(heap.certificates.size()) + " certificates" +
         (heap.responses.empty() ? ""
                                 : ", " + std::to_string(heap.responses.size()) + " responses") +
         (heap.problem.empty() ? "" : ", " + heap.problem);
}

Buffer response() {
  return build_response(
      P().ocsp_signer,
      {.entries = {entry_for(P().leaf.certificate, P().intermediate.certificate)}});
}

/// Made by the openssl program from a file with leaf and intermediate.
Buffer made_by_openssl(const std::vector<std::string>& arguments) {
  const TempDir dir;
  P().leaf.write(dir, "leaf", {P().intermediate.certificate});
  std::vector<std::string> command = {"openssl"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const auto done = run_process(command, {.directory = dir.path()});
  EXPECT_EQ(done.exit_code, 0) << done.describe();
  return read_octets(dir.file("out"));
}
Buffer pkcs12(const std::string& passphrase, const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {"pkcs12",   "-export",           "-in",  "leaf.pem",
                                      "-inkey",   "leaf.key",          "-out", "out",
                                      "-passout", "pass:" + passphrase};
  command.insert(command.end(), more.begin(), more.end());
  return made_by_openssl(command);
}

TEST(Contents, CertificatesInEveryWrapping) {
  const std::string pem = to_pem({P().leaf.certificate, P().intermediate.certificate});
  EXPECT_EQ(told(read(pem)), "2 certificates");
  EXPECT_EQ(told(read("\xef\xbb\xbf" + pem)), "2 certificates") << "with a byte order mark";
  EXPECT_EQ(told(read("Bag Attributes\n    friendlyName: x\nkind of note\n" + pem)),
            "2 certificates");
  EXPECT_EQ(told(read(P().leaf.key_pem + pem)), "2 certificates") << "with its key";
  EXPECT_EQ(told(read(P().leaf.certificate.der())), "1 certificates");
  for (const char* form : {"PEM", "DER"}) {
    EXPECT_EQ(told(read(made_by_openssl({"crl2pkcs7", "-nocrl", "-certfile", "leaf.pem", "-outform",
                                         form, "-out", "out"}))),
              "2 certificates")
        << "PKCS#7 in " << form;
  }
  const std::string answer = to_pem("OCSP RESPONSE", response());
  EXPECT_EQ(told(read(pem + answer)), "2 certificates, 1 responses");
  EXPECT_EQ(told(read(answer + pem + answer)), "2 certificates, 2 responses");
}

TEST(Contents, Pkcs12IsOpenedWithWhatIsGiven) {
  EXPECT_EQ(told(read(pkcs12(""))), "2 certificates");
  const Buffer locked = pkcs12("sesame");
  EXPECT_THAT(told(read(locked)), HasSubstr("broken: the PKCS#12 file is encrypted and no "
                                            "passphrase was given; name one with --pass"));
  EXPECT_THAT(told(read(locked, {always("open")})),
              HasSubstr("broken: the passphrase does not open"));
  EXPECT_THAT(told(read(locked, {always("open"), always("up")})),
              HasSubstr("broken: none of the passphrases opens"));
  EXPECT_EQ(told(read(locked, {always("open"), always("sesame")})), "2 certificates");
  EXPECT_EQ(told(read(pkcs12("", {"-nokeys"}))), "2 certificates") << "no key in it";
}

TEST(Contents, ResponsesAlone) {
  EXPECT_EQ(told(read(response())), "responses alone: 1");
  const std::string answer = to_pem("OCSP RESPONSE", response());
  EXPECT_EQ(told(read(answer)), "responses alone: 1");
  EXPECT_EQ(told(read(answer + answer)), "responses alone: 2");
  const Buffer unauthorized = {0x30, 0x03, 0x0a, 0x01, 0x06};
  EXPECT_EQ(told(read(unauthorized)), "responses alone: 1");
}

TEST(Contents, WhatIsNotThereIsNamed) {
  const Buffer crl = build_crl(P().intermediate, {});
  const Buffer request =
      client::build_request(P().leaf.certificate, P().intermediate.certificate, {});
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", "it is empty"},
      {"hello\n", "neither PEM nor DER"},
      {std::string(as_text(crl)), "a CRL (it is given with --crl)"},
      {to_pem("X509 CRL", crl), "PEM of 'X509 CRL' and no certificate (a CRL is given with --crl)"},
      {std::string(as_text(request)), "an OCSP request"},
      {P().leaf.key_pem, "PRIVATE KEY' and no certificate"},
      {std::string("\xff\xfe-\0-\0", 6), "UTF-16"},
      {"kind: ConfigMap\n", "a manifest of 1 objects, none of them a Secret with tls.crt"},
      {std::string("\x30\x82\x00\x04\x02\x02\x01\x01", 8), "DER of something else"}};
  for (const auto& [octets, word] : rows) {
    const std::string text = told(read(octets));
    EXPECT_THAT(text, HasSubstr("nothing: ")) << word;
    EXPECT_THAT(text, HasSubstr(word));
    EXPECT_THAT(text, HasSubstr("; wanted: certificates (PEM, DER, PKCS#7, PKCS#12)"));
  }
}

TEST(Contents, WhatIsDamagedIsNoNothing) {
  const std::string pem = to_pem({P().leaf.certificate, P().intermediate.certificate});
  Buffer cut = to_buffer(P().leaf.certificate.der());
  cut.pop_back();
  Buffer cut_pkcs12 = pkcs12("");
  cut_pkcs12.resize(cut_pkcs12.size() / 2);
  std::string indented = pem;
  indented.insert(0, "  ");
  std::string bad_base64 = pem;
  bad_base64[100] = '!';
  const std::string answer = to_pem("OCSP RESPONSE", response());
  const std::vector<std::pair<Buffer, std::string>> rows = {
      {cut, "begins like a certificate, but"},
      {cut_pkcs12, "damaged"},
      {to_buffer(as_bytes(pem.substr(0, pem.size() - 40))), "damaged"},
      {to_buffer(as_bytes(bad_base64)), "damaged"},
      {to_buffer(as_bytes(answer + " " + answer)), "damaged"},
      {to_buffer(as_bytes(indented)), "2 PEM blocks of certificates begin, but only 1 can be read"},
      {to_buffer(as_bytes("kind: Secret\nkind: Secret\n")), "twice"},
      {to_buffer(as_bytes(pem + std::string(std::size_t{16} << 20, ' '))), "more than 16 MiB"}};
  for (const auto& [octets, word] : rows) {
    const std::string text = told(read(octets));
    EXPECT_THAT(text, HasSubstr("broken: ")) << word;
    EXPECT_THAT(text, HasSubstr(word));
  }
}

TEST(Contents, SecretsGiveHeapsOfTheirOwn) {
  const auto b64 = [](Bytes octets) { return http::base64_encode(octets); };
  const Buffer staple = response();
  const std::string leaf = b64(as_bytes(to_pem({P().leaf.certificate})));
  const std::string ca = b64(as_bytes(to_pem({P().intermediate.certificate})));
  const std::string text =
      "kind: Secret\nmetadata: {name: a, namespace: shop}\ndata:\n  tls.crt: " + leaf +
      "\n  ca.crt: " + ca + "\n  tls.ocsp-staple: " + b64(staple) +
      "\n---\nkind: Secret\nmetadata: {name: b}\ndata: {tls.crt: aGVsbG8=}\n"
      "---\nkind: Secret\nmetadata: {name: c}\ndata: {tls.crt: '?'}\n"
      "---\nkind: Secret\nmetadata: {name: d}\ndata: {tls.crt: " +
      leaf + ", tls.ocsp-staple: aGVsbG8=}\n";
  const auto contents = read(text);
  ASSERT_TRUE(contents) << contents.error().detail;
  ASSERT_EQ(contents->heaps.size(), 4u);
  const Heap& good = contents->heaps[0];
  EXPECT_EQ(good.label, "Secret shop/a");
  EXPECT_EQ(good.problem, "");
  EXPECT_EQ(good.certificates, std::vector{P().leaf.certificate});
  EXPECT_EQ(good.helpers, std::vector{P().intermediate.certificate});
  EXPECT_THAT(good.responses, ::testing::ElementsAre(staple));
  EXPECT_THAT(contents->heaps[1].problem, HasSubstr("its 'tls.crt': "));
  EXPECT_THAT(contents->heaps[2].problem, HasSubstr("not base64"));
  // What is no response is judged, and refused there: a server would staple it.
  EXPECT_EQ(contents->heaps[3].problem, "");
  EXPECT_THAT(contents->heaps[3].responses, ::testing::ElementsAre(to_buffer(as_bytes("hello"))));
}

}  // namespace
}  // namespace muster::check
