#include "muster/report/csv.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "muster/base/text.h"

namespace muster::report {
namespace {

constexpr std::string_view kHeading =
    "target,peer,verdict,exit_code,cert_status,revoked_at,revocation_reason,source,url,freshness,"
    "share_left,this_update,next_update,subject,issuer,serial,not_after,sha256,must_staple,code,"
    "detail,codes\r\n";

/// Whether a spreadsheet would compute it: OWASP's list, also behind blanks and in full width.
bool looks_like_formula(std::string_view text) {
  constexpr std::array<std::string_view, 8> kBeginnings = {"=",      "+",      "-",      "@",
                                                           "\uff1d", "\uff0b", "\uff0d", "\uff20"};
  const std::string_view rest = trim(text);
  return std::any_of(kBeginnings.begin(), kBeginnings.end(),
                     [&](std::string_view begin) { return rest.starts_with(begin); });
}

class Record {
 public:
  /// Text of others.
  Record& text(std::string_view text) {
    std::string cell = looks_like_formula(text) ? "'" : "";
    cell += text;
    return plain(cell);
  }
  /// What we made ourselves.
  Record& plain(std::string_view text) {
    out_ += std::exchange(begun_, true) ? "," : "";
    const bool has_edge_blank = text.starts_with(' ') || text.ends_with(' ');
    if (text.find_first_of(",\"\r\n") == std::string_view::npos && !has_edge_blank) {
      out_ += text;
      return *this;
    }
    out_ += '"';
    for (const char c : text) {
      out_ += c == '"' ? "\"\"" : std::string(1, c);
    }
    out_ += '"';
    return *this;
  }
  Record& time(std::optional<UnixSeconds> t) { return t ? plain(format_iso8601(*t)) : plain(""); }
  [[nodiscard]] std::string take() { return std::move(out_) + "\r\n"; }

 private:
  std::string out_;
  bool begun_ = false;
};

std::string record_of(const Row& row) {
  const auto* revoked = row.status ? std::get_if<ocsp::Revoked>(&*row.status) : nullptr;
  std::string share, codes;
  if (row.share_left) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4f", *row.share_left);
    share = text;
  }
  for (const std::string_view code : row.codes) {
    codes += (codes.empty() ? "" : " ") + std::string(code);
  }
  Record record;
  record.text(row.target)
      .text(row.peer)
      .plain(client::to_string(row.outcome))
      .plain(std::to_string(client::exit_code(row.outcome)))
      .plain(status_word(row))
      .time(revoked != nullptr ? std::optional(revoked->time) : std::nullopt)
      .plain(revoked != nullptr && revoked->reason ? muster::to_string(*revoked->reason)
                                                   : std::string_view())
      .plain(row.channel)
      .text(row.source)
      .plain(row.freshness ? client::to_string(*row.freshness) : std::string_view())
      .plain(share)
      .time(row.this_update)
      .time(row.next_update)
      .text(row.subject)
      .text(row.issuer)
      .plain(row.serial)
      .time(row.not_after)
      .plain(row.sha256)
      .plain(row.must_staple)
      .plain(row.code)
      .text(row.detail)
      .plain(codes);
  return record.take();
}

}  // namespace

std::string format_csv(std::span<const Row> rows) {
  std::string out(kHeading);
  for (const Row& row : rows) {
    out += record_of(row);
  }
  return out;
}

}  // namespace muster::report
