#include <algorithm>
#include <set>

#include "gather_parts.h"
#include "muster/base/assert.h"
#include "muster/crl/combine.h"
#include "muster/crl/name_match.h"

namespace muster::client::internal {
namespace {

constexpr std::size_t kMaxCrlBytes = std::size_t{256} << 20;
/// Distribution points of a certificate that are looked into, and as many places of deltas.
constexpr std::size_t kMaxCrlFetches = 4;
/// Names of one distribution point that are tried.
constexpr std::size_t kMaxNamesOfAPoint = 4;
/// CRLs that are named as passed over; of more the number is told.
constexpr std::size_t kMaxPassedOver = 8;

/// Whether a CRL is one that should have counted for this issuer's certificates. What is out of
/// scope or lies ahead of the instant asked about says nothing there; that of another key of the
/// same name says so by its key identifier.
bool is_missed(const CrlRefusal& refusal, const crl::CrlView& crl, const pki::Certificate& issuer) {
  const pki::CrlErrc code = refusal.error.code;
  switch (code) {
    case pki::CrlErrc::kNoCrl:
    case pki::CrlErrc::kMalformed:
    case pki::CrlErrc::kOutOfScope:
    case pki::CrlErrc::kNoBase:
    case pki::CrlErrc::kCertificateExpired:
    case pki::CrlErrc::kNotYetValid:
      return false;
    default:
      break;
  }
  const auto& key_id = issuer.facts().subject_key_id;
  return code != pki::CrlErrc::kBadSignature || !key_id || !crl.authority_key_id ||
         equal(*key_id, *crl.authority_key_id);
}

/// Whether `other` is a delta CRL that continues a complete one newer than `counted`.
bool lacks_base(const crl::CrlView& other, const crl::CrlView& counted) {
  return other.is_delta && other.delta_base_number && counted.crl_number &&
         crl::same_scope(other, counted) &&
         crl::compare_numbers(*other.delta_base_number, *counted.crl_number) > 0;
}

/// Of the CRLs given those that may know more than what counted, and why they did not count.
/// \param all  the CRLs that the verdict is about, those given first
std::vector<std::string> find_passed_over(
    const CrlVerdict& verdict, const std::vector<NamedCrl>& given,
    const std::vector<std::shared_ptr<const CrlDocument>>& all,
    const std::vector<pki::Certificate>& path) {
  std::vector<std::string> found;
  std::size_t more = 0;
  const auto tell = [&](const NamedCrl& crl, const pki::CrlError& why) {
    if (found.size() == kMaxPassedOver) {
      ++more;
      return;
    }
    found.push_back(crl.name + ": " + why.detail + " (" + std::string(pki::to_string(why.code)) +
                    ")");
  };
  for (const CrlRefusal& refusal : verdict.refused) {
    if (refusal.crl >= given.size() || path.empty()) {
      continue;
    }
    const NamedCrl& crl = given[refusal.crl];
    const auto& view = crl.document->view();
    if (!view || !is_missed(refusal, *view, path.front()) ||
        std::none_of(verdict.used.begin(), verdict.used.end(),
                     [&](const CrlUse& use) { return view->this_update >= use.this_update; })) {
      continue;
    }
    tell(crl, refusal.error);
  }
  // The verdict does not look at deltas that continue nothing once a complete CRL has told.
  for (const NamedCrl& crl : given) {
    const auto& view = crl.document->view();
    if (view && std::any_of(verdict.used.begin(), verdict.used.end(), [&](const CrlUse& use) {
          return view->this_update >= use.this_update && lacks_base(*view, *all[use.crl]->view());
        })) {
      tell(crl, {pki::CrlErrc::kNoBase,
                 "the complete CRL that this delta CRL continues is not at hand"});
    }
  }
  if (more != 0) {
    found.push_back("and " + std::to_string(more) + " more");
  }
  return found;
}

}  // namespace

bool CrlPart::may_use_named() const {
  return g_.options.policy.crl && g_.certificate != nullptr &&
         !g_.certificate->facts().crl_uris.empty() &&
         classify_need(*g_.certificate) != RevocationNeed::kNoRevAvailInvalid &&
         (!g_.outside_validity() || g_.options.ask_expired) &&
         g_.result.chain != ChainState::kUntrusted;
}

std::vector<CrlPart::Place> CrlPart::places_of(const Subject& subject) {
  const pki::Certificate* certificate = subject.certificate();
  const auto extension =
      certificate != nullptr ? certificate->extension(oid::kCeCrlDistributionPoints) : std::nullopt;
  std::vector<Place> places;
  if (!extension) {
    return places;
  }
  const auto points = crl::parse_distribution_points(*extension);
  MUSTER_ASSERT(points);  // checked when the certificate was parsed
  std::set<std::string_view> known;
  for (const crl::DistributionPoint& point : *points) {
    Place place;
    for (const std::string_view url :
         point.name ? crl::uris(*point.name) : std::vector<std::string_view>()) {
      if (is_http_url(url) && place.urls.size() < kMaxNamesOfAPoint && known.insert(url).second) {
        place.urls.emplace_back(url);
      }
    }
    if (!place.urls.empty() && places.size() < kMaxCrlFetches) {
      places.push_back(std::move(place));
    }
  }
  return places;
}

void CrlPart::begin(const Subject& subject) {
  for (const Place& place : places_of(subject)) {
    const auto first = std::find_if(place.urls.begin(), place.urls.end(),
                                    [this](const std::string& url) { return g_.may_ask(url); });
    if (!g_.options.skip_live && first != place.urls.end()) {
      begin_one(*first);
    }
  }
}

Sources::CrlTicket CrlPart::begin_one(const std::string& url) {
  return g_.sources.begin_crl(request_for(url));
}

/// Large ones may take all the time there is.
net::FetchRequest CrlPart::request_for(const std::string& url) const {
  net::FetchRequest request = g_.get(url, kMaxCrlBytes);
  if (g_.deadline) {
    const auto left = *g_.deadline - std::chrono::steady_clock::now();
    request.total_timeout = std::max(request.total_timeout, std::chrono::ceil<Milliseconds>(left));
  }
  return request;
}

/// Waits for one and takes it, or notes why not. Whether there was one, and not only a copy that
/// has to do.
bool CrlPart::finish_one(const std::string& url, std::vector<Loaded>& to, LookUp& result,
                         Sources::Deadline deadline) {
  if (g_.options.skip_live) {
    return false;
  }
  if (!g_.may_ask(url)) {
    result.kept_private = true;
    result.source = url;
    return false;
  }
  const Sources::CrlTicket ticket = begin_one(url);
  CrlFetched fetched = g_.sources.finish_crl(ticket, deadline);
  if (fetched.document == nullptr) {
    result.failure = std::move(fetched.failure);
    result.source = url;
    return false;
  }
  result.fetched_any = true;
  to.push_back({url, std::move(fetched.document), ticket, fetched.kept_since, fetched.from_cache});
  return !fetched.kept_since;
}

/// The next name of a place, and those behind it where it gives nothing: all lead to the same CRL
/// (OCSP-CRL-021). One that hangs leaves the others their share of the time. Whether one came.
bool CrlPart::finish_place(Place& place, std::vector<Loaded>& to, LookUp& result) {
  while (place.tried < place.urls.size()) {
    const auto now = std::chrono::steady_clock::now();
    Sources::Deadline deadline = g_.deadline;
    if (deadline && now < *deadline) {
      deadline = now + (*deadline - now) / (place.urls.size() - place.tried);
    }
    if (finish_one(place.urls[place.tried++], to, result, deadline)) {
      return true;
    }
  }
  return false;
}

CrlPart::LookUp CrlPart::look_up(const Subject& subject,
                                 const std::vector<pki::Certificate>& path) {
  LookUp result;
  std::vector<Loaded> crls;
  for (const NamedCrl& given : g_.options.crls) {
    crls.push_back({given.name, given.document, nullptr, std::nullopt, false});
  }
  judge(subject, path, crls, result);
  if (!use_named_ || (result.verdict && result.verdict->undetermined() == nullptr)) {
    return result;
  }
  begin(subject);  // all at once
  std::vector<Place> places = places_of(subject);
  std::size_t known = crls.size();
  for (Place& place : places) {
    finish_place(place, crls, result);
  }
  finish_deltas(subject, known, crls, result);
  judge(subject, path, crls, result);
  // What came was no good: a copy from an earlier run may be damaged or old, another name newer.
  const auto is_open = [&result] {
    return result.verdict && result.verdict->undetermined() != nullptr;
  };
  if (is_open() && fetch_kept_anew(crls)) {
    judge(subject, path, crls, result);
  }
  for (bool any = true; any && is_open();) {
    any = false;
    known = crls.size();
    for (Place& place : places) {
      any |= finish_place(place, crls, result);
    }
    if (any) {
      finish_deltas(subject, known, crls, result);
      judge(subject, path, crls, result);
    }
  }
  return result;
}

/// Deltas that the certificate and the CRLs from `first` on name.
void CrlPart::finish_deltas(const Subject& subject, std::size_t first, std::vector<Loaded>& crls,
                            LookUp& result) {
  const std::size_t complete = crls.size();
  std::vector<std::string> deltas;
  for (std::size_t i = first; i < complete; ++i) {
    for (const std::string& url : delta_locations(subject, *crls[i].document)) {
      const bool known =
          std::any_of(crls.begin(), crls.end(), [&](const Loaded& crl) { return crl.name == url; });
      if (!known && deltas.size() < kMaxCrlFetches &&
          std::find(deltas.begin(), deltas.end(), url) == deltas.end()) {
        deltas.push_back(url);
      }
    }
  }
  for (const std::string& url : deltas) {
    if (!g_.options.skip_live && g_.may_ask(url)) {
      begin_one(url);
    }
  }
  for (const std::string& url : deltas) {
    finish_one(url, crls, result, g_.deadline);
  }
}

/// A copy from an earlier run that does not help may be damaged, whatever its place says of it:
/// such are fetched past the cache, once. Whether any came.
bool CrlPart::fetch_kept_anew(std::vector<Loaded>& crls) {
  bool any = false;
  for (Loaded& crl : crls) {
    if (!crl.from_cache || g_.options.skip_live) {
      continue;
    }
    const Sources::CrlTicket ticket = g_.sources.begin_crl_anew(request_for(crl.name));
    CrlFetched fetched = g_.sources.finish_crl(ticket, g_.deadline);
    if (fetched.document != nullptr) {
      crl = {crl.name, std::move(fetched.document), ticket, std::nullopt, false};
      any = true;
    }
  }
  return any;
}

void CrlPart::judge(const Subject& subject, const std::vector<pki::Certificate>& path,
                    const std::vector<Loaded>& crls, LookUp& result) {
  if (crls.empty()) {
    return;
  }
  std::vector<std::shared_ptr<const CrlDocument>> documents;
  for (const Loaded& crl : crls) {
    documents.push_back(crl.document);
  }
  const VerifyPolicy& verify = g_.options.verify;
  CrlPolicy policy;
  policy.times.future_skew = verify.future_skew;
  policy.times.expiry_tolerance = verify.expiry_tolerance;
  policy.times.max_age = verify.max_age;
  policy.algorithms = verify.algorithms;
  const CrlEvidence evidence{{}, g_.others, documents};
  result.verdict = check_crls(subject, path, evidence, g_.clock.now(), policy);
  result.stale_says_revoked = false;
  if (result.verdict->undetermined() != nullptr) {
    constexpr Seconds kWhenever = std::chrono::hours(24 * 365 * 100);
    policy.times.expiry_tolerance = policy.times.max_age_without_next_update = kWhenever;
    policy.times.max_age.reset();
    const CrlVerdict then = check_crls(subject, path, evidence, g_.clock.now(), policy);
    result.stale_says_revoked = then.revoked() != nullptr;
  }
  result.passed_over = find_passed_over(*result.verdict, g_.options.crls, documents, path);
  const auto& used = result.verdict->used;
  const Loaded& decisive = crls[used.empty() ? 0 : used.front().crl];
  result.source = decisive.name;
  result.kept_since = used.empty() ? std::nullopt : decisive.kept_since;
  for (const CrlUse& use : used) {
    for (const std::size_t counted : {use.crl, use.delta.value_or(use.crl)}) {
      if (crls[counted].ticket != nullptr) {
        g_.sources.keep(crls[counted].ticket);
      }
    }
  }
}

void CrlPart::weigh(bool named) {
  if ((!has_given() && !named) || g_.result.chain == ChainState::kUntrusted) {
    return;
  }
  use_named_ = named;
  LookUp result = look_up(g_.material.subject, g_.result.path);
  use_named_ = true;
  if (result.verdict) {
    if (!is_about_another(*result.verdict, result)) {
      add_verdict(std::move(result));
    }
  } else if (result.failure) {
    g_.add(Channel::kCrl, std::move(result.source), *std::move(result.failure));
  } else if (result.kept_private) {
    g_.add(Channel::kCrl, std::move(result.source), Silence::kPrivacy);
  }
}

/// Whether the CRLs given are those of other issuers of the chain, and no other was there.
bool CrlPart::is_about_another(const CrlVerdict& verdict, const LookUp& result) const {
  const CrlUndetermined* undetermined = verdict.undetermined();
  if (undetermined == nullptr || undetermined->code != pki::CrlErrc::kNoCrl || result.fetched_any) {
    return false;
  }
  return g_.material.role == Role::kIssuer ||
         std::all_of(g_.options.crls.begin(), g_.options.crls.end(), [this](const NamedCrl& crl) {
           const auto& view = crl.document->view();
           return view && std::any_of(g_.result.path.begin(), g_.result.path.end(),
                                      [&](const pki::Certificate& issuer) {
                                        return crl::same_name(issuer.subject(), view->issuer);
                                      });
         });
}

void CrlPart::add_verdict(LookUp result) {
  const CrlVerdict& verdict = *result.verdict;
  if (const CrlUndetermined* undetermined = verdict.undetermined()) {
    g_.add(Channel::kCrl, std::move(result.source),
           CrlFailure{
               LiveErrc::kUnacceptable, "crl-unacceptable",
               undetermined->detail + " (" + std::string(pki::to_string(undetermined->code)) + ")",
               result.stale_says_revoked});
    return;
  }
  told_ = true;
  CrlAnswer answer{ocsp::Good{}, g_.clock.now(), std::nullopt};
  if (const CrlRevoked* revoked = verdict.revoked()) {
    answer.status = ocsp::Revoked{revoked->time, revoked->reason};
  }
  if (!verdict.used.empty()) {
    const CrlUse& used = verdict.used.front();
    answer.this_update = used.this_update;
    answer.next_update = used.next_update;
    answer.number = used.number;
    answer.with_delta = used.delta.has_value();
  }
  answer.kept_since = result.kept_since;
  answer.passed_over = std::move(result.passed_over);
  g_.add(Channel::kCrl, std::move(result.source), std::move(answer));
}

}  // namespace muster::client::internal
