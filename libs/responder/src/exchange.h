#pragma once

#include <memory>

#include "muster/base/mutex.h"
#include "muster/responder/answer_exchange.h"
#include "ready_answer.h"

namespace muster::responder {

/// Whether an answer is young enough to be used, and not from the future.
bool in_time(UnixSeconds signed_at, UnixSeconds replace_at, UnixSeconds now);
/// Whether `answer` may be given for a certificate whose record says `wanted`, signed by `signer`.
bool serves(const ReadyAnswer& answer, const Resolved& wanted, std::size_t signer, UnixSeconds now);

struct AnswerExchange::Impl {
  explicit Impl(std::size_t capacity) : table(capacity) {}
  ReadyRef find(Bytes cert_id, std::uint32_t variant);
  /// Makes `answer` known, unless another loop was quicker with one that serves as well: then that
  /// one is returned, and to be used.
  ReadyRef publish(Bytes cert_id, std::uint32_t variant, ReadyRef answer, UnixSeconds now);

  std::shared_ptr<AnswerForms> forms = std::make_shared<AnswerForms>();
  Mutex mutex;
  ReadyAnswers table MUSTER_GUARDED_BY(mutex);
};

}  // namespace muster::responder
