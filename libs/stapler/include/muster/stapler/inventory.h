#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "muster/base/file_system.h"
#include "muster/keeper/keeper.h"
#include "muster/pki/recent_certificates.h"

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
  /// Positions in Inventory::entries of the certificates whose chain it was found in, in order;
  /// only with InventoryOptions::chain.
  std::vector<std::size_t> below{};
};
struct Inventory {
  std::vector<InventoryEntry> entries;
  /// One sentence for each file that could not be used: what, where, what to do.
  std::vector<std::string> problems;
};
/// Whether both are the same certificate under the same name, asked about in the same way.
bool is_same(const keeper::Watched& a, const keeper::Watched& b);
/// Whether both name the same certificates for the same files, with the same problems.
bool is_same(const Inventory& a, const Inventory& b);

/// What a certificate is called that nobody gave a name: "web" for "/etc/tls/web.pem" and
/// "/etc/tls/web.chain.pem"; the directory for what every certificate of an ACME client is called.
std::string name_for(const std::string& path);

/// Whether an entry of this name in a directory of the inventory is a file of certificates: *.pem,
/// *.crt, *.cer or *.der, and not hidden.
bool is_certificate_file(std::string_view name);

/// Reads everything anew. In a file every certificate that is not a CA is one to keep a staple for,
/// whatever the order, so that an RSA and an ECDSA certificate may share a file (OCSP-STAP-012); a
/// file with CA certificates alone means the first, unless it lies in a directory, where it only
/// lends issuers. An issuer counts when its name and key fit the signature, not by position.
Inventory load_inventory(const std::vector<CertificateSource>& sources,
                         const InventoryOptions& options);

/// Reads the inventory again and again: files that did not change are not read, and one that cannot
/// be used now - half-written, damaged, gone - leaves in force what it held before (decision 053).
/// Threads: one.
class InventoryReader {
 public:
  /// What becomes of what a directory held in a file that is gone: it may be about to be replaced.
  enum class Gone : std::uint8_t {
    kWait,  ///< it is dropped when it has been gone for kGoneGrace
    kDrop,
  };
  static constexpr Seconds kGoneGrace{10};
  /// When the signature of a certificate that is read is verified under its issuer's key.
  enum class Proof : std::uint8_t {
    kNow,
    /// By prove_some() or prove_if(), where one issuer alone comes into question by its name and
    /// key identifier; until then it is taken to be the issuer. A hundred thousand signatures take
    /// ten seconds, which a start would wait for.
    kLater,
  };

  /// \param changed  files that may have changed since the last reading: with Gone::kWait others
  /// that could be used then are taken as they were, without a look; null: any may have.
  Inventory read(const std::vector<CertificateSource>& sources, const InventoryOptions& options,
                 Gone gone, Seconds monotonic_now, const std::set<std::string>* changed = nullptr,
                 Proof proof = Proof::kNow);
  /// Verifies what was put off, in turn: certificates of files until `most` were verified.
  /// \return Whether those hold. If not, the next reading reads what does not hold anew and finds
  /// another issuer or has a problem: it is to come at once.
  [[nodiscard]] bool prove_some(std::size_t most);
  /// The same of all certificates for which `counts` is true.
  [[nodiscard]] bool prove_if(const std::function<bool(const keeper::Fingerprint&)>& counts);
  /// Files and directories that the last reading depended on.
  [[nodiscard]] const std::set<std::string>& places() const { return places_; }
  /// Whether a file is to be read again although nothing changes: it could not be used, or is gone,
  /// or was changed so shortly before it was read that a later change would not show.
  [[nodiscard]] bool is_restless() const { return is_restless_; }

 private:
  friend class InventoryLoader;
  /// A certificate to keep a staple for.
  struct Found {
    pki::Certificate certificate, issuer;
    std::size_t leaf = 0;   ///< position among those of its file
    std::size_t depth = 0;  ///< above that leaf: an intermediate
    bool is_proven = true;  ///< its signature was verified
  };
  struct File {
    FileStamp stamp;
    std::vector<Found> found;
    std::vector<pki::Certificate> lends;  ///< of a file without a leaf
    bool is_settled = false;              ///< need not be read again while its stamp stays
    std::optional<Seconds> gone_since{};
  };
  /// Verifies what was put off of one file, where it counts; drops what does not hold.
  bool prove(File& file, const std::function<bool(const keeper::Fingerprint&)>& counts,
             std::size_t& verified);

  /// Files share an object for the CAs at the end of their chains, also with those read before.
  static constexpr std::size_t kMostShared = 1024;
  pki::RecentCertificates recent_{kMostShared};
  std::map<std::string, File> files_;
  std::set<std::string> places_;
  std::optional<std::string> unproven_from_;  ///< the file prove_some() goes on at; nothing: done
  bool chain_ = false;
  bool is_restless_ = false;
};

}  // namespace muster::stapler
