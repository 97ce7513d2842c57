#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "muster/base/log.h"
#include "muster/edge/manifest.h"

// What an export holds, somewhere else: followed under its signed manifests, without a key.
namespace muster::edge {

/// Where an export is shown, and who vouches for it.
struct MirrorOrigin {
  /// Where a web server shows the export's directory: "URL/manifest" and "URL/tree/..." are
  /// fetched.
  std::string url;
  /// Manifests count that the key of one of these signed; at least one. Two while a key is changed.
  std::vector<pki::Certificate> signers{};
  Milliseconds fetch_timeout{60'000};  ///< for one file
};

struct MirrorOptions {
  std::string directory;  ///< what is kept here; made when absent
  std::size_t max_manifest_bytes = std::size_t{1} << 30;
  std::size_t max_answer_bytes = 64 * 1024;
};

enum class MirrorErrc : std::uint8_t {
  kUnreachable,  ///< nobody answers, or not with what was asked for
  kTampered,     ///< not what the manifest's signer signed
  kRolledBack,   ///< an older manifest than one that was accepted before
  kIo,           ///< our own directory
};
struct MirrorError {
  MirrorErrc code;
  std::string detail;  ///< what, where, what to do
};

struct PullReport {
  std::uint64_t number = 0;
  std::size_t files = 0, fetched = 0, removed = 0;
};

/// What is in use.
struct MirrorStatus {
  std::uint64_t number =
      0;  ///< of the manifest; zero: there is none yet, and the rest says nothing
  UnixSeconds made{};
  std::size_t answers = 0;
  UnixSeconds first_end{}, last_end{};  ///< of the answers; `made` when there are none
};

/// An answer that is held.
struct HeldAnswer {
  Buffer response;
  UnixSeconds due, next_update;
};
enum class MissErrc : std::uint8_t {
  kUnknown,  ///< the manifest names no answer for it
  kOver,     ///< the answer has ended, and no other came
  kDamaged,  ///< the file is not what the manifest says, or cannot be read
};

/// Threads: pull() from one at a time, all else from any.
class Mirror {
 public:
  /// Takes up what was accepted before. Errors: kIo; kTampered when what lies there was signed by
  /// none of `origin.signers`.
  static Result<std::unique_ptr<Mirror>, MirrorError> open(MirrorOptions options,
                                                           MirrorOrigin origin, Logger& logger);
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  /// From the next pull on. Errors, changing nothing: as open().
  Result<Unit, MirrorError> adopt(MirrorOrigin origin);

  /// Fetches the manifest and what it names that is not here, then goes over to it at once. Until
  /// then, and on every error, all stays as it was; files that did come need not come again.
  /// Numbers never fall, over restarts too. Blocks.
  /// \param stop  ends it within about a second (kUnreachable)
  Result<PullReport, MirrorError> pull(std::stop_token stop = {});

  /// The answer for a request in its shortest form (docs/formats/export.md), as of `now`.
  [[nodiscard]] Result<HeldAnswer, MissErrc> find(Bytes request, UnixSeconds now) const;
  [[nodiscard]] MirrorStatus status() const;

 private:
  struct Impl;
  explicit Mirror(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::edge
