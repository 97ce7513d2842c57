#include <algorithm>

#include "gather_parts.h"

namespace muster::client::internal {
namespace {

/// Whether an answer may serve whoever asks the same in this run: OCSPResponse with the status
/// successful. Error answers pass; an expired one is asked for again past all caches.
bool lasts(const net::FetchResponse& response) {
  const auto parsed = ocsp::parse_response(response.body);
  return response.http_status == 200 && parsed &&
         parsed->status == ocsp::ResponseStatus::kSuccessful;
}

bool has_told(const VerifiedResponse& response) {
  return !std::holds_alternative<ocsp::Unknown>(response.status());
}

/// Names the certificate in question whatever hash it is asked about by.
std::string question_of(const Gathering& g) {
  return to_hex(make_cert_id(HashAlgorithm::kSha256, g.material.subject, *g.result.issuer).der());
}

}  // namespace

void OcspPart::weigh_octets(Channel channel, std::string source, Bytes response) {
  auto verified = verify({.response = response,
                          .subject = g_.material.subject,
                          .issuer = *g_.result.issuer,
                          .nonce_sent = std::nullopt,
                          .extra_certificates = g_.others},
                         g_.options.verify, g_.clock.now());
  if (verified) {
    accept(channel, std::move(source), *std::move(verified));
    return;
  }
  const bool refused = verified.error().code == VerifyErrc::kResponseStatus;
  g_.add(channel, std::move(source),
         LiveFailure{refused ? LiveErrc::kResponderError : LiveErrc::kUnacceptable,
                     verified.error().detail, std::nullopt, verified.error(), std::nullopt});
}

/// A delegate that does not waive its own revocation is looked up in the CRLs at hand and those it
/// names (OCSP-CLI-011). Asking OCSP about it could go round in circles and is not done.
OcspPart::SignerCheck OcspPart::check_signer(const VerifiedResponse& response) {
  if (!response.signer_needs_revocation_check()) {
    return {};
  }
  const CrlPart::LookUp found = crls_.look_up(response.signer(), {*g_.result.issuer});
  if (found.verdict && found.verdict->revoked() != nullptr) {
    std::string detail = "the signer " + response.signer().subject_text() + " was revoked at " +
                         format_iso8601(found.verdict->revoked()->time);
    VerifyError error{VerifyErrc::kSignerRevoked, detail, std::nullopt, std::nullopt, std::nullopt};
    return {LiveFailure{LiveErrc::kUnacceptable, std::move(detail), std::nullopt, std::move(error),
                        std::nullopt},
            false};
  }
  return {std::nullopt, found.verdict && found.verdict->is_good()};
}

Evidence& OcspPart::accept(Channel channel, std::string source, VerifiedResponse response) {
  SignerCheck signer = check_signer(response);
  if (signer.revoked) {
    return g_.add(channel, std::move(source), *std::move(signer.revoked));
  }
  told_ |= has_told(response);
  Evidence& evidence = g_.add(channel, std::move(source), std::move(response));
  evidence.signer_checked = signer.found_good;
  return evidence;
}

void OcspPart::weigh_staple() {
  if (!g_.material.handshake || !g_.options.policy.stapled) {
    return;
  }
  if (g_.material.staple) {
    weigh_octets(Channel::kStapled, "handshake", *g_.material.staple);
  } else {
    g_.add(Channel::kStapled, "handshake", Silence::kNoStaple);
  }
}

/// Whether a saved response speaks of other certificates of the chain and of nothing else: of what
/// a subject's issuers have answers for. For an issuer whatever does not name it is no news.
bool OcspPart::is_about_another(Bytes response) const {
  const bool is_issuer = g_.material.role == Role::kIssuer;
  const auto parsed = ocsp::parse_response(response);
  if (!parsed || !parsed->basic || parsed->basic->responses.empty()) {
    return is_issuer;
  }
  const std::vector<pki::Certificate>& path = g_.result.path;
  for (const ocsp::SingleResponseView& entry : parsed->basic->responses) {
    bool above = false;
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
      above = above || pki::names(entry.cert_id, path[i], path[i + 1]);
    }
    if (is_issuer ? names(entry.cert_id, g_.material.subject, *g_.result.issuer) : !above) {
      return false;
    }
  }
  return true;
}

void OcspPart::weigh_saved() {
  for (const NamedOctets& file : g_.options.saved) {
    if (!is_about_another(file.octets)) {
      weigh_octets(Channel::kSaved, file.name, file.octets);
    }
  }
}

/// Whom to ask; nothing, and evidence that says why, when nobody.
std::optional<std::vector<std::string>> OcspPart::urls_to_ask() {
  const auto silent = [this](std::string source, Silence why) {
    g_.add(Channel::kLive, std::move(source), why);
    return std::nullopt;
  };
  // Whoever names a responder means the certificate in question, not its issuers.
  const bool named_by_user = !g_.options.live.urls.empty() && g_.material.role == Role::kSubject;
  std::vector<std::string> urls =
      named_by_user ? g_.options.live.urls : g_.material.subject.facts().access.ocsp;
  const auto need =
      g_.certificate != nullptr ? std::optional(classify_need(*g_.certificate)) : std::nullopt;
  if (need == RevocationNeed::kNoRevAvail || need == RevocationNeed::kNoRevAvailInvalid) {
    return silent("", Silence::kNotNeeded);
  }
  if (urls.empty()) {
    return silent("",
                  need == RevocationNeed::kShortLived ? Silence::kNotNeeded : Silence::kNotNamed);
  }
  if (g_.outside_validity() && !g_.options.ask_expired) {
    return silent(urls.front(), Silence::kCertificateExpired);
  }
  if (g_.result.chain == ChainState::kUntrusted) {
    return silent(urls.front(), Silence::kUntrusted);
  }
  if (!named_by_user) {
    const std::string first = urls.front();
    std::erase_if(urls, [this](const std::string& url) { return !g_.may_ask(url); });
    if (urls.empty()) {
      return silent(first, Silence::kPrivacy);
    }
  }
  return urls;
}

LiveOutcome OcspPart::ask(LiveOptions live, Sources::Deadline deadline,
                          std::optional<net::FetchResponse>& heard) {
  const auto fetch = [&](const net::FetchRequest& request) {
    net::FetchResult result = g_.sources.fetch(request, deadline, lasts);
    heard = result ? std::optional(*result) : std::nullopt;
    return result;
  };
  const auto wait = [&](Milliseconds delay) {
    const auto now = std::chrono::steady_clock::now();
    if (!deadline || now + delay < *deadline) {  // else the next fetch tells that time is over
      wait_for(delay);
    }
  };
  return client::ask(
      LiveQuery(g_.material.subject, *g_.result.issuer, std::move(live), g_.options.verify),
      g_.clock, fetch, wait);
}

/// A copy is verified each time it is used, so one that is damaged, expired or about something else
/// is as good as none. A responder of our own is always asked: that costs nobody anything and tells
/// nobody anything (decision 048).
bool OcspPart::use_kept(const std::vector<std::string>& urls, Kept which) {
  for (const std::string& url : urls) {
    if (which == Kept::kFresh && is_local_url(url)) {
      continue;
    }
    const auto kept = g_.sources.find_answer(url, question_of(g_));
    if (!kept || (which == Kept::kFresh && !kept->is_fresh)) {
      continue;
    }
    auto verified = verify({.response = kept->der,
                            .subject = g_.material.subject,
                            .issuer = *g_.result.issuer,
                            .nonce_sent = std::nullopt,
                            .extra_certificates = g_.others},
                           g_.options.verify, g_.clock.now());
    if (!verified || !has_told(*verified) || !verified->next_update()) {
      continue;
    }
    SignerCheck signer = check_signer(*verified);
    if (signer.revoked) {
      continue;
    }
    Evidence& evidence = g_.add(Channel::kLive, url, *std::move(verified));
    evidence.signer_checked = signer.found_good;
    evidence.kept_since = kept->kept_since;
    return true;
  }
  return false;
}

void OcspPart::ask_live(Sources::Deadline deadline) {
  if (g_.options.skip_live) {
    return;
  }
  const auto urls = urls_to_ask();
  if (!urls) {
    return;
  }
  const bool with_nonce = g_.options.live.nonce != NonceUse::kNone;
  if (!with_nonce && use_kept(*urls, Kept::kFresh)) {
    told_ = true;
    return;
  }
  LiveOptions live = g_.options.live;
  live.urls = *urls;
  live.extra_certificates.insert(live.extra_certificates.end(), g_.others.begin(), g_.others.end());
  std::optional<net::FetchResponse> heard;
  LiveOutcome outcome = ask(std::move(live), deadline, heard);
  std::string source = outcome.attempts.empty() ? std::string() : outcome.attempts.back().url;
  const VerifiedResponse* const response = outcome.response();
  const bool is_silent = response == nullptr && outcome.failure()->code != LiveErrc::kUnacceptable;
  Evidence& evidence = response != nullptr ? accept(Channel::kLive, source, *response)
                                           : g_.add(Channel::kLive, source, *outcome.failure());
  evidence.attempts = std::move(outcome.attempts);
  evidence.nonce_sent = with_nonce;
  if (with_nonce) {
    return;
  }
  if (is_silent) {
    use_kept(*urls, Kept::kCurrent);  // CRLs are asked all the same: they may know more
  } else if (response != nullptr && has_told(*response) && heard &&
             std::holds_alternative<VerifiedResponse>(evidence.content)) {
    g_.sources.keep_answer(source, question_of(g_), *heard);
  }
}

}  // namespace muster::client::internal
