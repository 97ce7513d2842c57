#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "muster/pki/certificate.h"
#include "muster/source/crl_set.h"
#include "muster/store/store.h"

// From a file that says which certificates are revoked into the store, as a whole or not at all.
namespace muster::source {

enum class SourceErrc : std::uint8_t {
  kUnreadable,   ///< missing, no permission, not a file
  kChanging,     ///< written while it was read
  kMalformed,    ///< not what it should be, or half-written
  kConflict,     ///< contradicts itself
  kEmptied,      ///< an index without records where records were known
  kNotTrusted,   ///< a CRL that the issuer's key did not sign, or that may not be used
  kUnsupported,  ///< a CRL that does not cover all the issuer's certificates
  kRollback,     ///< a CRL older than the one in use
  kNotYetValid,  ///< a CRL from the future
  kStore,        ///< the store refused
  kStopped,      ///< the stop token asked for it
  kNoBase,       ///< a delta CRL without the complete CRL it continues
  kIncomplete,   ///< in use, but the CRLs do not cover all certificates: only revocations are
                 ///< answered
  kUnreachable,  ///< could not be fetched
};
std::string_view to_string(SourceErrc code);
struct SourceError {
  SourceErrc code;
  std::string detail;  ///< what, where, what to do
};

enum class SourceKind : std::uint8_t {
  kIndexTxt,
  kCrl,     ///< one CRL that covers everything
  kCrlSet,  ///< see CrlSetSpec
};
std::string_view to_string(SourceKind kind);

/// What speaks for one issuer.
struct SourceSpec {
  SourceKind kind;
  std::string path;         ///< of the file; of a set: how it is called
  pki::Certificate issuer;  ///< a CRL must verify under it
  store::IssuerId id;       ///< in the store
  std::string label;        ///< for people
  CrlSetSpec crls{};        ///< of kCrlSet
};

struct LoadOptions {
  UnixSeconds now{};
  /// What a CRL without nextUpdate gets as one: thisUpdate plus this (OCSP-CRL-005).
  Seconds max_age_without_next_update{86400};
  Seconds future_skew{300};  ///< tolerance for the thisUpdate of a CRL
  std::size_t max_crl_bytes = std::size_t{1} << 30;
  /// Where CRLs and lists of issued serials in use are kept across restarts, a directory for each
  /// issuer. Empty: in memory, so that nothing but the store's number guards against a rollback
  /// over a restart.
  std::string state_directory;
  /// What becomes of certificates that an index lacks although they are neither revoked nor
  /// expired: they stay, and an index without any records is refused; or they are given up.
  enum class Missing : std::uint8_t { kKept, kGivenUp } missing = Missing::kKept;
  std::stop_token stop;
  /// Called with the path before an index is opened: stands for a file system that hangs.
  std::function<void(const std::string& path)> before_open_for_test;
};

/// What tells one state of a file from another.
struct FileStamp {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

struct LoadReport {
  FileStamp stamp;  ///< of the file as it was read
  std::uint64_t sequence = 0;
  store::ReplacementReport changes;
  /// Revoked before, and now missing or good although the certificate has not expired: kept revoked
  /// (OCSP-RESP-068, OCSP-CRL-051). Somebody should look.
  [[nodiscard]] std::uint64_t kept_revoked() const { return changes.kept - changes.kept_good; }
  /// Listed before, and missing in the index now although they have not expired: kept, since an
  /// index that was cut or is an old copy looks like that. Somebody should look.
  [[nodiscard]] std::uint64_t kept_good() const { return changes.kept_good; }
  /// For people, when kept_revoked() is not zero.
  [[nodiscard]] std::string kept_text() const;
  /// For people, when kept_good() is not zero.
  [[nodiscard]] std::string kept_good_text() const;
};

/// Reads the file, checks it and replaces the issuer's records in the store by it in one
/// transaction. On every error the store keeps its state. Blocks (disk, CPU): not for event loops.
/// Errors: see SourceErrc.
Result<LoadReport, SourceError> load(store::Store& store, const SourceSpec& spec,
                                     const LoadOptions& options);

/// Notes that the source was looked at and is still what was loaded.
Result<Unit, SourceError> confirm(store::Store& store, store::IssuerId id, UnixSeconds now);

/// Under which name the store knows an issuer: SHA-256 over its Name and SubjectPublicKeyInfo
/// elements.
store::IssuerKey make_issuer_key(const pki::Certificate& issuer);

}  // namespace muster::source
