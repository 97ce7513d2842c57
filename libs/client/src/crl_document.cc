#include "muster/client/crl_document.h"

#include <system_error>

#include "muster/crl/signed_part.h"

namespace muster::client {
namespace {

Bytes behind(Bytes octets, std::size_t offset) {
  return octets.subspan(std::min(offset, octets.size()));
}

}  // namespace

CrlDocument::CrlDocument(Buffer der, const crl::Limits& limits)
    : octets_(std::move(der)), der_(octets_), limits_(limits) {}

CrlDocument::CrlDocument(MappedFile file, std::size_t offset, const crl::Limits& limits)
    : file_(std::move(file)), der_(behind(file_.octets(), offset)), limits_(limits) {}

std::shared_ptr<const CrlDocument> CrlDocument::of_view(Bytes der, const crl::Limits& limits) {
  return std::shared_ptr<const CrlDocument>(new CrlDocument(View{}, der, limits));
}

const der::DerResult<crl::CrlView>& CrlDocument::view() const {
  std::call_once(parsed_, [this] { parse(); });
  return *view_;
}

void CrlDocument::parse() const {
  const auto part = der_.size() >= kLargeFrom ? crl::find_signed_part(der_) : std::nullopt;
  if (part) {
    const auto hash = [this, part = *part](const std::stop_token& stop) {
      digest_ = pki::digest_tbs(part.algorithm, part.tbs, stop);
    };
    try {
      hashing_ = std::jthread(hash);
    } catch (const std::system_error&) {
      // No more threads now: verify() hashes by itself.
    }
  }
  view_.emplace(crl::parse_crl(der_, limits_));
  if (!*view_) {
    hashing_.request_stop();
  } else if (part && !(*view_)->is_indirect()) {
    serials_.emplace(**view_);
  }
}

Result<pki::VerifiedCrl, pki::CrlError> CrlDocument::verify(
    const pki::Certificate& signer, const pki::AlgorithmPolicy& policy) const {
  const Question question(signer.fingerprint(),
                          {policy.insecurely_allow_sha1 ? 1U : 0U,
                           policy.insecurely_allow_dsa ? 1U : 0U, policy.min_rsa_bits});
  // Held while it verifies: of several who ask at once one does the work.
  const std::lock_guard lock(mutex_);
  if (const auto known = verified_.find(question); known != verified_.end()) {
    return known->second;
  }
  if (hashing_.joinable()) {
    hashing_.join();
  }
  auto verified = pki::verify_crl(*view(), {&signer, 1}, policy, digest_ ? &*digest_ : nullptr);
  if (verified_.size() < kMaxSigners) {
    verified_.emplace(question, verified);
  }
  return verified;
}

std::optional<crl::EntryView> CrlDocument::find(Bytes serial, Bytes certificate_issuer) const {
  const crl::CrlView& crl = **view_;
  if (crl.is_indirect()) {
    return crl::find_entry(crl, serial, certificate_issuer);
  }
  if (++looked_up_ < (serials_ ? kLargeIndexedFrom : kIndexedFrom)) {
    return serials_ ? serials_->find(serial, certificate_issuer)
                    : crl::find_entry(crl, serial, certificate_issuer);
  }
  std::call_once(indexed_, [&] {
    if (serials_) {
      index_.emplace(*serials_);
    } else {
      index_.emplace(crl::SerialList(crl));
    }
  });
  return index_->find(serial, certificate_issuer);
}

}  // namespace muster::client
