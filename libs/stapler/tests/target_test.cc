#include "muster/stapler/target.h"

#include <gmock/gmock.h>

#include "muster/stapler/read_back.h"
#include "muster/stapler/render.h"
#include "staples.h"

namespace muster::stapler {
namespace {

using ::testing::HasSubstr;
using testing::kTestNow;
using testing::standard_pki;
using namespace testing_staples;

TEST(Target, WhatDoesNotFitIsToldWithWhatToDo) {
  struct Row {
    const char* expected;
    void (*make)(TargetOptions&);
  };
  const Row rows[] = {
      {"needs 'file'", [](TargetOptions&) {}},
      {"needs 'snippet'",
       [](TargetOptions& t) {
         t.kind = TargetKind::kNginx;
         t.file = "/x";
       }},
      {"'snippet' means nothing to a target of type \"file\"",
       [](TargetOptions& t) {
         t.file = "/x";
         t.snippet = "/y";
       }},
      {"needs 'reload'",
       [](TargetOptions& t) {
         t.kind = TargetKind::kDnsdist;
         t.file = "/x";
       }},
      {"needs 'socket'", [](TargetOptions& t) { t.kind = TargetKind::kHaproxy; }},
      {"'command'", [](TargetOptions& t) { t.kind = TargetKind::kExec; }},
      {"'chain' means nothing to a target of type \"nginx\"",
       [](TargetOptions& t) {
         t.kind = TargetKind::kNginx;
         t.file = "/x";
         t.snippet = "/y";
         t.chain = true;
       }},
      {"needs 'key'",
       [](TargetOptions& t) {
         t.kind = TargetKind::kEnvoy;
         t.file = "/x";
       }},
      {"'{nmae}' stands for nothing", [](TargetOptions& t) { t.file = "/x/{nmae}.ocsp"; }},
      {"'{name' stands for nothing", [](TargetOptions& t) { t.file = "/x/{name"; }},
      {"'{name/{md5}' stands for nothing", [](TargetOptions& t) { t.file = "/x/{name/{md5}"; }},
      {"file: '{}' stands for nothing", [](TargetOptions& t) { t.file = "/x/{}"; }},
      {"no name of Kubernetes",
       [](TargetOptions& t) {
         t.kind = TargetKind::kKubernetes;
         t.file = "/x";
         t.k8s_namespace = "Default";
       }},
      {"has a port that is none",
       [](TargetOptions& t) {
         t.file = "/x";
         t.probe = {"127.0.0.1:99999"};
       }},
      {"is a file",
       [](TargetOptions& t) {
         t.file = "/x";
         t.probe = {"/dev/null"};
       }},
      {"socket: ",
       [](TargetOptions& t) {
         t.kind = TargetKind::kHaproxy;
         t.socket = "nowhere";
       }},
      {"name: letters",
       [](TargetOptions& t) {
         t.file = "/x";
         t.name = "a b";
       }},
  };
  for (const auto& [expected, make] : rows) {
    std::vector<TargetOptions> targets(1);
    make(targets[0]);
    EXPECT_THAT(check_targets(targets).value_or("(nothing wrong)"), HasSubstr(expected));
  }
}

TEST(Target, WhatIsNotSaidComesFromTheRow) {
  std::vector<TargetOptions> targets(4);
  targets[0].kind = TargetKind::kNginx;
  targets[0].file = "/x";
  targets[0].snippet = "/y";
  targets[1].kind = TargetKind::kHaproxy;
  targets[1].socket = "/run/haproxy.sock";
  targets[2] = targets[1];
  targets[3].kind = TargetKind::kHitch;
  EXPECT_EQ(check_targets(targets), std::nullopt);
  EXPECT_THAT(targets[0].reload, ::testing::ElementsAre("nginx", "-s", "reload"));
  EXPECT_EQ(targets[1].name, "haproxy");
  EXPECT_EQ(targets[2].name, "haproxy-2");
  EXPECT_EQ(targets[1].socket, "unix:/run/haproxy.sock");
  EXPECT_EQ(targets[1].file, "{certificate}.ocsp");
  EXPECT_EQ(targets[3].file, "/var/lib/hitch/{md5}");
  targets[2].name = "haproxy";
  EXPECT_THAT(check_targets(targets).value_or(""), HasSubstr("two targets are called 'haproxy'"));
}

TEST(Target, ServesTheCertificatesThatItsPatternsName) {
  TargetOptions target;
  EXPECT_TRUE(is_for(target, "anything"));
  target.certificates = {"www.*.example", "mail", "*-rsa"};
  for (const char* name : {"www.a.example", "www..example", "mail", "-rsa", "x-rsa"}) {
    EXPECT_TRUE(is_for(target, name)) << name;
  }
  for (const char* name : {"www.example", "mail2", "x-rsa2", ""}) {
    EXPECT_FALSE(is_for(target, name)) << name;
  }
}

// req: OCSP-STAP-013
TEST(Target, AnIntermediateIsHandedOverBehindACertificateThatTheTargetServes) {
  std::vector<TargetSubject> all(3, web());
  all[0].subject.name = "web";
  all[1].subject.name = "web.ca1";
  all[1].below = {0, 2};
  all[2].subject.name = "shop";
  TargetOptions target;
  EXPECT_EQ(find_served(target, all, all[0]), &all[0]);
  EXPECT_EQ(find_served(target, all, all[1]), nullptr) << "it takes no chains";
  target.chain = true;
  EXPECT_EQ(find_served(target, all, all[1]), &all[0]);
  target.certificates = {"shop"};
  EXPECT_EQ(find_served(target, all, all[0]), nullptr);
  EXPECT_EQ(find_served(target, all, all[1]), &all[2]);
  target.certificates = {"mail", "*.ca1"};
  EXPECT_EQ(find_served(target, all, all[1]), nullptr) << "its own name does not count";
}

TEST(Target, WhatIsLetGoOfByAReloadIsOffOfferALittleBeforeItsEnd) {
  TargetOptions nginx, file, told, exec;
  nginx.kind = TargetKind::kNginx;
  told.reload = {"/bin/true"};
  exec.kind = TargetKind::kExec;
  HookOptions hook;
  keeper::ShelfPolicy policy;
  const auto margin_for = [&](const std::vector<TargetOptions>& targets) {
    return shelf_for(policy, targets, hook).expiry_margin;
  };
  EXPECT_EQ(margin_for({}), Seconds(1));
  EXPECT_EQ(margin_for({file}), Seconds(1));
  EXPECT_EQ(margin_for({file, nginx}), Seconds(5));
  EXPECT_EQ(margin_for({told}), Seconds(5));
  EXPECT_EQ(margin_for({file, exec}), Seconds(5)) << "what its command does, nobody knows";
  hook.command = {"/bin/true"};
  EXPECT_EQ(margin_for({file}), Seconds(5));
  policy.expiry_margin = Seconds(60);
  EXPECT_EQ(margin_for({nginx}), Seconds(60));
}

TEST(Target, ThePlanLeavesOutTheEndThatServersMakeNoUseOf) {
  TargetOptions file, haproxy;
  haproxy.kind = TargetKind::kHaproxy;
  const auto unused_with = [](const std::vector<TargetOptions>& targets) {
    return plan_for(keeper::PlanPolicy(), targets).unused_end;
  };
  EXPECT_EQ(unused_with({file}), Seconds(0));
  EXPECT_EQ(unused_with({haproxy, file}), Seconds(300));
}

TEST(Target, TemplatesAndServerNames) {
  EXPECT_EQ(expand_template("/a/{name}/{name}.x", web()), "/a/web/web.x");
  EXPECT_EQ(expand_template("{certificate}.ocsp", web()), "/tls/web.pem.ocsp");
  EXPECT_EQ(expand_template("/h/{md5}", web("/tmp/tgt/web.pem")),
            "/h/a85d7131353300bc434dca99c0de9bd9");
  EXPECT_EQ(server_name_of(standard_pki().leaf.certificate), "leaf.example");
  EXPECT_EQ(server_name_of(
                issue(standard_pki().intermediate, testing::leaf_spec("*.example")).certificate),
            "www.example");
  EXPECT_EQ(server_name_of(standard_pki().root.certificate), "");
}

// What a server would refuse is not handed to it: each rule by a staple that breaks it alone.
TEST(Target, ObstaclesAreKnownBeforeTheServerSaysThem) {
  const auto good = good_staple();
  for (const TargetRow& row : target_rows()) {
    EXPECT_EQ(find_obstacle(row, *good, kTestNow), std::nullopt) << row.word;
  }
  const TargetRow& haproxy = row_of(TargetKind::kHaproxy);
  const TargetRow& hitch = row_of(TargetKind::kHitch);
  const TargetRow& nginx = row_of(TargetKind::kNginx);
  const auto& pki = standard_pki();
  const auto two = make_staple(
      {.entries = {web_entry(),
                   testing::entry_for(pki.other_leaf.certificate, pki.intermediate.certificate)}},
      Seconds(3600));
  EXPECT_THAT(find_obstacle(haproxy, *two, kTestNow).value_or(""), HasSubstr("this one has 2"));
  EXPECT_EQ(find_obstacle(nginx, *two, kTestNow), std::nullopt);
  const auto sha256 = make_staple({.entries = {web_entry(HashAlgorithm::kSha256)}}, Seconds(3600));
  EXPECT_THAT(find_obstacle(haproxy, *sha256, kTestNow).value_or(""), HasSubstr("cert_id_hash"));
  EXPECT_EQ(find_obstacle(nginx, *sha256, kTestNow), std::nullopt);
  const auto soon = make_staple({.entries = {web_entry()}}, Seconds(300));
  EXPECT_THAT(find_obstacle(haproxy, *soon, kTestNow).value_or(""), HasSubstr("ends in"));
  EXPECT_EQ(find_obstacle(haproxy, *soon, kTestNow - Seconds(1)), std::nullopt);
  auto endless_entry = web_entry();
  endless_entry.next_update.reset();
  const auto endless = make_staple({.entries = {endless_entry}}, Seconds(3600));
  EXPECT_THAT(find_obstacle(haproxy, *endless, kTestNow).value_or(""), HasSubstr("nextUpdate"));
  const auto large = make_staple(
      {.entries = {web_entry()},
       .extra_certificates = std::vector<Buffer>(30, to_buffer(pki.other_leaf.certificate.der()))},
      Seconds(3600));
  EXPECT_THAT(find_obstacle(haproxy, *large, kTestNow).value_or(""), HasSubstr("at most 11000"));
  const auto revoked =
      make_staple({.entries = {web_entry()}}, Seconds(3600), keeper::StapleStatus::kRevoked);
  EXPECT_THAT(find_obstacle(hitch, *revoked, kTestNow).value_or(""), HasSubstr("'good'"));
  EXPECT_EQ(find_obstacle(haproxy, *revoked, kTestNow), std::nullopt);
}

TEST(Render, EachFormHoldsTheStapleAndSaysWhenThereIsNone) {
  const auto s = good_staple();
  const auto text = [&](TargetOptions target, const keeper::StaplePointer& what) {
    const auto content = render(target, web(), what);
    return content ? std::string(as_text(*content)) : "(no file)";
  };
  TargetOptions file{.kind = TargetKind::kFile};
  EXPECT_EQ(text(file, s), as_text(s->der()));
  EXPECT_EQ(text(file, nullptr), "(no file)");
  file.form = Form::kPem;
  EXPECT_THAT(text(file, s), ::testing::StartsWith("-----BEGIN OCSP RESPONSE-----\n"));
  EXPECT_EQ(text({.kind = TargetKind::kHaproxy}, nullptr), "");
  TargetOptions k8s{.kind = TargetKind::kKubernetes};
  k8s.k8s_secret = "{name}-tls";
  EXPECT_THAT(text(k8s, s), ::testing::AllOf(HasSubstr("\"name\": \"web-tls\""),
                                             HasSubstr("\"tls.ocsp-staple\": \"MII")));
  EXPECT_THAT(text(k8s, nullptr), ::testing::Not(HasSubstr("ocsp-staple")));
  TargetOptions envoy{.kind = TargetKind::kEnvoy};
  envoy.key = "/tls/{name}.key";
  EXPECT_THAT(text(envoy, s), ::testing::AllOf(HasSubstr("\"/tls/web.key\""),
                                               HasSubstr("\"inline_bytes\": \"MII")));
  EXPECT_THAT(text(envoy, nullptr), ::testing::Not(HasSubstr("ocsp_staple")));
  EXPECT_THAT(render_nginx_snippet(web(), "/x", true), HasSubstr("ssl_stapling_file \"/x\";"));
  EXPECT_THAT(render_nginx_snippet(web(), "/x", false),
              ::testing::Not(HasSubstr("ssl_stapling_file")));
}

// A certificate is called what its file is called; nginx reads the comment's line to its end.
TEST(Render, ANameIsNotALineOfConfiguration) {
  TargetSubject subject = web();
  subject.subject.name = "web\nssl_stapling_verify on;\n#";
  for (const bool has_staple : {false, true}) {
    EXPECT_THAT(render_nginx_snippet(subject, "/x", has_staple),
                ::testing::Not(HasSubstr("\nssl_stapling_verify")));
  }
}

TEST(ReadBack, WhatAServerLostOrWasToldBadlyIsHandedOverAgain) {
  const TargetRow& nginx = row_of(TargetKind::kNginx);
  for (const ReadBack state :
       {ReadBack::kNone, ReadBack::kExpired, ReadBack::kUnusable, ReadBack::kOlder}) {
    EXPECT_TRUE(may_be_healed(state, nginx)) << to_string(state);
  }
  for (const ReadBack state : {ReadBack::kNotYet, ReadBack::kServed, ReadBack::kOther,
                               ReadBack::kOtherCertificate, ReadBack::kUnreachable}) {
    EXPECT_FALSE(may_be_healed(state, nginx)) << to_string(state);
  }
  EXPECT_FALSE(may_be_healed(ReadBack::kOlder, row_of(TargetKind::kLighttpd)))
      << "it takes the newer one when the one before ends";
}

class JudgePort : public ::testing::Test {
 protected:
  static probe::ProbeResult served(std::optional<Buffer> octets) {
    probe::ProbeResult result{};
    result.chain = {to_buffer(standard_pki().leaf.certificate.der())};
    result.staple = std::move(octets);
    return result;
  }
  [[nodiscard]] ReadBack judge(const Result<probe::ProbeResult, probe::ProbeError>& seen,
                               const keeper::StaplePointer& handed_over,
                               UnixSeconds now = kTestNow) const {
    const Finding found =
        judge_port({subject, row_of(TargetKind::kNginx), handed_over}, seen, {}, now);
    EXPECT_EQ(found.detail.empty(), found.state == ReadBack::kServed) << found.detail;
    return found.state;
  }
  static Buffer response(Seconds this_update, Seconds next_update) {
    auto e = web_entry();
    e.this_update = kTestNow + this_update;
    e.next_update = kTestNow + next_update;
    return build_response(standard_pki().ocsp_signer, {.entries = {e}});
  }
  TargetSubject subject = web();
  keeper::StaplePointer pushed = good_staple();
  Buffer octets = to_buffer(pushed->der());
};

TEST_F(JudgePort, TellsWhatIsServedFromWhatWasHandedOver) {
  EXPECT_EQ(judge(served(octets), pushed), ReadBack::kServed);
  EXPECT_EQ(judge(served(std::nullopt), pushed), ReadBack::kNone);
  EXPECT_EQ(judge(served(std::nullopt), nullptr), ReadBack::kServed);
  EXPECT_EQ(judge(served(response(Seconds(-100), Seconds(900))), pushed), ReadBack::kOlder);
  EXPECT_EQ(judge(served(response(Seconds(-1), Seconds(900))), pushed), ReadBack::kOther);
  EXPECT_EQ(judge(served(octets), nullptr), ReadBack::kOlder) << "it was to be dropped";
  EXPECT_EQ(judge(Err{probe::ProbeError{probe::ProbeErrc::kConnect, "refused"}}, pushed),
            ReadBack::kUnreachable);
}

TEST_F(JudgePort, WhatIsWorseThanNothingIsToldFromWhatIsNot) {
  EXPECT_EQ(judge(served(response(Seconds(-900), Seconds(-1))), pushed), ReadBack::kExpired);
  EXPECT_EQ(judge(served(response(Seconds(-900), Seconds(-1))), nullptr), ReadBack::kExpired);
  EXPECT_EQ(judge(served(octets), pushed, kTestNow + Seconds(10 * 86400)), ReadBack::kExpired)
      << "even the octets handed over";
  const auto& pki = standard_pki();
  auto stranger = build_response(
      pki.ocsp_signer,
      {.entries = {testing::entry_for(pki.other_leaf.certificate, pki.intermediate.certificate)}});
  EXPECT_EQ(judge(served(stranger), pushed), ReadBack::kUnusable);
  EXPECT_EQ(judge(served(Buffer{1, 2, 3}), pushed), ReadBack::kUnusable);
  EXPECT_EQ(judge(served(build_response(pki.ocsp_signer,
                                        {.entries = {web_entry()}, .break_signature = true})),
                  pushed),
            ReadBack::kUnusable);
}

TEST_F(JudgePort, AnotherCertificateIsNoMatterOfStaples) {
  auto result = served(octets);
  result.chain = {to_buffer(standard_pki().other_leaf.certificate.der())};
  EXPECT_EQ(judge(result, pushed), ReadBack::kOtherCertificate);
  result.chain.clear();
  EXPECT_EQ(judge(result, pushed), ReadBack::kOtherCertificate);
}

// req: OCSP-STAP-013
TEST_F(JudgePort, AnIntermediateIsJudgedByItsOwnPlaceInTheChain) {
  // What stands for an intermediate here is sent behind another certificate.
  const pki::Certificate& own = standard_pki().other_leaf.certificate;
  subject.served_with = own;
  probe::ProbeResult seen{};
  seen.version = probe::TlsVersion::kTls13;
  seen.chain = {to_buffer(own.der()), to_buffer(subject.subject.certificate.der())};
  seen.staples = {std::nullopt, octets};
  EXPECT_EQ(judge(seen, pushed), ReadBack::kServed);
  EXPECT_EQ(judge(seen, nullptr), ReadBack::kOlder);
  seen.staples = {octets, response(Seconds(-100), Seconds(900))};
  seen.staple = octets;
  EXPECT_EQ(judge(seen, pushed), ReadBack::kOlder) << "the first one's is not looked at";
  seen.staples = {octets, std::nullopt};
  EXPECT_EQ(judge(seen, pushed), ReadBack::kNone);
  EXPECT_EQ(judge(seen, nullptr), ReadBack::kServed);
  seen.version = probe::TlsVersion::kTls12;
  EXPECT_THAT(judge_port({subject, row_of(TargetKind::kGnutls), pushed}, seen, {}, kTestNow).detail,
              HasSubstr("TLS 1.2"));
  seen.chain.pop_back();
  EXPECT_EQ(judge(seen, pushed), ReadBack::kOtherCertificate) << "it is not sent";
  seen.chain = {to_buffer(subject.subject.certificate.der()), to_buffer(own.der())};
  EXPECT_EQ(judge(seen, pushed), ReadBack::kOtherCertificate) << "it is not sent behind";
}

// req: OCSP-STAP-013
TEST(ReadBack, AnIntermediateIsLookedForByTheNameOfTheServersOwnCertificate) {
  TargetSubject subject = web();
  EXPECT_EQ(make_probe({}, subject, "127.0.0.1:443").server_name, "leaf.example");
  subject.served_with = standard_pki().other_leaf.certificate;
  EXPECT_EQ(make_probe({}, subject, "127.0.0.1:443").server_name, "other.example");
}

}  // namespace
}  // namespace muster::stapler
