#include "muster/responder/issued.h"

#include <algorithm>
#include <filesystem>

#include "muster/pki/keys.h"

namespace muster::responder {
namespace {

constexpr std::size_t kWarnings = 3;

bool before(const std::pair<Serial, IssuedCertificates::Digest>& entry, Bytes serial) {
  return less(entry.first.octets(), serial);
}

}  // namespace

pki::PkiResult<IssuedCertificates> IssuedCertificates::load(const std::string& directory,
                                                            const pki::Certificate& issuer,
                                                            std::vector<std::string>& warnings) {
  IssuedCertificates out;
  std::error_code error;
  std::filesystem::directory_iterator files(directory, error);
  if (error) {
    return Err{pki::PkiError{pki::PkiErrc::kUnreadable, directory + ": " + error.message() +
                                                            "; name a directory of certificates"}};
  }
  std::size_t seen = 0;
  std::size_t unfit = 0;
  for (const std::filesystem::directory_iterator end; files != end; files.increment(error)) {
    if (error || ++seen > kMaxFiles) {
      return Err{pki::PkiError{
          pki::PkiErrc::kUnreadable,
          directory + ": " +
              (error ? error.message() : "more than " + std::to_string(kMaxFiles) + " files")}};
    }
    std::error_code ignored;
    if (!files->is_regular_file(ignored)) {
      continue;
    }
    const auto certificates = pki::load_certificates(files->path().string());
    if (!certificates) {
      if (++unfit <= kWarnings) {
        warnings.push_back("issued certificates: " + certificates.error().detail);
      }
      continue;
    }
    for (const pki::Certificate& certificate : *certificates) {
      if (pki::same_name(certificate.issuer(), issuer.subject()) &&
          pki::verify_issued_by(certificate, issuer)) {
        out.all_.emplace_back(certificate.serial(), certificate.fingerprint());
      }
    }
  }
  if (unfit > kWarnings) {
    warnings.push_back("issued certificates: " + directory + " holds " +
                       std::to_string(unfit - kWarnings) + " more files that are no certificates");
  }
  std::sort(out.all_.begin(), out.all_.end(),
            [](const auto& a, const auto& b) { return before(a, b.first.octets()); });
  return out;
}

const IssuedCertificates::Digest* IssuedCertificates::find(Bytes serial) const {
  const auto found = std::lower_bound(all_.begin(), all_.end(), serial, before);
  return found != all_.end() && equal(found->first.octets(), serial) ? &found->second : nullptr;
}

}  // namespace muster::responder
