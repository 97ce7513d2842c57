#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "muster/responder/answerer.h"
#include "muster/responder/batch.h"

namespace muster::responder {

/// What one loop answers of all batches: a few questions a turn, of each batch in its turn, so that
/// everybody else is answered in between however many batches there are. Threads: the loop's.
class BatchQueue {
 public:
  using Questions = std::shared_ptr<const std::vector<BatchQuestion>>;
  using Take = std::function<void(std::vector<BatchReply>)>;
  using Note = std::function<void(const Answer&, Bytes request, const Client&, UnixSeconds now)>;
  /// How many are answered before the loop goes on with other things, and how long that may take:
  /// eight signatures of a P-256 key are well under a millisecond.
  static constexpr std::size_t kPerTurn = 8;
  static constexpr Milliseconds kTurn{2};
  /// Questions of one batch that wait for remote keys at a time.
  static constexpr std::size_t kMaxAwaited = 8;

  /// \param answerer, clock  outlive the loop's actions
  /// \param post  runs an action on the loop later
  /// \param note  is told of each answer, for the log
  BatchQueue(Answerer& answerer, const Clock& clock,
             std::function<void(std::function<void()>)> post, Note note)
      : answerer_(answerer), clock_(clock), post_(std::move(post)), note_(std::move(note)) {}

  /// \param take  is given the replies in the order of the questions, once, on the loop; never
  /// inside this call
  void add(Questions questions, const Client& client, Take take);

 private:
  /// A part of a batch. Kept alive by what it waits for.
  struct Run {
    Questions questions;
    Client client;
    Take take;
    std::vector<BatchReply> replies;
    std::size_t next = 0;
    std::size_t awaited = 0;  ///< of remote keys
    [[nodiscard]] bool has_more() const { return next < replies.size(); }
  };
  void wake();
  void turn();
  void ask(const std::shared_ptr<Run>& run);
  void keep(Run& run, std::size_t which, const Answer& answer);

  Answerer& answerer_;
  const Clock& clock_;
  const std::function<void(std::function<void()>)> post_;
  const Note note_;
  std::deque<std::shared_ptr<Run>> runs_;  ///< those that have a question to ask now
  bool is_awake_ = false;                  ///< a turn was posted
};

}  // namespace muster::responder
