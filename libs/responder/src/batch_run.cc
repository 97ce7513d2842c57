#include "batch_run.h"

#include "muster/pki/certificate.h"

namespace muster::responder {

void BatchQueue::add(Questions questions, const Client& client, Take take) {
  std::vector<BatchReply> replies(questions->size());
  runs_.push_back(std::make_shared<Run>(
      Run{std::move(questions), client, std::move(take), std::move(replies)}));
  wake();
}

void BatchQueue::wake() {
  if (!is_awake_ && !runs_.empty()) {
    is_awake_ = true;
    post_([this] { turn(); });
  }
}

void BatchQueue::turn() {
  is_awake_ = false;
  const MonotonicTime end = std::chrono::steady_clock::now() + kTurn;
  for (std::size_t n = 0; n < kPerTurn && !runs_.empty(); ++n) {
    const std::shared_ptr<Run> run = std::move(runs_.front());
    runs_.pop_front();
    if (run->has_more()) {
      ask(run);
    }
    if (run->has_more()) {
      if (run->awaited < kMaxAwaited) {
        runs_.push_back(run);
      }  // else the first answer that comes brings it back
    } else if (run->awaited == 0) {
      run->take(std::move(run->replies));
    }
    if (std::chrono::steady_clock::now() >= end) {
      break;
    }
  }
  wake();
}

void BatchQueue::ask(const std::shared_ptr<Run>& run) {
  const std::size_t which = run->next++;
  const Bytes request = (*run->questions)[which].request;
  const Answer answer = answerer_.answer(request, clock_.now(), run->client);
  if (!answer.pending) {
    keep(*run, which, answer);
    return;
  }
  ++run->awaited;
  answerer_.await(request, run->client, [this, run, which](const Answer& came) {
    keep(*run, which, came);
    const bool was_full = run->awaited-- == kMaxAwaited;
    if (run->has_more() ? was_full : run->awaited == 0) {
      runs_.push_back(run);
      wake();
    }
  });
}

void BatchQueue::keep(Run& run, std::size_t which, const Answer& answer) {
  note_(answer, (*run.questions)[which].request, run.client, clock_.now());
  const Bytes body = answer.body();
  const Buffer& have = (*run.questions)[which].have;
  if (!have.empty()) {
    std::array<std::uint8_t, kBatchTagBytes> tag{};
    pki::digest_into(HashAlgorithm::kSha256, body, tag);
    if (equal(have, tag)) {
      return;
    }
  }
  run.replies[which] = to_buffer(body);
}

}  // namespace muster::responder
