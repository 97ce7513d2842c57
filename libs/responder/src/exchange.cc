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

ReadyRef* AnswerExchange::Impl::there(Bytes cert_id, std::uint32_t variant, ReadyRef* in_ahead) {
  if (in_ahead != nullptr) {
    return in_ahead;
  }
  const auto place = table.find(cert_id, variant);
  return place ? &place.entry() : nullptr;
}

ReadyRef* AnswerExchange::Impl::there_ahead(Bytes cert_id, std::uint32_t variant) {
  const auto place = variant == 0 ? ahead.find(cert_id, 0) : decltype(ahead)::Place();
  return place ? &place.entry() : nullptr;
}

ReadyRef AnswerExchange::Impl::find(Bytes cert_id, std::uint32_t variant) {
  const MutexLock lock(mutex);
  const ReadyRef* const found = there(cert_id, variant, there_ahead(cert_id, variant));
  return found == nullptr ? ReadyRef() : *found;
}

ReadyRef AnswerExchange::Impl::publish(Bytes cert_id, std::uint32_t variant, ReadyRef answer,
                                       UnixSeconds now) {
  const MutexLock lock(mutex);
  ReadyRef* const in_ahead = there_ahead(cert_id, variant);
  const ReadyRef* const found = there(cert_id, variant, in_ahead);
  if (found != nullptr && serves(**found, answer->basis(), answer->by().signer, now)) {
    return *found;
  }
  if (in_ahead != nullptr) {
    *in_ahead = answer;
  } else {
    table.put(cert_id, variant, answer);
  }
  return answer;
}

ReadyRef AnswerExchange::Impl::find_ahead(Bytes cert_id) {
  const MutexLock lock(mutex);
  const auto place = ahead.find(cert_id, 0);
  return place ? place.entry() : ReadyRef();
}

void AnswerExchange::Impl::keep_ahead(Bytes cert_id, ReadyRef answer) {
  const MutexLock lock(mutex);
  const auto place = ahead.find(cert_id, 0);
  if (!place) {
    ahead.add(cert_id, 0, std::move(answer));
  } else if (place.entry()->signed_at() <= answer->signed_at()) {
    std::swap(place.entry(), answer);  // the old one goes when the lock has gone
  }
}

std::size_t AnswerExchange::Impl::ahead_size() {
  const MutexLock lock(mutex);
  return ahead.size();
}

void AnswerExchange::Impl::visit_ahead(const std::function<void(const ReadyAnswer&)>& see) {
  constexpr std::size_t kAtOnce = 4096;
  std::vector<ReadyRef> some;
  std::size_t next = 0;
  do {
    some.clear();
    {
      const MutexLock lock(mutex);
      next = ahead.visit(next, kAtOnce, [&some](const ReadyRef& one) { some.push_back(one); });
    }
    for (const ReadyRef& one : some) {
      see(*one);
    }
  } while (next != 0);
}

AnswerExchange::AnswerExchange(std::size_t capacity, std::size_t ahead)
    : impl_(std::make_unique<Impl>(capacity, ahead)) {}
AnswerExchange::~AnswerExchange() = default;

}  // namespace muster::responder
