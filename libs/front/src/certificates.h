#pragma once

#include "muster/front/front.h"

namespace muster::front {

/// The certificates of the options, loaded.
struct LoadedCertificates {
  std::vector<tls::ServerCertificate> served;
  std::vector<keeper::Watched> watched;  ///< those that a staple can be kept for, each once
  std::vector<std::string> problems;     ///< one sentence for each that no staple can be kept for
};

/// Errors: kUsage (none given), kInput (a file that cannot be read, a key that does not fit).
Result<LoadedCertificates, FrontError> load_certificates(const FrontOptions& options);

}  // namespace muster::front
