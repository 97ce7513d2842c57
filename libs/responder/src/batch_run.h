#pragma once

#include <functional>
#include <memory>

#include "muster/responder/answerer.h"
#include "muster/responder/batch.h"

namespace muster::responder {

/// What one loop answers of a batch: a few questions a turn, so that everybody else is answered in
/// between, and not more with remote keys at a time. Kept alive by what it waits for. Threads: the
/// loop's.
class BatchRun : public std::enable_shared_from_this<BatchRun> {
 public:
  using Questions = std::shared_ptr<const std::vector<BatchQuestion>>;
  using Take = std::function<void(std::vector<BatchReply>)>;
  /// How many are answered before the loop goes on with other things: with a P-256 key well under
  /// a millisecond.
  static constexpr std::size_t kPerTurn = 8;

  /// \param answerer, clock  outlive the loop's actions
  /// \param post  runs an action on the loop later
  /// \param take  is given the replies in the order of the questions, once, on the loop
  BatchRun(Answerer& answerer, const Clock& clock, std::function<void(std::function<void()>)> post,
           Questions questions, const Client& client, Take take)
      : answerer_(answerer),
        clock_(clock),
        post_(std::move(post)),
        questions_(std::move(questions)),
        client_(client),
        take_(std::move(take)),
        replies_(questions_->size()) {}

  /// Begins, or goes on.
  void go();

 private:
  void ask(std::size_t which);
  void keep(std::size_t which, const Answer& answer);

  Answerer& answerer_;
  const Clock& clock_;
  const std::function<void(std::function<void()>)> post_;
  const Questions questions_;
  const Client client_;
  const Take take_;
  std::vector<BatchReply> replies_;
  std::size_t next_ = 0;
  std::size_t awaited_ = 0;  ///< of remote keys
};

}  // namespace muster::responder
