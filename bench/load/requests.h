#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include "muster/base/bytes.h"

namespace muster::bench {

enum class Method : std::uint8_t { kGet, kPost };
enum class Order : std::uint8_t { kRandom, kSequential };

/// What is asked.
struct RequestPlan {
  Buffer pattern;  ///< OCSPRequest about serial_of(0); with a nonce of 32 octets 'n' when wanted
  Method method = Method::kGet;
  bool close = false;         ///< each request on a connection of its own
  std::uint64_t serials = 1;  ///< certificates there are
  std::uint64_t hot = 0;      ///< those asked about, evenly spread over all; 0: all
  Order order = Order::kRandom;
  Buffer beside{};           ///< another OCSPRequest, asked about as it is ...
  std::uint64_t one_in = 0;  ///< ... by every so manieth request; 0: by none
};

/// One request of a plan: enough to write it, and to write it again for the record.
struct Question {
  std::uint64_t certificate = 0;
  std::uint64_t nonce = 0;
  bool beside = false;
};

/// Makes requests, the same ones in each run. Where only one certificate is asked about without
/// nonce, its octets are made once.
class Requests {
 public:
  /// Nothing when the pattern has no serial_of(0).
  static std::optional<Requests> make(RequestPlan plan);
  Question next();
  /// The HTTP request, behind what is in `out`.
  void append_http(const Question& question, std::string& out);
  /// The OCSPRequest alone. Lifetime: until the next call.
  Bytes der(const Question& question);

 private:
  explicit Requests(RequestPlan plan) : plan_(std::move(plan)) {}
  void make_http(Bytes octets, std::string& out) const;

  RequestPlan plan_;
  std::size_t serial_at_ = 0;
  std::optional<std::size_t> nonce_at_;
  std::uint64_t stride_ = 1, asked_ = 0;
  std::mt19937_64 random_{1};
  std::string ready_;   ///< when all are the same
  std::string beside_;  ///< RequestPlan::beside
};

}  // namespace muster::bench
