#pragma once

#include <vector>

#include "http_message.h"
#include "resolve.h"

namespace muster::responder {

/// An answer signed before, with everything needed to see whether it still says the truth (decision 012).
struct ReadyAnswer {
  Buffer cert_id;               ///< octets as asked; empty: a free place
  std::uint64_t hash = 0;
  std::uint64_t last_used = 0;
  std::size_t issuer = 0;
  HashAlgorithm hash_algorithm = HashAlgorithm::kSha1;
  std::size_t serial_at = 0, serial_size = 0;  ///< in `cert_id`
  std::uint64_t sequence = 0;   ///< store state its record was last compared with
  Resolved basis;
  UnixSeconds signed_at{}, replace_at{};
  HttpMessage message;
  [[nodiscard]] Bytes serial() const { return Bytes(cert_id).subspan(serial_at, serial_size); }
};

/// Bounded memory of answers by CertID octets. Sets of eight places: a lookup compares at most eight, whatever strangers send, and
/// the place unused for longest in a set makes room. Threads: one (each loop has its own).
class ReadyAnswers {
 public:
  /// \param capacity  answers, rounded down to a power of two, eight at least; zero remembers nothing
  explicit ReadyAnswers(std::size_t capacity);
  /// The answer for these CertID octets, if remembered. Valid until the next claim() or clear().
  ReadyAnswer* find(Bytes cert_id);
  /// A place for a new answer to `cert_id` (also when one is there already); nothing when nothing is remembered.
  ReadyAnswer* claim(Bytes cert_id);
  void clear();
  [[nodiscard]] std::size_t capacity() const { return places_.size(); }

 private:
  static constexpr std::size_t kWays = 8;
  [[nodiscard]] std::uint64_t hash(Bytes cert_id) const;
  std::vector<ReadyAnswer> places_;
  std::uint64_t seed_;  ///< drawn at start, so that nobody outside can aim at one set
  std::uint64_t uses_ = 0;
};

}  // namespace muster::responder
