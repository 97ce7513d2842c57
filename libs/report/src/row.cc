#include "muster/report/row.h"

#include <algorithm>
#include <array>

#include "muster/base/text.h"

namespace muster::report {
namespace {

using namespace client;

/// What a piece of evidence verified, if it did.
struct Told {
  const ocsp::CertStatus* status;
  UnixSeconds this_update;
  std::optional<UnixSeconds> next_update;
};
std::optional<Told> told_by(const Evidence& evidence) {
  if (const auto* response = std::get_if<VerifiedResponse>(&evidence.content)) {
    return Told{&response->status(), response->this_update(), response->next_update()};
  }
  if (const auto* crl = std::get_if<CrlAnswer>(&evidence.content)) {
    return Told{&crl->status, crl->this_update, crl->next_update};
  }
  return std::nullopt;
}

void put_evidence(Row& row, const TargetReport& report, UnixSeconds now) {
  for (const Evidence& evidence : report.what->evidence) {
    const auto told = told_by(evidence);
    if (told && row.status && told->status->index() == row.status->index()) {
      row.channel = to_string(evidence.channel);
      row.source = printable(evidence.source);
      row.freshness = classify_freshness(told->this_update, told->next_update, now);
      row.share_left = share_left(told->this_update, told->next_update, now);
      row.this_update = told->this_update;
      row.next_update = told->next_update;
      return;
    }
  }
  for (const Finding& finding : report.verdict.findings) {
    if (finding.channel) {
      row.channel = to_string(*finding.channel);
      return;
    }
  }
}

void put_certificate(Row& row, const Case& what) {
  row.issuer = printable(what.subject.issuer_text());
  row.serial = what.subject.serial().to_hex();
  if (const pki::Certificate* c = what.subject.certificate()) {  // else only the serial is known
    row.subject = printable(c->subject_text());
    row.sha256 = to_hex(c->fingerprint());
    row.not_after = c->not_after();
  }
}

}  // namespace

std::string_view problem_code(Outcome outcome) {
  return outcome == Outcome::kUnreadable ? "target-unreadable" : "target-unreachable";
}

std::string_view status_word(const Row& row) {
  return row.status ? ocsp::to_string(*row.status) : std::string_view();
}

Row row_of(const TargetReport& report, UnixSeconds now) {
  Row row;
  row.target = printable(report.target);
  row.peer = printable(report.peer);
  row.outcome = report.outcome;
  if (!report.what) {
    row.code = problem_code(report.outcome);
    row.codes = {row.code};
    row.detail = printable(report.problem);
    return row;
  }
  put_certificate(row, *report.what);
  row.status = report.verdict.status;
  row.must_staple = to_string(report.verdict.must_staple);
  put_evidence(row, report, now);
  for (const Finding& finding : report.verdict.findings) {
    row.codes.push_back(finding.code);
  }
  if (report.outcome != Outcome::kGood && !report.verdict.findings.empty()) {
    row.code = report.verdict.findings.front().code;
    row.detail = printable(report.verdict.findings.front().detail);
  }
  for (const Evidence& evidence : report.what->evidence) {
    for (const LiveAttempt& attempt : evidence.attempts) {
      row.asked += std::chrono::duration_cast<Milliseconds>(attempt.duration);
    }
  }
  return row;
}

std::vector<Row> rows_of(const std::vector<TargetReport>& reports, UnixSeconds now) {
  std::vector<Row> rows;
  rows.reserve(reports.size());
  for (const TargetReport& report : reports) {
    rows.push_back(row_of(report, now));
  }
  return rows;
}

std::string summary(const std::vector<Row>& rows) {
  std::array<std::size_t, kOutcomes.size()> counts{};
  for (const Row& row : rows) {
    ++counts[static_cast<std::size_t>(row.outcome)];
  }
  std::string out =
      std::to_string(rows.size()) + (rows.size() == 1 ? " certificate" : " certificates");
  std::string_view separator = ": ";
  for (auto outcome = kOutcomes.rbegin(); outcome != kOutcomes.rend(); ++outcome) {
    if (const std::size_t count = counts[static_cast<std::size_t>(*outcome)]; count > 0) {
      out +=
          std::string(separator) + std::to_string(count) + " " + std::string(to_string(*outcome));
      separator = ", ";
    }
  }
  return out;
}

std::string short_subject(const Row& row) {
  // As pki::Certificate::subject_text() has it: "O=organisation, CN=name".
  const std::string_view text = row.subject;
  std::size_t begin = text.starts_with("CN=") ? 0 : text.find(", CN=");
  if (begin == std::string_view::npos) {
    return row.subject;
  }
  begin += begin == 0 ? 3 : 5;
  // Up to the next attribute: values are not quoted, so a comma alone may be the name's own.
  for (std::size_t comma = text.find(", ", begin); comma != std::string_view::npos;
       comma = text.find(", ", comma + 2)) {
    const std::size_t word = comma + 2;
    const std::size_t equals = text.find_first_of("= ,", word);
    if (equals != std::string_view::npos && equals > word && text[equals] == '=') {
      return std::string(text.substr(begin, comma - begin));
    }
  }
  return std::string(text.substr(begin));
}

}  // namespace muster::report
