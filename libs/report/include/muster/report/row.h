#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/client/report.h"

// A report on one line.
namespace muster::report {

/// In order of severity.
inline constexpr std::array kOutcomes = {
    client::Outcome::kGood,         client::Outcome::kNotNeeded,  client::Outcome::kWarning,
    client::Outcome::kUndetermined, client::Outcome::kUnreadable, client::Outcome::kUnknown,
    client::Outcome::kUnacceptable, client::Outcome::kRevoked};

/// What lines, cells and labels are made of. Texts are printable (no control or bidi characters,
/// valid UTF-8); each format escapes them further as it must. Absent is empty or nothing, never 0.
struct Row {
  std::string target, peer;
  std::string subject, issuer, serial, sha256;  ///< of the certificate; empty without one
  client::Outcome outcome = client::Outcome::kUndetermined;
  std::optional<ocsp::CertStatus> status;  ///< what was verified
  /// The evidence that told the status; without one that which failed worst.
  std::string_view channel;
  std::string source;
  std::optional<client::Freshness> freshness;
  std::optional<double> share_left;  ///< of the answer's life, 0..1
  std::optional<UnixSeconds> this_update, next_update;
  std::optional<UnixSeconds> not_after;  ///< the certificate's
  std::string_view must_staple;
  std::string_view code;                ///< the finding that weighs most; empty when all is good
  std::string detail;                   ///< of that finding; or the problem with the target
  std::vector<std::string_view> codes;  ///< of all findings, the weightiest first
  Milliseconds asked{0};                ///< spent on questions
};

/// Pure.   Lifetime: the row owns its texts; codes are literals.
Row row_of(const client::TargetReport& report, UnixSeconds now);
std::vector<Row> rows_of(const std::vector<client::TargetReport>& reports, UnixSeconds now);

/// "good", "revoked", "unknown"; empty when nobody told.
std::string_view status_word(const Row& row);
/// For targets of which nothing could be examined; its codes are in explain.h too.
std::string_view problem_code(client::Outcome outcome);
/// "3 certificates: 2 good, 1 revoked"; the worst first.
std::string summary(const std::vector<Row>& rows);
/// The subject's common name or, without one, all of it: for cells.
std::string short_subject(const Row& row);

}  // namespace muster::report
