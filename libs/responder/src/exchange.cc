#include "exchange.h"

namespace muster::responder {

bool in_time(UnixSeconds signed_at, UnixSeconds replace_at, UnixSeconds now) {
  constexpr Seconds kClockStep{300};  // an answer outlives a clock set back by no more
  return now < replace_at && now + kClockStep >= signed_at;
}

bool serves(const SignedAnswer& answer, const Resolved& wanted, std::size_t signer,
            UnixSeconds now) {
  return answer.signer == signer && in_time(answer.signed_at, answer.replace_at, now) &&
         same_answer(answer.basis, wanted);
}

std::shared_ptr<const SignedAnswer> AnswerExchange::Impl::find(Bytes cert_id,
                                                               std::uint32_t variant) {
  const MutexLock lock(mutex);
  const Entry* entry = table.find(cert_id, variant);
  return entry == nullptr ? nullptr : entry->answer;
}

std::shared_ptr<const SignedAnswer> AnswerExchange::Impl::publish(
    Bytes cert_id, std::uint32_t variant, std::shared_ptr<const SignedAnswer> answer,
    UnixSeconds now) {
  const MutexLock lock(mutex);
  if (const Entry* there = table.find(cert_id, variant);
      there != nullptr && serves(*there->answer, answer->basis, answer->signer, now)) {
    return there->answer;
  }
  if (Entry* entry = table.claim(cert_id, variant)) {
    entry->answer = answer;
  }
  return answer;
}

AnswerExchange::AnswerExchange(std::size_t capacity) : impl_(std::make_unique<Impl>(capacity)) {}
AnswerExchange::~AnswerExchange() = default;

}  // namespace muster::responder
