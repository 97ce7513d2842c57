#pragma once

#include <memory>

#include "answer_table.h"
#include "muster/base/mutex.h"
#include "muster/responder/answer_exchange.h"
#include "resolve.h"

namespace muster::responder {

/// An answer as it was signed. Immutable once published.
struct SignedAnswer {
  Resolved basis;
  std::size_t signer = 0;  ///< position in Issuer::signers
  UnixSeconds signed_at{}, replace_at{};
  Buffer body;
};
/// Whether an answer is young enough to be used, and not from the future.
bool in_time(UnixSeconds signed_at, UnixSeconds replace_at, UnixSeconds now);
/// Whether `answer` may be given for a certificate whose record says `wanted`, signed by `signer`.
bool serves(const SignedAnswer& answer, const Resolved& wanted, std::size_t signer,
            UnixSeconds now);

struct AnswerExchange::Impl {
  struct Entry : AnswerEntry {
    std::shared_ptr<const SignedAnswer> answer;
  };
  explicit Impl(std::size_t capacity) : table(capacity) {}
  std::shared_ptr<const SignedAnswer> find(Bytes cert_id, std::uint32_t variant);
  /// Makes `answer` known, unless another loop was quicker with one that serves as well: then that
  /// one is returned, and to be used.
  std::shared_ptr<const SignedAnswer> publish(Bytes cert_id, std::uint32_t variant,
                                              std::shared_ptr<const SignedAnswer> answer,
                                              UnixSeconds now);

  Mutex mutex;
  AnswerTable<Entry> table MUSTER_GUARDED_BY(mutex);
};

}  // namespace muster::responder
