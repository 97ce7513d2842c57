#include "carrier.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <set>

#include "command.h"
#include "muster/base/assert.h"
#include "muster/base/text.h"
#include "muster/stapler/render.h"
#include "socket_carrier.h"

namespace muster::stapler {
namespace {

constexpr Milliseconds kGather{200};  ///< parcels this close together make one reload
/// Between two reloads that cannot wait, unless reload_every is less: with an empty shelf staples
/// come one after the other, and each is a first one.
constexpr Milliseconds kUrgentPause{2000};

std::string_view to_word(Event event) {
  switch (event) {
    case Event::kFirst:
      return "first";
    case Event::kNewer:
      return "newer";
    case Event::kNone:
      break;
  }
  return "none";
}

/// The server looks at its files by itself.
class NoCarrier final : public Carrier {
 public:
  explicit NoCarrier(net::Loop& loop) : loop_(loop) {}
  void carry(Parcel, Done done) override {
    loop_.after(Milliseconds(0), [weak = std::weak_ptr<Unit>(alive_), done = std::move(done)] {
      if (!weak.expired()) {
        done("");
      }
    });
  }

 private:
  net::Loop& loop_;
  std::shared_ptr<Unit> alive_ = std::make_shared<Unit>();
};

/// One run of the command for all parcels that came meanwhile, with a least time between two runs,
/// which is short when one is urgent.
class ReloadCarrier final : public Carrier {
 public:
  ReloadCarrier(net::Loop& loop, const TargetOptions& target)
      : loop_(loop), pause_(target.reload_every), command_(loop, target.reload, target.timeout) {}
  ~ReloadCarrier() override {
    if (timer_) {
      loop_.cancel(*timer_);
    }
  }

  void carry(Parcel parcel, Done done) override {
    waiting_.push_back(std::move(done));
    events_.insert(parcel.event);
    be_due(earliest(parcel.urgent ? std::min(kUrgentPause, pause_) : pause_));
  }
  void hurry() override {
    if (!waiting_.empty()) {
      be_due(earliest(std::min(kUrgentPause, pause_)));
    }
  }

 private:
  [[nodiscard]] MonotonicTime earliest(Milliseconds pause) const {
    const MonotonicTime soon = loop_.now() + kGather;
    return last_run_ ? std::max<MonotonicTime>(soon, *last_run_ + pause) : soon;
  }

  void be_due(MonotonicTime due) {
    if (!due_ || due < *due_) {
      due_ = due;
      arm();
    }
  }

  void arm() {
    if (command_.running()) {
      return;  // ended() looks again
    }
    if (timer_) {
      loop_.cancel(*timer_);
    }
    timer_ = loop_.at(*due_, [this] {
      timer_.reset();
      run();
    });
  }

  void run() {
    due_.reset();
    last_run_ = loop_.now();
    told_ = std::exchange(waiting_, {});
    // For servers that take up a newer staple by a reload and need a restart for the first and
    // none.
    std::string events = "MUSTER_EVENTS=";
    for (const Event event : std::exchange(events_, {})) {
      events += (events.back() == '=' ? "" : " ") + std::string(to_word(event));
    }
    command_.run({events}, -1, [this](const CommandEnd& end) { ended(end); });
  }

  void ended(const CommandEnd& end) {
    const std::string why =
        end.why.empty() ? "" : "the reload command " + command_.program() + " " + end.why;
    if (due_) {
      arm();
    }
    for (const Done& done : std::exchange(told_, {})) {
      done(why);
    }
  }

  net::Loop& loop_;
  const Milliseconds pause_;
  Command command_;
  std::vector<Done> waiting_, told_;
  std::set<Event> events_;
  std::optional<MonotonicTime> last_run_;  ///< its beginning
  std::optional<MonotonicTime> due_;
  std::optional<net::TimerId> timer_;
};

/// A file without a name that holds `content`, to be read from its beginning. Errors: errno.
Result<UniqueFd, int> make_input(Bytes content) {
  UniqueFd fd(::memfd_create("staple", MFD_CLOEXEC));
  if (!fd) {
    return Err{errno};
  }
  for (std::size_t written = 0; written < content.size();) {
    const ::ssize_t n = ::write(fd.get(), content.data() + written, content.size() - written);
    if (n < 0 && errno != EINTR) {
      return Err{errno};
    }
    written += n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) {
    return Err{errno};
  }
  return fd;
}

/// The operator's command, once for each parcel, one at a time.
class ExecCarrier final : public Carrier {
 public:
  ExecCarrier(net::Loop& loop, const Clock& clock, const TargetOptions& target)
      : loop_(loop),
        clock_(clock),
        target_(target),
        command_(loop, target.command, target.timeout) {}
  ~ExecCarrier() override {
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
  void start() {
    const Parcel& parcel = queue_.front().first;
    if (parcel.has_expired(clock_.now())) {
      finish_later(std::string(kExpiredInQueue));
      return;
    }
    const auto content = parcel.staple ? render(target_, parcel.subject, parcel.staple) : Buffer{};
    const auto input = make_input(content.value_or(Buffer{}));
    if (!input) {  // it must not take nothing for a staple
      char text[128];
      finish_later("the command " + command_.program() + " was not run: no file for its input: " +
                   ::strerror_r(input.error(), text, sizeof text));
      return;
    }
    command_.run(environment(parcel), input->get(), [this](const CommandEnd& end) {
      finish(end.why.empty() ? "" : "the command " + command_.program() + " " + end.why);
    });
  }

  void finish_later(std::string why) {
    timer_ = loop_.after(Milliseconds(0), [this, why = std::move(why)] {
      timer_.reset();
      finish(why);
    });
  }

  void finish(const std::string& why) {
    const Done done = std::move(queue_.front().second);
    queue_.pop_front();
    if (!queue_.empty()) {
      start();
    }
    done(why);
  }

  [[nodiscard]] std::vector<std::string> environment(const Parcel& parcel) const {
    const keeper::Subject& subject = parcel.subject.subject;
    std::vector<std::string> out = {
        "MUSTER_TARGET=" + target_.name,
        "MUSTER_EVENT=" + std::string(parcel.staple ? "staple" : "none"),
        "MUSTER_CERTIFICATE=" + subject.name,
        "MUSTER_CERTIFICATE_FILE=" + parcel.subject.path,
        "MUSTER_FINGERPRINT=" + to_hex(subject.certificate.fingerprint()),
        "MUSTER_STAPLE=" + (!parcel.staple        ? std::string()
                            : parcel.file.empty() ? std::string("/dev/stdin")
                                                  : parcel.file),
    };
    if (parcel.staple) {
      const keeper::StapleFacts& facts = parcel.staple->facts;
      out.push_back("MUSTER_STATUS=" + std::string(to_string(facts.status)));
      out.push_back("MUSTER_THIS_UPDATE=" + format_iso8601(facts.this_update));
      out.push_back("MUSTER_EXPIRES=" + format_iso8601(facts.expires));
    }
    return out;
  }

  net::Loop& loop_;
  const Clock& clock_;
  const TargetOptions target_;
  std::deque<std::pair<Parcel, Done>> queue_;
  Command command_;
  std::optional<net::TimerId> timer_;
};

}  // namespace

std::unique_ptr<Carrier> make_carrier(net::Loop& loop, const Clock& clock,
                                      const TargetOptions& target) {
  if (!target.socket.empty()) {
    auto address = net::SocketAddress::parse(target.socket);
    MUSTER_ASSERT(address);  // check_targets()
    return make_haproxy_carrier(loop, clock, *std::move(address), target.timeout);
  }
  if (target.kind == TargetKind::kExec) {
    return std::make_unique<ExecCarrier>(loop, clock, target);
  }
  if (!target.reload.empty()) {
    return std::make_unique<ReloadCarrier>(loop, target);
  }
  return std::make_unique<NoCarrier>(loop);
}

}  // namespace muster::stapler
