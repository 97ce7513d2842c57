#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "muster/keeper/shelf.h"

// The target "DER file": one file per certificate that a TLS server reads (nginx ssl_stapling_file,
// HAProxy .ocsp, Exim...).
namespace muster::stapler {

/// Certificates that are not in the inventory and are looked after all the same (src/kept.h), and
/// files of theirs that are remembered.
inline constexpr std::size_t kMaxFormer = 10'000;

enum class Applied : std::uint8_t { kUnchanged, kWritten, kRemoved, kFailed };

/// Offers the shelf what a file of an earlier run holds, if it verifies for the certificate.
void adopt_file(const std::string& path, const keeper::Subject& subject, keeper::Shelf& shelf,
                UnixSeconds now);

/// Keeps files equal to what is on offer: replaced atomically, left alone when they hold the same
/// octets already (OCSP-STAP-015), removed when nothing is on offer or when a replacement could not
/// be written before the old content expired: a file here is never an expired staple while this
/// runs. One that somebody took away is written again. Threads: one.
class StapleFiles {
 public:
  /// \param max_former  Files that were left and are remembered; of more, those whose content ends
  /// first are not.
  explicit StapleFiles(Logger& logger, std::size_t max_former = kMaxFormer)
      : logger_(logger), max_former_(max_former) {}

  /// Path of each certificate's file. Files of certificates no longer named are left as they are,
  /// for the server that still reads them, but for tell_former().
  void set_paths(keeper::FingerprintMap<std::string> paths);
  /// Makes the file hold `staple`, or not exist when null. A failure is logged and retried by
  /// tick().
  Applied apply(const keeper::Fingerprint& certificate, const keeper::StaplePointer& staple,
                UnixSeconds now);
  /// The CA has changed what it says about a certificate: files that were left as they are, and are
  /// there still, follow as with apply(), while what they hold would be valid.
  /// \return those that changed.
  std::vector<std::string> tell_former(const keeper::Fingerprint& certificate,
                                       const keeper::StaplePointer& staple, UnixSeconds now);
  struct Change {
    keeper::Fingerprint certificate;
    std::string path;
    Applied applied;
  };
  /// Retries failed writes, writes files again that are gone, and removes those whose content has
  /// expired.
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
    UnixSeconds look_at{};  ///< when it is looked whether it is still there
    std::string failure{};  ///< why the last attempt failed; empty: it did not
  };
  struct Former {
    keeper::Fingerprint certificate;
    File file;
  };
  using FormerFiles = std::map<std::string, Former>;
  void leave(const keeper::Fingerprint& certificate, File file);
  FormerFiles::iterator forget_former(FormerFiles::iterator one);
  template <class Condition>
  void forget_former_if(Condition condition);
  void bound_former();
  Applied write(File& file, UnixSeconds now);
  Applied remove(File& file, UnixSeconds now);
  /// Writes it again if somebody took it away.
  Applied put_back(File& file, UnixSeconds now);
  void report(File& file, const std::string& what, UnixSeconds now);

  Logger& logger_;
  const std::size_t max_former_;
  keeper::FingerprintMap<File> files_;
  FormerFiles former_;  ///< by path; none of these is among files_
  std::set<std::pair<keeper::Fingerprint, std::string>> former_of_;  ///< by certificate: all paths
};

}  // namespace muster::stapler
