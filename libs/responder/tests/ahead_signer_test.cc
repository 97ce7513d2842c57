// Answers signed before anybody asks: the same as live ones, and never untrue.
#include "ahead_signer.h"

#include "fixture.h"

namespace muster::responder {
namespace {

using std::chrono::hours;

const Serial& leaf() { return standard_pki().leaf.certificate.serial(); }

IssuerSpec ahead_spec(const Identity& signer = standard_pki().ocsp_signer) {
  IssuerSpec spec = delegated_spec(standard_pki().intermediate, signer);
  spec.policy.presign = hash_set(HashAlgorithm::kSha1) | hash_set(HashAlgorithm::kSha256);
  return spec;
}

/// A responder of one loop, and somebody who signs ahead for it.
struct Ahead {
  explicit Ahead(IssuerSpec spec = ahead_spec(), const Policy& policy = {})
      : setup(setup_of({std::move(spec)}, policy)),
        answerer(setup, std::make_unique<FakeReader>(store), counters, exchange),
        signer(setup, std::make_unique<FakeReader>(store), exchange) {
    store.list_all_issued(kIssuer);
    store.set(kIssuer, leaf(), store::Status{});
  }
  AheadSigner::Made sign(UnixSeconds now = kTestNow) { return signer.sign({0, leaf()}, now); }
  std::optional<PresignUrgency> look(UnixSeconds now = kTestNow) {
    signer.renew();
    return signer.look(0, leaf(), store.records.at({kIssuer, to_buffer(leaf().octets())}), now);
  }
  FakeStore store;
  Counters counters;
  std::shared_ptr<AnswerExchange> exchange = std::make_shared<AnswerExchange>(64, 64);
  std::shared_ptr<const Setup> setup;
  Answerer answerer;
  AheadSigner signer;
};

// req: OCSP-RESP-083 OCSP-RESP-012
TEST(AheadSigner, LoopsSignNothingThatIsThere) {
  Ahead ahead;
  EXPECT_EQ(ahead.look(), PresignUrgency::kLater);
  EXPECT_EQ(ahead.sign().signatures, 2U);
  EXPECT_EQ(ahead.look(), std::nullopt);
  EXPECT_EQ(ahead.sign().signatures, 0U) << "what is there is not signed again";
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, HashAlgorithm::kSha256}) {
    const Taken taken = ask(ahead.answerer, leaf_request(hash), kTestNow + Seconds(5));
    EXPECT_TRUE(taken.good());
    EXPECT_TRUE(taken.signed_by(standard_pki().ocsp_signer.certificate));
    EXPECT_EQ(taken.parsed->basic->produced_at, kTestNow);
  }
  EXPECT_EQ(ahead.counters.signatures.value(), 0U);
  EXPECT_EQ(ahead.counters.ready_shared.value(), 2U);
  EXPECT_TRUE(ask(ahead.answerer, leaf_request(HashAlgorithm::kSha384)).good());
  EXPECT_EQ(ahead.counters.signatures.value(), 1U) << "a hash nobody signs ahead for";
}

TEST(AheadSigner, ARevocationIsAnsweredAtOnceAndSignedFirst) {
  Ahead ahead;
  ahead.sign();
  EXPECT_TRUE(ask(ahead.answerer, leaf_request()).good());
  ahead.store.set(kIssuer, leaf(), revoked_at(kTestNow));
  EXPECT_EQ(ahead.look(), PresignUrgency::kNow);
  EXPECT_TRUE(ask(ahead.answerer, leaf_request()).revoked()) << "before anybody signed it ahead";
  EXPECT_TRUE(ask(ahead.answerer, leaf_request(HashAlgorithm::kSha1)).revoked());
  EXPECT_EQ(ahead.counters.signatures.value(), 2U);
  EXPECT_EQ(ahead.look(), std::nullopt) << "the loop's answers took the place of the old ones";
  ahead.store.set(kIssuer, leaf(), store::Status{});
  const AheadSigner::Made made = ahead.sign();
  EXPECT_EQ(made.signatures, 2U);
  EXPECT_EQ(made.changed, 2U);
  EXPECT_TRUE(ask(ahead.answerer, leaf_request()).good());
}

TEST(AheadSigner, RenewsBeforeLoopsWould) {
  Ahead ahead;
  ahead.sign();
  UnixSeconds now = kTestNow;
  for (int day = 0; day < 30; ++day) {
    now += hours(24);
    ahead.store.states[kIssuer].loaded_at = now;
    ++ahead.store.sequence;
    if (ahead.look(now)) {
      ahead.sign(now);
    }
    EXPECT_TRUE(ask(ahead.answerer, leaf_request(), now).good());
  }
  EXPECT_EQ(ahead.counters.signatures.value(), 0U);
}

TEST(AheadSigner, SaysNothingWhereNothingMayBeSaid) {
  Ahead ahead;
  ahead.store.states[kIssuer].next_update = kTestNow;
  EXPECT_EQ(ahead.look(), std::nullopt);
  EXPECT_EQ(ahead.sign().signatures, 0U);
  ahead.store.broken = true;
  EXPECT_EQ(ahead.sign().signatures, 0U);
}

/// What strangers have signed pushes nothing out.
TEST(AheadSigner, AFloodOfOtherSerialsLeavesWhatIsSignedAhead) {
  Ahead ahead;
  ahead.sign();
  for (unsigned n = 0; n < 300; ++n) {
    ocsp::Request request;
    request.requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha256, standard_pki().intermediate.certificate,
                           testing::make_serial(5000 + n)),
         {}});
    ask(ahead.answerer, request);
  }
  EXPECT_EQ(ahead.look(), std::nullopt);
}

/// The answers of one run, taken over by the next.
class TakeOver : public ::testing::Test {
 protected:
  TakeOver() {
    before_.sign();
    AnswerComposer composer;
    HttpDate date;
    before_.exchange->impl().visit_ahead([&](const ReadyAnswer& answer) {
      const HttpMessage& message = composer.compose(answer, kTestNow, date);
      const auto parts = parts_of(Bytes(message.octets).subspan(message.head_bytes));
      made_.push_back({to_buffer(parts->tbs), to_buffer(parts->signature)});
    });
  }
  /// How many of the two are taken.
  std::size_t taken(Ahead& after, UnixSeconds now = kTestNow + Seconds(60), Bytes made_by = {}) {
    after.signer.renew();
    std::size_t out = 0;
    for (const Made& one : made_) {
      out += after.signer.take_over(one.tbs, one.signature, made_by, now) ? 1U : 0U;
    }
    return out;
  }
  struct Made {
    Buffer tbs, signature;
  };
  Ahead before_;
  std::vector<Made> made_;
};

TEST_F(TakeOver, GivesTheSameOctets) {
  const Taken first = ask(before_.answerer, leaf_request());
  Ahead after;
  EXPECT_EQ(taken(after), 2U);
  EXPECT_EQ(after.look(), std::nullopt);
  EXPECT_EQ(ask(after.answerer, leaf_request(), kTestNow + Seconds(60)).body, first.body);
  EXPECT_EQ(after.counters.signatures.value(), 0U);
}

TEST_F(TakeOver, OfALiveSourceReadAgain) {
  Ahead after;
  after.store.states[kIssuer].loaded_at = kTestNow + Seconds(50);
  EXPECT_EQ(taken(after), 2U);
}

TEST_F(TakeOver, NotWithAnotherStatus) {
  Ahead after;
  after.store.set(kIssuer, leaf(), revoked_at(kTestNow));
  EXPECT_EQ(taken(after), 0U);
  after.store.records.clear();
  EXPECT_EQ(taken(after), 0U) << "the store knows it no more";
}

TEST_F(TakeOver, NotAlteredNorByAnotherSigner) {
  Ahead after;
  const Buffer signature = made_[0].signature;
  made_[0].signature.back() ^= 1U;
  EXPECT_EQ(taken(after), 1U) << "signature altered";
  made_[0].signature = signature;
  for (std::size_t i = 0; i < made_[0].tbs.size(); ++i) {
    made_[0].tbs[i] ^= 1U;
    ASSERT_EQ(taken(after), 1U) << "octet " << i << " altered";
    made_[0].tbs[i] ^= 1U;
  }
  const Identity next =
      testing::issue(standard_pki().intermediate, testing::ocsp_signer_spec("next"));
  Ahead other(ahead_spec(next));
  EXPECT_EQ(taken(other), 0U);
}

TEST_F(TakeOver, NotOldNorFromTheFuture) {
  Ahead after;
  EXPECT_EQ(taken(after, kTestNow - Seconds(1)), 0U);
  after.store.states[kIssuer].loaded_at = kTestNow + hours(24 * 6);
  EXPECT_EQ(taken(after, kTestNow + hours(24 * 6)), 0U);
}

TEST_F(TakeOver, NotFromAnotherCrl) {
  Ahead after;
  after.store.states[kIssuer].this_update = kTestNow - hours(1);
  EXPECT_EQ(taken(after), 0U);
}

TEST_F(TakeOver, NotUnderOtherRules) {
  IssuerSpec spec = ahead_spec();
  spec.policy.responder_id = ResponderIdForm::kByName;
  Ahead by_name(spec);
  EXPECT_EQ(taken(by_name), 0U);
  spec = ahead_spec();
  spec.policy.presign = hash_set(HashAlgorithm::kSha1);
  Ahead one_hash(spec);
  EXPECT_EQ(taken(one_hash), 1U);
}

TEST_F(TakeOver, OwnSignaturesAreNotVerifiedAgain) {
  Ahead after;
  made_[0].signature.back() ^= 1U;
  EXPECT_EQ(taken(after, kTestNow + Seconds(60), standard_pki().ocsp_signer.certificate.der()), 2U);
}

}  // namespace
}  // namespace muster::responder
