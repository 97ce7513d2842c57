#include "batch_run.h"

#include "muster/pki/certificate.h"

namespace muster::responder {

void BatchRun::go() {
  for (std::size_t n = 0; n < kPerTurn && next_ < replies_.size() && awaited_ < kPerTurn; ++n) {
    ask(next_++);
  }
  if (next_ < replies_.size()) {
    if (awaited_ < kPerTurn) {
      post_([self = shared_from_this()] { self->go(); });
    }  // else the first answer that comes goes on
  } else if (awaited_ == 0) {
    take_(std::move(replies_));
  }
}

void BatchRun::ask(std::size_t which) {
  const Bytes request = (*questions_)[which].request;
  const Answer answer = answerer_.answer(request, clock_.now(), client_);
  if (!answer.pending) {
    keep(which, answer);
    return;
  }
  ++awaited_;
  answerer_.await(request, client_, [self = shared_from_this(), which](const Answer& came) {
    self->keep(which, came);
    const bool was_full = self->awaited_-- == kPerTurn;
    if (was_full || (self->awaited_ == 0 && self->next_ == self->replies_.size())) {
      self->go();
    }
  });
}

void BatchRun::keep(std::size_t which, const Answer& answer) {
  const Bytes body = answer.body();
  const Buffer& have = (*questions_)[which].have;
  if (!have.empty()) {
    std::array<std::uint8_t, kBatchTagBytes> tag{};
    pki::digest_into(HashAlgorithm::kSha256, body, tag);
    if (equal(have, tag)) {
      return;
    }
  }
  replies_[which] = to_buffer(body);
}

}  // namespace muster::responder
