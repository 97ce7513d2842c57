#pragma once

#include <array>
#include <string>
#include <vector>

#include "muster/pki/certificate.h"

namespace muster::responder {

/// SHA-256 of the certificates an issuer issued, by serial: what CertHash says (Common PKI part 4).
/// The store holds statuses alone, so they are read from a directory of certificates when the
/// configuration is loaded, and again at each reload (decision 024). Threads: immutable, any.
class IssuedCertificates {
 public:
  using Digest = std::array<std::uint8_t, 32>;
  /// More files than this are an error: this is for CAs of modest size.
  static constexpr std::size_t kMaxFiles = 1'000'000;
  /// Every certificate (PEM or DER, one a file or several) directly in `directory` that the key of
  /// `issuer` signed; others do not count. Files that are no certificates are named in `warnings`,
  /// a few of them.
  static pki::PkiResult<IssuedCertificates> load(const std::string& directory,
                                                 const pki::Certificate& issuer,
                                                 std::vector<std::string>& warnings);
  /// Null when the certificate is not known.
  [[nodiscard]] const Digest* find(Bytes serial) const;
  [[nodiscard]] std::size_t size() const { return all_.size(); }

 private:
  std::vector<std::pair<Serial, Digest>> all_;  // sorted by serial
};

}  // namespace muster::responder
