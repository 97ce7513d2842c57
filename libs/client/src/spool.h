#pragma once

#include <memory>
#include <string>

#include "muster/client/crl_document.h"

namespace muster::client::internal {

/// Whether all of it could be written.
bool write_all(int fd, Bytes octets);

/// Begins the names of files that are not whole yet.
inline constexpr std::string_view kTemporaryPrefix = "incoming-";

/// Takes what arrives: in memory while it is small, else in a file without a name.
class Spool {
 public:
  /// \param directory  where the file goes
  explicit Spool(std::string directory) : directory_(std::move(directory)) {}
  /// False when the disk refuses.
  bool write(Bytes piece);
  /// Forgets what has arrived: another answer begins.
  void clear();
  /// The CRL that arrived, PEM or DER. Once. Errors: kNotACrl, kUnreadable (disk).
  pki::PkiResult<std::shared_ptr<const CrlDocument>> finish();

 private:
  bool move_to_file();

  std::string directory_;
  Buffer octets_;
  UniqueFd file_;
};

}  // namespace muster::client::internal
