#include "muster/client/verdict.h"

#include <algorithm>

namespace muster::client {

std::string_view to_string(Channel channel) {
  switch (channel) {
    case Channel::kStapled:
      return "stapled";
    case Channel::kLive:
      return "live";
    case Channel::kSaved:
      return "saved";
    case Channel::kCrl:
      return "crl";
  }
  return "invalid";
}

std::string_view to_string(Silence silence) {
  switch (silence) {
    case Silence::kNoStaple:
      return "no-staple";
    case Silence::kNotNamed:
      return "no-responder-url";
    case Silence::kPrivacy:
      return "not-asked-privacy";
    case Silence::kCertificateExpired:
      return "not-asked-expired";
    case Silence::kNoIssuer:
      return "issuer-missing";
    case Silence::kNotNeeded:
      return "not-needed";
    case Silence::kUntrusted:
      return "chain-untrusted";
  }
  return "invalid";
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kGood:
      return "good";
    case Outcome::kNotNeeded:
      return "not-needed";
    case Outcome::kWarning:
      return "warning";
    case Outcome::kUndetermined:
      return "undetermined";
    case Outcome::kUnreadable:
      return "unreadable";
    case Outcome::kUnknown:
      return "unknown";
    case Outcome::kUnacceptable:
      return "unacceptable";
    case Outcome::kRevoked:
      return "revoked";
  }
  return "invalid";
}

int exit_code(Outcome outcome) {
  switch (outcome) {
    case Outcome::kGood:
    case Outcome::kNotNeeded:
      return 0;
    case Outcome::kRevoked:
      return 1;
    case Outcome::kUnknown:
      return 2;
    case Outcome::kUndetermined:
      return 3;
    case Outcome::kUnacceptable:
      return 4;
    case Outcome::kWarning:
      return 5;
    case Outcome::kUnreadable:
      return 66;
  }
  return 70;
}

std::string_view to_string(FindingLevel level) {
  switch (level) {
    case FindingLevel::kNote:
      return "note";
    case FindingLevel::kWarning:
      return "warning";
    case FindingLevel::kError:
      return "error";
  }
  return "invalid";
}

std::string_view to_string(MustStaple state) {
  switch (state) {
    case MustStaple::kNotDemanded:
      return "not-demanded";
    case MustStaple::kMet:
      return "met";
    case MustStaple::kUnmet:
      return "unmet";
    case MustStaple::kNotExamined:
      return "not-examined";
  }
  return "invalid";
}

std::string_view to_string(ChainState state) {
  switch (state) {
    case ChainState::kNotExamined:
      return "not-examined";
    case ChainState::kTrusted:
      return "trusted";
    case ChainState::kUntrusted:
      return "untrusted";
  }
  return "invalid";
}

namespace {

/// Collects what the evidence says, then decides.
class Judge {
 public:
  Judge(const Case& what, UnixSeconds now)
      : case_(what), certificate_(what.subject.certificate()), now_(now) {}

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
      add(refused ? crl_failure->reason : std::string_view("transport-error"), FindingLevel::kError,
          Channel::kCrl, crl_failure->detail);
      if (crl_failure->says_revoked) {
        add("expired-but-revoked", FindingLevel::kError, Channel::kCrl, "");
      }
    } else if (const auto* crl = std::get_if<CrlAnswer>(&evidence.content)) {
      weigh_status(Channel::kCrl, crl->status);
      weigh_freshness(Channel::kCrl, crl->this_update, crl->next_update);
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
        add(to_string(silence), FindingLevel::kNote, channel, "");
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
    weigh_status(evidence.channel, response.status());
    weigh_freshness(evidence.channel, response.this_update(), response.next_update());
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
    if (!certificate_->facts().must_staple()) {
      return;
    }
    if (!case_.staple_offered) {
      verdict_.must_staple = MustStaple::kNotExamined;
      return;
    }
    verdict_.must_staple = staple_accepted_ ? MustStaple::kMet : MustStaple::kUnmet;
    if (!staple_accepted_) {
      add("must-staple-unmet", FindingLevel::kError, Channel::kStapled, "");
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
    const bool unmet = verdict_.must_staple == MustStaple::kUnmet;
    if (unacceptable_ || (unmet && !good_)) {
      verdict_.outcome = Outcome::kUnacceptable;
      return;
    }
    if (certificate_invalid_) {
      verdict_.outcome = Outcome::kUndetermined;
      return;
    }
    if (good_) {
      if (unknown_) {
        add("sources-disagree", FindingLevel::kWarning, std::nullopt,
            "one says good, another does not know it");
      }
      const bool warned =
          std::any_of(verdict_.findings.begin(), verdict_.findings.end(),
                      [](const Finding& f) { return f.level > FindingLevel::kNote; });
      verdict_.outcome = warned ? Outcome::kWarning : Outcome::kGood;
      return;
    }
    if (unknown_) {
      verdict_.outcome = Outcome::kUnknown;
      return;
    }
    settle_without_evidence();
  }

  /// Nobody told anything: that is fine only where the certificate's design says so.
  void settle_without_evidence() {
    if (!failed_to_hear_ && (verdict_.need == RevocationNeed::kNoRevAvail ||
                             verdict_.need == RevocationNeed::kShortLived)) {
      add(to_string(*verdict_.need), FindingLevel::kNote, std::nullopt, "");
      verdict_.outcome = Outcome::kNotNeeded;
      return;
    }
    verdict_.outcome = Outcome::kUndetermined;
    if (verdict_.need == RevocationNeed::kNoPointers) {
      add("no-revocation-pointers", FindingLevel::kWarning, std::nullopt, "");
    } else if (verdict_.need == RevocationNeed::kCrlOnly && !silent_) {
      add("crl-only", FindingLevel::kWarning, std::nullopt, "");
    } else if (verdict_.findings.empty()) {
      add("nothing-to-judge", FindingLevel::kWarning, std::nullopt, "");
    }
  }

  const Case& case_;
  const pki::Certificate* certificate_;  ///< null: only a serial is known
  UnixSeconds now_;
  Verdict verdict_;
  bool revoked_ = false, good_ = false, unknown_ = false;
  bool unacceptable_ = false;    ///< something was received that cannot be accepted
  bool silent_ = false;          ///< a source there is said nothing
  bool failed_to_hear_ = false;  ///< we asked, and got nothing useful
  bool staple_accepted_ = false;
  bool certificate_invalid_ = false;
};

}  // namespace

Verdict judge(const Case& what, UnixSeconds now) { return Judge(what, now).decide(); }

}  // namespace muster::client
