#pragma once

#include "muster/edge/answers.h"
#include "muster/edge/manifest.h"
#include "muster/edge/purge.h"

// Signed answers as files, for web servers and CDNs that know nothing of OCSP.
namespace muster::edge {

struct ExportOptions {
  /// "tree" in it is what servers serve; "manifest" says what is there. Made when absent.
  std::string directory;
  std::vector<HashAlgorithm> hashes{HashAlgorithm::kSha1, HashAlgorithm::kSha256};
  /// How often the export is run: what falls due before the next time is made anew now.
  Seconds interval{3600};
  bool renew_all = false;
  std::optional<pki::PrivateKey> manifest_key{};  ///< nothing: the manifest is not signed
  PurgeOptions purge;
};

struct ExportReport {
  std::uint64_t number = 0;  ///< of the manifest
  std::size_t files = 0;     ///< in the tree now
  std::size_t written = 0, kept = 0, removed = 0;
  std::size_t changed = 0;   ///< written or removed where caches may hold something else
  std::size_t left_out = 0;  ///< certificates (each hash by itself) without an answer for everybody
  std::string left_out_why;  ///< of the first of them
  std::vector<std::string> closed_issuers;  ///< labels: not everybody may ask about them
  PurgeReport purge;
};

enum class ExportErrc : std::uint8_t {
  kBusy,     ///< another process exports there
  kInput,    ///< store, manifest or issuers are not what they should be
  kAnswers,  ///< there are no answers now
  kIo,
};
struct ExportError {
  ExportErrc code;
  std::string detail;  ///< what, where, what to do
};

/// Brings the tree to what `answers` says of every certificate `store` has a record of, for every
/// issuer everybody may ask about: first those that do not stand any more, then the others. Files
/// of certificates that are answered no more are removed. Each file is replaced at once; the
/// manifest comes last. On an error, or a death in between, the next run makes up for it; what the
/// tree held stays served, but for revocations that were seen, which are never good any more.
/// Blocks.
Result<ExportReport, ExportError> run_export(const ExportOptions& options,
                                             const responder::Setup& setup,
                                             const store::Store& store, AnswerSource& answers,
                                             const Clock& clock, Logger& logger);

}  // namespace muster::edge
