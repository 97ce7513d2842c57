#pragma once

#include <stop_token>

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
  /// How long another run that is under way is waited for.
  Milliseconds patience{600'000};
  /// A manifest that were larger could not be read again and is not written.
  std::size_t max_manifest_bytes = std::size_t{4} << 30;
  /// Asks for no more answers, and ends with what it has, as after an error: kStopped.
  std::stop_token stop{};
};

struct ExportReport {
  std::uint64_t number = 0;  ///< of the manifest
  UnixSeconds until{};       ///< when the first of the answers ends
  std::size_t files = 0;     ///< in the tree now
  std::size_t written = 0, kept = 0, removed = 0;
  std::size_t changed = 0;   ///< written or removed where caches may hold something else
  std::size_t left_out = 0;  ///< certificates (each hash by itself) without an answer for everybody
  std::string left_out_why;  ///< of the first of them
  std::vector<std::string> closed_issuers;  ///< labels: not everybody may ask about them
  PurgeReport purge;
};

enum class ExportErrc : std::uint8_t {
  kBusy,     ///< another process exports there, and goes on doing so
  kInput,    ///< store, manifest or issuers are not what they should be
  kAnswers,  ///< there are no answers now
  kIo,
  kStopped,  ///< asked to
};
struct ExportError {
  ExportErrc code;
  std::string detail;  ///< what, where, what to do
};

/// Brings the tree to what `answers` says of every certificate `store` has a record of, for every
/// issuer everybody may ask about: first those that do not stand any more, then the others; those
/// that cease to stand meanwhile as soon as that is seen. Files of certificates that are answered
/// no more are removed. A file is kept for what is in it, whatever the manifest says. Each file is
/// replaced at once; the manifest comes last. An error does not end it: what is known not to hold
/// any more is taken away, what holds stays, caches are told, the manifest says what is there; then
/// the first error is returned, and the next run makes up for it. Blocks.
Result<ExportReport, ExportError> run_export(const ExportOptions& options,
                                             const responder::Setup& setup,
                                             const store::Store& store, AnswerSource& answers,
                                             const Clock& clock, Logger& logger);

}  // namespace muster::edge
