// What is remembered of an answer gives back every octet of it.
#include <gtest/gtest.h>

#include "ready_fixture.h"

namespace muster::responder {
namespace {

using std::chrono::hours;
using testing::kTestNow;
using testing::make_serial;

Resolved good() { return resolved_as(ocsp::Good{}); }

/// All of an answer as it would be rendered now.
Buffer whole(const MadeAnswer& made, UnixSeconds now) {
  HttpMessage message = made.message;
  HttpDate date;
  refresh_clock(message, now, date);
  return message.octets;
}

// req: OCSP-RESP-046 OCSP-RESP-047
TEST(ReadyAnswer, IsPutTogetherOctetForOctet) {
  AnswerForms forms;
  AnswerComposer composer;
  HttpDate date;
  std::vector<MadeAnswer> made;
  std::vector<ReadyRef> answers;
  for (unsigned n = 0; n < 40; ++n) {
    Resolved basis = good();
    basis.this_update -= Seconds(n);
    basis.next_update += Seconds(977 * n);
    if (n % 4 == 1) {
      basis.status = ocsp::Revoked{kTestNow - hours(n), std::nullopt};
    } else if (n % 4 == 2) {
      basis.status = ocsp::Revoked{kTestNow - hours(n), ReasonCode::kKeyCompromise};
      basis.invalidity_date = kTestNow - hours(2 * n);
    } else if (n % 4 == 3) {
      basis.status = ocsp::Unknown{};
      basis.rule = Rule::kUnissued;
    }
    MadeOptions options;
    options.signed_at = kTestNow + Seconds(31 * n);
    options.signature_bytes = 70 + n % 3;
    options.cacheable = n % 5 != 0;
    made.push_back(made_answer(make_serial(1000 + n * n * n), basis, options));
    answers.push_back(forms.make(made.back().message, made.back().facts));
    ASSERT_TRUE(answers.back());
  }
  for (const Seconds later : {Seconds(0), Seconds(1), hours(2) + Seconds(0)}) {
    for (std::size_t i = 0; i < made.size(); ++i) {
      const UnixSeconds now = kTestNow + later;
      const HttpMessage& again = composer.compose(*answers[i], now, date);
      ASSERT_EQ(as_text(again.octets), as_text(whole(made[i], now))) << i << " " << later.count();
      ASSERT_TRUE(same_answer(answers[i]->basis(), made[i].basis)) << i;
      EXPECT_EQ(answers[i]->basis().next_update, made[i].basis.next_update);
      EXPECT_EQ(answers[i]->basis().this_update, made[i].basis.this_update);
      EXPECT_TRUE(answers[i]->matches(made[i].id.der(), 0));
      EXPECT_FALSE(answers[i]->matches(made[i].id.der(), 1));
      EXPECT_FALSE(answers[i]->matches(made[(i + 1) % made.size()].id.der(), 0));
    }
  }
}

TEST(ReadyAnswer, TakesAFractionOfItsOctets) {
  AnswerForms forms;
  std::vector<ReadyRef> answers;
  std::size_t octets = 0;
  std::size_t remembered = 0;
  for (unsigned n = 0; n < 200; ++n) {
    const MadeAnswer made = made_answer(make_serial(10000 + n), good());
    answers.push_back(forms.make(made.message, made.facts));
    octets += made.message.octets.size() - made.message.head_bytes;
    remembered += answers.back()->bytes();
  }
  EXPECT_EQ(forms.size(), 1U);
  EXPECT_LT(remembered * 3, octets) << "HTTP heads not even counted";
}

TEST(ReadyAnswer, FormsKeepDifferentDecisionsApart) {
  AnswerForms forms;
  std::vector<ReadyRef> answers;
  const auto add = [&](const Resolved& basis, const MadeOptions& options = {}) {
    const MadeAnswer made = made_answer(make_serial(77), basis, options);
    answers.push_back(forms.make(made.message, made.facts));
  };
  add(good());
  add(good());
  EXPECT_EQ(forms.size(), 1U);
  Resolved other = good();
  other.source_this_update = kTestNow;
  add(other);
  EXPECT_EQ(forms.size(), 2U) << "another CRL behind it";
  other = good();
  other.rule = Rule::kUnlisted;
  add(other);
  add(resolved_as(ocsp::Unknown{}));
  add(resolved_as(ocsp::Revoked{kTestNow, ReasonCode::kSuperseded}));
  add(resolved_as(ocsp::Revoked{kTestNow, ReasonCode::kKeyCompromise}));
  EXPECT_EQ(forms.size(), 6U);
}

/// Strangers cannot make the shared forms grow, and answers live on when they are full.
TEST(ReadyAnswer, BeyondTheLimitAnswersKeepTheirFormForThemselves) {
  AnswerForms forms;
  AnswerComposer composer;
  HttpDate date;
  std::vector<ReadyRef> answers;
  std::vector<MadeAnswer> made;
  for (std::size_t n = 0; n < AnswerForms::kMaxForms + 20; ++n) {
    MadeOptions options;
    options.signature_bytes = 64 + n;  // each another form
    made.push_back(made_answer(make_serial(1), good(), options));
    answers.push_back(forms.make(made.back().message, made.back().facts));
  }
  EXPECT_EQ(forms.size(), AnswerForms::kMaxForms);
  for (const std::size_t i : {std::size_t{0}, AnswerForms::kMaxForms, answers.size() - 1}) {
    EXPECT_EQ(composer.compose(*answers[i], kTestNow, date).octets, whole(made[i], kTestNow)) << i;
  }
  answers.clear();
  const MadeAnswer one_more = made_answer(make_serial(1), resolved_as(ocsp::Unknown{}));
  answers.push_back(forms.make(one_more.message, one_more.facts));
  EXPECT_EQ(forms.size(), 1U) << "forms that nobody has any more make room";
}

TEST(ReadyAnswer, WhatIsNoAnswerAboutOneCertificateIsNotRemembered) {
  AnswerForms forms;
  HttpDate date;
  HttpMessage message;
  render_unstored(message, ocsp::encode_error_response(ocsp::ResponseStatus::kTryLater), kTestNow,
                  date);
  EXPECT_FALSE(forms.make(message, {}));
}

}  // namespace
}  // namespace muster::responder
