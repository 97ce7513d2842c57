#include "muster/client/crl_document.h"

namespace muster::client {
namespace {

/// Smaller files are read: nobody can then change them under us.
constexpr std::size_t kMappedFrom = std::size_t{1} << 20;
constexpr std::size_t kMaxCrlFileBytes = std::size_t{1} << 30;

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
  std::call_once(parsed_, [this] { view_.emplace(crl::parse_crl(der_, limits_)); });
  return *view_;
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
  auto verified = pki::verify_crl(*view(), {&signer, 1}, policy);
  if (verified_.size() < kMaxSigners) {
    verified_.emplace(question, verified);
  }
  return verified;
}

std::optional<crl::EntryView> CrlDocument::find(Bytes serial, Bytes certificate_issuer) const {
  const crl::CrlView& crl = **view_;
  if (crl.is_indirect() || ++looked_up_ < kIndexedFrom) {
    return crl::find_entry(crl, serial, certificate_issuer);
  }
  std::call_once(indexed_, [&] { index_.emplace(crl); });
  return index_->find(serial, certificate_issuer);
}

pki::PkiResult<std::shared_ptr<const CrlDocument>> load_crl(const std::string& path) {
  if (path != "-") {
    auto mapped = MappedFile::open(path, kMaxCrlFileBytes);
    if (mapped && mapped->octets().size() >= kMappedFrom && mapped->octets()[0] == 0x30) {
      return std::make_shared<const CrlDocument>(*std::move(mapped));
    }
  }
  auto octets = read_file(path, kMaxCrlFileBytes);
  if (!octets) {
    return Err{pki::PkiError{pki::PkiErrc::kUnreadable, to_string(octets.error())}};
  }
  auto der = pki::decode_crl_input(*std::move(octets));
  if (!der) {
    return Err{pki::PkiError{der.error().code, path + ": " + der.error().detail}};
  }
  return std::make_shared<const CrlDocument>(*std::move(der));
}

}  // namespace muster::client
