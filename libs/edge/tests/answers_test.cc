#include "muster/edge/answers.h"

#include "export_world.h"
#include "muster/responder/answerer.h"
#include "muster/responder/batch.h"

// Where answers come from: what makes one another, and what is believed of a batch listener.
namespace muster::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(LocalAnswers, AnotherSignerOfTheSameNameSignsAnew) {
  World world;
  static_cast<void>(world.run());
  const testing::Identity renewed = testing::issue(
      standard_pki().intermediate,
      testing::ocsp_signer_spec(standard_pki().ocsp_signer.certificate.subject_text()));
  const std::string label = world.setup->issuers()[0].signers[0].label;
  world.spec.signers = {responder::signer_spec(renewed)};
  world.spec.signers[0].label = label;
  world.load();
  const ExportReport report = world.run();
  EXPECT_EQ(report.written, 6U);
  EXPECT_EQ(report.changed, 0U);
  EXPECT_EQ(world.run().written, 0U);
}

TEST(LocalAnswers, OtherRulesSignAnew) {
  World world;
  static_cast<void>(world.run());
  world.spec.policy.validity = Seconds(7200);
  world.load();
  EXPECT_EQ(world.run().written, 6U);
  EXPECT_LE(world.manifest().until, kTestNow + Seconds(7200));
  world.options.interval = Seconds(600);
  EXPECT_EQ(world.run().written, 0U);
}

TEST(LocalAnswers, RevocationsKeepTheirBasis) {
  World world;
  world.set(serial_of(1), responder::revoked_at(kTestNow - Seconds(9), ReasonCode::kKeyCompromise));
  static_cast<void>(world.run());
  EXPECT_EQ(world.run().written, 0U);
  world.set(serial_of(1), responder::revoked_at(kTestNow - Seconds(9), ReasonCode::kSuperseded));
  EXPECT_EQ(world.run().written, 2U);
}

TEST(LocalAnswers, WhatNobodyCanSignIsCounted) {
  World world;
  responder::Policy policy;
  policy.signatures_per_second = 1;
  world.setup = responder::setup_of({world.spec}, policy);
  world.answers = make_local_answers(world.setup, *world.store, Milliseconds(1));
  EXPECT_EQ(world.run().left_out, 5U);
  EXPECT_EQ(world.answers->missed().count, 5U);
  EXPECT_THAT(world.answers->missed().why, HasSubstr("signing"));
}

TEST(Interval, MustFitIntoWhatAnswersHaveLeft) {
  World world;
  world.spec.policy.validity = Seconds(7200);
  world.spec.policy.refresh = Seconds(1800);
  world.load();
  EXPECT_THAT(interval_faults(*world.setup, Seconds(5400)), IsEmpty());
  EXPECT_THAT(interval_faults(*world.setup, Seconds(5401)), ElementsAre(HasSubstr("5400 s left")));
}

/// A responder behind a batch listener, and a network between that may change what comes.
struct Listener {
  explicit Listener(World& w) : world(w) {
    std::vector<std::string> warnings;
    auto spec = world.spec;
    spec.signers.clear();
    auto made = responder::Setup::make_without_signers({std::move(spec)}, {}, kTestNow, warnings);
    EXPECT_TRUE(made);
    keyless = *made;
    connect();
  }
  void connect() {
    answers = make_batch_answers(
        [this](const Buffer& body, std::size_t) -> Result<Buffer, std::string> {
          return answer(body);
        },
        keyless,
        {.directory = world.options.directory,
         .locally_trusted = locally_trusted,
         .pause = Milliseconds(0)});
  }
  Buffer answer(const Buffer& body) {
    ++calls;
    const auto items = responder::parse_batch(body, 1000);
    EXPECT_TRUE(items);
    responder::Answerer answerer(world.setup, world.store->reader(), counters);
    answerer.set_clock_error(Milliseconds(0));
    Buffer out;
    responder::BatchEnd end;
    for (std::size_t i = 0; i < items->size(); ++i) {
      const responder::BatchQuestion question = responder::question_of((*items)[i]);
      Buffer response = to_buffer(answerer.answer(question.request, world.clock.now()).body());
      if (change) {
        response = change(std::move(response));
      }
      responder::append_batch_answer(out, i, response);
      ++end.answered;
    }
    responder::append_batch_end(out, end);
    return out;
  }
  ExportReport run() {
    connect();
    return world.run(answers.get());
  }

  World& world;
  std::shared_ptr<const responder::Setup> keyless;
  std::vector<pki::Certificate> locally_trusted;
  std::function<Buffer(Buffer)> change;
  responder::Counters counters;
  std::unique_ptr<AnswerSource> answers;
  int calls = 0;
};

TEST(BatchAnswers, AreExportedAsTheyCome) {
  World world;
  Listener listener(world);
  EXPECT_EQ(listener.run().written, 6U);
  EXPECT_EQ(world.says(serial_of(0)), "good");
  world.revoke(serial_of(1));
  static_cast<void>(listener.run());
  EXPECT_EQ(world.says(serial_of(1)), "revoked");
  EXPECT_EQ(listener.answers->missed().count, 0U);
}

TEST(BatchAnswers, AboutAnotherCertificateAreNotTaken) {
  World world;
  Listener listener(world);
  std::optional<Buffer> first;
  listener.change = [&first](Buffer response) {
    first = first ? first : std::optional(std::move(response));
    return *first;
  };
  EXPECT_EQ(listener.run().written, 1U);
  EXPECT_EQ(listener.answers->missed().count, 5U);
  EXPECT_THAT(listener.answers->missed().why, HasSubstr("another certificate"));
}

TEST(BatchAnswers, OfWhoMayNotSignAreNotTaken) {
  World world;
  Listener listener(world);
  listener.change = [](Buffer response) {
    const auto parsed = ocsp::parse_response(response);
    const auto at = std::search(response.begin(), response.end(), parsed->basic->signature.begin(),
                                parsed->basic->signature.end());
    *(at + 20) ^= 1U;
    return response;
  };
  EXPECT_EQ(listener.run().written, 0U);
  EXPECT_EQ(listener.answers->missed().count, 6U);
  EXPECT_THAT(listener.answers->missed().why, HasSubstr("not signed by who may sign"));

  const testing::Identity stranger =
      testing::issue(standard_pki().root, testing::ocsp_signer_spec("stranger"));
  world.spec.signers = {responder::signer_spec(stranger)};
  world.spec.signers[0].locally_trusted = responder::LocallyTrusted::kYes;
  world.load();
  listener.change = {};
  EXPECT_EQ(listener.run().written, 0U);
  listener.locally_trusted = {stranger.certificate};
  EXPECT_EQ(listener.run().written, 6U);
}

TEST(BatchAnswers, OlderThanThoseAtHandAreNotTaken) {
  World world;
  Listener listener(world);
  std::vector<Buffer> old;
  listener.change = [&old](Buffer response) {
    old.push_back(response);
    return response;
  };
  static_cast<void>(listener.run());
  world.clock.advance(Milliseconds(60'000));
  world.touch();
  world.revoke(serial_of(1));
  listener.change = {};
  static_cast<void>(listener.run());
  ASSERT_EQ(world.says(serial_of(1)), "revoked");
  listener.change = [&old](Buffer response) {  // the good one of before, replayed
    const auto id =
        to_buffer((*ocsp::parse_response(response)->basic->responses.begin()).cert_id.raw);
    return *std::find_if(old.begin(), old.end(), [&id](const Buffer& one) {
      return equal((*ocsp::parse_response(one)->basic->responses.begin()).cert_id.raw, id);
    });
  };
  static_cast<void>(listener.run());
  EXPECT_EQ(world.says(serial_of(1)), "revoked");
  EXPECT_EQ(listener.answers->missed().count, 2U);
  EXPECT_THAT(listener.answers->missed().why, HasSubstr("older"));
}

TEST(BatchAnswers, TryLaterIsAskedAboutAgain) {
  World world;
  Listener listener(world);
  int busy = 4;
  listener.change = [&busy](Buffer response) {
    return busy-- > 0 ? ocsp::encode_error_response(ocsp::ResponseStatus::kTryLater) : response;
  };
  EXPECT_EQ(listener.run().written, 6U);
  EXPECT_EQ(listener.answers->missed().count, 0U);
  world.revoke(serial_of(1));
  listener.calls = 0;
  listener.change = [](const Buffer&) {
    return ocsp::encode_error_response(ocsp::ResponseStatus::kTryLater);
  };
  EXPECT_EQ(listener.run().left_out, 6U);
  EXPECT_EQ(listener.answers->missed().count, 6U);
  EXPECT_LT(listener.calls, 20);
  EXPECT_EQ(world.says(serial_of(0)), "good");
  EXPECT_EQ(world.says(serial_of(1)), "none");
}

}  // namespace
}  // namespace muster::edge
