// Remembered answers that outlive a reload, a renewed signer, or the time at which they should be
// signed anew: only as long as they are what would be said now.
#include <gmock/gmock.h>

#include "fixture.h"
#include "muster/testing/temp_dir.h"

namespace muster::responder {
namespace {

using std::chrono::hours;
using Status = ocsp::ResponseStatus;
using ::testing::HasSubstr;

const Identity& ca() { return standard_pki().intermediate; }

Identity delegate(const std::string& name, testing::KeyKind key = testing::KeyKind::kP256) {
  testing::CertificateSpec spec = testing::ocsp_signer_spec(name);
  spec.key = key;
  return testing::issue(ca(), spec);
}

IssuerSpec spec_with(const std::vector<Identity>& signers) {
  IssuerSpec spec = delegated_spec();
  spec.signers.clear();
  for (const Identity& signer : signers) {
    spec.signers.push_back(signer_spec(signer));
  }
  return spec;
}

struct Change {
  std::string name;
  std::function<void(IssuerSpec&)> change;
  bool is_kept;
};
class TakeOver : public ::testing::TestWithParam<Change> {};

TEST_P(TakeOver, OnlyWhatWouldBeSignedTheSame) {
  World world;
  const Taken first = ask(world.answerer, leaf_request());
  IssuerSpec next = delegated_spec();
  GetParam().change(next);
  world.answerer.adopt(setup_of({next}));
  const Taken second = ask(world.answerer, leaf_request(), kTestNow + Seconds(5));
  EXPECT_EQ(second.body == first.body, GetParam().is_kept);
  EXPECT_EQ(world.counters.signatures.value(), GetParam().is_kept ? 1u : 2u);
  EXPECT_EQ(world.counters.ready_taken_over.value(), GetParam().is_kept ? 1u : 0u);
  const Taken third = ask(world.answerer, leaf_request(), kTestNow + Seconds(6));
  EXPECT_EQ(third.body, second.body) << "and remembered from then on";
  EXPECT_EQ(world.counters.ready_hits.value(), 1u);
}
INSTANTIATE_TEST_SUITE_P(
    Changes, TakeOver,
    ::testing::Values(
        Change{"nothing", [](IssuerSpec&) {}, true},
        Change{"another label", [](IssuerSpec& s) { s.label = "renamed"; }, true},
        Change{"max-age of caches", [](IssuerSpec& s) { s.policy.max_age = Seconds(60); }, true},
        Change{"who may ask",
               [](IssuerSpec& s) {
                 s.policy.clients = {*IpNetwork::parse("0.0.0.0/0"), *IpNetwork::parse("unix")};
               },
               true},
        Change{"shorter validity", [](IssuerSpec& s) { s.policy.validity = hours(24); }, false},
        Change{"no nextUpdate", [](IssuerSpec& s) { s.policy.next_update = NextUpdate::kOmitted; },
               false},
        Change{"how signers are named",
               [](IssuerSpec& s) { s.policy.responder_id = ResponderIdForm::kByName; }, false},
        Change{"marked answers", [](IssuerSpec& s) { s.policy.extended_revoked = Shown::kYes; },
               false},
        Change{"another signer", [](IssuerSpec& s) { s.signers = {signer_spec(delegate("b"))}; },
               false},
        Change{"the CA signs by itself", [](IssuerSpec& s) { s.signers = {signer_spec(ca())}; },
               false}),
    [](const auto& test) {
      std::string name;
      for (const char c : test.param.name) {
        name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
      }
      return name;
    });

TEST(TakeOverOf, HeadersAreOfTheNewRules) {
  World world;
  ask(world.answerer, leaf_request());
  IssuerSpec next = delegated_spec();
  next.policy.max_age = Seconds(60);
  world.answerer.adopt(setup_of({next}));
  EXPECT_THAT(ask(world.answerer, leaf_request()).head, HasSubstr("max-age=60"));
}

TEST(TakeOverOf, ManyReloadsOneAfterAnother) {
  World world;
  const Taken first = ask(world.answerer, leaf_request());
  for (int i = 0; i < 20; ++i) {
    world.answerer.adopt(setup_of({delegated_spec()}));  // nobody asks between them
  }
  EXPECT_EQ(ask(world.answerer, leaf_request()).body, first.body);
  EXPECT_EQ(world.counters.signatures.value(), 1u);
}

/// So many remembered answers that each length a signature may have is had by several: most are
/// judged by what another of their form was found to say.
struct ManyWorld : World {
  static constexpr unsigned kMany = 48;
  static Serial serial(unsigned i) { return testing::make_serial(7000 + i); }
  static ocsp::Request request(unsigned i) {
    ocsp::Request out;
    out.requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha256, ca().certificate, serial(i)), {}});
    return out;
  }
  explicit ManyWorld(const store::Status& status, const IssuerSpec& spec = delegated_spec())
      : World({spec}) {
    for (unsigned i = 0; i < kMany; ++i) {
      store.set(kIssuer, serial(i), status);
    }
    for (unsigned i = 0; i < kMany; ++i) {
      before.push_back(ask(answerer, request(i)).body);
    }
  }
  /// Takes over the first half, so that the other half's forms are known.
  void reload(const IssuerSpec& spec) {
    answerer.adopt(setup_of({spec}));
    for (unsigned i = 0; i < kMany / 2; ++i) {
      EXPECT_EQ(ask(answerer, request(i)).body, before[i]);
    }
  }
  std::vector<Buffer> before;
};

TEST(TakeOverOf, ManyAnswersOfOneFormSayWhatTheySaid) {
  for (const auto& status :
       {store::Status{}, revoked_at(kTestNow - hours(5), ReasonCode::kSuperseded)}) {
    ManyWorld world(status);
    IssuerSpec next = delegated_spec();
    next.policy.max_age = Seconds(60);
    world.reload(next);
    for (unsigned i = 0; i < ManyWorld::kMany; ++i) {
      const Taken taken = ask(world.answerer, ManyWorld::request(i), kTestNow + Seconds(1));
      EXPECT_EQ(taken.body, world.before[i]);
      EXPECT_THAT(taken.head, HasSubstr("max-age=60"));
      EXPECT_THAT(taken.head, HasSubstr(to_hex(pki::digest(HashAlgorithm::kSha256, taken.body))));
    }
    EXPECT_EQ(world.counters.signatures.value(), ManyWorld::kMany);
    EXPECT_EQ(world.counters.ready_taken_over.value(), ManyWorld::kMany);
    EXPECT_EQ(world.counters.ready_hits.value(), ManyWorld::kMany / 2);
    world.answerer.adopt(setup_of({spec_with({delegate("b")})}));
    EXPECT_NE(ask(world.answerer, ManyWorld::request(0)).body, world.before[0])
        << "what was known of forms is known no more";
  }
}

TEST(TakeOverOf, EachAnswerIsLookedUpThoughItsFormIsKnown) {
  const store::Status revoked = revoked_at(kTestNow - hours(5), ReasonCode::kSuperseded);
  store::Status held = revoked_at(kTestNow - hours(5), ReasonCode::kCertificateHold);
  held.state = store::State::kHold;
  const std::vector<std::pair<store::Status, store::Status>> changes = {
      {{}, revoked},
      {{}, held},
      {revoked, {}},
      {revoked, held},
      {revoked, revoked_at(kTestNow - hours(4), ReasonCode::kSuperseded)},
      {revoked, revoked_at(kTestNow - hours(5), ReasonCode::kKeyCompromise)},
      {revoked, revoked_at(kTestNow - hours(5))},
  };
  for (const auto& [status, then] : changes) {
    ManyWorld world(status);
    world.reload(delegated_spec());
    ManyWorld expected(then);
    for (unsigned i = ManyWorld::kMany / 2; i < ManyWorld::kMany; ++i) {
      world.store.set(kIssuer, ManyWorld::serial(i), then);
      const Taken taken = ask(world.answerer, ManyWorld::request(i));
      EXPECT_NE(taken.body, world.before[i]);
      const auto wanted = ocsp::parse_response(expected.before[i]);
      ASSERT_TRUE(taken.parsed && taken.parsed->basic && wanted && wanted->basic);
      EXPECT_TRUE(equal(taken.single().raw, wanted->basic->responses.at(0).raw));
      EXPECT_TRUE(taken.signed_by(standard_pki().ocsp_signer.certificate));
    }
  }
}

TEST(TakeOverOf, AnAnswerThatMustNotBeUsedAnyMoreIsNoneThoughItsFormIsKnown) {
  ManyWorld world({});
  world.reload(delegated_spec());
  const unsigned last = ManyWorld::kMany - 1;
  EXPECT_NE(ask(world.answerer, ManyWorld::request(last), kTestNow + hours(24 * 30)).body,
            world.before[last])
      << "long over";
  EXPECT_NE(ask(world.answerer, ManyWorld::request(last - 1), kTestNow - hours(1)).body,
            world.before[last - 1])
      << "signed later than now";
}

TEST(TakeOverOf, ACrlThatComesBetweenBelongsToWhatIsKnownFromThenOn) {
  ManyWorld world({});
  world.reload(delegated_spec());
  store::IssuerState& state = world.store.states[kIssuer];
  state.this_update = kTestNow;
  state.next_update = kTestNow + hours(24 * 30);
  for (int again = 0; again < 2; ++again) {
    ++world.store.sequence;
    for (unsigned i = ManyWorld::kMany / 2; i < ManyWorld::kMany; ++i) {
      EXPECT_EQ(ask(world.answerer, ManyWorld::request(i)).body, world.before[i]);
    }
  }
  EXPECT_EQ(world.counters.ready_rechecked.value(), ManyWorld::kMany / 2);
}

// CertHash is of some certificates and not of others: nothing of one tells anything of another.
TEST(TakeOverOf, WhatHasExtensionsIsDraftedAnew) {
  const Identity a = testing::issue(ca(), testing::leaf_spec("a.example"));
  const Identity b = testing::issue(ca(), testing::leaf_spec("b.example"));
  const auto list = [](const std::vector<Identity>& known) {
    testing::TempDir dir;
    for (std::size_t i = 0; i < known.size(); ++i) {
      known[i].write(dir, "known" + std::to_string(i));
    }
    std::vector<std::string> warnings;
    auto issued = IssuedCertificates::load(dir.path(), ca().certificate, warnings);
    EXPECT_TRUE(issued) << issued.error().detail;
    IssuerSpec spec = delegated_spec();
    spec.issued = std::make_shared<const IssuedCertificates>(*std::move(issued));
    return spec;
  };
  struct Lists {
    std::vector<Identity> before, after;
    bool is_kept;
  };
  for (const Lists& lists : {Lists{{}, {b}, false}, Lists{{a, b}, {a}, false},
                             Lists{{a, b}, {a, b}, true}, Lists{{}, {}, true}}) {
    // Until both had signatures of one length: then they are of one form.
    for (bool were_alike = false; !were_alike;) {
      World world({list(lists.before)});
      const auto ask_about = [&world](const Identity& leaf) {
        world.store.set(kIssuer, leaf.certificate.serial(), store::Status{});
        return ask(world.answerer, request_for(leaf.certificate, ca().certificate)).body;
      };
      const Buffer before_a = ask_about(a);
      const Buffer before_b = ask_about(b);
      were_alike = before_a.size() == before_b.size();
      world.answerer.adopt(setup_of({list(lists.after)}));
      EXPECT_EQ(ask_about(a), before_a);
      EXPECT_EQ(ask_about(b) == before_b, lists.is_kept);
    }
  }
}

TEST(TakeOverOf, AReloadThatChangesNothingCostsNothing) {
  World world;
  const Taken first = ask(world.answerer, leaf_request());
  std::vector<std::string> warnings;
  const auto next =
      *Setup::make({delegated_spec()}, Policy(), kTestNow, warnings, {}, world.setup.get());
  world.answerer.adopt(next, std::make_shared<AnswerExchange>(64));
  EXPECT_EQ(ask(world.answerer, leaf_request()).body, first.body);
  EXPECT_EQ(world.counters.ready_hits.value(), 1u);
  EXPECT_EQ(world.counters.ready_taken_over.value(), 0u) << "it was not even looked at again";
  world.store.set(kIssuer, standard_pki().leaf.certificate.serial(), revoked_at(kTestNow));
  EXPECT_TRUE(ask(world.answerer, leaf_request()).revoked());
}

TEST(TakeOverOf, AnotherPlaceInTheList) {
  World world({self_spec(standard_pki().root, kOther), delegated_spec()});
  const Taken first = ask(world.answerer, leaf_request());
  world.answerer.adopt(setup_of({delegated_spec(), self_spec(standard_pki().root, kOther)}));
  EXPECT_EQ(ask(world.answerer, leaf_request()).body, first.body);
  EXPECT_EQ(world.counters.signatures.value(), 1u);
}

// No answer is good after a revocation was acknowledged.
TEST(TakeOverOf, ARevocationBetweenReloadAndQuestionCounts) {
  World world;
  ASSERT_TRUE(ask(world.answerer, leaf_request()).good());
  world.answerer.adopt(setup_of({delegated_spec()}));
  world.store.set(kIssuer, standard_pki().leaf.certificate.serial(), revoked_at(kTestNow));
  EXPECT_TRUE(ask(world.answerer, leaf_request()).revoked());
  world.answerer.adopt(setup_of({delegated_spec()}));
  EXPECT_TRUE(ask(world.answerer, leaf_request()).revoked());
  EXPECT_EQ(world.counters.signatures.value(), 2u);
}

// req: OCSP-RESP-019
TEST(TakeOverOf, ARenewedSignersAnswersAreSignedAnewWithinAnHourEvenly) {
  const Identity old = delegate("old");
  const Identity fresh = delegate("new");
  World world({spec_with({old})});
  std::vector<ocsp::Request> requests;
  for (unsigned i = 0; i < 64; ++i) {
    const Serial serial = testing::make_serial(5000 + i);
    world.store.set(kIssuer, serial, store::Status{});
    requests.emplace_back().requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha256, ca().certificate, serial), {}});
    ask(world.answerer, requests.back());
  }
  world.answerer.adopt(setup_of({spec_with({fresh, old})}));
  const auto by_old = [&](Seconds later) {
    int count = 0;
    for (const ocsp::Request& request : requests) {
      const Taken taken = ask(world.answerer, request, kTestNow + later);
      const bool is_old = taken.signed_by(old.certificate);
      EXPECT_TRUE(is_old || taken.signed_by(fresh.certificate));
      EXPECT_TRUE(pki::identifies(taken.parsed->basic->responder_id,
                                  is_old ? old.certificate : fresh.certificate));
      count += is_old ? 1 : 0;
    }
    return count;
  };
  EXPECT_GE(by_old(Seconds(1)), 60) << "not all at once";
  const int half = by_old(Seconds(1800));
  EXPECT_GT(half, 8);
  EXPECT_LT(half, 56);
  EXPECT_EQ(by_old(Seconds(3602)), 0);
  EXPECT_TRUE(ask(world.answerer, with_nonce(requests[0], 16)).signed_by(fresh.certificate));
}

TEST(TakeOverOf, ASignerOfAnotherKindSignsAtOnce) {
  const Identity old = delegate("old");
  const Identity fresh = delegate("new", testing::KeyKind::kRsa2048);
  World world({spec_with({old})});
  ask(world.answerer, leaf_request());
  world.answerer.adopt(setup_of({spec_with({fresh, old})}));
  EXPECT_TRUE(ask(world.answerer, leaf_request()).signed_by(fresh.certificate));
}

// Two delegates of one name: what is signed looks the same, whose key it was does not.
TEST(TakeOverOf, TheKeyCountsNotTheName) {
  const Identity old = delegate("twin");
  const Identity fresh = delegate("twin");
  IssuerSpec first = spec_with({old});
  first.policy.responder_id = ResponderIdForm::kByName;
  World world({first});
  ask(world.answerer, leaf_request());
  IssuerSpec next = spec_with({fresh});
  next.policy.responder_id = ResponderIdForm::kByName;
  world.answerer.adopt(setup_of({next}));
  const Taken taken = ask(world.answerer, leaf_request());
  EXPECT_TRUE(taken.signed_by(fresh.certificate));
  EXPECT_TRUE(equal(taken.parsed->basic->certificates.at(0), fresh.certificate.der()));
}

TEST(TakeOverOf, LoopsShareWhatOneOfThemTookOver) {
  World world;
  const auto exchange = std::make_shared<AnswerExchange>(64);
  Counters counters;
  Answerer second(world.setup, std::make_unique<FakeReader>(world.store), counters, exchange);
  const Taken first = ask(world.answerer, leaf_request());
  const auto next = setup_of({delegated_spec()});
  const auto fresh = std::make_shared<AnswerExchange>(64);
  world.answerer.adopt(next, fresh);
  second.adopt(next, fresh);
  EXPECT_EQ(ask(world.answerer, leaf_request()).body, first.body);
  EXPECT_EQ(ask(second, leaf_request()).body, first.body);
  EXPECT_EQ(counters.signatures.value(), 0u);
  EXPECT_EQ(counters.ready_shared.value(), 1u);
}

/// One answer remembered, due to be signed anew when nothing can be.
struct LateWorld : World {
  LateWorld() : World({delegated_spec()}, one_a_second()) {
    ask(answerer, leaf_request());
    store.states[kIssuer].loaded_at = late();
    ++store.sequence;
  }
  static Policy one_a_second() {
    Policy policy;
    policy.signatures_per_second = 1;
    return policy;
  }
  static UnixSeconds late() { return kTestNow + hours(24 * 5); }
  /// The one signature of that second.
  void use_up(UnixSeconds now) { ask(answerer, with_nonce(leaf_request(), 16), now); }
};

TEST(LateAnswers, AreBetterThanNone) {
  LateWorld world;
  world.use_up(LateWorld::late());
  const Taken taken = ask(world.answerer, leaf_request(), LateWorld::late());
  EXPECT_TRUE(taken.good());
  EXPECT_EQ(taken.parsed->basic->produced_at, kTestNow);
  EXPECT_THAT(taken.head, HasSubstr("max-age=0"));
  EXPECT_EQ(world.counters.ready_late.value(), 1u);
  const Explanation told =
      world.answerer.explain(ocsp::encode_request(leaf_request()), LateWorld::late());
  EXPECT_EQ(told.cause, Cause::kNone);
  EXPECT_TRUE(ask(world.answerer, leaf_request(), LateWorld::late() + Seconds(1)).good());
  EXPECT_EQ(world.counters.ready_late.value(), 1u) << "signed anew as soon as that can be done";
}

TEST(LateAnswers, AreNeverUntrue) {
  LateWorld world;
  world.store.set(kIssuer, standard_pki().leaf.certificate.serial(), revoked_at(kTestNow));
  world.use_up(LateWorld::late());
  EXPECT_EQ(ask(world.answerer, leaf_request(), LateWorld::late()).status(), Status::kTryLater);
}

TEST(LateAnswers, EndWithTheirNextUpdate) {
  LateWorld world;
  const UnixSeconds over = kTestNow + hours(24 * 7);
  world.store.states[kIssuer].loaded_at = over;
  world.use_up(over);
  EXPECT_EQ(ask(world.answerer, leaf_request(), over).status(), Status::kTryLater);
}

}  // namespace
}  // namespace muster::responder
