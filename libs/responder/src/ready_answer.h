#pragma once

#include "answer_table.h"
#include "http_message.h"
#include "resolve.h"

namespace muster::responder {

/// An answer signed before, with everything needed to see whether it still says the truth (decision 012).
struct ReadyAnswer : AnswerEntry {
  std::size_t issuer = 0;
  HashAlgorithm hash_algorithm = HashAlgorithm::kSha1;
  std::size_t serial_at = 0, serial_size = 0;  ///< in `cert_id`
  std::uint64_t sequence = 0;   ///< store state its record was last compared with
  Resolved basis;
  UnixSeconds signed_at{}, replace_at{};
  HttpMessage message;
  [[nodiscard]] Bytes serial() const { return Bytes(cert_id).subspan(serial_at, serial_size); }
};
using ReadyAnswers = AnswerTable<ReadyAnswer>;

}  // namespace muster::responder
