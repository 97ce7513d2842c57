#include "muster/client/gather.h"

#include <algorithm>

#include "muster/client/crl_check.h"
#include "muster/pki/host_name.h"

namespace muster::client {
namespace {

/// How many certificates up the caIssuers ladder is climbed at most (bounded by OCSP-CLI-035).
constexpr int kMaxCaIssuersSteps = 4;
constexpr std::size_t kMaxCertificateFileBytes = 1 << 20;
constexpr std::size_t kMaxCrlBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxCrlFetches = 4;

class Gatherer {
 public:
  Gatherer(const Material& material, const GatherOptions& options, const Clock& clock,
           const FetchFunction& fetch)
      : material_(material),
        options_(options),
        clock_(clock),
        fetch_(fetch),
        case_(material.subject),
        certificate_(material.subject.certificate()) {
    case_.staple_offered = material.handshake;
    if (!material.host.empty() && certificate_ != nullptr &&
        !pki::names_host(*certificate_, material.host)) {
      case_.not_named = material.host;
    }
  }

  Case collect() {
    others_ = material_.others;
    if (material_.roots) {
      others_.insert(others_.end(), material_.roots->begin(), material_.roots->end());
    }
    case_.issuer = certificate_ != nullptr ? find_or_fetch_issuer(*certificate_)
                                           : std::optional(*material_.subject.named_issuer());
    if (!case_.issuer) {
      for (const Channel channel : {Channel::kStapled, Channel::kLive}) {
        if (channel != Channel::kStapled || material_.handshake) {
          add(channel, "", Silence::kNoIssuer);
        }
      }
      return std::move(case_);
    }
    examine_chain();
    weigh_staple();
    weigh_saved();
    ask_live();
    weigh_crls();
    return std::move(case_);
  }

 private:
  Evidence& add(Channel channel, std::string source, decltype(Evidence::content) content) {
    return case_.evidence.emplace_back(Evidence{channel, std::move(source), std::move(content)});
  }

  [[nodiscard]] bool may_ask(const std::string& url) const {
    return options_.reach == Reach::kAnywhere || is_local_url(url);
  }

  net::FetchResult get(const std::string& url, std::size_t limit) {
    net::FetchRequest request;
    request.url = url;
    request.connect_timeout = options_.live.transport.connect_timeout;
    request.total_timeout = options_.live.transport.total_timeout;
    request.proxy = options_.live.transport.proxy;
    request.source_address = options_.live.transport.source_address;
    request.max_body_bytes = limit;
    return fetch_(request);
  }

  // ---- issuer and chain
  // -------------------------------------------------------------------------------------------

  std::optional<pki::Certificate> find_or_fetch_issuer(const pki::Certificate& certificate) {
    if (auto found = find_issuer(certificate, others_, options_.verify.algorithms)) {
      return found;
    }
    for (const std::string& url : certificate.facts().access.ca_issuers) {
      if (options_.skip_live || !may_ask(url)) {
        continue;
      }
      const net::FetchResult fetched = get(url, kMaxCertificateFileBytes);
      if (!fetched || fetched->http_status != 200) {
        continue;
      }
      if (const auto parsed = pki::parse_certificates(fetched->body)) {
        others_.insert(others_.end(), parsed->begin(), parsed->end());
        if (auto found = find_issuer(certificate, *parsed, options_.verify.algorithms)) {
          return found;
        }
      }
    }
    return std::nullopt;
  }

  /// The way up as far as it can be shown: to a root if there are any, else by signatures alone.
  /// path_ is without the leaf.
  void examine_chain() {
    path_ = {*case_.issuer};
    for (int step = 0; step < kMaxCaIssuersSteps && !path_.back().is_self_issued(); ++step) {
      if (material_.roots && std::find(material_.roots->begin(), material_.roots->end(),
                                       path_.back()) != material_.roots->end()) {
        break;
      }
      // Without roots the rest of the way only matters for what is at hand; nobody is asked for it.
      auto next = !material_.roots ? find_issuer(path_.back(), others_, options_.verify.algorithms)
                                   : find_or_fetch_issuer(path_.back());
      if (!next || std::find(path_.begin(), path_.end(), *next) != path_.end()) {
        break;
      }
      path_.push_back(*std::move(next));
    }
    std::vector<pki::Certificate> chain = path_;
    if (certificate_ != nullptr) {
      chain.insert(chain.begin(), *certificate_);
    }
    case_.lacks_feature = find_missing_feature(chain);
    if (!material_.roots) {
      return;
    }
    const auto path = certificate_ != nullptr
                          ? pki::find_path(*certificate_, others_, *material_.roots, clock_.now(),
                                           pki::LeafValidity::kIgnored, options_.verify.algorithms)
                          : pki::find_path(*case_.issuer, others_, *material_.roots, clock_.now(),
                                           pki::LeafValidity::kChecked, options_.verify.algorithms);
    case_.chain = path ? ChainState::kTrusted : ChainState::kUntrusted;
    if (path) {
      path_.assign(path->begin() + (certificate_ != nullptr ? 1 : 0), path->end());
    } else {
      case_.chain_detail = path.error().detail;
    }
  }

  // ---- OCSP
  // -------------------------------------------------------------------------------------------------------

  void weigh_octets(Channel channel, std::string source, Bytes response) {
    auto verified = verify({.response = response,
                            .subject = material_.subject,
                            .issuer = *case_.issuer,
                            .nonce_sent = std::nullopt,
                            .extra_certificates = others_},
                           options_.verify, clock_.now());
    if (verified) {
      accept(channel, std::move(source), *std::move(verified));
      return;
    }
    const bool refused = verified.error().code == VerifyErrc::kResponseStatus;
    add(channel, std::move(source),
        LiveFailure{refused ? LiveErrc::kResponderError : LiveErrc::kUnacceptable,
                    verified.error().detail, std::nullopt, verified.error(), std::nullopt});
  }

  /// A delegate that does not waive its own revocation is looked up in the CRLs at hand and those
  /// it names (OCSP-CLI-011). Asking OCSP about it could go round in circles and is not done.
  Evidence& accept(Channel channel, std::string source, VerifiedResponse response) {
    if (response.signer_needs_revocation_check()) {
      const CrlLookup lookup = look_up(response.signer(), {*case_.issuer});
      if (lookup.verdict && lookup.verdict->revoked() != nullptr) {
        const std::string detail = "the signer " + response.signer().subject_text() +
                                   " was revoked at " +
                                   format_iso8601(lookup.verdict->revoked()->time);
        return add(channel, std::move(source),
                   LiveFailure{LiveErrc::kUnacceptable, detail, std::nullopt,
                               VerifyError{VerifyErrc::kSignerRevoked, detail, std::nullopt,
                                           std::nullopt, std::nullopt},
                               std::nullopt});
      }
      if (lookup.verdict && lookup.verdict->is_good()) {
        Evidence& evidence = add(channel, std::move(source), std::move(response));
        evidence.signer_checked = true;
        return evidence;
      }
    }
    return add(channel, std::move(source), std::move(response));
  }

  void weigh_staple() {
    if (!material_.handshake) {
      return;
    }
    if (material_.staple) {
      weigh_octets(Channel::kStapled, "handshake", *material_.staple);
    } else {
      add(Channel::kStapled, "handshake", Silence::kNoStaple);
    }
  }

  void weigh_saved() {
    for (const NamedOctets& file : options_.saved) {
      weigh_octets(Channel::kSaved, file.name, file.octets);
    }
  }

  [[nodiscard]] bool outside_validity() const {
    const UnixSeconds now = clock_.now();
    return certificate_ != nullptr &&
           (now > certificate_->not_after() || now < certificate_->not_before());
  }

  void ask_live() {
    if (options_.skip_live) {
      return;
    }
    LiveOptions live = options_.live;
    const bool named_by_user = !live.urls.empty();
    if (!named_by_user) {
      live.urls = material_.subject.facts().access.ocsp;
    }
    const auto need =
        certificate_ != nullptr ? std::optional(classify_need(*certificate_)) : std::nullopt;
    if (need == RevocationNeed::kNoRevAvail || need == RevocationNeed::kNoRevAvailInvalid) {
      add(Channel::kLive, "", Silence::kNotNeeded);
      return;
    }
    if (live.urls.empty()) {
      add(Channel::kLive, "",
          need == RevocationNeed::kShortLived ? Silence::kNotNeeded : Silence::kNotNamed);
      return;
    }
    if (outside_validity() && !options_.ask_expired) {
      add(Channel::kLive, live.urls.front(), Silence::kCertificateExpired);
      return;
    }
    if (case_.chain == ChainState::kUntrusted) {
      add(Channel::kLive, live.urls.front(), Silence::kUntrusted);
      return;
    }
    if (!named_by_user) {
      const std::string first = live.urls.front();
      std::erase_if(live.urls, [this](const std::string& url) { return !may_ask(url); });
      if (live.urls.empty()) {
        add(Channel::kLive, first, Silence::kPrivacy);
        return;
      }
    }
    live.extra_certificates.insert(live.extra_certificates.end(), others_.begin(), others_.end());
    const bool with_nonce = live.nonce != NonceUse::kNone;
    LiveOutcome outcome =
        ask(LiveQuery(material_.subject, *case_.issuer, std::move(live), options_.verify), clock_,
            fetch_);
    std::string source = outcome.attempts.empty() ? std::string() : outcome.attempts.back().url;
    Evidence* evidence = nullptr;
    if (outcome.response() != nullptr) {
      evidence = &accept(Channel::kLive, std::move(source), *outcome.response());
    } else {
      evidence = &add(Channel::kLive, std::move(source), *outcome.failure());
    }
    evidence->attempts = std::move(outcome.attempts);
    evidence->nonce_sent = with_nonce;
  }

  // ---- CRLs
  // -------------------------------------------------------------------------------------------------------

  struct CrlLookup {
    std::optional<CrlVerdict> verdict;
    std::string source;                 ///< of the CRL that decided, or the first
    std::optional<CrlFailure> failure;  ///< of fetching
    bool kept_private = false;
    bool stale_says_revoked = false;  ///< see CrlFailure::says_revoked
  };

  /// Looks `subject` up in the CRLs given, and if they do not tell, in those it names.
  CrlLookup look_up(const Subject& subject, const std::vector<pki::Certificate>& path) {
    CrlLookup lookup;
    std::vector<const NamedOctets*> crls;
    for (const NamedOctets& crl : options_.crls) {
      crls.push_back(&crl);
    }
    judge_crls(subject, path, crls, lookup);
    if (lookup.verdict && lookup.verdict->undetermined() == nullptr) {
      return lookup;
    }
    std::vector<std::string> urls = subject.facts().crl_uris;
    if (urls.size() > kMaxCrlFetches) {
      urls.resize(kMaxCrlFetches);
    }
    for (std::size_t i = 0; i < urls.size() && i < 2 * kMaxCrlFetches; ++i) {
      const NamedOctets* crl = fetch_crl(urls[i], lookup);
      if (crl == nullptr) {
        continue;
      }
      crls.push_back(crl);
      if (i < kMaxCrlFetches) {
        const Bytes octets = crl->octets;
        for (std::string& delta : delta_locations(subject, std::span(&octets, 1))) {
          if (std::find(urls.begin(), urls.end(), delta) == urls.end()) {
            urls.push_back(std::move(delta));
          }
        }
      }
    }
    judge_crls(subject, path, crls, lookup);
    return lookup;
  }

  void judge_crls(const Subject& subject, const std::vector<pki::Certificate>& path,
                  const std::vector<const NamedOctets*>& crls, CrlLookup& lookup) {
    if (crls.empty()) {
      return;
    }
    std::vector<Bytes> octets;
    for (const NamedOctets* crl : crls) {
      octets.emplace_back(crl->octets);
    }
    CrlPolicy policy;
    policy.times.future_skew = options_.verify.future_skew;
    policy.times.expiry_tolerance = options_.verify.expiry_tolerance;
    policy.times.max_age = options_.verify.max_age;
    policy.algorithms = options_.verify.algorithms;
    lookup.verdict = check_crls(subject, path, {octets, others_}, clock_.now(), policy);
    if (lookup.verdict->undetermined() != nullptr) {
      constexpr Seconds kWhenever = std::chrono::hours(24 * 365 * 100);
      policy.times.expiry_tolerance = policy.times.max_age_without_next_update = kWhenever;
      policy.times.max_age.reset();
      const CrlVerdict then = check_crls(subject, path, {octets, others_}, clock_.now(), policy);
      lookup.stale_says_revoked = then.revoked() != nullptr;
    }
    const std::size_t decisive =
        lookup.verdict->used.empty() ? 0 : lookup.verdict->used.front().crl;
    lookup.source = crls[decisive]->name;
  }

  /// Fetched once each, kept for further look-ups (the signer's).
  const NamedOctets* fetch_crl(const std::string& url, CrlLookup& lookup) {
    for (const auto& crl : fetched_crls_) {
      if (crl->name == url) {
        return crl.get();
      }
    }
    if (options_.skip_live || !is_http_url(url)) {
      return nullptr;
    }
    if (!may_ask(url)) {
      lookup.kept_private = true;
      lookup.source = url;
      return nullptr;
    }
    net::FetchResult fetched = get(url, kMaxCrlBytes);
    if (!fetched || fetched->http_status != 200) {
      lookup.failure = CrlFailure{
          LiveErrc::kTransport, "transport-error",
          fetched ? "HTTP status " + std::to_string(fetched->http_status) : fetched.error().detail};
      lookup.source = url;
      return nullptr;
    }
    auto der = pki::decode_crl_input(std::move(fetched->body));
    if (!der) {
      lookup.failure = CrlFailure{LiveErrc::kUnacceptable, "crl-malformed", der.error().detail};
      lookup.source = url;
      return nullptr;
    }
    fetched_crls_.push_back(std::make_unique<NamedOctets>(NamedOctets{url, *std::move(der)}));
    return fetched_crls_.back().get();
  }

  [[nodiscard]] bool ocsp_told() const {
    return std::any_of(case_.evidence.begin(), case_.evidence.end(), [](const Evidence& evidence) {
      const auto* response = std::get_if<VerifiedResponse>(&evidence.content);
      return response != nullptr && !std::holds_alternative<ocsp::Unknown>(response->status());
    });
  }

  void weigh_crls() {
    const bool named = certificate_ != nullptr && !certificate_->facts().crl_uris.empty() &&
                       classify_need(*certificate_) != RevocationNeed::kNoRevAvailInvalid;
    const bool wanted = !options_.crls.empty() ||
                        (named && !ocsp_told() && (!outside_validity() || options_.ask_expired));
    if (!wanted || case_.chain == ChainState::kUntrusted) {
      return;
    }
    CrlLookup lookup = look_up(material_.subject, path_);
    if (lookup.verdict) {
      add_crl_verdict(*lookup.verdict, std::move(lookup.source), lookup.stale_says_revoked);
    } else if (lookup.failure) {
      add(Channel::kCrl, std::move(lookup.source), *std::move(lookup.failure));
    } else if (lookup.kept_private) {
      add(Channel::kCrl, std::move(lookup.source), Silence::kPrivacy);
    }
  }

  void add_crl_verdict(const CrlVerdict& verdict, std::string source, bool stale_says_revoked) {
    if (const CrlUndetermined* undetermined = verdict.undetermined()) {
      add(Channel::kCrl, std::move(source),
          CrlFailure{
              LiveErrc::kUnacceptable, "crl-unacceptable",
              undetermined->detail + " (" + std::string(pki::to_string(undetermined->code)) + ")",
              stale_says_revoked});
      return;
    }
    CrlAnswer answer{ocsp::Good{}, clock_.now(), std::nullopt};
    if (const CrlRevoked* revoked = verdict.revoked()) {
      answer.status = ocsp::Revoked{revoked->time, revoked->reason};
    }
    if (!verdict.used.empty()) {
      answer.this_update = verdict.used.front().this_update;
      answer.next_update = verdict.used.front().next_update;
    }
    add(Channel::kCrl, std::move(source), std::move(answer));
  }

  const Material& material_;
  const GatherOptions& options_;
  const Clock& clock_;
  const FetchFunction& fetch_;
  Case case_;
  const pki::Certificate* certificate_;  ///< null: only a serial is known
  std::vector<pki::Certificate> others_;
  std::vector<pki::Certificate> path_;
  std::vector<std::unique_ptr<NamedOctets>> fetched_crls_;
};

}  // namespace

Case gather(const Material& material, const GatherOptions& options, const Clock& clock,
            const FetchFunction& fetch) {
  return Gatherer(material, options, clock, fetch).collect();
}

}  // namespace muster::client
