#include "site.h"

// What an operator decides about answers, through the configuration file, seen by openssl ocsp.
namespace muster::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string quoted_path(const Site& site, std::string_view name) {
  return '"' + site.file(name) + '"';
}

/// A configuration for the site's CA: keys of [responder], then of its issuer.
std::vector<std::string> configured(const Site& site, const std::string& responder_keys,
                                    const std::string& issuer_keys,
                                    const std::string& signer = "default") {
  const std::string own = "signer = " + quoted_path(site, "ocsp.pem") +
                          "\nkey = " + quoted_path(site, "ocsp.key") + "\n";
  site.dir.write(
      "muster.toml",
      "[responder]\nlisten = \"127.0.0.1:0\"\nloops = 1\n" + responder_keys +
          "\n[[responder.issuer]]\nlabel = \"site\"\nca = " + quoted_path(site, "ca.pem") +
          "\nindex = " + quoted_path(site, "index.txt") + "\n" + (signer == "default" ? own : "") +
          issuer_keys + (signer == "default" ? "" : signer));
  return {muster_binary(), "responder", "--config", site.file("muster.toml")};
}

/// What the program says when it does not start.
std::string refusal(const std::vector<std::string>& command) {
  const ProcessResult result = run_process(command);
  EXPECT_EQ(result.exit_code, 64) << result.describe();
  return result.err;
}

// req: OCSP-RESP-010 OCSP-RESP-011
TEST(Rules, OnlySignedRequestsAreAnswered) {
  Site site;
  Running responder(configured(site, "",
                               "request_signatures = \"required\"\nrequestor_anchors = " +
                                   quoted_path(site, "root.pem") + "\n"));
  const ProcessResult unsigned_one = openssl_ocsp(site, responder, {});
  EXPECT_THAT(unsigned_one.out + unsigned_one.err, HasSubstr("sigrequired (5)"));
  // A leaf of the intermediate asks; the chain comes along, the root is the anchor.
  EXPECT_EQ(openssl_says(site, responder,
                         {"-signer", site.file("leaf.pem"), "-signkey", site.file("leaf.key"),
                          "-sign_other", site.file("chain.pem")}),
            "good");
  const Identity stranger = make_self_signed([] {
    CertificateSpec spec = leaf_spec("stranger.example");
    spec.at = SystemClock().now();
    return spec;
  }());
  stranger.write(site.dir, "stranger");
  const ProcessResult refused =
      openssl_ocsp(site, responder,
                   {"-signer", site.file("stranger.pem"), "-signkey", site.file("stranger.key")});
  EXPECT_THAT(refused.out + refused.err, HasSubstr("unauthorized (6)"));
}

TEST(Rules, ARequestorIsNamedByItsFingerprintAsOtherProgramsPrintIt) {
  Site site;
  const auto only = [&](const std::string& requestor) {
    return "request_signatures = \"required\"\nrequestor_anchors = " +
           quoted_path(site, "root.pem") + "\nrequestors = [\"" + requestor + "\"]\n";
  };
  for (const char* unfit : {"sha256:3f...", "sha256:3f", "sha256:"}) {
    EXPECT_THAT(refusal(configured(site, "", only(unfit))), HasSubstr("64 hexadecimal digits"));
  }
  const std::string printed = to_hex_colons(site.pki.leaf.certificate.fingerprint());
  Running responder(configured(site, "", only("sha256:" + printed)));
  EXPECT_EQ(openssl_says(site, responder,
                         {"-signer", site.file("leaf.pem"), "-signkey", site.file("leaf.key"),
                          "-sign_other", site.file("chain.pem")}),
            "good");
}

TEST(Rules, ProfilesSetValuesAndRefuseWhatTheyForbid) {
  Site site;
  {
    Running responder(configured(site, "", "profile = \"cabf\"\n"));
    EXPECT_EQ(openssl_says(site, responder), "good");
    const ProcessResult other = openssl_ocsp(site, responder, {}, "other.pem");
    EXPECT_THAT(other.out + other.err, HasSubstr("unauthorized (6)"));
  }
  EXPECT_THAT(refusal(configured(site, "", "profile = \"cabf\"\nvalidity = \"11d\"\n")),
              HasSubstr("CA/B BR 4.9.9"));
  EXPECT_THAT(refusal(configured(site, "", "profile = \"fpki\"\nnonce = \"echo\"\n")),
              HasSubstr("nonce"));
  EXPECT_THAT(refusal(configured(site, "", "profile = \"web\"\n")), HasSubstr("rfc6960"));
  EXPECT_THAT(refusal(configured(site, "", "clients = [\"10.0.0.1/8\"]\n")),
              HasSubstr("no bits may be set behind the prefix"));
  EXPECT_THAT(refusal(configured(site, "trusted_proxies = [\"proxy\"]\n", "")),
              HasSubstr("trusted_proxies"));
}

// req: OCSP-RESP-084
TEST(Rules, NextUpdateMayBeLeftOut) {
  Site site;
  Running responder(configured(site, "", "next_update = \"omitted\"\n"));
  const ProcessResult text = openssl_ocsp(site, responder, {"-resp_text"});
  EXPECT_THAT(text.out, HasSubstr("leaf.pem: good"));
  EXPECT_THAT(text.out, Not(HasSubstr("Next Update")));
}

TEST(Rules, NoncesFollowTheClientsNetwork) {
  Site site;
  Running responder(configured(
      site, "nonce = \"ignore\"\n",
      "[[responder.issuer.nonce_for]]\nclients = [\"127.0.0.0/8\"]\nnonce = \"require\"\n"));
  EXPECT_EQ(openssl_says(site, responder), "good");
  const ProcessResult without = openssl_ocsp(site, responder, {"-no_nonce"});
  EXPECT_THAT(without.out + without.err, HasSubstr("unauthorized (6)"));
}

// req: OCSP-RESP-053
TEST(Rules, OneSourceIsKeptToItsRate) {
  Site site;
  Running responder(configured(site, "requests_per_source = 1\n", ""));
  std::size_t refused = 0;
  for (int i = 0; i < 60 && refused == 0; ++i) {
    const ProcessResult result = openssl_ocsp(site, responder, {"-no_nonce"});
    refused += (result.out + result.err).find("trylater (3)") != std::string::npos ? 1U : 0U;
  }
  EXPECT_EQ(refused, 1U) << "one a second, and five saved up, are less than openssl asks";
}

/// A standby takes over when the signer's certificate has ended; the first start says what is left
/// out.
TEST(Rules, SeveralSignersStandInTheFile) {
  Site site;
  CertificateSpec ended = ocsp_signer_spec("ended signer");
  ended.at = SystemClock().now();
  ended.not_after = SystemClock().now() - Seconds(60);
  issue(site.pki.intermediate, ended).write(site.dir, "ended");
  const std::string signers =
      "[[responder.issuer.signer]]\ncertificate = " + quoted_path(site, "ended.pem") +
      "\nkey = " + quoted_path(site, "ended.key") +
      "\n[[responder.issuer.signer]]\nlabel = \"spare\"\nstandby = true\ncertificate = " +
      quoted_path(site, "ocsp.pem") + "\nkey = " + quoted_path(site, "ocsp.key") + "\n";
  Running responder(configured(site, "", "", signers));
  EXPECT_EQ(openssl_says(site, responder), "good");
  EXPECT_THAT(responder.daemon.output(), HasSubstr("answers are signed by the others"));
}

// req: OCSP-RESP-027
TEST(Rules, ARouteLeadsToTheOtherResponder) {
  Site site;
  Running other(site.one_liner());
  Site front_site;
  Running front(configured(front_site,
                           "[[responder.route]]\nurl = \"" + other.url +
                               "\"\nca = " + quoted_path(site, "ca.pem") + "\n",
                           ""));
  EXPECT_EQ(openssl_says(site, front), "good") << "verified under the other CA, nonce included";
  EXPECT_EQ(openssl_says(front_site, front), "good");
}

TEST(Rules, QuestionsAboutSerialsNeverIssuedAreLogged) {
  Site site;
  Running responder(configured(site, "", "monitor_serials = [\"5ca1ab\"]\n"));
  EXPECT_EQ(openssl_says(site, responder, {}, "other.pem"), "unknown");
  const auto line = responder.daemon.wait_for("responder.unissued");
  ASSERT_TRUE(line) << responder.daemon.output();
  EXPECT_THAT(*line, HasSubstr("site"));
  EXPECT_THAT(*line, HasSubstr("127.0.0.1"));
}

}  // namespace
}  // namespace muster::testing
