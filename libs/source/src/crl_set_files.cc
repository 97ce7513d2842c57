#include "muster/source/crl_set_files.h"

#include <sys/stat.h>

#include <algorithm>

#include "muster/base/text.h"
#include "muster/http/url.h"
#include "muster/source/ldap.h"

namespace muster::source {
namespace {

Err<SourceError> unsupported(const std::string& entry, std::string_view what) {
  return Err{SourceError{SourceErrc::kUnsupported,
                         "CRL source \"" + printable(entry) + "\": " + std::string(what)}};
}

bool is_directory(const std::string& path) {
  struct stat info {};
  return path.ends_with('/') || (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode));
}

Result<std::vector<std::string>, SourceError> parse_urls(const std::string& entry) {
  std::vector<std::string> urls;
  for (const std::string_view piece : split(entry, ' ')) {
    if (piece.empty()) {
      continue;
    }
    if (!http::parse_url(piece) && !complete_ldap_url(piece)) {
      return unsupported(
          entry, is_ldap_url(piece)
                     ? "an LDAP URL must name a host, an entry and at most one attribute with CRLs "
                       "(ldap://host/DN?certificateRevocationList;binary)"
                     : "neither an http, https, ldap nor ldaps URL");
    }
    urls.emplace_back(piece);
  }
  if (urls.size() > kMaxAlternatives) {
    return unsupported(entry,
                       "more than " + std::to_string(kMaxAlternatives) + " URLs for one CRL");
  }
  return urls;
}

Result<std::vector<pki::Certificate>, SourceError> load_certificates(const std::string& path,
                                                                     const char* key) {
  if (path.empty()) {
    return std::vector<pki::Certificate>();
  }
  auto certificates = pki::load_certificates(path);
  if (!certificates) {
    return Err{SourceError{SourceErrc::kUnreadable,
                           std::string(key) + ": " + certificates.error().detail}};
  }
  return *std::move(certificates);
}

}  // namespace

Result<CrlSetSpec, SourceError> load_crl_set(const CrlSetFiles& files) {
  CrlSetSpec spec = files.rules;
  for (const std::string& entry : files.sources) {
    if (entry.empty()) {
      return unsupported(entry, "it is empty");
    }
    if (entry.find("://") != std::string::npos) {
      MUSTER_TRY(spec.locations.emplace_back(), parse_urls(entry));
    } else {
      (is_directory(entry) ? spec.directories : spec.files).push_back(entry);
    }
  }
  for (const std::string& entry : files.issued) {
    if (entry.empty() || entry.find("://") != std::string::npos) {
      return unsupported(entry, "a list of issued serials is a file or a directory");
    }
    (is_directory(entry) ? spec.issued_directories : spec.issued_files).push_back(entry);
  }
  if (spec.partitions.size() > kMaxPartitions) {
    return unsupported(spec.partitions.front(),
                       "more than " + std::to_string(kMaxPartitions) + " partitions");
  }
  MUSTER_TRY(spec.signers, load_certificates(files.signers, "signers"));
  MUSTER_TRY(spec.signer_chain, load_certificates(files.signer_chain, "signer_chain"));
  return spec;
}

std::string describe(const CrlSetFiles& files) {
  const auto joined = [](const std::vector<std::string>& entries) {
    std::string text;
    for (const std::string& entry : entries) {
      text += (text.empty() ? "" : ", ") + entry;
    }
    return text;
  };
  return joined(files.sources) + (files.issued.empty() ? "" : "; issued: " + joined(files.issued));
}

}  // namespace muster::source
