#include <filesystem>
#include <mutex>

#include "gather_world.h"
#include "muster/testing/temp_dir.h"

// In which turn sources are asked, what is shared and what is kept.
namespace muster::client {
namespace {

using namespace gather_testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Done = std::function<void(net::FetchResult)>;

GatherOptions by(const char* policy) {
  GatherOptions options;
  options.policy = *find_policy(policy);
  return options;
}
pki::Certificate with_both() {
  return make_leaf([](CertificateSpec& s) { s.crl_uris = {kCrl}; });
}

struct Turn {
  const char* policy;
  bool ocsp_answers, crl_answers;
  std::vector<std::string> hosts;  ///< asked, in this order
  Outcome outcome;
};
class Turns : public ::testing::TestWithParam<Turn> {};

// req: OCSP-CLI-049
TEST_P(Turns, AreThoseOfThePolicy) {
  const Turn& turn = GetParam();
  const pki::Certificate leaf = with_both();
  World world;
  if (turn.ocsp_answers) {
    world.answer(kOcsp, answer_about(leaf));
  }
  if (turn.crl_answers) {
    world.answer(kCrl, crl_with({}));
  }
  const Checked run = check(world, Material(leaf), by(turn.policy));
  EXPECT_EQ(world.hosts(), turn.hosts) << turn.policy;
  EXPECT_EQ(run.verdict.outcome, turn.outcome) << turn.policy;
}

INSTANTIATE_TEST_SUITE_P(
    Policies, Turns,
    ::testing::Values(
        Turn{"ocsp-then-crl", true, true, {"ocsp.test"}, Outcome::kGood},
        Turn{"ocsp-then-crl", false, true, {"ocsp.test", "crl.test"}, Outcome::kWarning},
        Turn{"ocsp-then-crl", false, false, {"ocsp.test", "crl.test"}, Outcome::kUndetermined},
        Turn{"soft", false, false, {"ocsp.test", "crl.test"}, Outcome::kWarning},
        Turn{"hard", false, true, {"ocsp.test", "crl.test"}, Outcome::kUndetermined},
        Turn{"crl-then-ocsp", true, true, {"crl.test"}, Outcome::kGood},
        Turn{"crl-then-ocsp", true, false, {"crl.test", "ocsp.test"}, Outcome::kWarning},
        Turn{"ocsp-and-crl", true, true, {"crl.test", "ocsp.test"}, Outcome::kGood},
        Turn{"ocsp-and-crl", true, false, {"crl.test", "ocsp.test"}, Outcome::kUndetermined},
        Turn{"ocsp-and-crl", false, true, {"crl.test", "ocsp.test"}, Outcome::kUndetermined},
        Turn{"ocsp-only", false, true, {"ocsp.test"}, Outcome::kUndetermined},
        Turn{"crl-only", true, true, {"crl.test"}, Outcome::kGood},
        Turn{"crl-only", true, false, {"crl.test"}, Outcome::kUndetermined}));

// Both are under way before either has answered: each answers only when the other was asked too.
TEST(SideBySide, SourcesAreAskedAtTheSameTime) {
  const pki::Certificate leaf = with_both();
  const Buffer ocsp_answer = answer_about(leaf);
  const Buffer crl_answer = crl_with({});
  std::mutex mutex;
  std::vector<std::pair<bool, std::function<void(net::FetchResult)>>> begun;
  Sources sources(StartFetch([&](const net::FetchRequest& request, Done done) {
    const std::lock_guard lock(mutex);
    begun.emplace_back(request.url.starts_with(kCrl), std::move(done));
    if (begun.size() < 2) {
      return;
    }
    for (auto& [is_crl, answer] : begun) {
      net::FetchResponse response;
      response.http_status = 200;
      response.body = is_crl ? crl_answer : ocsp_answer;
      answer(std::move(response));
    }
  }));
  Material material(leaf);
  material.others = {P().intermediate.certificate};
  const FakeClock clock;
  const Case what = gather(material, by("ocsp-and-crl"), clock, sources,
                           std::chrono::steady_clock::now() + std::chrono::minutes(1));
  EXPECT_EQ(judge(what, kTestNow).outcome, Outcome::kGood);
}

// A responder that never answers takes no longer than its share, and the CRL still tells.
TEST(Deadlines, LeaveTimeForTheCrlWhereAResponderHangs) {
  const pki::Certificate leaf = with_both();
  const Buffer crl_answer = crl_with({});
  Sources sources(StartFetch([&](const net::FetchRequest& request, const Done& done) {
    if (request.url.starts_with(kCrl)) {
      net::FetchResponse response;
      response.http_status = 200;
      response.body = crl_answer;
      done(std::move(response));
    }
  }));
  Material material(leaf);
  material.others = {P().intermediate.certificate};
  GatherOptions options;
  options.live.rounds = 2;
  options.live.backoff = std::chrono::hours(1);  // is cut to the time that is left
  const FakeClock clock;
  const auto begin = std::chrono::steady_clock::now();
  const Case what = gather(material, options, clock, sources, begin + Milliseconds(200));
  const Evidence* crl = find(what, Channel::kCrl);
  ASSERT_NE(crl, nullptr);
  EXPECT_TRUE(std::holds_alternative<CrlAnswer>(crl->content));
  const Evidence* live = find(what, Channel::kLive);
  ASSERT_NE(live, nullptr);
  EXPECT_EQ(std::get<LiveFailure>(live->content).code, LiveErrc::kTransport);
}

TEST(Sharing, ManyCertificatesNeedOneCrlAndOneAnswerEach) {
  World world;
  world.answer(kCrl, crl_with({}));
  Sources sources(world.fetch());
  const FakeClock clock;
  for (int i = 0; i < 5; ++i) {
    const pki::Certificate leaf = with_both();
    world.answer(kOcsp, answer_about(leaf));
    for (int twice = 0; twice < 2; ++twice) {
      Material material(leaf);
      material.others = {P().intermediate.certificate};
      EXPECT_EQ(judge(gather(material, by("ocsp-and-crl"), clock, sources), kTestNow).outcome,
                Outcome::kGood);
    }
  }
  const auto hosts = world.hosts();
  EXPECT_EQ(std::count(hosts.begin(), hosts.end(), "crl.test"), 1);
  EXPECT_EQ(std::count(hosts.begin(), hosts.end(), "ocsp.test"), 5);
}

// req: OCSP-CLI-020
TEST(Sharing, ErrorAnswersAreNotShared) {
  World world;
  const pki::Certificate leaf = make_leaf();
  world.answer(kOcsp, Buffer{0x30, 0x03, 0x0a, 0x01, 0x03});  // tryLater
  Sources sources(world.fetch());
  const FakeClock clock;
  Material material(leaf);
  material.others = {P().intermediate.certificate};
  EXPECT_EQ(judge(gather(material, {}, clock, sources), kTestNow).outcome, Outcome::kUndetermined);
  world.answer(kOcsp, answer_about(leaf));
  EXPECT_EQ(judge(gather(material, {}, clock, sources), kTestNow).outcome, Outcome::kGood);
}

class KeptCrls : public ::testing::Test {
 protected:
  Verdict run(World& world, UnixSeconds now = kTestNow) {
    Sources sources(world.fetch(), {.cache_directory = directory_.file("cache"), .clock = &clock_});
    Material material(leaf_);
    material.others = {P().intermediate.certificate};
    const FakeClock at(now);
    return judge(gather(material, by("crl-only"), at, sources), now);
  }
  TempDir directory_;
  FakeClock clock_;
  pki::Certificate leaf_ = with_both();
};

TEST_F(KeptCrls, CountWhenTheirPlaceIsSilentAndAreTold) {
  World world;
  world.answer(kCrl, crl_with({}));
  EXPECT_EQ(run(world).outcome, Outcome::kGood);
  World silent;
  const Verdict kept = run(silent);
  EXPECT_EQ(kept.outcome, Outcome::kGood);
  EXPECT_TRUE(has(kept, "crl-from-cache"));
  const Verdict late = run(silent, kTestNow + hours(24 * 8));
  EXPECT_NE(late.outcome, Outcome::kGood) << "a copy past its nextUpdate is no evidence";
}

// Whatever lies in the cache: only what verifies is believed, and what does not is fetched anew.
TEST_F(KeptCrls, ThatWereTamperedWithAreFetchedAnew) {
  World world;
  world.answer(kCrl, crl_with({revoked_entry(leaf_.serial())}));
  EXPECT_EQ(run(world).outcome, Outcome::kRevoked);
  std::string file;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.file("cache"))) {
    file = entry.path();
  }
  Buffer octets = read_octets(file);
  // Another serial in place of the revoked one: well-formed, but not what was signed.
  const Bytes serial = leaf_.serial().octets();
  const auto at = std::search(octets.begin() + 4096, octets.end(), serial.begin(), serial.end());
  ASSERT_NE(at, octets.end());
  *(at + 1) ^= 1;
  directory_.write("cache/" + std::filesystem::path(file).filename().string(), octets);
  const Verdict verdict = run(world);
  EXPECT_EQ(verdict.outcome, Outcome::kRevoked);
  World silent;
  directory_.write("cache/" + std::filesystem::path(file).filename().string(), octets);
  EXPECT_NE(run(silent).outcome, Outcome::kGood);
}

TEST_F(KeptCrls, AreOnlyThoseThatCounted) {
  World world;
  CrlSpec forged;
  forged.break_signature = true;
  world.answer(kCrl, build_crl(P().intermediate, forged));
  EXPECT_EQ(run(world).outcome, Outcome::kUnacceptable);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.file("cache")));
}

// ---- several names of one distribution point: all lead to the same CRL

/// One distribution point with these names, and no responder.
pki::Certificate with_names(const std::vector<std::string>& urls) {
  der::Writer w;
  w.sequence([&] {
    w.sequence([&] {
      w.element(der::context_constructed(0), [&] {
        w.element(der::context_constructed(0), [&] {
          for (const std::string& url : urls) {
            w.element(der::kGeneralNameUri, as_bytes(url));
          }
        });
      });
    });
  });
  return make_leaf([&](CertificateSpec& s) {
    s.ocsp_uris.clear();
    s.extensions = {{to_buffer(oid::kCeCrlDistributionPoints), false, w.take()}};
  });
}
const std::vector<std::string> kThree = {"http://a.test/ca.crl", "http://b.test/ca.crl",
                                         "http://c.test/ca.crl"};

struct Names {
  const char* what;
  std::function<Buffer()> at_a, at_b;  ///< null: nobody answers there
  std::vector<std::string> hosts;      ///< asked, in this order
  Outcome outcome;
};
class NamesOfAPoint : public ::testing::TestWithParam<Names> {};

// req: OCSP-CRL-021
TEST_P(NamesOfAPoint, AreTriedInTheirOrderUntilOneTells) {
  const Names& names = GetParam();
  World world;
  for (const auto& [url, make] : {std::pair(kThree[0], names.at_a), {kThree[1], names.at_b}}) {
    if (make) {
      world.answer(url, make());
    }
  }
  const Checked run = check(world, Material(with_names(kThree)));
  EXPECT_EQ(world.hosts(), names.hosts) << names.what;
  EXPECT_EQ(run.verdict.outcome, names.outcome) << names.what;
}

Buffer current() { return crl_with({}); }
Buffer expired() {
  CrlSpec spec;
  spec.this_update = kTestNow - hours(48);
  spec.next_update = kTestNow - hours(24);
  return build_crl(P().intermediate, spec);
}
Buffer of_another_ca() { return build_crl(P().root, {}); }
Buffer web_page() { return to_buffer(as_bytes("<html>moved</html>")); }

INSTANTIATE_TEST_SUITE_P(
    Answers, NamesOfAPoint,
    ::testing::Values(
        Names{"the first tells", current, current, {"a.test"}, Outcome::kGood},
        Names{"silent first", nullptr, current, {"a.test", "b.test"}, Outcome::kGood},
        Names{"no CRL there", web_page, current, {"a.test", "b.test"}, Outcome::kGood},
        Names{"an old one there", expired, current, {"a.test", "b.test"}, Outcome::kGood},
        Names{"another CA's", of_another_ca, current, {"a.test", "b.test"}, Outcome::kGood},
        Names{"nobody", nullptr, nullptr, {"a.test", "b.test", "c.test"}, Outcome::kUndetermined}));

// req: OCSP-CRL-021
TEST(NamesOfOnePoint, OneThatHangsLeavesTheOthersTheirShareOfTheTime) {
  const Buffer crl = current();
  Sources sources(StartFetch([&](const net::FetchRequest& request, const Done& done) {
    if (request.url.starts_with(kThree[1])) {
      net::FetchResponse response;
      response.http_status = 200;
      response.body = crl;
      done(std::move(response));
    }
  }));
  Material material(with_names(kThree));
  material.others = {P().intermediate.certificate};
  const FakeClock clock;
  const Case what =
      gather(material, {}, clock, sources, std::chrono::steady_clock::now() + Milliseconds(300));
  EXPECT_EQ(judge(what, kTestNow).outcome, Outcome::kGood);
}

TEST(NamesOfOnePoint, AreAskedAtMostFourTimes) {
  std::vector<std::string> many;
  for (char c = 'a'; c <= 'h'; ++c) {
    many.push_back(std::string("http://") + c + ".test/ca.crl");
  }
  World world;
  check(world, Material(with_names(many)));
  EXPECT_THAT(world.hosts(), ElementsAre("a.test", "b.test", "c.test", "d.test"));
}

// ---- what the user gave, about several certificates of a chain

TEST(Given, CountsForItsOwnCertificate) {
  const pki::Certificate leaf = make_leaf([](CertificateSpec& s) { s.ocsp_uris.clear(); });
  const pki::Certificate& issuer = P().intermediate.certificate;
  GatherOptions options;
  options.saved = {
      {"leaf.der", answer_about(leaf)},
      {"issuer.der",
       build_response(P().root, {.entries = {entry_for(issuer, P().root.certificate)}})}};
  CrlSpec of_root;
  options.crls = {{"root.crl", build_crl(P().root, of_root)}};
  World world;
  Material subject(leaf);
  subject.others = {issuer};
  subject.roots = {P().root.certificate};
  const Checked of_leaf = check(world, subject, options);
  EXPECT_EQ(of_leaf.verdict.outcome, Outcome::kGood) << "what is about its issuer is no news";
  EXPECT_EQ(of_leaf.what.evidence.size(), 2u);  // saved, and nobody to ask
  Material above(issuer);
  above.role = Role::kIssuer;
  above.roots = subject.roots;
  const Checked of_issuer = check(world, above, options);
  EXPECT_EQ(of_issuer.verdict.outcome, Outcome::kGood);
  ASSERT_NE(find(of_issuer.what, Channel::kSaved), nullptr);
  EXPECT_EQ(find(of_issuer.what, Channel::kSaved)->source, "issuer.der");
  ASSERT_NE(find(of_issuer.what, Channel::kCrl), nullptr);

  // A response about somebody else altogether is an answer that cannot be accepted.
  const pki::Certificate stranger = make_leaf();
  options.saved = {{"other.der", answer_about(stranger)}};
  EXPECT_EQ(check(world, subject, options).verdict.outcome, Outcome::kUnacceptable);
  EXPECT_EQ(find(check(world, above, options).what, Channel::kSaved), nullptr);
}

TEST(Given, ResponderIsForTheCertificateInQuestion) {
  GatherOptions options;
  options.live.urls = {"http://mine.test/"};
  World world;
  Material above(P().intermediate.certificate);
  above.role = Role::kIssuer;
  above.others = {P().root.certificate};
  check(world, above, options, false);
  EXPECT_THAT(world.hosts(), IsEmpty());
}

}  // namespace
}  // namespace muster::client
