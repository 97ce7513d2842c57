#pragma once

#include <set>

#include "network.h"

namespace muster::keeper::simulation {

/// Holds the shelf and the keeper to their promises, by what was sent and what time it is, and not
/// by what they say of themselves. The first promise that is broken ends the world.
class Judge {
 public:
  Judge(const Profile& profile, const SimulatedClock& clock, const std::vector<Truth>& truths,
        Network& network);

  [[nodiscard]] const std::string& failure() const { return failure_; }
  void fail(std::string what);

  // ---- what happens
  void on_asked(std::size_t certificate, std::size_t host, unsigned egress);
  void on_delivered(const Delivery& delivery);
  void on_change(std::size_t certificate);  ///< the shelf says that an offer changed
  void on_started(const Shelf& shelf, const Keeper& keeper, const std::set<std::size_t>& listed);
  void on_listed(const std::set<std::size_t>& listed);
  void on_stopped();
  void on_spoilt(std::size_t certificate);
  void on_clock_set();  ///< to the truth, or away from it

  // ---- looking
  void look_at_changes();
  void look_at(std::size_t certificate);
  void look_at_everything();

  Report report;

 private:
  struct Seen {
    StaplePointer staple;          ///< on offer when last looked
    std::optional<Content> offer;  ///< its content
    UnixSeconds end{};             ///< when that must be out of use
    UnixSeconds lasts{};           ///< until when it must not be dropped
    std::optional<Content> durable;
    std::optional<Milliseconds> uncovered_since;
    Milliseconds asked_at{0}, stale_at{-1}, hour{0}, listed_at{0};
    Milliseconds taken_at{0};  ///< when an answer last put something newer, or the first, on offer
    Milliseconds came_at{0};   ///< when what is on offer came there, from wherever
    unsigned asked_in_hour = 0, troubles = 0;
    bool was_revoked = false;  ///< by the last that was on offer; it may have ended since
    std::vector<Milliseconds> revoked_answers;  ///< when they came
  };
  struct Stretch {
    Milliseconds begin, end;
  };

  [[nodiscard]] bool is_listed(std::size_t c) const { return listed_.count(c) != 0; }
  [[nodiscard]] bool is_disturbed() const;
  /// Nothing is on offer because it is revoked and that is not to be told.
  [[nodiscard]] bool is_withheld(std::size_t c) const;
  void disturb(Milliseconds until);
  void check_offer(std::size_t c, Seen& seen, const StaplePointer& staple);
  void check_change(std::size_t c, Seen& seen, const std::optional<Content>& before,
                    UnixSeconds lasted);
  void check_timing(std::size_t c, Seen& seen, const Content& before, UnixSeconds before_end,
                    const Content& after);
  void check_gap(std::size_t c, const Content& lost, UnixSeconds end, const Seen& seen);
  void check_return(std::size_t c, const Seen& seen);
  void check_news(std::size_t c, const Seen& seen);
  /// Whether one of its hosts said within a stretch what it had said before.
  [[nodiscard]] bool had_old_answers(std::size_t c, Milliseconds from, Milliseconds until) const;
  /// The longest time in one piece in which a host answered well, within a stretch, and nothing was
  /// wrong on our side. A cache that got stuck counts: POST passes it by.
  [[nodiscard]] Milliseconds longest_chance(std::size_t c, Milliseconds from,
                                            Milliseconds until) const;
  [[nodiscard]] Milliseconds elapsed_at(UnixSeconds true_time) const {
    return std::max(Milliseconds(0), Milliseconds(true_time - kStart));
  }
  [[nodiscard]] std::string describe(std::size_t c) const;
  /// Whether the story of this certificate is told; the words are made only then.
  [[nodiscard]] bool is_followed(std::size_t c) const { return c == profile_.follow; }
  void tell(std::size_t c, const std::string& what) const;

  const Profile& profile_;
  const SimulatedClock& clock_;
  const std::vector<Truth>& truths_;
  Network& network_;
  const Shelf* shelf_ = nullptr;
  const Keeper* keeper_ = nullptr;
  std::set<std::size_t> listed_, changed_, unsaved_;
  std::vector<Seen> seen_;
  std::vector<Stretch> disturbed_;
  Milliseconds started_at_{0};
  std::string failure_;
};

}  // namespace muster::keeper::simulation
