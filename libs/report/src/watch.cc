#include "muster/report/watch.h"

#include <algorithm>

#include "muster/base/text.h"
#include "muster/report/table.h"
#include "screen.h"

namespace muster::report {
namespace {

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

std::string Board::compare(const Key& key, const Row& row) {
  const Seen now{row.outcome, std::string(status_word(row)), row.serial, row.target, rounds_};
  const auto [known, is_new] = seen_.try_emplace(key, now);
  if (is_new) {
    return rounds_ == 1 ? "" : "new";
  }
  const Seen before = std::exchange(known->second, now);
  if (before.outcome != now.outcome) {
    return std::string(client::to_string(before.outcome)) + " -> " +
           std::string(client::to_string(now.outcome));
  }
  if (before.serial != now.serial) {
    return "another certificate";
  }
  if (before.status != now.status) {
    return "status " + (before.status.empty() ? "none" : before.status) + " -> " +
           (now.status.empty() ? "none" : now.status);
  }
  return "";
}

std::string Board::round(const std::vector<client::TargetReport>& reports, const View& view,
                         std::optional<std::size_t> lines) {
  ++rounds_;
  std::vector<Row> rows = rows_of(reports, view.now);
  std::vector<std::string> notes;
  std::map<std::string, std::size_t> places;
  std::size_t changed = 0;
  const auto remember = [&](const std::string& target, const std::string& change) {
    ++changed;
    changes_.push_back(format_iso8601(view.now) + "  " + target + ": " + change);
    if (changes_.size() > kMaxChanges) {
      changes_.pop_front();
    }
  };
  for (const Row& row : rows) {
    const std::string change = compare({row.target, places[row.target]++}, row);
    notes.push_back(change.empty() ? "" : "*");
    if (!change.empty()) {
      remember(row.subject.empty() ? row.target : row.target + " (" + short_subject(row) + ")",
               change);
    }
  }
  for (auto seen = seen_.begin(); seen != seen_.end();) {
    if (seen->second.round == rounds_) {
      ++seen;
      continue;
    }
    remember(seen->second.target,
             "gone (was " + std::string(client::to_string(seen->second.outcome)) + ")");
    seen = seen_.erase(seen);
  }

  std::string out = cut(format_iso8601(view.now) + "  round " + std::to_string(rounds_) +
                            (rounds_ == 1 ? "" : ", " + std::to_string(changed) + " changed"),
                        view.columns == 0 ? std::string::npos : view.columns) +
                    "\n";
  std::string below;
  for (const std::string& change : changes_) {
    below += cut("* " + change, view.columns == 0 ? std::string::npos : view.columns) + "\n";
  }
  // The heading of the table, its summary and the cursor's line take a line each, as does our own.
  constexpr std::size_t kOtherLines = 5;
  const std::size_t room = lines ? *lines - std::min(*lines, kOtherLines + lines_in(below)) : 0;
  if (!lines || rows.size() <= std::max<std::size_t>(room, 1)) {
    return out + format_table(rows, view, notes) + below;
  }
  const std::string all = summary(rows);
  std::vector<std::size_t> order(rows.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rows[a].outcome > rows[b].outcome; });
  order.resize(std::max<std::size_t>(room, 1));
  std::vector<Row> shown;
  std::vector<std::string> marks;
  for (const std::size_t i : order) {
    shown.push_back(rows[i]);
    marks.push_back(notes[i]);
  }
  std::string table = format_table(shown, view, marks);
  if (shown.size() > 1) {  // the summary is of those shown
    table.erase(table.rfind('\n', table.size() - 2) + 1);
  }
  return out + table + "and " + std::to_string(rows.size() - shown.size()) + " more; " + all +
         "\n" + below;
}

std::string redraw(const std::string& frame) {
  std::string out = "\x1b[H";
  for (const std::string_view line : split(trim(frame), '\n')) {
    out += std::string(line) + "\x1b[K\n";
  }
  return out + "\x1b[J";
}

std::string progress_line(std::size_t done, std::size_t total, std::optional<Milliseconds> left) {
  std::string out = std::to_string(done) + " of " + std::to_string(total) + " checked";
  if (left && done < total) {
    out += ", about " + format_duration(std::chrono::ceil<Seconds>(*left)) + " left";
  }
  return out;
}

}  // namespace muster::report
