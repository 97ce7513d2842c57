#include "muster/relay/question.h"

#include <gmock/gmock.h>

#include "muster/testing/response_builder.h"

namespace muster::relay {
namespace {

using testing::make_serial;

struct Spelling {
  std::string_view what;
  Buffer request;
  std::optional<QuestionErrc> refused;
};

class RelayQuestion : public ::testing::Test {
 protected:
  [[nodiscard]] ocsp::CertId id(const pki::Certificate& issuer, std::uint64_t serial,
                                HashAlgorithm hash = HashAlgorithm::kSha1) const {
    return pki::make_cert_id(hash, issuer, make_serial(serial));
  }
  [[nodiscard]] Buffer request(std::vector<ocsp::CertId> ids,
                               std::vector<der::Extension> extensions = {}) const {
    ocsp::Request out;
    for (ocsp::CertId& one : ids) {
      out.requests.push_back({std::move(one), {}});
    }
    out.extensions = std::move(extensions);
    return ocsp::encode_request(out);
  }

  const testing::TestPki& pki = testing::standard_pki();
  const pki::Certificate& ca = pki.intermediate.certificate;
  const pki::Certificate& root = pki.root.certificate;
};

TEST_F(RelayQuestion, IsReadOrRefused) {
  AllowList list;
  list.add({"ca", ca, {"http://a.example/"}});
  AllowList both;
  both.add({"ca", ca, {"http://a.example/"}});
  both.add({"root", root, {"http://a.example/"}});
  const der::Extension nonce{to_buffer(oid::kOcspNonce), false, ocsp::encode_nonce(Buffer(16, 1))};
  const der::Extension broken{to_buffer(oid::kOcspNonce), false, Buffer{4, 0}};
  const Spelling all[] = {
      {"one CertID", request({id(ca, 1)}), std::nullopt},
      {"SHA-512", request({id(ca, 1, HashAlgorithm::kSha512)}), std::nullopt},
      {"two of one issuer", request({id(ca, 1), id(ca, 2)}), std::nullopt},
      {"a nonce", request({id(ca, 1)}, {nonce}), std::nullopt},
      {"an extension nobody knows", request({id(ca, 1)}, {testing::unknown_extension(false)}),
       std::nullopt},
      {"a critical one", request({id(ca, 1)}, {testing::unknown_extension(true)}),
       QuestionErrc::kUnsupported},
      {"a nonce of no octets", request({id(ca, 1)}, {broken}), QuestionErrc::kMalformed},
      {"another issuer", request({id(root, 1)}), QuestionErrc::kNotAllowed},
      {"one of each", request({id(ca, 1), id(root, 1)}), QuestionErrc::kNotAllowed},
      {"too many", request({id(ca, 1), id(ca, 2), id(ca, 3)}), QuestionErrc::kTooMany},
      {"nothing", {}, QuestionErrc::kMalformed},
      {"junk", to_buffer(as_bytes("GET / HTTP/1.1")), QuestionErrc::kMalformed},
  };
  for (const Spelling& s : all) {
    const auto read = read_question(s.request, list, 2);
    EXPECT_EQ(static_cast<bool>(read), !s.refused) << s.what;
    if (!read && s.refused) {
      EXPECT_EQ(read.error(), *s.refused) << s.what;
    }
  }
  const auto mixed = read_question(request({id(ca, 1), id(root, 1)}), both, 2);
  ASSERT_FALSE(mixed) << "no upstream answers for two CAs";
  EXPECT_EQ(mixed.error(), QuestionErrc::kNotAllowed);
  const auto with = read_question(request({id(ca, 1)}, {nonce}), list, 2);
  ASSERT_TRUE(with);
  EXPECT_EQ(with->nonce, Buffer(16, 1));
}

TEST_F(RelayQuestion, KeysTellFormsApartButNotParameters) {
  const auto key = [&](HashAlgorithm hash, std::uint64_t serial, der::HashParameters parameters) {
    return key_of(pki::make_cert_id(hash, ca, make_serial(serial), parameters).view());
  };
  using P = der::HashParameters;
  const auto base = key(HashAlgorithm::kSha1, 1, P::kNull);
  EXPECT_EQ(base, key(HashAlgorithm::kSha1, 1, P::kAbsent));
  EXPECT_NE(base, key(HashAlgorithm::kSha1, 2, P::kNull));
  EXPECT_NE(base, key(HashAlgorithm::kSha256, 1, P::kNull));
}

TEST_F(RelayQuestion, AnAnswerIsFoundByItsKey) {
  testing::ResponseSpec spec;
  spec.entries.push_back(testing::entry_for(pki.leaf.certificate, ca));
  const Buffer octets = testing::build_response(pki.ocsp_signer, spec);
  const auto sha1 = asked_of(HashAlgorithm::kSha1, pki.leaf.certificate, ca);
  const auto sha256 = asked_of(HashAlgorithm::kSha256, pki.leaf.certificate, ca);
  EXPECT_TRUE(answers(octets, sha1.key));
  EXPECT_FALSE(answers(octets, sha256.key));
  EXPECT_FALSE(answers(ocsp::encode_error_response(ocsp::ResponseStatus::kTryLater), sha1.key));
}

TEST_F(RelayQuestion, SetupsJoinIssuersAndCertificates) {
  const keeper::Watched told{{"leaf", pki.leaf.certificate, ca}, {"http://told.example/"}};
  const keeper::Watched silent{{"other", pki.other_leaf.certificate, ca}, {}};
  struct Case {
    std::string_view what;
    std::vector<AllowedIssuer> issuers;
    std::vector<keeper::Watched> certificates;
    std::vector<std::string> urls;  ///< of the first issuer
    std::string error;
  };
  const Case cases[] = {
      {"an issuer", {{"ca", ca, {"http://a.example/"}}}, {}, {"http://a.example/"}, ""},
      {"a certificate brings its issuer", {}, {told}, {"http://told.example/"}, ""},
      {"who was told where to ask asks there",
       {{"ca", ca, {"http://a.example/"}}},
       {told},
       {"http://a.example/"},
       ""},
      {"who was not learns it", {{"ca", ca, {}}}, {told}, {"http://told.example/"}, ""},
      {"two certificates of one CA",
       {{"ca", ca, {"http://a.example/"}}, {"again", ca, {"http://b.example/"}}},
       {},
       {"http://a.example/", "http://b.example/"},
       ""},
      {"nobody", {}, {}, {}, "nobody to relay for"},
      {"nobody, and why", {}, {silent}, {}, "'other': "},
      {"nobody to ask", {{"ca", ca, {}}}, {}, {}, "no responder to ask"},
      {"no URL", {{"ca", ca, {"ldap://a.example/"}}}, {}, {}, "not an http or https URL"},
      {"no URL of a certificate",
       {},
       {keeper::Watched{{"leaf", pki.leaf.certificate, ca}, {"ldap://told.example/"}}},
       {},
       "'leaf': 'ldap://told.example/' is not an http or https URL"},
  };
  for (const Case& c : cases) {
    const auto made = make_relay_setup(c.issuers, c.certificates, {HashAlgorithm::kSha1});
    ASSERT_EQ(static_cast<bool>(made), c.error.empty()) << c.what;
    if (!made) {
      EXPECT_THAT(made.error(), ::testing::HasSubstr(c.error)) << c.what;
      continue;
    }
    EXPECT_EQ((*made)->issuers.all()[0].urls, c.urls) << c.what;
  }
  const auto made =
      make_relay_setup({{"ca", ca, {"http://a.example/"}}}, {silent}, {HashAlgorithm::kSha1});
  ASSERT_TRUE(made);
  EXPECT_THAT((*made)->certificates, ::testing::SizeIs(1)) << "asked where its issuer is";
}

}  // namespace
}  // namespace muster::relay
