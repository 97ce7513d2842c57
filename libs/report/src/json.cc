#include "muster/report/json.h"

#include <nlohmann/json.hpp>

#include "muster/base/text.h"
#include "muster/report/row.h"

namespace muster::report {
namespace {

using namespace client;

using Json = nlohmann::ordered_json;

/// Rises when a field changes its meaning or goes.
constexpr int kSchemaVersion = 1;

Json time_json(UnixSeconds t) { return {{"iso", format_iso8601(t)}, {"epoch", to_int(t)}}; }
Json time_json(std::optional<UnixSeconds> t) { return t ? time_json(*t) : Json(nullptr); }
/// Absent is null, never a zero or an empty word.
Json text_or_null(std::string_view text) {
  return text.empty() ? Json(nullptr) : Json(printable(text));
}

Json status_json(const ocsp::CertStatus& status) {
  Json out = {{"status", ocsp::to_string(status)}, {"revoked_at", nullptr}, {"reason", nullptr}};
  if (const auto* revoked = std::get_if<ocsp::Revoked>(&status)) {
    out["revoked_at"] = time_json(revoked->time);
    if (revoked->reason) {
      out["reason"] = muster::to_string(*revoked->reason);
    }
  }
  return out;
}

Json freshness_json(UnixSeconds this_update, std::optional<UnixSeconds> next_update,
                    UnixSeconds now) {
  const auto share = share_left(this_update, next_update, now);
  return {{"state", to_string(classify_freshness(this_update, next_update, now))},
          {"share_left", share ? Json(*share) : Json(nullptr)},
          {"this_update", time_json(this_update)},
          {"next_update", time_json(next_update)}};
}

std::string_view authority_word(pki::Authority authority) {
  switch (authority) {
    case pki::Authority::kIssuer:
      return "issuer";
    case pki::Authority::kDelegate:
      return "delegate";
    case pki::Authority::kLocallyTrusted:
      return "locally-trusted";
  }
  return "invalid";
}

Json facts_json(const Facts& facts) {
  return {{"transport", to_string(facts.transport)},
          {"parse", to_string(facts.parse)},
          {"response_status", to_string(facts.response_status)},
          {"authority", to_string(facts.authority)},
          {"signature", to_string(facts.signature)},
          {"certid_match", to_string(facts.certid_match)},
          {"nonce", to_string(facts.nonce)},
          {"times", to_string(facts.times)}};
}

Json attempt_json(const LiveAttempt& attempt) {
  return {{"url", printable(attempt.url)},
          {"method", attempt.method == HttpMethod::kPostOnly ? "POST" : "GET"},
          {"certid_hash", muster::to_string(attempt.hash)},
          {"nonce_octets", attempt.nonce_octets == 0 ? Json(nullptr) : Json(attempt.nonce_octets)},
          {"cache_bypassed", attempt.cache == CacheUse::kBypass},
          {"http_status", attempt.http_status == 0 ? Json(nullptr) : Json(attempt.http_status)},
          {"milliseconds", attempt.duration.count()},
          {"failure", attempt.failure ? Json(printable(attempt.failure->detail)) : Json(nullptr)}};
}

void put_content(Json& out, const Evidence& evidence, UnixSeconds now) {
  if (const auto* silence = std::get_if<Silence>(&evidence.content)) {
    out["result"] = *silence == Silence::kNoStaple ? "absent" : "not-asked";
    out["code"] = to_string(*silence);
  } else if (const auto* failure = std::get_if<LiveFailure>(&evidence.content)) {
    out["result"] = to_string(failure->code);
    out["code"] = failure->code == LiveErrc::kUnacceptable ? to_string(failure->verify->code)
                                                           : to_string(failure->code);
    out["detail"] = printable(failure->detail);
    if (failure->verify && failure->verify->response_status) {
      out["response_status"] = ocsp::to_string(*failure->verify->response_status);
    }
    if (failure->verify && failure->verify->claim) {
      const StaleClaim& claim = *failure->verify->claim;
      out["stale_claim"] = status_json(claim.status);
      out["freshness"] = freshness_json(claim.this_update, claim.next_update, now);
    }
  } else if (const auto* response = std::get_if<VerifiedResponse>(&evidence.content)) {
    out["result"] = "verified";
    out["response_status"] = "successful";
    out["cert_status"] = status_json(response->status());
    out["freshness"] = freshness_json(response->this_update(), response->next_update(), now);
    out["produced_at"] = time_json(response->produced_at());
    out["effective_expiry"] = time_json(response->effective_expiry());
    out["signer"] = {{"subject", printable(response->signer().subject_text())},
                     {"authority", authority_word(response->authority())},
                     {"no_check", response->signer().facts().ocsp_no_check},
                     {"not_after", time_json(response->signer().not_after())},
                     {"algorithm", response->signature_algorithm()}};
  } else if (const auto* crl_failure = std::get_if<CrlFailure>(&evidence.content)) {
    out["result"] = to_string(crl_failure->code);
    out["code"] = crl_failure->reason;
    out["detail"] = printable(crl_failure->detail);
  } else {
    const auto& crl = std::get<CrlAnswer>(evidence.content);
    out["result"] = "verified";
    out["cert_status"] = status_json(crl.status);
    out["freshness"] = freshness_json(crl.this_update, crl.next_update, now);
    out["crl"] = {{"number", crl.number ? Json(*crl.number) : Json(nullptr)},
                  {"with_delta", crl.with_delta},
                  {"kept_since", crl.kept_since ? time_json(*crl.kept_since) : Json(nullptr)}};
  }
}

Json evidence_json(const Evidence& evidence, UnixSeconds now) {
  Json out = {{"channel", to_string(evidence.channel)},
              {"source", text_or_null(evidence.source)},
              {"result", nullptr},
              {"code", nullptr},
              {"detail", nullptr},
              {"facts", facts_json(facts_of(evidence))},
              {"response_status", nullptr},
              {"cert_status", nullptr},
              {"freshness", nullptr},
              {"signer", nullptr},
              {"nonce_sent", evidence.nonce_sent},
              {"kept_since", time_json(evidence.kept_since)},
              {"attempts", Json::array()}};
  put_content(out, evidence, now);
  for (const LiveAttempt& attempt : evidence.attempts) {
    out["attempts"].push_back(attempt_json(attempt));
  }
  return out;
}

Json finding_json(const Finding& finding) {
  const Reason* reason = find_reason(finding.code);
  return {{"code", finding.code},
          {"level", to_string(finding.level)},
          {"channel", finding.channel ? Json(to_string(*finding.channel)) : Json(nullptr)},
          {"detail", text_or_null(finding.detail)},
          {"what", reason != nullptr ? Json(reason->what) : Json(nullptr)},
          {"why", reason != nullptr ? Json(reason->why) : Json(nullptr)},
          {"fix", reason != nullptr ? Json(reason->fix) : Json(nullptr)}};
}

Json certificate_json(const Case& what) {
  const pki::Certificate* c = what.subject.certificate();  // null: only its serial is known
  return {{"subject", c != nullptr ? Json(printable(c->subject_text())) : Json(nullptr)},
          {"issuer", printable(what.subject.issuer_text())},
          {"serial", what.subject.serial().to_hex()},
          {"not_before", c != nullptr ? time_json(c->not_before()) : Json(nullptr)},
          {"not_after", c != nullptr ? time_json(c->not_after()) : Json(nullptr)},
          {"sha256", c != nullptr ? Json(to_hex(c->fingerprint())) : Json(nullptr)},
          {"issuer_found", what.issuer.has_value()},
          {"chain", to_string(what.chain)}};
}

Json target_json(const TargetReport& report, UnixSeconds now) {
  Json out = {{"target", printable(report.target)},
              {"peer", text_or_null(report.peer)},
              {"verdict", to_string(report.outcome)},
              {"exit_code", exit_code(report.outcome)},
              {"problem", text_or_null(report.problem)},
              {"certificate", nullptr},
              {"revocation_need", nullptr},
              {"must_staple", nullptr},
              {"cert_status", nullptr},
              {"evidence", Json::array()},
              {"reasons", Json::array()}};
  if (!report.what) {
    out["reasons"].push_back(finding_json(
        {problem_code(report.outcome), FindingLevel::kError, std::nullopt, report.problem}));
    return out;
  }
  out["certificate"] = certificate_json(*report.what);
  if (report.verdict.need) {
    out["revocation_need"] = to_string(*report.verdict.need);
  }
  out["must_staple"] = to_string(report.verdict.must_staple);
  if (report.verdict.status) {
    out["cert_status"] = status_json(*report.verdict.status);
  }
  for (const Evidence& evidence : report.what->evidence) {
    out["evidence"].push_back(evidence_json(evidence, now));
  }
  for (const Finding& finding : report.verdict.findings) {
    out["reasons"].push_back(finding_json(finding));
  }
  return out;
}

}  // namespace

std::string format_json(const std::vector<TargetReport>& reports, FailOn fail_on, UnixSeconds now) {
  Json out = {{"schema_version", kSchemaVersion},
              {"checked_at", time_json(now)},
              {"verdict", to_string(worst(reports))},
              {"exit_code", exit_code(worst_failing(reports, fail_on))},
              {"targets", Json::array()}};
  for (const TargetReport& report : reports) {
    out["targets"].push_back(target_json(report, now));
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string format_json_line(const TargetReport& report, UnixSeconds now) {
  Json out = {{"schema_version", kSchemaVersion}, {"checked_at", time_json(now)}};
  out.update(target_json(report, now));
  return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace muster::report
