#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "muster/base/atomic_file.h"

// Answers signed ahead, over a restart (docs/formats/answers-ahead.md).
namespace muster::responder {

/// Writes the file anew; nothing happened without commit().
class AheadFileWriter {
 public:
  static Result<AheadFileWriter, FileError> create(const std::string& path);
  /// One answer: its ResponseData and signature.
  Result<Unit, FileError> add(Bytes tbs, Bytes signature);
  Result<Unit, FileError> commit();

 private:
  explicit AheadFileWriter(AtomicFile file) : file_(std::move(file)) {}
  AtomicFile file_;
  Buffer pending_;  ///< written in large pieces
};

struct AheadFileRead {
  std::uint64_t answers = 0;
  std::string problem;  ///< why reading ended before the end of the file; empty: it did not
};
/// Shows each answer of the file until `take` says no. None of it is to be believed. A file that is
/// not there has none. Bounded: at most `most` answers, of at most 64 KiB each.
AheadFileRead read_ahead_file(const std::string& path, std::uint64_t most,
                              const std::function<bool(Bytes tbs, Bytes signature)>& take);

}  // namespace muster::responder
