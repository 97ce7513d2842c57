// What is remembered of an answer gives back every octet of it.
#include <gtest/gtest.h>

#include <thread>

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
    if (n % 3 != 0) {
      basis.source_this_update = kTestNow - Seconds(5 * n);
    }
    if (n % 6 == 1) {
      basis.source_next_update = kTestNow + Seconds(7 * n);
    }
    MadeOptions options;
    options.signed_at = kTestNow + Seconds(31 * n);
    options.signature_bytes = 70 + n % 3;
    options.cacheable = n % 5 != 0;
    made.push_back(made_answer(make_serial(1000 + n * n * n), basis, options));
    answers.push_back(forms.make(made.back().body(), made.back().facts));
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
      EXPECT_EQ(answers[i]->signed_at(), made[i].facts.signed_at);
      EXPECT_EQ(answers[i]->replace_at(), made[i].facts.replace_at);
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
    answers.push_back(forms.make(made.body(), made.facts));
    octets += made.body().size();
    remembered += answers.back()->bytes();
  }
  EXPECT_EQ(forms.size(), 1U);
  EXPECT_LT(remembered * 5, octets) << "HTTP heads not even counted";
}

TEST(ReadyAnswer, FormsKeepDifferentDecisionsApart) {
  AnswerForms forms;
  std::vector<ReadyRef> answers;
  const auto add = [&](const Resolved& basis, const MadeOptions& options = {}) {
    const MadeAnswer made = made_answer(make_serial(77), basis, options);
    answers.push_back(forms.make(made.body(), made.facts));
  };
  add(good());
  add(good());
  EXPECT_EQ(forms.size(), 1U);
  Resolved other = good();
  for (unsigned n = 0; n < 100; ++n) {
    other.source_this_update = kTestNow + Seconds(n);
    add(other);
    EXPECT_EQ(answers.back()->basis().source_this_update, other.source_this_update);
  }
  EXPECT_EQ(forms.size(), 2U) << "each new CRL behind it is no other form";
  other = good();
  other.rule = Rule::kUnlisted;
  add(other);
  add(resolved_as(ocsp::Unknown{}));
  add(resolved_as(ocsp::Revoked{kTestNow, ReasonCode::kSuperseded}));
  add(resolved_as(ocsp::Revoked{kTestNow, ReasonCode::kKeyCompromise}));
  EXPECT_EQ(forms.size(), 6U);
}

/// Strangers cannot make the known forms grow, nor keep others from being shared; answers outlive
/// that their form is known.
TEST(ReadyAnswer, BeyondTheLimitTheFormUnusedForLongestIsKnownNoMore) {
  AnswerForms forms;
  AnswerComposer composer;
  HttpDate date;
  std::vector<ReadyRef> answers;
  std::vector<MadeAnswer> made;
  const auto make = [&](std::size_t signature_bytes) {  // each size another form
    MadeOptions options;
    options.signature_bytes = signature_bytes;
    made.push_back(made_answer(make_serial(1), good(), options));
    answers.push_back(forms.make(made.back().body(), made.back().facts));
  };
  for (std::size_t n = 0; n < AnswerForms::kMaxForms + 20; ++n) {
    make(64 + n);
    make(64);  // much used
  }
  EXPECT_EQ(forms.size(), AnswerForms::kMaxForms);
  EXPECT_EQ(&answers.back()->form(), &answers.front()->form());
  for (std::size_t i = 0; i < answers.size(); i += 50) {
    EXPECT_EQ(composer.compose(*answers[i], kTestNow, date).octets, whole(made[i], kTestNow)) << i;
  }
  make(64 + AnswerForms::kMaxForms + 20);
  make(64 + AnswerForms::kMaxForms + 20);
  EXPECT_EQ(&answers.back()->form(), &answers[answers.size() - 2]->form())
      << "new ones are shared, although all known ones have owners";
}

/// Whatever an octet is changed to: what is remembered is that, or nothing.
TEST(ReadyAnswer, NoOctetIsTakenForAnother) {
  AnswerForms forms;
  Resolved basis = resolved_as(ocsp::Revoked{kTestNow - hours(3), ReasonCode::kSuperseded});
  const MadeAnswer made = made_answer(make_serial(4711), basis);
  const ReadyRef first = forms.make(made.body(), made.facts);
  ASSERT_TRUE(first);
  std::size_t remembered = 0;
  Buffer again;
  for (std::size_t i = 0; i < made.body().size(); ++i) {
    Buffer other = to_buffer(made.body());
    other[i] ^= 0x01U;
    if (const ReadyRef answer = forms.make(other, made.facts)) {
      ++remembered;
      copy_body(*answer, again);
      ASSERT_EQ(again, other) << i;
    }
  }
  EXPECT_GT(remembered, 64U) << "the signature's octets are the answer's own";
  copy_body(*first, again);
  EXPECT_TRUE(equal(again, made.body()));
}

/// Times are not kept twice: what the octets say and what is known must be one.
TEST(ReadyAnswer, WhoseTimesAreOthersIsNotRemembered) {
  AnswerForms forms;
  const Resolved basis = resolved_as(ocsp::Revoked{kTestNow - hours(3), std::nullopt});
  const MadeAnswer made = made_answer(make_serial(4711), basis);
  for (int round = 0; round < 2; ++round) {  // before its form is known, and after
    const auto other = [&made](auto change) {
      AnswerFacts facts = made.facts;
      change(facts);
      return facts;
    };
    const AnswerFacts wrong[] = {
        other([](AnswerFacts& f) { f.signed_at += Seconds(1); }),
        other([](AnswerFacts& f) { f.basis.this_update -= Seconds(1); }),
        other([](AnswerFacts& f) { f.basis.next_update += hours(24); }),
        other([](AnswerFacts& f) { std::get<ocsp::Revoked>(f.basis.status).time += hours(1); }),
    };
    for (const AnswerFacts& facts : wrong) {
      EXPECT_FALSE(forms.make(made.body(), facts));
    }
    EXPECT_TRUE(forms.make(made.body(), made.facts));
  }
  EXPECT_EQ(forms.size(), 1U);
}

// req: OCSP-RESP-048
TEST(ReadyAnswer, ItsDigestIsMadeOnceByWhoeverAsksFirst) {
  AnswerForms forms;
  const MadeAnswer made = made_answer(make_serial(5), good());
  const ReadyRef answer = forms.make(made.body(), made.facts);
  const Buffer wanted = pki::digest(HashAlgorithm::kSha256, made.body());
  std::vector<std::thread> threads;
  std::atomic<unsigned> wrong{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      std::array<std::uint8_t, HttpMessage::kDigestBytes> room{};
      for (int n = 0; n < 100; ++n) {
        wrong += equal(answer->digest(made.body(), room), wanted) ? 0U : 1U;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0U);
  std::array<std::uint8_t, HttpMessage::kDigestBytes> untouched{};
  EXPECT_TRUE(equal(answer->digest({}, untouched), wanted)) << "the body is not looked at again";
  EXPECT_EQ(untouched, decltype(untouched){});
}

TEST(PackedTime, HoldsEveryTimeThatAnAnswerCanSay) {
  for (const std::int64_t value :
       {-62167219200L, -1L, 0L, 1L, 0xffffffffL, 0x100000000L, 253402300799L}) {
    EXPECT_EQ(to_int(PackedTime(unix_seconds(value)).get()), value);
  }
  EXPECT_EQ(to_int(PackedTime(UnixSeconds::max()).get()), (std::int64_t{1} << 39) - 1);
  EXPECT_EQ(to_int(PackedTime(UnixSeconds::min()).get()), -(std::int64_t{1} << 39));
}

TEST(ReadyAnswer, WhatIsNoAnswerAboutOneCertificateIsNotRemembered) {
  AnswerForms forms;
  EXPECT_FALSE(forms.make(ocsp::encode_error_response(ocsp::ResponseStatus::kTryLater), {}));
}

}  // namespace
}  // namespace muster::responder
