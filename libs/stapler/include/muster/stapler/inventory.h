#pragma once

#include <string>
#include <vector>

#include "muster/keeper/keeper.h"

// Which certificates to keep staples for: files and directories of PEM or DER.
namespace muster::stapler {

/// One line of the inventory as the operator wrote it.
struct CertificateSource {
  std::string path;    ///< file with the certificate (and its chain), or a directory of such files
  std::string issuer;  ///< file that holds its issuer, when the chain is not in `path`
  std::string
      name;  ///< for people and output files; empty: made from the path. Not for directories
  std::string output;  ///< where its DER staple goes; empty: <out>/<name>.ocsp. Not for directories
  std::vector<std::string> responders;  ///< asked instead of the URLs in the certificate
};

struct InventoryOptions {
  std::vector<std::string> issuers;  ///< files in which issuers are also looked for
  std::string out;                   ///< directory for DER staples; empty: only explicit outputs
  bool chain = false;                ///< also keep staples for the intermediates (OCSP-STAP-013)
};

struct InventoryEntry {
  keeper::Watched watched;
  std::string output;  ///< empty: none
  std::string path;    ///< file it was read from
  /// Watched because it stands above another one (InventoryOptions::chain): no server presents it.
  bool is_intermediate = false;
};
struct Inventory {
  std::vector<InventoryEntry> entries;
  /// One sentence for each file that could not be used: what, where, what to do.
  std::vector<std::string> problems;
};

/// Reads everything anew. In a file every certificate that is not a CA is one to keep a staple for,
/// whatever the order, so that an RSA and an ECDSA certificate may share a file (OCSP-STAP-012); a
/// file with CA certificates alone means the first, unless it lies in a directory, where it only
/// lends issuers. An issuer counts when its name and key fit the signature, not by position.
Inventory load_inventory(const std::vector<CertificateSource>& sources,
                         const InventoryOptions& options);

}  // namespace muster::stapler
