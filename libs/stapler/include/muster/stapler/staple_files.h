#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "muster/keeper/shelf.h"

// One file per certificate that a TLS server reads: its staple as DER, or what a target makes of
// it.
namespace muster::stapler {

enum class Applied : std::uint8_t { kUnchanged, kWritten, kRemoved, kFailed };

/// Keeps files equal to what is on offer: replaced atomically, left alone when they hold the same
/// octets already (OCSP-STAP-015), removed when nothing is on offer or when a replacement could not
/// be written before the old content expired: a file here is never an expired staple while this
/// runs. Threads: one.
class StapleFiles {
 public:
  /// What the file holds for a staple, and for none (null); nothing: there is no file.
  using Render = std::function<std::optional<Buffer>(const keeper::Fingerprint& certificate,
                                                     const keeper::StaplePointer& staple)>;
  /// The staple's DER; no file for none.
  static std::optional<Buffer> render_der(const keeper::Fingerprint& certificate,
                                          const keeper::StaplePointer& staple);
  explicit StapleFiles(Logger& logger, Render render = render_der)
      : logger_(logger), render_(std::move(render)) {}

  /// Path of each certificate's file. Files of certificates no longer named are left as they are,
  /// for the server that still reads them.
  void set_paths(std::map<keeper::Fingerprint, std::string> paths);
  /// Makes the file hold `staple`, or not exist when null. A failure is logged and retried by
  /// tick().
  Applied apply(const keeper::Fingerprint& certificate, const keeper::StaplePointer& staple,
                UnixSeconds now);
  struct Change {
    keeper::Fingerprint certificate;
    Applied applied;
  };
  /// Retries failed writes and removes files whose content has expired.
  std::vector<Change> tick(UnixSeconds now);
  /// "PATH: why" of each file that is not as it should be.
  [[nodiscard]] std::vector<std::string> failures() const;
  /// Why this certificate's is not; empty: it is.
  [[nodiscard]] std::string failure_of(const keeper::Fingerprint& certificate) const;
  [[nodiscard]] const std::string* path_of(const keeper::Fingerprint& certificate) const;

 private:
  struct File {
    std::string path;
    keeper::StaplePointer wanted;
    bool pending = false;                        ///< `wanted` is not in the file yet
    std::optional<UnixSeconds> content_expires;  ///< of what the file holds, when we know
    UnixSeconds retry_at{};
    std::string failure{};  ///< why the last attempt failed; empty: it did not
  };
  Applied put(const keeper::Fingerprint& id, File& file, UnixSeconds now);
  Applied write(File& file, Bytes content, UnixSeconds now);
  Applied remove(File& file, UnixSeconds now);
  void report(File& file, const std::string& what, UnixSeconds now);

  Logger& logger_;
  const Render render_;
  std::map<keeper::Fingerprint, File> files_;
};

}  // namespace muster::stapler
