#include "exchange.h"

namespace muster::responder {

bool in_time(UnixSeconds signed_at, UnixSeconds replace_at, UnixSeconds now) {
  constexpr Seconds kClockStep{300};  // an answer outlives a clock set back by no more
  return now < replace_at && now + kClockStep >= signed_at;
}

bool serves(const ReadyAnswer& answer, const Resolved& wanted, std::size_t signer,
            UnixSeconds now) {
  return answer.by().signer == signer && in_time(answer.signed_at(), answer.replace_at(), now) &&
         same_answer(answer.basis(), wanted);
}

ReadyRef AnswerExchange::Impl::find(Bytes cert_id, std::uint32_t variant) {
  const MutexLock lock(mutex);
  const auto* const place = table.find(cert_id, variant);
  return place == nullptr ? ReadyRef() : place->entry;
}

ReadyRef AnswerExchange::Impl::publish(Bytes cert_id, std::uint32_t variant, ReadyRef answer,
                                       UnixSeconds now) {
  const MutexLock lock(mutex);
  if (const auto* const there = table.find(cert_id, variant);
      there != nullptr && serves(*there->entry, answer->basis(), answer->by().signer, now)) {
    return there->entry;
  }
  table.put(cert_id, variant, answer);
  return answer;
}

AnswerExchange::AnswerExchange(std::size_t capacity) : impl_(std::make_unique<Impl>(capacity)) {}
AnswerExchange::~AnswerExchange() = default;

}  // namespace muster::responder
