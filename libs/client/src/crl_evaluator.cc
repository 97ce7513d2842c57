#include "crl_evaluator.h"

#include <algorithm>

#include "muster/crl/combine.h"
#include "muster/crl/name_match.h"

namespace muster::client::internal {
namespace {

using pki::Certificate;
using pki::CrlErrc;
using pki::CrlError;

bool contains(std::span<const Certificate> certificates, const Certificate& wanted) {
  return std::find(certificates.begin(), certificates.end(), wanted) != certificates.end();
}

CrlUse make_use(std::size_t index, const crl::CrlView& complete,
                std::optional<std::size_t> delta_index, const crl::CrlView* delta,
                crl::ReasonSet reasons) {
  const crl::CrlView& latest = delta != nullptr ? *delta : complete;
  CrlUse use{index, delta_index, std::nullopt, latest.this_update, latest.next_update, reasons};
  if (latest.crl_number) {
    use.number = to_hex(*latest.crl_number);
  }
  return use;
}

}  // namespace

struct CrlEvaluator::State {
  const Subject& subject;
  std::span<const Certificate> path;
  OwnCrl own;
  crl::ReasonSet covered = 0;
  CrlVerdict verdict{CrlUndetermined{CrlErrc::kNoCrl, "no CRL of its issuer is at hand"}, {}, {}};

  [[nodiscard]] bool is_decided() const {
    return verdict.revoked() != nullptr || covered == crl::kAllReasons;
  }
  /// Keeps the problem of the CRL that came furthest.
  void refuse(std::size_t crl, CrlError error) {
    for (CrlRefusal& earlier : verdict.refused) {
      if (earlier.crl == crl) {  // met again by another point
        if (error.code > earlier.error.code) {
          earlier.error = std::move(error);
        }
        return;
      }
    }
    verdict.refused.push_back({crl, std::move(error)});
  }
  void finish() {
    if (verdict.revoked() != nullptr) {
      return;
    }
    if (covered == crl::kAllReasons) {
      verdict.status = CrlGood{};
      return;
    }
    const CrlRefusal* furthest = nullptr;
    for (const CrlRefusal& refusal : verdict.refused) {
      if (furthest == nullptr || refusal.error.code > furthest->error.code) {
        furthest = &refusal;
      }
    }
    if (covered != 0) {
      verdict.status = CrlUndetermined{
          CrlErrc::kReasonsNotCovered,
          "the CRLs at hand cover only some of the reasons a certificate may be revoked for" +
              (furthest != nullptr ? "; another was refused: " + furthest->error.detail
                                   : std::string())};
    } else if (furthest != nullptr) {
      verdict.status = CrlUndetermined{furthest->error.code, furthest->error.detail};
    }
  }
};

CrlEvaluator::CrlEvaluator(const CrlEvidence& evidence, UnixSeconds now, const CrlPolicy& policy)
    : evidence_(evidence), now_(now), policy_(policy) {
  for (std::size_t i = 0; i < evidence.crls.size(); ++i) {
    own_.push_back(CrlDocument::of_view(evidence.crls[i], policy.limits));
    take(i, *own_.back());
  }
  for (std::size_t i = 0; i < evidence.documents.size(); ++i) {
    take(evidence.crls.size() + i, *evidence.documents[i]);
  }
  const auto newest_first = [](const Candidate& a, const Candidate& b) {
    return crl::is_newer(a.view(), b.view());
  };
  std::stable_sort(complete_.begin(), complete_.end(), newest_first);
  std::stable_sort(deltas_.begin(), deltas_.end(), newest_first);
}

void CrlEvaluator::take(std::size_t index, const CrlDocument& document) {
  const auto& view = document.view();
  if (!view) {
    malformed_.push_back({index, {CrlErrc::kMalformed, der::to_string(view.error())}});
    return;
  }
  (view->is_delta ? deltas_ : complete_).push_back({index, &document});
}

CrlVerdict CrlEvaluator::evaluate(const Subject& subject, std::span<const Certificate> path) {
  in_progress_.clear();
  signature_checks_ = 0;
  return check(subject, path);
}

CrlVerdict CrlEvaluator::check(const Subject& subject, std::span<const Certificate> path) {
  if (subject.certificate() == nullptr) {  // what is no certificate signs no CRL
    return check_once(subject, path, OwnCrl::kNotBelieved);
  }
  in_progress_.push_back(subject.certificate());
  CrlVerdict verdict = check_once(subject, path, OwnCrl::kNotBelieved);
  if (verdict.undetermined() != nullptr) {
    CrlVerdict second = check_once(subject, path, OwnCrl::kBelieved);
    if (second.undetermined() == nullptr) {
      verdict = std::move(second);
    }
  }
  in_progress_.pop_back();
  return verdict;
}

CrlVerdict CrlEvaluator::check_once(const Subject& subject, std::span<const Certificate> path,
                                    OwnCrl own) {
  State state{.subject = subject, .path = path, .own = own};
  if (path.empty()) {
    state.verdict.status =
        CrlUndetermined{CrlErrc::kNoSigner, "the issuer of the certificate is not known"};
    return std::move(state.verdict);
  }
  state.verdict.refused = malformed_;
  for (const Point& point : points_of(subject)) {
    try_point(state, point);
    if (state.is_decided()) {
      break;
    }
  }
  state.finish();
  return std::move(state.verdict);
}

void CrlEvaluator::try_point(State& state, const Point& point) {
  for (const Candidate& complete : complete_) {
    if (issuer_fits(complete.view(), point, state.subject)) {
      try_crl(state, point, complete);
      if (state.is_decided()) {
        return;
      }
    }
  }
  for (const Candidate& delta : deltas_) {
    const auto fits = [&](const Candidate& complete) {
      return crl::delta_fits(delta.view(), complete.view());
    };
    if (issuer_fits(delta.view(), point, state.subject) &&
        std::none_of(complete_.begin(), complete_.end(), fits)) {
      state.refuse(delta.index,
                   {CrlErrc::kNoBase, "no complete CRL is at hand that this delta CRL continues"});
    }
  }
}

void CrlEvaluator::try_crl(State& state, const Point& point, const Candidate& complete) {
  const auto refuse = [&](CrlError error) { state.refuse(complete.index, std::move(error)); };
  if (auto usable = pki::check_crl_usable(complete.view()); !usable) {
    return refuse(usable.error());
  }
  auto out_of_scope = why_out_of_scope(complete.view(), point, state.subject);
  if (out_of_scope && !may_list(complete.view(), state.subject)) {
    return refuse({CrlErrc::kOutOfScope, *std::move(out_of_scope)});
  }
  const crl::ReasonSet reasons = reasons_of(complete.view(), point);
  if ((reasons & ~state.covered) == 0 && !out_of_scope) {
    return;
  }
  // An expired complete CRL still serves as the base of a current delta (section 6.3.3 step a).
  const auto current = pki::check_crl_times(complete.view(), now_, policy_.times);
  const bool is_stale = !current && (current.error().code == CrlErrc::kExpired ||
                                     current.error().code == CrlErrc::kTooOld);
  if (!current && !(is_stale && has_current_delta(complete))) {
    return refuse(current.error());
  }
  const auto signed_crl = find_signer(complete, state.path, state.own);
  if (!signed_crl) {
    return refuse(signed_crl.error());
  }
  const Candidate* delta = find_delta(state, complete, signed_crl->signer());
  if (!current && delta == nullptr) {
    return refuse(current.error());
  }
  look_up(state, complete, delta, reasons, std::move(out_of_scope));
}

void CrlEvaluator::look_up(State& state, const Candidate& complete, const Candidate* delta,
                           crl::ReasonSet reasons, std::optional<std::string> out_of_scope) {
  const Bytes serial = state.subject.serial().octets();
  const Bytes issuer = state.subject.issuer_name();
  const Certificate* certificate = state.subject.certificate();
  std::optional<crl::EntryView> entry;
  std::size_t where = complete.index;
  if (delta != nullptr) {
    entry = delta->document->find(serial, issuer);
    where = delta->index;
  }
  if (!entry) {
    entry = complete.document->find(serial, issuer);
    where = complete.index;
  }
  if (entry &&
      entry->reason != ReasonCode::kRemoveFromCrl) {  // removal ends the matter (OCSP-CRL-035)
    state.verdict.status =
        CrlRevoked{entry->revocation_date, entry->reason, entry->invalidity_date, where};
  } else if (out_of_scope) {
    return state.refuse(complete.index, {CrlErrc::kOutOfScope, *std::move(out_of_scope)});
  } else if (const crl::CrlView& latest = delta != nullptr ? delta->view() : complete.view();
             !entry && certificate != nullptr &&
             crl::may_omit_expired(latest, certificate->not_after())) {
    return state.refuse(
        complete.index,
        {CrlErrc::kCertificateExpired,
         "the certificate expired before the CRL was issued, which need not list it"});
  }
  state.covered = static_cast<crl::ReasonSet>(state.covered | reasons);
  state.verdict.used.push_back(
      make_use(complete.index, complete.view(),
               delta != nullptr ? std::optional(delta->index) : std::nullopt,
               delta != nullptr ? &delta->view() : nullptr, reasons));
}

Result<pki::VerifiedCrl, CrlError> CrlEvaluator::find_signer(const Candidate& crl,
                                                             std::span<const Certificate> path,
                                                             OwnCrl own) {
  CrlError furthest{CrlErrc::kNoSigner, "no certificate of the CRL's issuer " +
                                            der::name_to_string(crl.view().issuer) + " is at hand"};
  const auto note = [&](const CrlError& error) {
    if (error.code > furthest.code) {
      furthest = error;
    }
  };
  std::vector<const Certificate*> tried;
  for (const std::span<const Certificate> pool : {path, evidence_.certificates}) {
    for (const Certificate& signer : pool) {
      const auto is_signer = [&](const Certificate* other) { return *other == signer; };
      if (!crl::same_name(signer.subject(), crl.view().issuer) ||
          std::any_of(tried.begin(), tried.end(), is_signer)) {
        continue;
      }
      tried.push_back(&signer);
      auto verified = verify(crl, signer);
      if (!verified) {
        note(verified.error());
        continue;
      }
      if (is_in_progress(signer) && own == OwnCrl::kNotBelieved) {
        note({CrlErrc::kSignerUndetermined,
              "the CRL is signed by the very certificate that is examined"});
        continue;
      }
      if (!contains(path, signer)) {
        if (auto trusted = check_trust(signer, path); !trusted) {
          note(trusted.error());
          continue;
        }
      }
      return verified;
    }
  }
  return Err{std::move(furthest)};
}

Result<Unit, CrlError> CrlEvaluator::check_trust(const Certificate& signer,
                                                 std::span<const Certificate> path) {
  if (in_progress_.size() >= kMaxCrlSignerDepth || ++signature_checks_ > kMaxCrlSignatureChecks) {
    return Err{CrlError{CrlErrc::kTooComplex, "too many CRL signers vouch for each other"}};
  }
  std::vector<Certificate> pool(path.begin(), path.end());
  pool.insert(pool.end(), evidence_.certificates.begin(), evidence_.certificates.end());
  const auto found = pki::find_path(signer, pool, path.last(1), now_, pki::LeafValidity::kChecked,
                                    policy_.algorithms);
  if (!found) {
    return Err{
        CrlError{CrlErrc::kSignerUntrusted,
                 "the CRL signer " + signer.subject_text() +
                     " does not lead to the certificate's trust anchor: " + found.error().detail}};
  }
  const std::span<const Certificate> signer_path(*found);
  for (std::size_t i = 0; i + 1 < signer_path.size(); ++i) {
    const Certificate& link = signer_path[i];
    if (contains(path, link) || is_in_progress(link)) {
      continue;
    }
    const CrlVerdict verdict = check(link, signer_path.subspan(i + 1));
    if (verdict.revoked() != nullptr) {
      return Err{CrlError{CrlErrc::kSignerRevoked,
                          link.subject_text() + ", which vouches for the CRL, is revoked"}};
    }
    if (const CrlUndetermined* undetermined = verdict.undetermined()) {
      return Err{CrlError{
          CrlErrc::kSignerUndetermined,
          "whether " + link.subject_text() +
              ", which vouches for the CRL, is revoked cannot be told: " + undetermined->detail}};
    }
  }
  return Unit{};
}

bool CrlEvaluator::has_current_delta(const Candidate& complete) const {
  return std::any_of(deltas_.begin(), deltas_.end(), [&](const Candidate& delta) {
    return crl::delta_fits(delta.view(), complete.view()) &&
           pki::check_crl_times(delta.view(), now_, policy_.times);
  });
}

const CrlEvaluator::Candidate* CrlEvaluator::find_delta(State& state, const Candidate& complete,
                                                        const Certificate& signer) {
  for (const Candidate& delta : deltas_) {
    if (!crl::delta_fits(delta.view(), complete.view())) {
      continue;
    }
    if (auto current = pki::check_crl_times(delta.view(), now_, policy_.times); !current) {
      state.refuse(delta.index, current.error());
    } else if (auto verified = verify(delta, signer); !verified) {
      state.refuse(delta.index, verified.error());
    } else {
      return &delta;
    }
  }
  return nullptr;
}

Result<pki::VerifiedCrl, CrlError> CrlEvaluator::verify(const Candidate& crl,
                                                        const Certificate& signer) {
  const auto key = std::pair(crl.index, signer.fingerprint());
  if (const auto known = verified_.find(key); known != verified_.end()) {
    return known->second;
  }
  if (++signature_checks_ > kMaxCrlSignatureChecks) {
    return Err{CrlError{CrlErrc::kTooComplex, "more than " +
                                                  std::to_string(kMaxCrlSignatureChecks) +
                                                  " signature checks for one certificate"}};
  }
  return verified_.emplace(key, crl.document->verify(signer, policy_.algorithms)).first->second;
}

bool CrlEvaluator::is_in_progress(const Certificate& certificate) const {
  return std::any_of(in_progress_.begin(), in_progress_.end(),
                     [&](const Certificate* other) { return *other == certificate; });
}

}  // namespace muster::client::internal
