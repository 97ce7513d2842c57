#include "socket_carrier.h"

#include <algorithm>
#include <deque>

#include "control_socket.h"
#include "haproxy.h"

namespace muster::stapler {
namespace {

/// Whether it can stand in a command of the runtime socket as one word.
bool is_one_word(const std::string& path) {
  return std::all_of(path.begin(), path.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != ';' && c != '\\' && c != '"' && c != '\'';
  });
}

/// One parcel at a time, each step when the answer to the one before has come. All callbacks belong
/// to the socket, which this owns.
class HaproxyCarrier final : public Carrier {
 public:
  HaproxyCarrier(net::Loop& loop, const Clock& clock, net::SocketAddress address,
                 Milliseconds timeout)
      : loop_(loop), clock_(clock), socket_(loop, std::move(address), timeout) {}
  ~HaproxyCarrier() override {
    if (timer_) {
      loop_.cancel(*timer_);
    }
  }

  void carry(Parcel parcel, Done done) override {
    queue_.emplace_back(std::move(parcel), std::move(done));
    if (queue_.size() == 1) {
      start();
    }
  }

 private:
  using Step = void (HaproxyCarrier::*)(const std::string& answer);

  [[nodiscard]] const Parcel& current() const { return queue_.front().first; }

  void start() {
    if (!staged_.empty()) {
      ask(list_request(), &HaproxyCarrier::listed_ours);
    } else {
      push();
    }
  }

  void listed_ours(const std::string& answer) {
    if (open_transaction(answer) == staged_) {
      ask(abort_request(staged_), &HaproxyCarrier::aborted_ours);
    } else {
      aborted_ours("");
    }
  }

  void aborted_ours(const std::string&) {
    staged_.clear();
    push();
  }

  void push() {
    const bool has_expired = current().has_expired(clock_.now());
    if (!current().staple || has_expired) {  // it has no command for none; it stops by itself
      timer_ = loop_.after(Milliseconds(0), [this, has_expired] {
        timer_.reset();
        finish(has_expired ? std::string(kExpiredInQueue) : "");
      });
      return;
    }
    ask(push_request(current().staple->der()), &HaproxyCarrier::pushed);
  }

  void ask(std::string question, Step next) {
    socket_.ask(std::move(question), [this, next](const ControlSocket::Answer& answer) {
      if (answer) {
        (this->*next)(*answer);
      } else {
        hang_up(answer.error());
      }
    });
  }

  void pushed(const std::string& answer) {
    const HaproxyAnswer result = read_push_answer(answer);
    if (result.says != HaproxySays::kNoEntry) {
      finish(result.why);
      return;
    }
    if (current().is_former) {
      finish("");
      return;
    }
    if (!is_one_word(current().subject.path)) {
      finish(
          "HAProxy has no entry for the certificate, and its path cannot be written in a command "
          "(restart HAProxy: the .ocsp file beside the certificate is there)");
      return;
    }
    ask(list_request(), &HaproxyCarrier::listed);
  }

  void listed(const std::string& answer) {
    const std::string open = open_transaction(answer);
    if (!open.empty()) {
      finish("HAProxy has no entry for the certificate, and somebody's transaction on '" + open +
             "' is open, so that none can be made (commit or abort it)");
      return;
    }
    staged_ = current().subject.path;
    ask(stage_request(staged_, current().staple->der()), &HaproxyCarrier::staged);
  }

  void staged(const std::string& answer) {
    const HaproxyAnswer result = read_stage_answer(answer);
    if (result.says != HaproxySays::kDone) {
      staged_.clear();
      finish("HAProxy has no entry for the certificate, and none could be made: " + result.why);
      return;
    }
    ask(commit_request(current().subject.path), &HaproxyCarrier::committed);
  }

  void committed(const std::string& answer) {
    const HaproxyAnswer result = read_commit_answer(answer);
    if (result.says == HaproxySays::kDone) {
      staged_.clear();
      finish("");
      return;
    }
    refusal_ = "HAProxy did not take up its entry for the certificate: " + result.why;
    ask(abort_request(current().subject.path), &HaproxyCarrier::aborted);
  }

  void aborted(const std::string&) {
    staged_.clear();
    finish(refusal_);
  }

  void finish(const std::string& why_not) {
    const Done done = std::move(queue_.front().second);
    queue_.pop_front();
    if (!queue_.empty()) {
      start();
    }
    done(why_not);
  }

  /// What keeps this one from it keeps all: nobody waits for one time-out after the other.
  void hang_up(const std::string& why_not) {
    for (const auto& [parcel, done] : std::exchange(queue_, {})) {
      done(why_not);
    }
  }

  net::Loop& loop_;
  const Clock& clock_;
  ControlSocket socket_;
  std::deque<std::pair<Parcel, Done>> queue_;
  std::string staged_;  ///< certificate of a transaction of ours that may be open
  std::string refusal_;
  std::optional<net::TimerId> timer_;
};

}  // namespace

std::unique_ptr<Carrier> make_haproxy_carrier(net::Loop& loop, const Clock& clock,
                                              net::SocketAddress address, Milliseconds timeout) {
  return std::make_unique<HaproxyCarrier>(loop, clock, std::move(address), timeout);
}

}  // namespace muster::stapler
