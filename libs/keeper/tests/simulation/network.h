#pragma once

#include <functional>
#include <queue>
#include <unordered_map>

#include "muster/keeper/asker.h"
#include "octets.h"
#include "profile.h"

namespace muster::keeper::simulation {

/// What a responder does for a while.
enum class Mode : std::uint8_t {
  kGood,
  kRefuses,
  kHangs,
  kSlow,
  kOverloaded,
  kUnauthorized,
  kUnknown,
  kGarbage,
  kForeign,  ///< a cache mixes answers up
  kForged,
  kStale,  ///< what it said some time ago, another time each time
  kStuck,  ///< by GET what a cache has since the trouble began, by POST the truth
  kExpired,
  kAhead,
  kFarAhead,
  kWithoutNextUpdate,
  kShort,  ///< answers that live a twentieth
  kSlips,  ///< says of some that they are revoked, although they are not
  kFlaky,  ///< any of these, another each time
};

/// Both clocks of a simulated machine.
class SimulatedClock final : public Clock {
 public:
  [[nodiscard]] UnixSeconds now() const override { return true_now() + offset; }
  [[nodiscard]] MonotonicTime monotonic() const override {
    return MonotonicTime(std::chrono::hours(24)) + elapsed;
  }
  [[nodiscard]] UnixSeconds true_now() const {
    return kStart + std::chrono::floor<Seconds>(elapsed);
  }
  Milliseconds elapsed{0};
  Seconds offset{0};  ///< of the wall clock from the truth
};

/// What the CA has decided about a certificate.
struct Truth {
  Seconds window{0};
  Seconds period{0};  ///< answers are made each so often; zero: when asked for
  std::vector<std::size_t> hosts;
  std::vector<std::string> urls;
  std::optional<UnixSeconds> revoked_at;
};

/// One thing that came back.
struct Delivery {
  std::size_t certificate, host;
  unsigned egress;
  Mode mode;                       ///< kFlaky: what it was this time
  std::optional<Content> content;  ///< of an authentic answer about that certificate
  bool accepted;                   ///< by verify(), with the time of the machine
  bool told_to_wait = false;       ///< by Retry-After
};

/// Responders, caches, proxies and the wires between.
class Network final : public Asker {
 public:
  /// Told of each question, and of each answer before the keeper sees it.
  struct Witness {
    std::function<void(std::size_t certificate, std::size_t host, unsigned egress)> asked;
    std::function<void(const Delivery&)> delivered;
  };
  Network(const Profile& profile, const SimulatedClock& clock, std::vector<Truth>& truths,
          std::uint64_t seed);
  Witness witness;

  void ask(const Question& question, const client::VerifyPolicy& policy, UnixSeconds now,
           std::function<void(Answer)> done) override;
  void cancel(std::uint64_t ticket) override;
  [[nodiscard]] std::optional<Milliseconds> next_delivery() const;
  /// Delivers what is due, one answer a call; false when there was none.
  bool deliver();
  /// The machine that asked is gone.
  void drop_all();
  /// The longest any question has been open.
  [[nodiscard]] Milliseconds longest_wait() const;

  struct Segment {
    Milliseconds begin, end;
    Mode mode;
  };
  [[nodiscard]] const std::vector<Segment>& segments(std::size_t host) const {
    return segments_[host];
  }
  /// Times in which a way out of here was cut.
  [[nodiscard]] const std::vector<Segment>& cuts(unsigned egress) const { return cuts_[egress]; }
  [[nodiscard]] std::size_t in_flight(std::size_t host, unsigned egress) const;
  [[nodiscard]] bool is_open(std::size_t certificate) const;

 private:
  struct Open {
    std::size_t certificate, host;
    unsigned egress;
    bool by_post;
    std::string etag;
    Milliseconds asked_at;
    client::VerifyPolicy policy;
    std::function<void(Answer)> done;
  };
  struct Due {
    Milliseconds at;
    std::uint64_t ticket;
    bool operator<(const Due& other) const {
      return at != other.at ? at > other.at : ticket > other.ticket;
    }
  };

  std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>(random_.next() * static_cast<double>(n));
  }
  std::vector<Segment> make_segments(double trouble, const std::vector<Mode>& troubles);
  /// A question is not open any more.
  void close(const Open& open);
  Mode mode_of(std::size_t host);
  [[nodiscard]] Content published(std::size_t certificate, UnixSeconds at) const;
  std::optional<Content> content_of(const Open& open, Mode mode);
  Answer answer_of(const Open& open, Mode mode, Delivery& delivery);

  const Profile& profile_;
  const SimulatedClock& clock_;
  std::vector<Truth>& truths_;
  Random random_;
  std::vector<std::vector<Segment>> segments_, cuts_;
  std::vector<std::size_t> at_, cut_at_;
  std::unordered_map<std::uint64_t, Open> open_;
  std::priority_queue<Due> due_;
  std::vector<std::size_t> in_flight_;   ///< open questions of each host and way out
  std::vector<std::size_t> open_about_;  ///< open questions of each certificate
  std::uint64_t answers_ = 0;
};

}  // namespace muster::keeper::simulation
