#include "probe.h"

#include "data_age.h"
#include "key_watch.h"
#include "loading.h"
#include "muster/ocsp/ocsp.h"
#include "store_mark.h"

namespace muster::node {
namespace {

/// A trial costs a signature, which may be an HSM's.
constexpr Milliseconds kTrialInterval{5'000};

/// A serial no CA issues: asked about to see whether an answer comes at all.
const Serial& probe_serial() {
  static const Serial serial = *Serial::from_hex("6D757374657270726F6265");
  return serial;
}

/// Why no signature can be had of it; empty: one can.
std::string why_not(const responder::IssuerSigner& signer, UnixSeconds now) {
  if (!signer.is_usable(now)) {
    return now < signer.not_after ? "its certificate, or the CA's, is not valid yet"
                                  : "it ended " + format_iso8601(signer.not_after);
  }
  Buffer signature;
  const auto made = signer.signing.clone().sign(as_bytes("muster: trial"), signature);
  if (made) {
    return "";
  }
  const std::string trouble = trouble_of(signer.signing);
  const bool is_new = !trouble.empty() && made.error().detail.find(trouble) == std::string::npos;
  return made.error().detail + (is_new ? "; the last time: " + trouble : "");
}

}  // namespace

std::vector<Check> Probe::ask_all(const std::shared_ptr<const responder::Setup>& setup,
                                  const std::vector<source::SourceStatus>& sources) {
  responder::Counters unseen;
  responder::Answerer answerer(setup, store_.reader(), unseen);
  answerer.set_clock_error(clock_error_ ? clock_error_() : responder::kernel_clock_error());
  std::vector<Check> checks;
  for (const responder::Issuer& issuer : setup->issuers()) {
    ocsp::Request request;
    request.requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha256, issuer.certificates.front(), probe_serial()),
         {}});
    const responder::Answer answer = answerer.answer(ocsp::encode_request(request), clock_.now());
    const ocsp::ResponseStatus status = responder::status_for(answer.cause);
    const bool cannot =
        answer.cause != responder::Cause::kNone && (status == ocsp::ResponseStatus::kTryLater ||
                                                    status == ocsp::ResponseStatus::kInternalError);
    Check check{"answer", issuer.label, !cannot, ""};
    if (cannot) {
      check.why = "requests are answered " + std::string(ocsp::to_string(status)) + ": " +
                  std::string(responder::to_string(answer.cause));
      const auto reader = store_.reader();
      reader->renew();
      if (waits_for_first_push(reader->issuer_state(issuer.store_id))) {
        check.why += "; " + std::string(kWaitsForFirstPush);
      }
      if (const auto* const state = reader->issuer_state(issuer.store_id);
          state != nullptr && store::is_behind(*state)) {
        check.why += "; " + std::string(kStoreIsBehind);
      }
    }
    if (answer.cause == responder::Cause::kSourceStale) {
      for (const source::SourceStatus& source : sources) {
        const std::string lists =
            source.label == issuer.label ? trouble_with_lists(source, clock_.now()) : std::string();
        if (!lists.empty()) {
          check.is_ok = true;
          check.why = lists;
        }
      }
    }
    checks.push_back(std::move(check));
  }
  return checks;
}

std::vector<SignerFigures> Probe::try_signers(
    const std::shared_ptr<const responder::Setup>& setup) {
  const std::lock_guard lock(mutex_);
  const MonotonicTime now = clock_.monotonic();
  if (setup == tried_for_ && now - tried_at_ < kTrialInterval) {
    return tried_;
  }
  tried_for_ = setup;
  tried_at_ = now;
  tried_.clear();
  const UnixSeconds at = clock_.now();
  for (const responder::Issuer& issuer : setup->issuers()) {
    for (const responder::IssuerSigner& signer : issuer.signers) {
      const std::string why = why_not(signer, at);
      tried_.push_back({issuer.label, signer.label, signer.not_after, why.empty(), why});
    }
  }
  return tried_;
}

}  // namespace muster::node
