#include "muster/signers/delegate_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/testing/pki_builder.h"

namespace muster::signers {
namespace {

using muster::testing::issue;
using muster::testing::kTestNow;
using muster::testing::ocsp_signer_spec;
using muster::testing::standard_pki;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Seconds kDay = std::chrono::hours(24);

Delegate make_delegate(const std::string& name, UnixSeconds from, UnixSeconds to) {
  auto spec = ocsp_signer_spec(name);
  spec.not_before = from;
  spec.not_after = to;
  const auto identity = issue(standard_pki().intermediate, spec);
  return {name, identity.certificate, identity.key};
}
DelegateError for_good(std::string why) { return {Refusal::kForGood, std::move(why)}; }
DelegateError for_now(std::string why) { return {Refusal::kForNow, std::move(why)}; }

/// A directory as the test likes it, and a judge that counts.
class DelegateBookTest : public ::testing::Test {
 protected:
  DelegateBookTest()
      : judge_(
            [this](const Delegate& delegate, UnixSeconds /*now*/) -> Result<Unit, DelegateError> {
              judged_.push_back(delegate.name);
              if (verdict_) {
                return Err{*verdict_};
              }
              return Unit{};
            }) {}

  /// Puts contents under a name, new ones each time.
  void put(const std::string& name, Result<Delegate, DelegateError> contents) {
    ++contents_;
    Found found{name, {}, [this, name, contents] {
                  loads_.push_back(name);
                  return contents;
                }};
    found.fingerprint[0] = static_cast<std::uint8_t>(contents_);
    remove(name);
    directory_.push_back(std::move(found));
  }
  void remove(const std::string& name) {
    std::erase_if(directory_, [&](const Found& f) { return f.name == name; });
  }
  /// "event name" for each piece of news.
  std::vector<std::string> update() {
    std::vector<std::string> out;
    for (const DelegateNews& news : book_.update(directory_, judge_, now_)) {
      out.push_back(std::string(to_string(news.event)).substr(7) + " " + news.name);
      details_ += news.detail + "\n";
    }
    return out;
  }
  std::vector<std::string> signers() const {
    std::vector<std::string> out;
    for (const Delegate& one : book_.signers()) {
      out.push_back(one.name);
    }
    return out;
  }
  DelegateStatus status(const std::string& name) const {
    for (const DelegateStatus& one : book_.status(now_)) {
      if (one.name == name) {
        return one;
      }
    }
    ADD_FAILURE() << "no status of " << name;
    return {};
  }

  UnixSeconds now_ = kTestNow;
  std::vector<Found> directory_;
  std::vector<std::string> judged_, loads_;
  std::optional<DelegateError> verdict_;
  std::string details_;
  int contents_ = 0;
  DelegateBook::Judge judge_;
  DelegateBook book_;
};

// req: OCSP-RESP-040
TEST_F(DelegateBookTest, TheLatestIssuedSignsAndOthersStandBy) {
  put("old", make_delegate("old", kTestNow - 60 * kDay, kTestNow + 30 * kDay));
  EXPECT_THAT(update(), ElementsAre("accepted old", "activated old"));
  EXPECT_EQ(book_.generation(), 1u);
  put("new", make_delegate("new", kTestNow - kDay, kTestNow + 90 * kDay));
  EXPECT_THAT(update(), ElementsAre("accepted new", "activated new"));
  EXPECT_THAT(signers(), ElementsAre("new", "old"));
  EXPECT_EQ(status("new").state, DelegateState::kActive);
  EXPECT_EQ(status("old").state, DelegateState::kStandby);
  EXPECT_EQ(book_.generation(), 2u);
  EXPECT_THAT(update(), IsEmpty()) << "nothing changed";
  EXPECT_EQ(book_.generation(), 2u);
  EXPECT_EQ(loads_.size(), 2u) << "what did not change is not loaded again";
}

TEST_F(DelegateBookTest, AStandbyTakesOverWhenTheActiveOneEnds) {
  put("long", make_delegate("long", kTestNow - 60 * kDay, kTestNow + 90 * kDay));
  put("short", make_delegate("short", kTestNow - kDay, kTestNow + 7 * kDay));
  update();
  EXPECT_THAT(signers(), ElementsAre("short", "long"));
  EXPECT_EQ(book_.next_change(now_), kTestNow + 7 * kDay);
  now_ = kTestNow + 7 * kDay;
  EXPECT_THAT(update(), ElementsAre("ended short", "activated long"));
  EXPECT_THAT(signers(), ElementsAre("long"));
  EXPECT_EQ(status("short").state, DelegateState::kEnded);
  EXPECT_THAT(update(), IsEmpty());
}

TEST_F(DelegateBookTest, OneThatIsNotValidYetWaitsForItsFirstInstant) {
  put("now", make_delegate("now", kTestNow - kDay, kTestNow + 30 * kDay));
  put("later", make_delegate("later", kTestNow + 5 * kDay, kTestNow + 90 * kDay));
  EXPECT_THAT(update(), ElementsAre("accepted now", "activated now"));
  EXPECT_THAT(judged_, ElementsAre("now"));
  EXPECT_EQ(status("later").state, DelegateState::kWaiting);
  EXPECT_EQ(book_.next_change(now_), kTestNow + 5 * kDay);
  now_ = kTestNow + 5 * kDay;
  EXPECT_THAT(update(), ElementsAre("accepted later", "activated later"));
  EXPECT_THAT(signers(), ElementsAre("later", "now"));
}

TEST_F(DelegateBookTest, ARefusalIsToldOnceForTheSameContents) {
  verdict_ = for_good("no id-kp-OCSPSigning");
  put("bad", make_delegate("bad", kTestNow - kDay, kTestNow + 30 * kDay));
  EXPECT_THAT(update(), ElementsAre("refused bad"));
  EXPECT_THAT(details_, HasSubstr("no id-kp-OCSPSigning"));
  for (int i = 0; i < 100; ++i) {
    now_ += Seconds(600);
    EXPECT_THAT(update(), IsEmpty());
  }
  EXPECT_EQ(judged_.size(), 1u);
  EXPECT_EQ(status("bad").state, DelegateState::kRefused);
  EXPECT_EQ(status("bad").why, "no id-kp-OCSPSigning");
  put("bad", make_delegate("bad", kTestNow - kDay, kTestNow + 30 * kDay));
  EXPECT_THAT(update(), ElementsAre("refused bad")) << "other contents";
  verdict_.reset();
  put("bad", make_delegate("bad", kTestNow - kDay, kTestNow + 30 * kDay));
  EXPECT_THAT(update(), ElementsAre("accepted bad", "activated bad"));
  EXPECT_EQ(status("bad").why, "");
}

TEST_F(DelegateBookTest, BadContentsKeepTheLastGoodOnes) {
  put("ocsp", make_delegate("ocsp", kTestNow - kDay, kTestNow + 30 * kDay));
  update();
  const auto before = book_.signers().front().certificate;
  put("ocsp", Result<Delegate, DelegateError>(Err{for_good("ocsp: half a file")}));
  EXPECT_THAT(update(), ElementsAre("refused ocsp"));
  EXPECT_THAT(details_, HasSubstr("going on with"));
  EXPECT_EQ(book_.signers().front().certificate, before);
  EXPECT_EQ(status("ocsp").state, DelegateState::kActive);
  EXPECT_EQ(status("ocsp").why, "ocsp: half a file");
  verdict_ = for_good("another CA's");
  put("ocsp", make_delegate("ocsp", kTestNow, kTestNow + 60 * kDay));
  EXPECT_THAT(update(), ElementsAre("refused ocsp"));
  EXPECT_EQ(book_.signers().front().certificate, before);
  EXPECT_EQ(book_.generation(), 1u);
}

TEST_F(DelegateBookTest, WhatMayPassIsTriedAgainWithGrowingPauses) {
  put("token", Result<Delegate, DelegateError>(Err{for_now("the token does not answer")}));
  EXPECT_THAT(update(), ElementsAre("refused token"));
  std::vector<std::int64_t> tries;
  for (int second = 1; second <= 2000; ++second) {
    now_ += Seconds(1);
    const std::size_t before = loads_.size();
    EXPECT_THAT(update(), IsEmpty()) << "told once";
    if (loads_.size() > before) {
      tries.push_back(second);
    }
  }
  EXPECT_THAT(tries, ElementsAre(10, 30, 70, 150, 310, 630, 1230, 1830));
  // It comes back: the same contents, another outcome.
  const Delegate good = make_delegate("token", kTestNow - kDay, kTestNow + 30 * kDay);
  directory_.front().load = [good] { return Result<Delegate, DelegateError>(good); };
  now_ += Seconds(600);
  EXPECT_THAT(update(), ElementsAre("accepted token", "activated token"));
}

TEST_F(DelegateBookTest, ATrialThatFailedForNowIsRepeatedWithoutLoading) {
  verdict_ = for_now("trial signature: the token is away");
  put("token", make_delegate("token", kTestNow - kDay, kTestNow + 30 * kDay));
  EXPECT_THAT(update(), ElementsAre("refused token"));
  EXPECT_EQ(status("token").state, DelegateState::kRefused);
  verdict_.reset();
  now_ += Seconds(9);
  EXPECT_THAT(update(), IsEmpty());
  now_ += Seconds(1);
  EXPECT_THAT(update(), ElementsAre("accepted token", "activated token"));
  EXPECT_EQ(loads_.size(), 1u);
}

TEST_F(DelegateBookTest, TheLastOneSignsOnWhenItsFileIsGone) {
  put("a", make_delegate("a", kTestNow - 2 * kDay, kTestNow + 30 * kDay));
  put("b", make_delegate("b", kTestNow - kDay, kTestNow + 30 * kDay));
  update();
  remove("b");
  EXPECT_THAT(update(), ElementsAre("let_go b", "activated a"));
  remove("a");
  EXPECT_THAT(update(), ElementsAre("kept a"));
  EXPECT_THAT(signers(), ElementsAre("a"));
  EXPECT_TRUE(status("a").is_gone);
  EXPECT_THAT(update(), IsEmpty());
  put("c", make_delegate("c", kTestNow - kDay, kTestNow + 60 * kDay));
  EXPECT_THAT(update(), ElementsAre("accepted c", "let_go a", "activated c"));
}

TEST_F(DelegateBookTest, AYearOfRenewalsHasNoGap) {
  // A delegate of ten days, renewed every seven, for a year; the directory is looked at every ten
  // minutes.
  UnixSeconds next_issue = kTestNow;
  int issued = 0;
  for (now_ = kTestNow; now_ < kTestNow + 365 * kDay; now_ += Seconds(600)) {
    if (now_ >= next_issue) {
      put("ocsp" + std::to_string(issued % 2),
          make_delegate("d", now_ - Seconds(60), now_ + 10 * kDay));
      ++issued;
      next_issue += 7 * kDay;
    }
    update();
    ASSERT_FALSE(book_.signers().empty()) << format_iso8601(now_);
    ASSERT_LE(book_.signers().front().certificate.not_before(), now_);
    ASSERT_LT(now_, book_.signers().front().certificate.not_after());
  }
  EXPECT_EQ(issued, 53);
}

// A certificate written before its key is no error yet.
TEST_F(DelegateBookTest, ACertificateWaitsAMinuteForItsKey) {
  put("a", Err{DelegateError{Refusal::kIncomplete, "a: a certificate without its key"}});
  EXPECT_THAT(update(), ElementsAre("incomplete a"));
  now_ += DelegateBook::kKeyPatience - Seconds(1);
  EXPECT_THAT(update(), IsEmpty());
  now_ += Seconds(1);
  EXPECT_THAT(update(), ElementsAre("refused a"));
  now_ += kDay;
  EXPECT_THAT(update(), IsEmpty());
  put("a", make_delegate("a", now_ - kDay, now_ + kDay));
  EXPECT_THAT(update(), ElementsAre("accepted a", "activated a"));
}

}  // namespace
}  // namespace muster::signers
