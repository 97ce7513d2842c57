#include "muster/report/table.h"

#include <algorithm>
#include <array>

#include "muster/base/text.h"
#include "screen.h"
#include "words.h"

namespace muster::report {
namespace {

enum Column : std::size_t { kNote, kTarget, kVerdict, kStatus, kSource, kLeft, kExpires, kReason };
constexpr std::array<std::string_view, 8> kHeadings = {"",       "TARGET", "VERDICT", "STATUS",
                                                       "SOURCE", "LEFT",   "EXPIRES", "REASON"};
using Line = std::array<std::string, kHeadings.size()>;

constexpr std::size_t kGap = 2;
/// The target is cut down to this before the reason is cut at all, and the reason to this before
/// columns are left out.
constexpr std::size_t kNarrowTarget = 16;
constexpr std::size_t kNarrowReason = 8;
/// Left out on narrow screens, in this order.
constexpr std::array kLeftOut = {kSource, kStatus, kExpires, kLeft, kReason};

std::string percent(double share) { return std::to_string(static_cast<int>(share * 100)) + "%"; }

std::string time_left(UnixSeconds end, UnixSeconds now) {
  if (end < now) {
    return "ended";
  }
  constexpr Seconds kDay{86400};
  const Seconds left = end - now;
  return left >= 2 * kDay ? std::to_string(left / kDay) + "d" : format_duration(left);
}

std::string or_dash(std::string text) { return text.empty() ? "-" : text; }

Line line_of(const Row& row, bool is_one_of_many, const View& view) {
  Line line;
  line[kTarget] = row.target;
  if (is_one_of_many && !row.subject.empty()) {
    line[kTarget] += " (" + short_subject(row) + ")";
  }
  line[kVerdict] = client::to_string(row.outcome);
  line[kStatus] = or_dash(std::string(status_word(row)));
  line[kSource] = or_dash(std::string(row.channel));
  line[kLeft] = row.share_left ? percent(*row.share_left) : "-";
  line[kExpires] = row.not_after ? time_left(*row.not_after, view.now) : "-";
  line[kReason] = row.code;
  if (!row.detail.empty()) {
    line[kReason] += (line[kReason].empty() ? "" : ": ") + row.detail;
  }
  return line;
}

/// How wide each column is; 0: it is left out.
std::array<std::size_t, kHeadings.size()> fit(const std::vector<Line>& lines, std::size_t columns) {
  std::array<std::size_t, kHeadings.size()> widths{};
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], columns_of(line[i]));
    }
  }
  if (columns == 0) {
    return widths;
  }
  const auto excess = [&] {
    std::size_t total = 0;
    for (const std::size_t width : widths) {
      total += width == 0 ? 0 : width + (total == 0 ? 0 : kGap);
    }
    return total > columns ? total - columns : 0;
  };
  const auto shrink = [&](Column column, std::size_t least) {
    const std::size_t room = widths[column] - std::min(widths[column], least);
    widths[column] -= std::min(room, excess());
  };
  // The reason is often a sentence: half of it goes before the target suffers.
  shrink(kReason, std::max(kNarrowReason, columns / 4));
  shrink(kTarget, kNarrowTarget);
  shrink(kReason, kNarrowReason);
  for (const Column column : kLeftOut) {
    if (excess() > 0) {
      widths[column] = 0;
    }
  }
  shrink(kTarget, 1);
  return widths;
}

}  // namespace

std::string format_table(std::span<const Row> rows, const View& view,
                         std::span<const std::string> notes) {
  std::vector<Line> lines(1);
  std::copy(kHeadings.begin(), kHeadings.end(), lines.front().begin());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool is_one_of_many = (i > 0 && rows[i - 1].target == rows[i].target) ||
                                (i + 1 < rows.size() && rows[i + 1].target == rows[i].target);
    lines.push_back(line_of(rows[i], is_one_of_many, view));
    lines.back()[kNote] = i < notes.size() ? notes[i] : "";
  }
  const auto widths = fit(lines, view.columns);
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string text;
    for (std::size_t column = 0; column < widths.size(); ++column) {
      if (widths[column] == 0) {
        continue;
      }
      std::string cell = pad(cut(lines[i][column], widths[column]), widths[column]);
      if (i == 0) {
        cell = paint(cell, Ink::kFaint, view.colour);
      } else if (column == kVerdict) {
        cell = paint(cell, ink_of(rows[i - 1].outcome), view.colour);
      }
      text += (text.empty() ? "" : std::string(kGap, ' ')) + cell;
    }
    while (text.ends_with(' ')) {
      text.pop_back();
    }
    out += text + "\n";
  }
  if (rows.size() > 1) {
    out += summary({rows.begin(), rows.end()}) + "\n";
  }
  return out;
}

}  // namespace muster::report
