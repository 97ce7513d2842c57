#pragma once

#include <memory>
#include <mutex>

#include "muster/base/file.h"
#include "muster/store/store.h"

// Whether a store is as new as what was acknowledged from it.
namespace muster::store {

/// Random and of this store alone, however often it is copied.
using StoreIdentity = std::array<std::uint8_t, 16>;
class Identified {
 public:
  virtual ~Identified() = default;
  [[nodiscard]] virtual StoreIdentity identity() const = 0;
};

/// A small file outside the store that remembers which store it was and at which sequence number
/// something was acknowledged last. A store that was restored from an older backup is behind it.
/// Written after the commit and before the acknowledgement: whatever was killed in between, the
/// store is ahead of the mark, never behind. Threads: any.
class Mark {
 public:
  enum class Standing : std::uint8_t {
    kNew,      ///< there was no mark yet
    kHolds,    ///< the store has all that was acknowledged
    kBehind,   ///< it lacks some of it
    kAnother,  ///< it is another store
  };

  /// Makes the file when it is absent. Errors: kOpen; kNotAStore for a file that is no mark, or
  /// damaged.
  static StoreResult<std::unique_ptr<Mark>> open(const std::string& path);

  [[nodiscard]] Standing compare(const Store& store) const;
  /// This store counts from here on, and has got to `sequence`; of the same store a lower number
  /// changes nothing. Durable when it returns. Errors: kDiskFull, kIo.
  StoreResult<Unit> note(const Store& store, std::uint64_t sequence);
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Noted {
    StoreIdentity store{};
    std::uint64_t sequence = 0;
  };
  Mark(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}
  StoreResult<Unit> save(const Noted& next);  // under mutex_
  static std::string encode(const Noted& noted);
  static std::optional<Noted> decode(std::string_view text);

  const std::string path_;
  const UniqueFd file_;
  mutable std::mutex mutex_;
  std::optional<Noted> noted_;  // under mutex_
};

/// An issuer of a store that is behind: nothing but what is revoked may be said of it, neither good
/// nor never issued, until set_complete(). It is part of the issuer's facts, so a restart or a
/// passed mark does not end it.
void set_behind(IssuerState& facts);
[[nodiscard]] bool is_behind(const IssuerState& facts);
void set_complete(IssuerState& facts);

}  // namespace muster::store
