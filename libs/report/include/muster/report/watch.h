#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "muster/report/row.h"
#include "muster/report/view.h"

// Checks that are repeated: what changed since the last round, how far the present one is.
namespace muster::report {

/// The table of one round after another. Pure but for what it remembers.   Threads: one.
class Board {
 public:
  /// How many changes are remembered below the table.
  static constexpr std::size_t kMaxChanges = 8;

  /// The table of a round with the certificates that changed marked, and the last changes below.
  /// \param lines  of the screen: where the table has more, the worst are shown first and the rest
  ///               is counted; nothing: all are shown.
  std::string round(const std::vector<client::TargetReport>& reports, const View& view,
                    std::optional<std::size_t> lines = std::nullopt);
  [[nodiscard]] std::size_t rounds() const { return rounds_; }

 private:
  struct Seen {
    client::Outcome outcome;
    std::string status, serial, target;
    std::size_t round;
  };
  /// A target and the place of the certificate among its certificates.
  using Key = std::pair<std::string, std::size_t>;
  /// What is new about the row; empty: nothing, or it is seen for the first time.
  std::string compare(const Key& key, const Row& row);

  std::size_t rounds_ = 0;
  std::map<Key, Seen> seen_;
  std::deque<std::string> changes_;  ///< the newest last
};

/// A frame drawn over the one before, without flicker.
std::string redraw(const std::string& frame);

/// "37 of 1000 checked, about 2m 5s left".
/// \param left  nothing: not known yet.
std::string progress_line(std::size_t done, std::size_t total, std::optional<Milliseconds> left);

}  // namespace muster::report
