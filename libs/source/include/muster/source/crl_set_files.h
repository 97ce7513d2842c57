#pragma once

#include "muster/source/load.h"

namespace muster::source {

/// A set of CRLs and lists as an operator names it.
struct CrlSetFiles {
  /// Each one CRL or a directory of them: a path (a directory ends in '/' or is one), or one or
  /// more http, https, ldap or ldaps URLs separated by blanks, of which the first that gives an
  /// acceptable CRL counts.
  std::vector<std::string> sources;
  std::string signers;       ///< file of certificates that may sign CRLs beside the CA; empty: none
  std::string signer_chain;  ///< file of what is needed to check them
  std::vector<std::string> issued;  ///< lists of issued serials: files or directories
  CrlSetSpec rules;  ///< everything but files, directories, locations, certificates and lists

  [[nodiscard]] bool lists_issued() const { return !issued.empty(); }
  [[nodiscard]] bool empty() const { return sources.empty() && issued.empty(); }
};

/// Reads the certificates and sorts the sources. Errors: kUnreadable, kUnsupported (a URL that is
/// none, too many of something), each naming the entry.
Result<CrlSetSpec, SourceError> load_crl_set(const CrlSetFiles& files);

/// "ca.crl, http://ca/delta.crl; issued: issued.txt": for people.
std::string describe(const CrlSetFiles& files);

}  // namespace muster::source
