#pragma once

#include <memory>

#include "muster/base/bytes.h"

namespace muster::responder {

/// Where loops find what another loop has signed already: one signature serves all of them, and all
/// hand out the same octets, so that the ETag one loop announced is recognised by the next. Asked
/// only when a loop has no ready answer of its own; what is found is compared with the record like
/// any other (decision 012). Threads: any; a short lock around each method.
class AnswerExchange {
 public:
  /// \param capacity  answers kept; zero: nothing is exchanged
  /// \param ahead     places for answers signed ahead; they fill evenly up to two thirds
  explicit AnswerExchange(std::size_t capacity, std::size_t ahead = 0);
  ~AnswerExchange();
  AnswerExchange(const AnswerExchange&) = delete;
  AnswerExchange& operator=(const AnswerExchange&) = delete;

  struct Impl;
  [[nodiscard]] Impl& impl() { return *impl_; }  ///< for the Answerer

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::responder
