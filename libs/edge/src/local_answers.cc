#include "muster/edge/answers.h"
#include "muster/responder/answerer.h"

namespace muster::edge {
namespace {

/// What an answer says, and who says it; its times move by themselves.
std::string basis_of(const responder::Explanation& explained) {
  constexpr std::size_t kOctets = 16;
  std::string all = explained.signer + "\n" + explained.algorithm;
  for (const responder::ExplainedCertificate& one : explained.certificates) {
    all += "\n" + one.status + "\n" + one.reason + "\n" +
           (one.revoked_at ? format_iso8601(*one.revoked_at) : "");
  }
  return to_hex(Bytes(pki::digest(HashAlgorithm::kSha256, as_bytes(all))).first(kOctets));
}

class LocalAnswers final : public AnswerSource {
 public:
  LocalAnswers(std::shared_ptr<const responder::Setup> setup, const store::Store& store,
               std::optional<Milliseconds> clock_error)
      : setup_(std::move(setup)),
        reader_(store.reader()),
        clock_error_(clock_error),
        answerer_(setup_, store.reader(), counters_) {
    answerer_.set_clock_error(clock_error);
  }

  Result<std::vector<Given>, std::string> ask(const std::vector<Wanted>& wanted,
                                              UnixSeconds now) override {
    std::vector<Given> out;
    for (const Wanted& one : wanted) {
      out.push_back(ask_one(one, now));
    }
    reader_->release();
    answerer_.release();
    return out;
  }

 private:
  Given ask_one(const Wanted& one, UnixSeconds now) {
    const auto explained =
        responder::explain(*setup_, *reader_, one.request, now, {}, clock_error_);
    if (explained.cause != responder::Cause::kNone) {
      return {Given::Kind::kNone, {}, {}, std::string(to_string(explained.cause))};
    }
    std::string basis = basis_of(explained);
    if (!one.is_due && !one.digest.empty() && basis == one.basis) {
      return {Given::Kind::kSame, {}, {}, {}};
    }
    const responder::Answer answer = answerer_.answer(one.request, now);
    if (answer.cause != responder::Cause::kNone) {
      return {Given::Kind::kNone, {}, {}, std::string(to_string(answer.cause))};
    }
    if (answer.etag.empty()) {
      return {Given::Kind::kNone, {}, {}, "nobody may keep it"};
    }
    return {Given::Kind::kAnswer, to_buffer(answer.body()), std::move(basis), {}};
  }

  const std::shared_ptr<const responder::Setup> setup_;
  const std::unique_ptr<store::Reader> reader_;
  const std::optional<Milliseconds> clock_error_;
  responder::Counters counters_;
  responder::Answerer answerer_;
};

}  // namespace

std::unique_ptr<AnswerSource> make_local_answers(std::shared_ptr<const responder::Setup> setup,
                                                 const store::Store& store,
                                                 std::optional<Milliseconds> clock_error) {
  return std::make_unique<LocalAnswers>(std::move(setup), store, clock_error);
}

}  // namespace muster::edge
