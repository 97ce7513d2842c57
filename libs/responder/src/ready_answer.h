#pragma once

#include "answer_table.h"
#include "http_message.h"
#include "resolve.h"
#include "signing.h"

namespace muster::responder {

/// An answer signed before, with everything needed to see whether it still says the truth (decision
/// 012).
struct ReadyAnswer : AnswerEntry {
  SignerRef by;
  HashAlgorithm hash_algorithm = HashAlgorithm::kSha1;
  std::size_t serial_at = 0, serial_size = 0;  ///< in `cert_id`
  std::uint64_t sequence = 0;                  ///< store state its record was last compared with
  Resolved basis;
  UnixSeconds signed_at{}, replace_at{};
  HttpMessage message;
  [[nodiscard]] Bytes serial() const { return Bytes(cert_id).subspan(serial_at, serial_size); }
};
/// Which of the answers for one CertID a request gets: 0 is the one for requests without wishes, or
/// whose wishes come to the same signer; other signers have answers of their own.
inline std::uint32_t variant_of(std::size_t chosen, std::size_t without_wishes) {
  return chosen == without_wishes ? 0 : static_cast<std::uint32_t>(chosen) + 1;
}
using ReadyAnswers = AnswerTable<ReadyAnswer>;

}  // namespace muster::responder
