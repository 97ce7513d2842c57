#pragma once

#include "muster/front/front.h"

namespace muster::front {

/// What staples can be kept for, each once.
struct WatchedCertificates {
  std::vector<keeper::Watched> served;
  /// Intermediates, where the TLS library can staple for whole chains. Nobody waits for theirs: a
  /// stapler that is followed may not keep any.
  std::vector<keeper::Watched> above{};

  /// All that a shelf or a keeper must know.
  [[nodiscard]] std::vector<keeper::Watched> all() const;
  /// Adds those of `others` that are not among these.
  void add(const WatchedCertificates& others);
};

/// The certificates of the options, loaded.
struct LoadedCertificates {
  std::vector<tls::ServerCertificate> served;
  WatchedCertificates watched;
  std::vector<std::string> problems;  ///< one sentence for each that no staple can be kept for
};

/// Errors: kUsage (none given), kInput (a file that cannot be read, a key that does not fit).
Result<LoadedCertificates, FrontError> load_certificates(const FrontOptions& options);

}  // namespace muster::front
