#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/base/time.h"
#include "muster/pki/certificate.h"

// CRLs and lists of issued serials that together are the source of one issuer (decisions 028, 029
// and 030).
namespace muster::source {

/// CRLs one issuer's set holds at most, complete and delta.
inline constexpr std::size_t kMaxHeldCrls = 2048;
/// Files looked at in one directory at most.
inline constexpr std::size_t kMaxDirectoryFiles = 4096;
/// Names of partitions one set may be told of.
inline constexpr std::size_t kMaxPartitions = 4096;
/// removeFromCRL entries one delta CRL may have; they are held in memory while it is applied.
inline constexpr std::size_t kMaxDeltaRemovals = 1'000'000;
/// Places to fetch one CRL from, and places that freshestCRL extensions add to a set.
inline constexpr std::size_t kMaxAlternatives = 8;
inline constexpr std::size_t kMaxFreshestLocations = 64;

/// Which certificates an issuer issues: what a set of CRLs must cover to be complete.
enum class CertificateKinds : std::uint8_t { kAll, kUserOnly, kCaOnly };

struct CrlSetSpec {
  std::vector<std::string> files;        ///< CRLs, PEM or DER
  std::vector<std::string> directories;  ///< every CRL in them: *.crl, *.der, *.pem, *.r0
  /// Each one CRL: http, https, ldap or ldaps URLs tried in order until one gives an acceptable
  /// one.
  std::vector<std::vector<std::string>> locations;
  /// Certificates whose keys may sign CRLs beside the issuer's own.
  std::vector<pki::Certificate> signers;
  /// What is needed to check them: those between them and the issuer, or the trust anchor they
  /// share with it.
  std::vector<pki::Certificate> signer_chain;
  /// Distribution point URIs of the CRLs that together cover the issuer; empty: one CRL without
  /// distribution point does.
  std::vector<std::string> partitions;
  CertificateKinds kinds = CertificateKinds::kAll;
  /// How long past its nextUpdate a CRL is still used. Beyond zero, answers outlive it.
  Seconds grace{0};
  std::optional<Seconds> max_age;  ///< of a CRL's thisUpdate, whatever its nextUpdate says

  std::vector<std::string> issued_files;        ///< lists of issued serials, or index.txt
  std::vector<std::string> issued_directories;  ///< every file in them
  /// A list not written for longer says nothing any more about serials that it lacks.
  std::optional<Seconds> issued_max_age;

  enum class Freshest : std::uint8_t { kIgnored, kFollowed } freshest = Freshest::kIgnored;
  Seconds refresh{3600};            ///< between two looks at a URL that answers
  Milliseconds time_limit{60'000};  ///< for one download
  enum class HttpPem : std::uint8_t { kRefused, kAccepted } http_pem = HttpPem::kRefused;
  std::string proxy{};                           ///< for http and https; empty: none
  std::size_t max_bytes = std::size_t{1} << 30;  ///< of one CRL or list
  friend bool operator==(const CrlSetSpec&, const CrlSetSpec&) = default;

  /// Whether there is one CRL at a time, each taking the place of the one before whatever its scope
  /// and key identifier.
  [[nodiscard]] bool is_one_crl() const {
    return files.size() == 1 && directories.empty() && locations.empty() && partitions.size() <= 1;
  }
  [[nodiscard]] bool lists_issued() const {
    return !issued_files.empty() || !issued_directories.empty();
  }
};

}  // namespace muster::source
