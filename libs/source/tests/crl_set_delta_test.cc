#include <filesystem>
#include <random>

#include "crl_set_fixture.h"

namespace muster::source {
namespace {

using testing::build_crl;
using testing::CrlSetTest;
using testing::CrlSpec;
using ::testing::HasSubstr;
using testing::kTestNow;
using testing::make_serial;
using testing::numbered;
using testing::removal_entry;
using testing::revoked_entry;

class CrlSetDelta : public CrlSetTest {
 protected:
  CrlSetDelta() { add_files({"base.crl", "delta.crl"}); }
  static CrlSpec delta(std::uint64_t number, std::uint64_t base,
                       const std::vector<std::uint64_t>& serials = {}) {
    CrlSpec spec = numbered(number, serials);
    spec.delta_base = base;
    return spec;
  }
};

// req: OCSP-CRL-037
TEST_F(CrlSetDelta, IsAppliedOverItsBaseAndLendsNumberAndTimes) {
  write("base.crl", numbered(5, {1, 2}));
  CrlSpec news = delta(7, 5, {3});
  news.next_update = kTestNow + Seconds(7200);
  write("delta.crl", news);
  ASSERT_TRUE(look().loaded) << error_text();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(1) && is_revoked(2) && is_revoked(3));
  EXPECT_EQ(state().crl_number, (Buffer{7}));
  EXPECT_EQ(state().this_update, news.this_update);
  EXPECT_EQ(state().next_update, news.next_update);
  EXPECT_TRUE(covers_everything());
}

// req: OCSP-CRL-035
TEST_F(CrlSetDelta, RemoveFromCrlEndsAsUnrevokedAndTheRestIsLookedUpInTheBase) {
  CrlSpec base = numbered(5, {1});
  base.entries.push_back(revoked_entry(make_serial(2), kTestNow, ReasonCode::kCertificateHold));
  write("base.crl", base);
  CrlSpec news = delta(6, 5);
  news.entries.push_back(removal_entry(2));
  write("delta.crl", news);
  ASSERT_TRUE(look().loaded);
  EXPECT_TRUE(is_revoked(1)) << "in the base alone";
  EXPECT_FALSE(is_revoked(2)) << "taken off";
  // The same incrementally: held again, then released again.
  news = delta(7, 5);
  news.entries.push_back(revoked_entry(make_serial(2), kTestNow, ReasonCode::kCertificateHold));
  write("delta.crl", news);
  ASSERT_TRUE(look().loaded) << error_text();
  EXPECT_EQ(find("02")->state, store::State::kHold);
  news = delta(8, 5);
  news.entries.push_back(removal_entry(2));
  write("delta.crl", news);
  ASSERT_TRUE(look().loaded);
  EXPECT_FALSE(is_revoked(2));
}

// req: OCSP-CRL-030
TEST_F(CrlSetDelta, AppliesOnlyWithBaseUpToCompleteBelowDelta) {
  struct Case {
    std::uint64_t base, complete, number;
    bool applied;
  };
  for (const Case& c : std::vector<Case>{{5, 5, 6, true},
                                         {4, 5, 6, true},
                                         {6, 5, 7, false},
                                         {5, 5, 5, false},
                                         {3, 5, 4, false}}) {
    directory_.write("x/base.crl", build_crl(issuer(), numbered(c.complete, {1})));
    directory_.write("x/delta.crl", build_crl(issuer(), delta(c.number, c.base, {9})));
    CrlPlan plan;
    std::vector<HeldCrl> held;
    for (const char* name : {"x/base.crl", "x/delta.crl"}) {
      const CrlTerms terms{
          issuer().certificate, {issuer().certificate}, kTestNow, Seconds(300), 1 << 20};
      auto judged =
          judge_crl(std::make_shared<Content>(muster::testing::read_octets(directory_.file(name))),
                    name, terms);
      ASSERT_TRUE(judged) << judged.error().detail;
      held.push_back(*std::move(judged));
    }
    const std::vector<const HeldCrl*> all{&held[0], &held[1]};
    plan = make_plan(all, {}, kTestNow);
    EXPECT_EQ(plan.pairs.at(0).delta != nullptr, c.applied)
        << c.base << " " << c.complete << " " << c.number;
  }
}

// req: OCSP-CRL-029 OCSP-CRL-034
TEST_F(CrlSetDelta, OfAnotherScopeOrKeyIsNotApplied) {
  write("base.crl", numbered(5, {1}));
  CrlSpec other = delta(6, 5, {9});
  other.extensions.push_back(testing::scope_extension({.uri = "http://x/1"}));
  write("delta.crl", other);
  look();
  EXPECT_EQ(error(), SourceErrc::kNoBase) << "another scope";
  EXPECT_FALSE(is_revoked(9));
  other = delta(6, 5, {9});
  other.authority_key_id = false;
  write("delta.crl", other);
  look();
  EXPECT_EQ(error(), SourceErrc::kNoBase) << "another key identifier";
  EXPECT_FALSE(is_revoked(9));
  other = delta(6, 5, {9});
  other.break_signature = true;
  write("delta.crl", other);
  look();
  EXPECT_EQ(error(), SourceErrc::kNotTrusted);
  EXPECT_FALSE(is_revoked(9));
}

// A delta signed by another key than its base, though that key may sign CRLs of this CA too.
// req: OCSP-CRL-034
TEST_F(CrlSetDelta, OfAnotherEntitledKeyIsNotAppliedEither) {
  auto helper_spec = muster::testing::ca_spec("ignored");
  helper_spec.subject = to_buffer(issuer().certificate.subject());
  const auto helper = muster::testing::issue(issuer(), helper_spec);
  spec_.crls.signers = {helper.certificate};
  CrlSpec base = numbered(5, {1});
  base.authority_key_id = false;
  CrlSpec news = delta(6, 5, {9});
  news.authority_key_id = false;
  directory_.write("base.crl", build_crl(helper, base));
  directory_.write("delta.crl", build_crl(issuer(), news));
  look();
  EXPECT_TRUE(is_revoked(1)) << "a key of its own for CRLs, certified by the CA: " << error_text();
  EXPECT_EQ(error(), SourceErrc::kNoBase);
  EXPECT_FALSE(is_revoked(9));
  directory_.write("delta.crl", build_crl(helper, news));
  look();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(9));
}

TEST_F(CrlSetDelta, WaitsForItsBase) {
  write("delta.crl", delta(7, 6, {3}));
  write("base.crl", numbered(5, {1}));
  look();
  EXPECT_EQ(error(), SourceErrc::kNoBase);
  EXPECT_TRUE(is_revoked(1));
  EXPECT_FALSE(is_revoked(3));
  write("base.crl", numbered(6, {1}));
  ASSERT_TRUE(look().loaded);
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(3));
}

// req: OCSP-CRL-025
TEST_F(CrlSetDelta, ABaseThatIsOverServesUnderACurrentDelta) {
  CrlSpec base = numbered(5, {1});
  base.next_update = kTestNow - Seconds(1);
  write("base.crl", base);
  look();
  EXPECT_FALSE(covers_everything());
  write("delta.crl", delta(6, 5, {2}));
  ASSERT_TRUE(look().loaded);
  EXPECT_TRUE(covers_everything());
  EXPECT_TRUE(is_revoked(1) && is_revoked(2));
}

// What a delta told does not go when the delta goes, is over, or an older base comes
// (OCSP-CRL-012). req: OCSP-CRL-012
TEST_F(CrlSetDelta, ItsNewsIsNeverTakenBack) {
  write("base.crl", numbered(5, {1}));
  CrlSpec news = delta(7, 5, {3});
  news.next_update = kTestNow + Seconds(60);
  write("delta.crl", news);
  look();
  ASSERT_TRUE(is_revoked(3));
  std::remove(directory_.file("delta.crl").c_str());
  look();
  EXPECT_TRUE(is_revoked(3));
  clock_.advance(Seconds(61));
  look();
  EXPECT_TRUE(is_revoked(3));
  EXPECT_FALSE(covers_everything())
      << "the delta is over: what is not revoked is not known any more";
  for (const bool again : {false, true}) {
    write("base.crl", numbered(6, {1}));  // newer than the base, older than what is in use
    again ? restart() : void();
    look();
    EXPECT_TRUE(is_revoked(3)) << again;
    EXPECT_FALSE(covers_everything()) << again;
  }
  write("base.crl", numbered(8, {1}));  // a complete CRL that lets it go
  ASSERT_TRUE(look().loaded);
  EXPECT_FALSE(is_revoked(3));
  EXPECT_TRUE(covers_everything());
}

// What a current base lists was revoked and stays so, whatever became of its deltas.
TEST_F(CrlSetDelta, ABaseIsBelievedLongerThanItsDelta) {
  CrlSpec base = numbered(5, {1});
  base.next_update = kTestNow + Seconds(600);
  write("base.crl", base);
  CrlSpec news = delta(6, 5, {2});
  news.next_update = kTestNow + Seconds(60);
  write("delta.crl", news);
  look();
  EXPECT_EQ(state().next_update, kTestNow + Seconds(60));
  clock_.advance(Seconds(61));
  look();
  EXPECT_EQ(state().next_update, kTestNow + Seconds(600)) << "revoked 1 and 2 are answered";
  EXPECT_EQ(state().not_revoked_until, kTestNow + Seconds(60));
  EXPECT_FALSE(covers_everything());
  EXPECT_THAT(error_text(), HasSubstr("what is not revoked is answered tryLater"));
  clock_.advance(Seconds(540));
  look();
  EXPECT_EQ(state().next_update, kTestNow + Seconds(600));
  EXPECT_THAT(error_text(), HasSubstr("everything is answered tryLater"));
}

// The same as above, of files that are read one after the other.
TEST_F(CrlSetDelta, ALostShelfIsMadeAgainFromFilesToo) {
  write("base.crl", numbered(10, {1}));
  write("delta.crl", delta(15, 10, {2}));
  look();
  ASSERT_TRUE(is_revoked(2));
  restart();
  std::filesystem::remove_all(directory_.file("state"));
  std::filesystem::rename(directory_.file("delta.crl"), directory_.file("away"));
  look();
  look();
  EXPECT_TRUE(is_revoked(2));
  EXPECT_EQ(status().parts.at(0).error->code, SourceErrc::kRollback);
  EXPECT_THAT(status().parts.at(0).error->detail, HasSubstr("number 0a after 0f"));
  std::filesystem::rename(directory_.file("away"), directory_.file("delta.crl"));
  ASSERT_TRUE(look().loaded) << error_text();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(1) && is_revoked(2) && covers_everything());
}

// Read, decided, written: what another writer says in between is neither overwritten nor trusted to
// agree.
TEST_F(CrlSetDelta, AWriterInBetweenMakesItLookAgain) {
  std::vector<HeldCrl> held;
  for (const CrlSpec& crl : {numbered(5, {1}), delta(6, 5, {2}), delta(7, 5, {2, 3})}) {
    const CrlTerms terms{
        issuer().certificate, {issuer().certificate}, kTestNow, Seconds(300), 1 << 20};
    auto judged = judge_crl(std::make_shared<Content>(build_crl(issuer(), crl)), "ca.crl", terms);
    ASSERT_TRUE(judged) << judged.error().detail;
    held.push_back(*std::move(judged));
  }
  const auto plan_of = [&](std::size_t latest) {
    return make_plan(std::vector<const HeldCrl*>{&held[0], &held[latest]}, {}, kTestNow);
  };
  const CrlPlan before = plan_of(1), after = plan_of(2);
  ASSERT_TRUE(replace_all(*store_, Merge{spec_, before, {}}, options_));
  const Merge merge{spec_, after, {}};
  auto decided = decide_delta(*store_, merge, before.pairs[0], after.pairs[0], options_);
  ASSERT_TRUE(decided && *decided);
  ASSERT_EQ((*decided)->changes.size(), 1u);
  // Another process knows more of serial 3 than the delta that was decided on.
  store::Status status;
  status.state = store::State::kRevoked;
  status.revoked_at = kTestNow - Seconds(5);
  status.expires = kTestNow + Seconds(99);
  ASSERT_TRUE(store_->apply(id_, std::vector<store::Change>{{make_serial(3), status}}));
  const auto written = write_delta(*store_, merge, **decided, kTestNow);
  ASSERT_TRUE(written) << written.error().detail;
  EXPECT_FALSE(*written);
  EXPECT_EQ(find("03"), status) << "untouched";
  decided = decide_delta(*store_, merge, before.pairs[0], after.pairs[0], options_);
  ASSERT_TRUE(decided && *decided);
  ASSERT_TRUE(*write_delta(*store_, merge, **decided, kTestNow));
  EXPECT_TRUE(is_revoked(1) && is_revoked(2) && is_revoked(3));
  EXPECT_EQ(state().crl_number, (Buffer{7}));
}

/// A CA that revokes, holds, releases and publishes; what is on its full CRL is the truth.
class Authority {
 public:
  explicit Authority(unsigned seed) : random_(seed) {}
  void live() {
    for (int i = 0; i < 12; ++i) {
      const std::uint64_t serial = 1 + random_() % 40;
      const auto found = now_.find(serial);
      if (found == now_.end()) {
        const bool hold = random_() % 2 == 0;
        now_.emplace(serial, revoked_entry(
                                 make_serial(serial),
                                 kTestNow - Seconds(static_cast<int>(random_() % 100'000)),
                                 hold ? ReasonCode::kCertificateHold : ReasonCode::kKeyCompromise));
      } else if (found->second.reason == ReasonCode::kCertificateHold) {
        random_() % 2 == 0 ? (void)now_.erase(found)
                           : (void)(found->second.reason = ReasonCode::kSuperseded);
      }
    }
  }
  CrlSpec full(std::uint64_t number) {
    base_ = now_;
    base_number_ = number;
    touched_.clear();
    CrlSpec spec = numbered(number);
    for (const auto& [serial, entry] : now_) {
      spec.entries.push_back(entry);
    }
    return spec;
  }
  /// The same as a delta: all that was ever different since the base.
  CrlSpec delta(std::uint64_t number) {
    CrlSpec spec = numbered(number);
    spec.delta_base = base_number_;
    const auto differs = [&](std::uint64_t serial) {
      const auto a = base_.find(serial), b = now_.find(serial);
      return (a == base_.end()) != (b == now_.end()) ||
             (a != base_.end() && a->second.reason != b->second.reason) ||
             (a != base_.end() && a->second.revocation_date != b->second.revocation_date);
    };
    for (std::uint64_t serial = 1; serial <= 40; ++serial) {
      if (differs(serial)) {
        touched_.insert(serial);
      }
      if (touched_.contains(serial)) {
        const auto entry = now_.find(serial);
        spec.entries.push_back(entry == now_.end() ? removal_entry(serial) : entry->second);
      }
    }
    return spec;
  }
  CrlSpec truth(std::uint64_t number) const {
    CrlSpec spec = numbered(number);
    for (const auto& [serial, entry] : now_) {
      spec.entries.push_back(entry);
    }
    return spec;
  }
  unsigned roll() { return static_cast<unsigned>(random_()); }

 private:
  std::minstd_rand random_;
  std::map<std::uint64_t, crl::Entry> now_, base_;
  std::uint64_t base_number_ = 0;
  std::set<std::uint64_t> touched_;
};

class DeltaAgainstFull : public CrlSetDelta, public ::testing::WithParamInterface<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, DeltaAgainstFull, ::testing::Range(1u, 13u));

// Whatever path a responder took through complete and delta CRLs, restarts included, its records
// are those of the full CRL. req: OCSP-CRL-024 OCSP-CRL-035
TEST_P(DeltaAgainstFull, SameRecords) {
  Authority authority(GetParam());
  struct Full : SourceTest {
    void TestBody() override {}
    using SourceTest::contents;
    using SourceTest::load_crl;
  } twin;
  write("delta.crl", delta(1, 1));  // of no use as yet
  for (std::uint64_t number = 1; number <= 40; ++number) {
    authority.live();
    const unsigned roll = number <= 2 ? 3 : authority.roll() % 8;
    if (number == 1 || roll == 0) {
      write("base.crl", authority.full(number));
    } else {
      write("delta.crl", authority.delta(number));
    }
    if (roll == 1) {
      restart();
    }
    if (roll == 2) {
      continue;  // the responder misses one
    }
    look();
    ASSERT_FALSE(error()) << error_text();
    const auto loaded = twin.load_crl(build_crl(issuer(), authority.truth(number)));
    ASSERT_TRUE(loaded) << loaded.error().detail;
    ASSERT_EQ(contents(), twin.contents()) << "seed " << GetParam() << ", number " << number;
    EXPECT_EQ(state().crl_number, (Buffer{static_cast<std::uint8_t>(number)}));
  }
}

}  // namespace
}  // namespace muster::source
