#include "muster/net/deadline.h"

namespace muster::net {

void Deadline::set(MonotonicTime when) {
  when_ = when;
  if (timer_ == 0 || armed_for_ > when) {
    arm();
  }
}

void Deadline::clear() {
  loop_.cancel(timer_);
  timer_ = 0;
}

void Deadline::arm() {
  loop_.cancel(timer_);
  armed_for_ = when_;
  timer_ = loop_.at(when_, [this] {
    timer_ = 0;
    if (loop_.now() < when_) {
      arm();
    } else {
      reached_();
    }
  });
}

}  // namespace muster::net
