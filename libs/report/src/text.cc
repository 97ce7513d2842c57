#include "muster/report/text.h"

#include <array>
#include <cstdio>
#include <map>

#include "muster/base/text.h"
#include "muster/report/row.h"
#include "screen.h"
#include "words.h"

namespace muster::report {

namespace {

using namespace client;

class TextReport {
 public:
  explicit TextReport(const View& view) : view_(view), now_(view.now) {}

  std::string take() { return std::move(out_); }

  void target(const TargetReport& report) {
    if (!out_.empty()) {
      out_ += '\n';
    }
    std::string heading = paint(printable(report.target), Ink::kBold);
    if (!report.what) {
      put(std::move(heading), 4);
      line("", verdict_word(report.outcome), printable(report.problem));
      return;
    }
    const Subject& subject = report.what->subject;
    heading += "  " + printable(subject.text());
    heading += subject.certificate() != nullptr ? "  serial " + subject.serial().to_hex()
                                                : "  of " + printable(subject.issuer_text());
    if (!report.peer.empty()) {
      heading += "  " + paint(printable(report.peer), Ink::kFaint);
    }
    put(std::move(heading), 4);
    const std::size_t begin = out_.size();
    for (const Evidence& evidence : report.what->evidence) {
      this->evidence(evidence);
    }
    for (const Finding& finding : report.verdict.findings) {
      this->finding(finding);
    }
    tell_once(report, begin);
    out_ += "  verdict  " + verdict_word(report.outcome);
    if (report.verdict.must_staple == MustStaple::kMet ||
        report.verdict.must_staple == MustStaple::kUnmet) {
      out_ += "   must-staple " + std::string(to_string(report.verdict.must_staple));
    }
    out_ += '\n';
  }

 private:
  /// What was found about an issuer that many targets share is told with the first of them.
  void tell_once(const TargetReport& report, std::size_t begin) {
    const pki::Certificate* certificate = report.what->subject.certificate();
    if (report.what->role != Role::kIssuer || certificate == nullptr ||
        report.verdict.findings.empty()) {
      return;
    }
    const auto [told, is_new] =
        told_.try_emplace(std::pair(certificate->fingerprint(), out_.substr(begin)), report.target);
    if (!is_new) {
      out_.resize(begin);
      line("", "as told above, with " + printable(told->second), "");
    }
  }

  [[nodiscard]] std::string paint(std::string_view text, Ink ink) const {
    return report::paint(text, ink, view_.colour);
  }

  /// Padded before painting, so that columns stay straight.
  [[nodiscard]] std::string column(std::string_view word, std::size_t width, Ink ink) const {
    return paint(pad(std::string(word), width), ink);
  }

  [[nodiscard]] std::string verdict_word(Outcome outcome) const {
    return paint(word_of(outcome), ink_of(outcome));
  }
  [[nodiscard]] static std::string_view word_of(Outcome outcome) {
    switch (outcome) {
      case Outcome::kGood:
        return "GOOD";
      case Outcome::kNotNeeded:
        return "NOT NEEDED";
      case Outcome::kWarning:
        return "GOOD, BUT SEE ABOVE";
      case Outcome::kUndetermined:
        return "UNDETERMINED";
      case Outcome::kUnreadable:
        return "UNREADABLE";
      case Outcome::kUnknown:
        return "UNKNOWN";
      case Outcome::kUnacceptable:
        return "UNACCEPTABLE";
      case Outcome::kRevoked:
        return "REVOKED";
    }
    return "?";
  }

  void put(std::string text, std::size_t indent) {
    while (text.ends_with(' ')) {
      text.pop_back();
    }
    out_ += wrap(text, view_.columns, indent);
  }

  void line(std::string_view channel, const std::string& word, const std::string& rest) {
    std::string text = "  " + pad(std::string(channel), 7) + "  " + word;
    if (!rest.empty()) {
      text += "  " + rest;
    }
    // What follows "why:" stands below itself.
    const bool is_below = word.starts_with("  ");
    put(std::move(text), is_below ? 19 : 13);
  }

  [[nodiscard]] std::string status_column(const ocsp::CertStatus& status) const {
    if (std::holds_alternative<ocsp::Good>(status)) {
      return column("GOOD", 10, Ink::kGreen);
    }
    return std::holds_alternative<ocsp::Revoked>(status) ? column("REVOKED", 10, Ink::kRed)
                                                         : column("UNKNOWN", 10, Ink::kRed);
  }

  [[nodiscard]] std::string freshness_text(UnixSeconds this_update,
                                           std::optional<UnixSeconds> next_update) const {
    std::string text(to_string(classify_freshness(this_update, next_update, now_)));
    text = pad(std::move(text), 8);
    if (const auto share = share_left(this_update, next_update, now_)) {
      char percent[32];
      std::snprintf(percent, sizeof percent, "%3d%% left", static_cast<int>(*share * 100));
      text += std::string("  ") + percent + "  next " + format_iso8601(*next_update);
      if (*next_update > now_) {
        text += " (in " + format_duration(*next_update - now_) + ")";
      }
    } else {
      text += "  since " + format_iso8601(this_update);
    }
    return text;
  }

  [[nodiscard]] static std::string_view authority_text(pki::Authority authority) {
    switch (authority) {
      case pki::Authority::kIssuer:
        return "the issuer";
      case pki::Authority::kDelegate:
        return "delegate";
      case pki::Authority::kLocallyTrusted:
        return "locally trusted";
    }
    return "?";
  }

  [[nodiscard]] static std::string source_text(const Evidence& evidence) {
    if (evidence.channel == Channel::kStapled || evidence.source.empty()) {
      return "";
    }
    std::string text = printable(evidence.source);
    if (evidence.kept_since) {
      text += "  kept since " + format_iso8601(*evidence.kept_since);
    }
    if (!evidence.attempts.empty() && evidence.attempts.back().duration.count() > 0) {
      text += "  " + std::to_string(evidence.attempts.back().duration.count()) + " ms";
    }
    return text;
  }

  /// Which CRL it was: its number, whether a delta counted, how old a copy that had to do.
  [[nodiscard]] std::string crl_text(const CrlAnswer& crl) const {
    std::string text = crl.number ? "  number " + *crl.number : std::string();
    text += crl.with_delta ? std::string(crl.number ? " " : "  ") + "with a delta" : std::string();
    if (crl.kept_since) {
      text += "  a copy";
      text +=
          now_ > *crl.kept_since ? " of " + format_duration(now_ - *crl.kept_since) + " ago" : "";
    }
    return text;
  }

  void evidence(const Evidence& evidence) {
    const std::string_view channel = to_string(evidence.channel);
    if (const auto* response = std::get_if<VerifiedResponse>(&evidence.content)) {
      std::string rest = freshness_text(response->this_update(), response->next_update()) +
                         "  signed by " + printable(response->signer().subject_text()) + " (" +
                         std::string(authority_text(response->authority())) + ")";
      if (const std::string source = source_text(evidence); !source.empty()) {
        rest += "  " + source;
      }
      line(channel, status_column(response->status()), rest);
    } else if (const auto* crl = std::get_if<CrlAnswer>(&evidence.content)) {
      line(channel, status_column(crl->status),
           freshness_text(crl->this_update, crl->next_update) + crl_text(*crl) + "  " +
               source_text(evidence));
    } else if (const auto* failure = std::get_if<LiveFailure>(&evidence.content)) {
      line(channel, column(failure_word(*failure), 10, Ink::kRed), source_text(evidence));
    } else if (const auto* crl_failure = std::get_if<CrlFailure>(&evidence.content)) {
      const bool refused = crl_failure->code == LiveErrc::kUnacceptable;
      line(channel, column(refused ? "REFUSED" : "NO ANSWER", 10, Ink::kRed),
           source_text(evidence));
    } else {
      line(channel, column(silence_word(std::get<Silence>(evidence.content)), 10, Ink::kYellow),
           source_text(evidence));
    }
  }

  [[nodiscard]] static std::string_view failure_word(const LiveFailure& failure) {
    switch (failure.code) {
      case LiveErrc::kNoUrl:
        return "NO URL";
      case LiveErrc::kTransport:
        return "NO ANSWER";
      case LiveErrc::kResponderError:
        return "ERROR";
      case LiveErrc::kUnacceptable:
        break;
    }
    return failure.verify->code == VerifyErrc::kExpired ? "STALE" : "REFUSED";
  }

  [[nodiscard]] static std::string_view silence_word(Silence silence) {
    switch (silence) {
      case Silence::kNoStaple:
        return "ABSENT";
      case Silence::kNotNamed:
        return "NONE NAMED";
      case Silence::kNotNeeded:
        return "NOT NEEDED";
      case Silence::kPrivacy:
      case Silence::kCertificateExpired:
      case Silence::kNoIssuer:
      case Silence::kUntrusted:
        return "NOT ASKED";
    }
    return "?";
  }

  void finding(const Finding& finding) {
    const Ink ink = finding.level == FindingLevel::kError     ? Ink::kRed
                    : finding.level == FindingLevel::kWarning ? Ink::kYellow
                                                              : Ink::kFaint;
    const Reason* reason = find_reason(finding.code);
    std::string text = paint(std::string(finding.code), ink);
    if (reason != nullptr) {
      text += ": " + std::string(reason->what);
    }
    line(finding.channel ? to_string(*finding.channel) : std::string_view(), text, "");
    if (!finding.detail.empty()) {
      line("", "  seen: " + printable(finding.detail), "");
    }
    if (reason != nullptr && finding.level != FindingLevel::kNote) {
      line("", "  why:  " + std::string(reason->why), "");
      line("", "  fix:  " + std::string(reason->fix), "");
    } else if (reason != nullptr &&
               (finding.code.starts_with("not-asked") || finding.code == "issuer-missing")) {
      line("", "  fix:  " + std::string(reason->fix), "");
    }
  }

  const View& view_;
  UnixSeconds now_;
  std::string out_;
  /// Issuers with all that was told of them -> the first target.
  std::map<std::pair<std::array<std::uint8_t, 32>, std::string>, std::string> told_;
};

}  // namespace

std::string format_text(const std::vector<TargetReport>& reports, const View& view) {
  TextReport text(view);
  for (const TargetReport& report : reports) {
    text.target(report);
  }
  return text.take();
}

}  // namespace muster::report
