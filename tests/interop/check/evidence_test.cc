#include <filesystem>

#include "check_fixture.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/response_builder.h"

// Policies, CRL places and caches of `muster check` as a program; files come from `openssl
// s_server`.
namespace muster::interop {
namespace {

using namespace muster::testing;
using std::chrono::hours;
using ::testing::Contains;
using ::testing::HasSubstr;

class Evidence : public CheckTest {
 protected:
  Buffer crl_of(const Identity& issuer, const std::vector<crl::Entry>& entries = {}) const {
    CrlSpec spec;
    spec.this_update = now_ - hours(1);
    spec.next_update = now_ + hours(50);
    spec.entries = entries;
    return build_crl(issuer, spec);
  }
  Leaf leaf_with_crl(const std::string& name, const std::string& url,
                     const std::vector<std::string>& ocsp_uris = {}) {
    CertificateSpec spec = leaf_spec(name);
    spec.at = now_;
    spec.crl_uris = {url};
    spec.ocsp_uris = ocsp_uris;
    Identity identity = issue(pki_.intermediate, spec);
    std::string pem = identity.write(dir_, name, {pki_.intermediate.certificate});
    return {std::move(identity), std::move(pem), name};
  }
};

// req: OCSP-CLI-035
TEST_F(Evidence, HttpsPlacesOfAPrivateCaAreVerifiedWithItsRoots) {
  // The server's own certificate names the server itself: nobody goes round in circles.
  const std::uint16_t port = unused_port();
  const std::string url = "https://localhost:" + std::to_string(port) + "/ca.crl";
  CertificateSpec spec = leaf_spec("localhost");
  spec.at = now_;
  spec.crl_uris = {url};
  const Identity server = issue(pki_.intermediate, spec);
  const std::string pem = server.write(dir_, "server", {pki_.intermediate.certificate});
  std::string key = pem;
  key.replace(key.size() - 3, 3, "key");
  dir_.write("ca.crl", crl_of(pki_.intermediate));
  ProcessOptions options;
  options.directory = dir_.path();
  Daemon daemon({"openssl", "s_server", "-accept", "localhost:" + std::to_string(port), "-cert",
                 pem, "-cert_chain", pem, "-key", key, "-WWW"},
                options);
  ASSERT_TRUE(daemon.wait_for("ACCEPT")) << daemon.output();
  const Leaf leaf = leaf_with_crl("leaf.example", url);
  const std::vector<std::string> arguments = {leaf.pem,   "--roots",    roots_,  "--policy",
                                              "crl-only", "--no-cache", "--json"};
  const CheckRun trusted = check(arguments);
  EXPECT_EQ(trusted.exit_code, 0) << trusted.out << daemon.output();
  auto stranger = arguments;
  CertificateSpec other = ca_spec("Other CA");
  other.at = now_;
  stranger.insert(stranger.end(), {"--ca-for-fetch", make_self_signed(other).write(dir_, "other")});
  const CheckRun refused = check(stranger);
  EXPECT_EQ(refused.exit_code, 3) << refused.out;
  EXPECT_THAT(refused.codes(), Contains("transport-error"));
}

TEST_F(Evidence, DirectoriesOfCrlsAreRead) {
  const Leaf leaf = make_leaf("leaf.example");
  dir_.write("crls/1.crl", crl_of(pki_.intermediate));
  dir_.write("crls/2.pem", to_pem("X509 CRL", crl_of(pki_.root)));
  dir_.write("crls/README", "no CRL");
  const std::string crls = dir_.file("crls");
  const std::vector<std::string> arguments = {leaf.pem,    "--roots", roots_,
                                              "--offline", "--crl",   crls};
  EXPECT_EQ(check(arguments).exit_code, 0);
  dir_.write(
      "crls/2.pem",
      to_pem("X509 CRL", crl_of(pki_.root, {revoked_entry(pki_.intermediate.certificate.serial(),
                                                          now_ - hours(2))})));
  EXPECT_EQ(check(arguments).exit_code, 1) << "the intermediate is revoked";
  auto leaf_only = arguments;
  leaf_only.emplace_back("--leaf-only");
  EXPECT_EQ(check(leaf_only).exit_code, 0);
  Buffer damaged = crl_of(pki_.intermediate);
  damaged.resize(damaged.size() - 40);
  dir_.write("crls/3.crl", damaged);
  const CheckRun refused = check(leaf_only);
  EXPECT_EQ(refused.exit_code, 66) << "3.crl may be the one that revokes: " << refused.out;
  EXPECT_THAT(refused.err, HasSubstr("crls/3.crl"));
  std::filesystem::create_directory(dir_.file("none"));
  const CheckRun none = check({leaf.pem, "--crl", dir_.file("none")});
  EXPECT_EQ(none.exit_code, 66);
  EXPECT_THAT(none.err, HasSubstr("no CRL in the directory"));
}

TEST_F(Evidence, EveryCrlOfAFileCounts) {
  const Leaf leaf = make_leaf("leaf.example");
  CrlSpec newer;
  newer.this_update = now_ - std::chrono::minutes(30);
  newer.next_update = now_ + hours(50);
  newer.number = 2;
  newer.entries = {revoked_entry(leaf.identity.certificate.serial(), now_ - hours(2))};
  const std::string both = to_pem("X509 CRL", crl_of(pki_.intermediate)) +
                           to_pem("X509 CRL", build_crl(pki_.intermediate, newer));
  const std::string other_first = to_pem("X509 CRL", crl_of(pki_.root)) + both;
  for (const std::string& pem : {both, other_first}) {
    const CheckRun run = check({leaf.pem, "--roots", roots_, "--offline", "--leaf-only", "--crl",
                                dir_.write("bundle.crl", pem)});
    EXPECT_EQ(run.exit_code, 1) << run.out << run.err;
  }
  const auto judge = [&](const std::string& file, std::string_view octets) {
    return check({leaf.pem, "--roots", roots_, "--offline", "--leaf-only", "--json", "--crl",
                  dir_.write(file, octets)});
  };
  const Buffer der = build_crl(pki_.intermediate, newer);
  const std::string old = to_pem("X509 CRL", crl_of(pki_.intermediate));
  EXPECT_EQ(judge("mixed.crl", old + std::string(as_text(der))).exit_code, 66) << "DER behind PEM";
  newer.break_signature = true;
  const CheckRun doubted =
      judge("doubted.crl", old + to_pem("X509 CRL", build_crl(pki_.intermediate, newer)));
  EXPECT_EQ(doubted.exit_code, 5) << doubted.out << doubted.err;
  EXPECT_THAT(doubted.codes(), Contains("crl-passed-over"));
  EXPECT_THAT(doubted.out, HasSubstr("doubted.crl"));
}

TEST_F(Evidence, EverySavedResponseOfAFileCounts) {
  const Leaf leaf = make_leaf("leaf.example");
  const auto answer = [&](const ocsp::CertStatus& status) {
    EntrySpec entry = entry_for(leaf.identity.certificate, pki_.intermediate.certificate, status);
    entry.this_update = now_ - hours(1);
    entry.next_update = now_ + hours(50);
    return to_pem("OCSP RESPONSE",
                  build_response(pki_.ocsp_signer, {.entries = {entry}, .produced_at = now_}));
  };
  const std::string good = answer(ocsp::Good{});
  const std::string revoked = answer(ocsp::Revoked{now_ - hours(9), std::nullopt});
  for (const std::string& both : {good + revoked, revoked + good}) {
    const std::string file = dir_.write("both.pem", both);
    const CheckRun beside =
        check({leaf.pem, "--roots", roots_, "--offline", "--response", file, "--json"});
    EXPECT_EQ(beside.exit_code, 1) << beside.out << beside.err;
    EXPECT_THAT(beside.codes(), Contains("sources-disagree"));
    const CheckRun alone = check({file, "--issuer", leaf.pem, "--roots", roots_, "--offline"});
    EXPECT_EQ(alone.exit_code, 1) << alone.out << alone.err;
    const CheckRun damaged = check({leaf.pem, "--roots", roots_, "--offline", "--response",
                                    dir_.write("damaged.pem", both.substr(0, both.size() - 40))});
    EXPECT_EQ(damaged.exit_code, 4) << "half a file is no answer: " << damaged.out << damaged.err;
  }
}

TEST_F(Evidence, CopiesAreKeptWhereTold) {
  const std::string cache = dir_.file("cache");
  std::optional<ScriptedServer> server(
      http_answer(crl_of(pki_.intermediate), "200 OK", "application/pkix-crl"));
  const Leaf leaf = leaf_with_crl("leaf.example", server->url() + "ca.crl");
  const std::vector<std::string> arguments = {leaf.pem,  "--roots", roots_,
                                              "--cache", cache,     "--json"};
  EXPECT_EQ(check(arguments).exit_code, 0);
  server.reset();
  const CheckRun kept = check(arguments);
  EXPECT_EQ(kept.exit_code, 0) << kept.out;
  EXPECT_THAT(kept.codes(), Contains("crl-from-cache"));
  auto without = arguments;
  without[3] = "--no-cache";
  without.erase(without.begin() + 4);
  EXPECT_EQ(check(without).exit_code, 3);
}

TEST_F(Evidence, NamesAreCheckedBeforeAnythingIsAsked) {
  const Leaf leaf = make_leaf("leaf.example");
  const CheckRun policy = check({leaf.pem, "--policy", "lenient"});
  EXPECT_EQ(policy.exit_code, 64);
  EXPECT_THAT(policy.err, HasSubstr("ocsp-then-crl"));
  const CheckRun evidence = check({leaf.pem, "--evidence", "stapled,rumours"});
  EXPECT_EQ(evidence.exit_code, 64);
  EXPECT_THAT(evidence.err, HasSubstr("rumours"));
}

TEST_F(Evidence, WhoNamesSourcesGetsThemAll) {
  const ScriptedServer crls(http_answer(crl_of(pki_.intermediate), "200 OK", "x"));
  const Leaf leaf =
      leaf_with_crl("leaf.example", crls.url() + "ca.crl", {"http://127.0.0.1:1/ocsp"});
  const std::vector<std::string> arguments = {leaf.pem, "--roots", roots_, "--no-cache"};
  const auto with = [&](const std::string& evidence) {
    auto all = arguments;
    all.insert(all.end(), {"--evidence", evidence});
    return check(all).exit_code;
  };
  EXPECT_EQ(with("crl"), 0);
  EXPECT_EQ(with("live"), 3);
  EXPECT_EQ(with("live,crl"), 5);
}

}  // namespace
}  // namespace muster::interop
