#include "held_crl.h"

#include <algorithm>

#include "muster/crl/combine.h"
#include "muster/crl/name_match.h"
#include "muster/pki/verified_crl.h"

namespace muster::source {
namespace {

bool is_self_signed(const pki::Certificate& certificate) {
  return certificate.is_self_issued() && pki::verify_issued_by(certificate, certificate);
}

bool leads_to(const pki::Certificate& certificate, std::span<const pki::Certificate> between,
              const pki::Certificate& anchor, UnixSeconds now) {
  return pki::find_path(certificate, between, {&anchor, 1}, now).operator bool();
}

/// Errors: kUnsupported.
Result<Unit, SourceError> check_role(const crl::CrlView& crl, const std::string& origin,
                                     const CrlTerms& terms) {
  const auto& point = crl.issuing_distribution_point;
  if (point && point->only_attribute_certs) {
    return Err{
        source_error(SourceErrc::kUnsupported, origin, "it is for attribute certificates only")};
  }
  if (!crl::same_name(crl.issuer, terms.issuer.subject()) && !crl.is_indirect()) {  // OCSP-CRL-026
    return Err{source_error(SourceErrc::kNotTrusted, origin,
                            "it is a CRL of " + der::name_to_string(crl.issuer) +
                                ", which is not the CA and does not say that it speaks for others "
                                "(indirectCRL; the CRL in use, if any, stays in force)")};
  }
  return Unit{};
}

}  // namespace

std::vector<pki::Certificate> usable_signers(const SourceSpec& spec, UnixSeconds now,
                                             std::vector<std::string>& problems) {
  const pki::Certificate& issuer = spec.issuer;
  std::vector<pki::Certificate> between = spec.crls.signers;
  between.insert(between.end(), spec.crls.signer_chain.begin(), spec.crls.signer_chain.end());
  std::vector<pki::Certificate> anchors{issuer};
  std::copy_if(between.begin(), between.end(), std::back_inserter(anchors),
               [&](const pki::Certificate& c) {
                 return is_self_signed(c) && leads_to(issuer, between, c, now);
               });
  std::vector<pki::Certificate> usable{issuer};
  for (const pki::Certificate& candidate : spec.crls.signers) {
    const bool trusted =
        std::any_of(anchors.begin(), anchors.end(), [&](const pki::Certificate& anchor) {
          return candidate == anchor || leads_to(candidate, between, anchor, now);
        });
    const auto& usage = candidate.facts().key_usage;
    if (!trusted) {
      problems.push_back("CRL signer " + candidate.subject_text() +
                         " is not certified by the CA or by a trust anchor that they share, or its "
                         "certificate has ended "
                         "(give the certificates between them in crl_signer_chain)");
    } else if (usage && (*usage & static_cast<std::uint16_t>(pki::KeyUsageBit::kCrlSign)) == 0) {
      problems.push_back("CRL signer " + candidate.subject_text() +
                         " may not sign CRLs: its key usage lacks cRLSign");
    } else {
      usable.push_back(candidate);
    }
  }
  return usable;
}

Result<HeldCrl, SourceError> judge_crl(std::shared_ptr<Content> content, const std::string& origin,
                                       const CrlTerms& terms) {
  crl::Limits limits;
  limits.max_message_bytes = terms.max_bytes;
  const auto crl = crl::parse_crl(content->bytes(), limits);
  if (!crl) {
    return Err{
        source_error(SourceErrc::kMalformed, origin,
                     "no CRL, or a damaged one: " + der::to_string(crl.error()) +
                         " (the CRL in use, if any, stays in force; publish it again, whole)")};
  }
  const auto verified = pki::verify_crl(*crl, terms.signers);
  if (!verified) {
    const bool is_foreign = verified.error().code == pki::CrlErrc::kNoSigner;
    return Err{source_error(SourceErrc::kNotTrusted, origin,
                            verified.error().detail + " (" +
                                std::string(to_string(verified.error().code)) +
                                "); the CRL in use, if any, stays in force (" +
                                (is_foreign ? "give the CA's own CRL, or name who else may sign it"
                                            : "get it from the CA anew") +
                                ")")};
  }
  MUSTER_CHECK(check_role(*crl, origin, terms));
  pki::CrlTimePolicy times;
  times.future_skew = terms.future_skew;
  if (const auto current = pki::check_crl_times(*crl, terms.now, times); !current) {
    if (current.error().code == pki::CrlErrc::kNotYetValid) {
      return Err{
          source_error(SourceErrc::kNotYetValid, origin,
                       current.error().detail +
                           " (the CRL in use, if any, stays in force; it is taken when its time "
                           "comes: compare the clocks)")};
    }
    if (current.error().code == pki::CrlErrc::kInvalidInterval) {
      return Err{
          source_error(SourceErrc::kMalformed, origin,
                       current.error().detail + " (the CRL in use, if any, stays in force)")};
    }
  }
  return HeldCrl{std::move(content), *crl, verified->signer(), origin};
}

std::string number_text(const crl::CrlView& crl) {
  return crl.crl_number ? "number " + to_hex(*crl.crl_number) : std::string("without number");
}

bool is_older(const crl::CrlView& next, const crl::CrlView& held) {
  return (next.crl_number && held.crl_number &&
          crl::compare_numbers(*next.crl_number, *held.crl_number) < 0) ||
         next.this_update < held.this_update;
}

std::optional<std::string> why_older(const crl::CrlView& next, const std::optional<Buffer>& number,
                                     const std::optional<UnixSeconds>& this_update) {
  const bool lower =
      next.crl_number && number && crl::compare_numbers(*next.crl_number, *number) < 0;
  const bool earlier = this_update && next.this_update < *this_update;
  if (!lower && !earlier) {
    return std::nullopt;
  }
  std::string what = "it is older than the CRL in use:";
  what += lower ? " number " + to_hex(*next.crl_number) + " after " + to_hex(*number) : "";
  what += earlier ? std::string(lower ? "," : "") + " thisUpdate " +
                        format_iso8601(next.this_update) + " after " + format_iso8601(*this_update)
                  : "";
  return what + " (the newer one stays in force)";
}

Result<Unit, SourceError> for_each_entry_of(
    const HeldCrl& held, const pki::Certificate& issuer, const std::stop_token& stop,
    const std::function<Result<Unit, SourceError>(const Serial&, const crl::EntryView&)>& visit) {
  constexpr std::size_t kEntriesBetweenLooks = 4096;
  std::optional<SourceError> failed;
  std::size_t n = 0;
  Bytes judged;  // the certificate issuer in force, compared once: names repeat over millions of
                 // entries
  bool is_ours = crl::same_name(held.view.issuer, issuer.subject());
  crl::for_each_entry(held.view, [&](const crl::AttributedEntry& attributed) {
    if (n++ % kEntriesBetweenLooks == 0 && stop.stop_requested()) {
      failed = source_error(SourceErrc::kStopped, held.origin, "stopped");
      return crl::Walk::kStop;
    }
    if (attributed.certificate_issuer.data() != judged.data()) {
      judged = attributed.certificate_issuer;
      is_ours = crl::same_name(judged, issuer.subject());
    }
    if (!is_ours) {
      return crl::Walk::kContinue;
    }
    const auto serial = Serial::make(attributed.entry.serial);
    MUSTER_ASSERT(serial);  // checked when the CRL was parsed
    if (auto visited = visit(*serial, attributed.entry); !visited) {
      failed = visited.error();
      return crl::Walk::kStop;
    }
    return crl::Walk::kContinue;
  });
  if (failed) {
    return Err{*std::move(failed)};
  }
  return Unit{};
}

store::Status status_of(const crl::EntryView& entry) {
  store::Status status;
  status.state =
      entry.reason == ReasonCode::kCertificateHold ? store::State::kHold : store::State::kRevoked;
  status.revoked_at = entry.revocation_date;
  status.reason = entry.reason;
  status.invalidity_date = entry.invalidity_date;
  status.told_by_crl = true;
  return status;
}

}  // namespace muster::source
