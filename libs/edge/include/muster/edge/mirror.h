#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "muster/base/log.h"
#include "muster/edge/manifest.h"

// What an export holds, somewhere else: followed under its signed manifests, without a key.
namespace muster::edge {

struct MirrorOptions {
  /// Where a web server shows the export's directory: "URL/manifest" and "URL/tree/..." are
  /// fetched.
  std::string url;
  std::string directory;               ///< what is kept here; made when absent
  Milliseconds fetch_timeout{60'000};  ///< for one file
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

/// Threads: find(), number() and until() from any; pull() from one at a time.
class Mirror {
 public:
  /// Takes up what was accepted before. \param signer  whose key signs manifests. Errors: kIo;
  /// kTampered when what lies there was signed by somebody else.
  static Result<std::unique_ptr<Mirror>, MirrorError> open(MirrorOptions options,
                                                           pki::Certificate signer, Logger& logger);
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  /// Fetches the manifest and what it names that is not here, then goes over to it at once. Until
  /// then, and on every error, all stays as it was. Numbers never fall, over restarts too. Blocks.
  /// \param stop  ends it within about a second (kUnreachable)
  Result<PullReport, MirrorError> pull(std::stop_token stop = {});

  /// The answer for a request in its shortest form (docs/formats/export.md), as of `now`.
  [[nodiscard]] Result<HeldAnswer, MissErrc> find(Bytes request, UnixSeconds now) const;
  /// Of the manifest in use; zero: there is none yet.
  [[nodiscard]] std::uint64_t number() const;
  /// When the first of its answers ends.
  [[nodiscard]] std::optional<UnixSeconds> until() const;

 private:
  struct Impl;
  explicit Mirror(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::edge
