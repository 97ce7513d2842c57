#include "muster/client/verdict.h"

#include <algorithm>

namespace muster::client {
namespace {

/// Collects what the evidence says, then decides.
class Judge {
 public:
  Judge(const Case& what, UnixSeconds now)
      : case_(what), policy_(what.policy), certificate_(what.subject.certificate()), now_(now) {}

  Verdict decide() {
    if (certificate_ != nullptr) {
      verdict_.need = classify_need(*certificate_);
    }
    for (const Evidence& evidence : case_.evidence) {
      weigh(evidence);
    }
    judge_must_staple();
    judge_certificate();
    settle();
    if (certificate_ == nullptr) {
      add("certificate-absent", FindingLevel::kNote, std::nullopt, "");
    }
    std::stable_sort(verdict_.findings.begin(), verdict_.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.level > b.level; });
    return std::move(verdict_);
  }

 private:
  void add(std::string_view code, FindingLevel level, std::optional<Channel> channel,
           std::string detail) {
    verdict_.findings.push_back({code, level, channel, std::move(detail)});
  }

  void weigh(const Evidence& evidence) {
    if (const auto* silence = std::get_if<Silence>(&evidence.content)) {
      weigh_silence(evidence.channel, *silence);
    } else if (const auto* failure = std::get_if<LiveFailure>(&evidence.content)) {
      weigh_failure(evidence.channel, *failure);
    } else if (const auto* response = std::get_if<VerifiedResponse>(&evidence.content)) {
      weigh_response(evidence, *response);
    } else if (const auto* crl_failure = std::get_if<CrlFailure>(&evidence.content)) {
      const bool refused = crl_failure->code == LiveErrc::kUnacceptable;
      (refused ? unacceptable_ : silent_) = true;
      failed_to_hear_ |= !refused;
      add(refused ? crl_failure->reason : std::string_view("transport-error"), FindingLevel::kError,
          Channel::kCrl, crl_failure->detail);
      if (crl_failure->says_revoked) {
        add("expired-but-revoked", FindingLevel::kError, Channel::kCrl, "");
      }
    } else if (const auto* crl = std::get_if<CrlAnswer>(&evidence.content)) {
      crl_told_ |= !std::holds_alternative<ocsp::Unknown>(crl->status);
      weigh_status(Channel::kCrl, crl->status);
      weigh_freshness(Channel::kCrl, crl->this_update, crl->next_update);
      for (const std::string& problem : crl->passed_over) {
        add("crl-passed-over", FindingLevel::kWarning, Channel::kCrl, problem);
      }
      if (crl->kept_since) {
        add("crl-from-cache", FindingLevel::kNote, Channel::kCrl,
            "kept since " + format_iso8601(*crl->kept_since));
      }
    }
  }

  void weigh_silence(Channel channel, Silence silence) {
    switch (silence) {
      case Silence::kNoStaple:
        add("no-staple", FindingLevel::kNote, channel, "");
        return;
      case Silence::kNotNamed:
      case Silence::kUntrusted:
      case Silence::kNotNeeded:
        return;  // told by what is said of the certificate itself
      case Silence::kPrivacy:
      case Silence::kCertificateExpired:
      case Silence::kNoIssuer:
        silent_ = true;
        add(to_string(silence), FindingLevel::kNote, channel,
            silence == Silence::kNoIssuer ? case_.issuer_detail : "");
        return;
    }
  }

  void weigh_failure(Channel channel, const LiveFailure& failure) {
    switch (failure.code) {
      case LiveErrc::kNoUrl:
        return;  // told by the certificate's classification
      case LiveErrc::kTransport:
        silent_ = true;
        failed_to_hear_ = true;
        add("transport-error", FindingLevel::kWarning, channel, failure.detail);
        return;
      case LiveErrc::kResponderError:
        // A server that staples an error answer staples something no client can accept.
        (channel == Channel::kLive ? silent_ : unacceptable_) = true;
        failed_to_hear_ = true;
        add("responder-error",
            channel == Channel::kLive ? FindingLevel::kWarning : FindingLevel::kError, channel,
            failure.detail);
        return;
      case LiveErrc::kUnacceptable:
        unacceptable_ = true;
        add(to_string(failure.verify->code), FindingLevel::kError, channel, failure.detail);
        if (failure.verify->code == VerifyErrc::kExpired && failure.verify->claim &&
            std::holds_alternative<ocsp::Revoked>(failure.verify->claim->status)) {
          add("expired-but-revoked", FindingLevel::kError, channel, "");
        }
        return;
    }
  }

  void weigh_response(const Evidence& evidence, const VerifiedResponse& response) {
    if (evidence.channel == Channel::kStapled) {
      staple_accepted_ = true;
    }
    ocsp_told_ |= !std::holds_alternative<ocsp::Unknown>(response.status());
    weigh_status(evidence.channel, response.status());
    weigh_freshness(evidence.channel, response.this_update(), response.next_update());
    if (evidence.kept_since) {
      add("answer-from-cache", FindingLevel::kNote, evidence.channel,
          "kept since " + format_iso8601(*evidence.kept_since));
    }
    if (evidence.nonce_sent && !response.nonce_matched()) {
      add("nonce-ignored", FindingLevel::kNote, evidence.channel, "");
    }
    if (response.signer_needs_revocation_check() && !evidence.signer_checked) {
      add("signer-unchecked", FindingLevel::kNote, evidence.channel,
          response.signer().subject_text());
    }
    if (response.matching_entries() > 1) {
      add("several-entries", FindingLevel::kNote, evidence.channel,
          std::to_string(response.matching_entries()) + " entries");
    }
    if (response.archive_cutoff() && certificate_ != nullptr && now_ > certificate_->not_after()) {
      add("archive-cutoff", FindingLevel::kNote, evidence.channel,
          format_iso8601(*response.archive_cutoff()));
    }
  }

  void weigh_status(Channel channel, const ocsp::CertStatus& status) {
    if (const auto* revoked = std::get_if<ocsp::Revoked>(&status)) {
      revoked_ = true;
      std::string detail = "revoked at " + format_iso8601(revoked->time);
      if (revoked->reason) {
        detail += ", reason " + std::string(muster::to_string(*revoked->reason));
      }
      add("revoked", FindingLevel::kError, channel, std::move(detail));
      if (!verdict_.status || !std::holds_alternative<ocsp::Revoked>(*verdict_.status)) {
        verdict_.status = status;
      }
    } else if (std::holds_alternative<ocsp::Good>(status)) {
      good_ = true;
      if (!verdict_.status || std::holds_alternative<ocsp::Unknown>(*verdict_.status)) {
        verdict_.status = status;
      }
    } else {
      unknown_ = true;
      add("unknown", FindingLevel::kError, channel, "");
      if (!verdict_.status) {
        verdict_.status = status;
      }
    }
  }

  /// What a server or file holds should have been replaced at half-life; a responder may hand out
  /// what it signed earlier, and only the very end is worth a word.
  void weigh_freshness(Channel channel, UnixSeconds this_update,
                       std::optional<UnixSeconds> next_update) {
    const Freshness state = classify_freshness(this_update, next_update, now_);
    const bool ours_to_refresh = channel == Channel::kStapled || channel == Channel::kSaved;
    if (state == Freshness::kCritical || (state == Freshness::kLate && ours_to_refresh)) {
      add("refresh-late", FindingLevel::kWarning, channel,
          "valid for another " + format_duration(*next_update - now_) + ", until " +
              format_iso8601(*next_update));
    }
  }

  void judge_must_staple() {
    if (certificate_ == nullptr) {
      verdict_.must_staple = MustStaple::kNotExamined;
      return;
    }
    const bool demanded = certificate_->facts().must_staple() && case_.role == Role::kSubject;
    if (demanded && !case_.staple_offered) {
      verdict_.must_staple = MustStaple::kNotExamined;
    }
    if (!case_.staple_offered) {
      return;
    }
    if (demanded) {
      verdict_.must_staple = staple_accepted_ ? MustStaple::kMet : MustStaple::kUnmet;
    }
    if (staple_accepted_) {
      return;
    }
    if (demanded) {
      add("must-staple-unmet", FindingLevel::kError, Channel::kStapled, "");
    } else if (policy_.staple == StapleNeeded::kAlways && case_.role == Role::kSubject) {
      staple_owed_ = true;
      add("staple-required", FindingLevel::kError, Channel::kStapled,
          "by the policy " + std::string(policy_.name));
    }
  }

  /// What no answer can heal (OCSP-CLI-019, -063, -066).
  void judge_certificate() {
    const auto invalid = [&](std::string_view code, std::string detail) {
      certificate_invalid_ = true;
      add(code, FindingLevel::kError, std::nullopt, std::move(detail));
    };
    if (certificate_ != nullptr && now_ > certificate_->not_after()) {
      invalid("certificate-expired", "it ended " + format_iso8601(certificate_->not_after()));
    }
    if (certificate_ != nullptr && now_ < certificate_->not_before()) {
      invalid("certificate-not-yet-valid",
              "it begins " + format_iso8601(certificate_->not_before()));
    }
    if (case_.chain == ChainState::kUntrusted) {
      invalid("chain-untrusted", case_.chain_detail);
    }
    if (!case_.not_named.empty()) {
      invalid("name-mismatch", "it does not name " + case_.not_named);
    }
    if (case_.lacks_feature) {
      invalid("feature-not-inherited", case_.lacks_feature->subject_text());
    }
    if (verdict_.need == RevocationNeed::kNoRevAvailInvalid) {
      invalid("no-revocation-available-invalid", "");
    }
  }

  void settle() {
    if (revoked_) {
      if (good_) {
        add("sources-disagree", FindingLevel::kError, std::nullopt,
            "one says good, another revoked");
      }
      verdict_.outcome = Outcome::kRevoked;
      return;
    }
    if (is_unacceptable()) {
      verdict_.outcome = Outcome::kUnacceptable;
      return;
    }
    if (certificate_invalid_) {
      verdict_.outcome = Outcome::kUndetermined;
      return;
    }
    if (good_) {
      settle_good();
    } else if (unknown_) {
      verdict_.outcome = Outcome::kUnknown;
    } else {
      settle_without_evidence();
    }
  }

  /// Something was received that may not be accepted, or a staple is owed.
  [[nodiscard]] bool is_unacceptable() const {
    const bool unmet = verdict_.must_staple == MustStaple::kUnmet;
    return (unacceptable_ && policy_.refused == Weight::kUndecided) || staple_owed_ ||
           (unmet && (!good_ || policy_.doubt == Weight::kUndecided));
  }

  void settle_good() {
    if (unknown_) {
      add("sources-disagree", FindingLevel::kWarning, std::nullopt,
          "one says good, another does not know it");
    }
    if (policy_.doubt == Weight::kUndecided && (unknown_ || failed_to_hear_)) {
      unmet("a source was asked in vain, or does not know the certificate");
      verdict_.outcome = unknown_ ? Outcome::kUnknown : Outcome::kUndetermined;
      return;
    }
    if (policy_.needed == SourcesNeeded::kEach && !each_source_told()) {
      verdict_.outcome = Outcome::kUndetermined;
      return;
    }
    const bool warned = std::any_of(verdict_.findings.begin(), verdict_.findings.end(),
                                    [](const Finding& f) { return f.level > FindingLevel::kNote; });
    verdict_.outcome = warned ? Outcome::kWarning : Outcome::kGood;
  }

  void unmet(std::string why) {
    add("policy-unmet", FindingLevel::kError, std::nullopt,
        std::string(policy_.name) + ": " + std::move(why));
  }

  /// Whether each kind of source that the certificate names said good; tells which did not.
  bool each_source_told() {
    const pki::CertificateFacts& facts = case_.subject.facts();
    const bool ocsp_lacks = !facts.access.ocsp.empty() && !ocsp_told_;
    const bool crl_lacks = !facts.crl_uris.empty() && !crl_told_;
    if (ocsp_lacks) {
      unmet("the certificate names an OCSP responder, which told nothing");
    }
    if (crl_lacks) {
      unmet("the certificate names a CRL, which told nothing");
    }
    return !ocsp_lacks && !crl_lacks;
  }

  /// Nobody told anything: that is fine only where the certificate's design says so.
  void settle_without_evidence() {
    if (!failed_to_hear_ && !unacceptable_ &&
        (verdict_.need == RevocationNeed::kNoRevAvail ||
         verdict_.need == RevocationNeed::kShortLived)) {
      add(to_string(*verdict_.need), FindingLevel::kNote, std::nullopt, "");
      verdict_.outcome = Outcome::kNotNeeded;
      return;
    }
    // Where the issuer is unknown not even the certificate's signature was verified.
    const bool passes = policy_.silence == Weight::kWarning && case_.issuer.has_value();
    verdict_.outcome = passes ? Outcome::kWarning : Outcome::kUndetermined;
    if (verdict_.need == RevocationNeed::kNoPointers) {
      const bool excused = case_.role == Role::kIssuer && policy_.unnamed == Weight::kNothing &&
                           !failed_to_hear_ && !unacceptable_;
      add("no-revocation-pointers", excused ? FindingLevel::kNote : FindingLevel::kWarning,
          std::nullopt, "");
      verdict_.outcome = excused ? Outcome::kNotNeeded : verdict_.outcome;
    } else if (verdict_.need == RevocationNeed::kCrlOnly && !silent_ && !unacceptable_) {
      add("crl-only", FindingLevel::kWarning, std::nullopt, "");
    } else if (verdict_.findings.empty()) {
      add("nothing-to-judge", FindingLevel::kWarning, std::nullopt, "");
    }
  }

  const Case& case_;
  const Policy& policy_;
  const pki::Certificate* certificate_;  ///< null: only a serial is known
  UnixSeconds now_;
  Verdict verdict_;
  bool revoked_ = false, good_ = false, unknown_ = false;
  bool unacceptable_ = false;                  ///< something was received that cannot be accepted
  bool silent_ = false;                        ///< a source there is said nothing
  bool failed_to_hear_ = false;                ///< we asked, and got nothing useful
  bool ocsp_told_ = false, crl_told_ = false;  ///< good or revoked
  bool staple_accepted_ = false;
  bool staple_owed_ = false;  ///< by the policy, not by the certificate
  bool certificate_invalid_ = false;
};

}  // namespace

Verdict judge(const Case& what, UnixSeconds now) { return Judge(what, now).decide(); }

}  // namespace muster::client
