#pragma once

#include <functional>
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
  Impl(std::size_t capacity, std::size_t ahead_capacity) : table(capacity), ahead(ahead_capacity) {}
  /// Signed ahead, or by a loop.
  ReadyRef find(Bytes cert_id, std::uint32_t variant);
  /// Makes `answer` known, unless another loop was quicker with one that serves as well: then that
  /// one is returned, and to be used.
  ReadyRef publish(Bytes cert_id, std::uint32_t variant, ReadyRef answer, UnixSeconds now);

  // -- what is signed ahead: variant 0
  ReadyRef find_ahead(Bytes cert_id);
  /// Unless a younger one is there.
  void keep_ahead(Bytes cert_id, ReadyRef answer);
  [[nodiscard]] std::size_t ahead_size();
  /// Shows all, a few under each lock.
  void visit_ahead(const std::function<void(const ReadyAnswer&)>& see);

  ReadyRef* there(Bytes cert_id, std::uint32_t variant, ReadyRef* in_ahead) MUSTER_REQUIRES(mutex);
  ReadyRef* there_ahead(Bytes cert_id, std::uint32_t variant) MUSTER_REQUIRES(mutex);

  std::shared_ptr<AnswerForms> forms = std::make_shared<AnswerForms>();
  Mutex mutex;
  ReadyAnswers table MUSTER_GUARDED_BY(mutex);
  /// Apart: what strangers have signed pushes nothing out of it.
  AnswerTable<ReadyRef, 16> ahead MUSTER_GUARDED_BY(mutex);
};

}  // namespace muster::responder
