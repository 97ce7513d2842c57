#pragma once

#include <algorithm>

#include "crl_plan.h"

namespace muster::source {

/// A list of issued serials that was read to its end once.
struct HeldList {
  std::shared_ptr<Content> content;
  Bytes text;  ///< of the content: the list without our own first line
  std::string origin;
  std::size_t records = 0;
  UnixSeconds written_at{};  ///< when its owner last wrote it
};

/// The CRLs and lists in use, of one issuer. With a directory they survive restarts, so that a
/// rollback is refused and the last good CRL is there when its host is not. Threads: one.
class CrlShelf {
 public:
  /// Which CRL takes the place of which: of the same key and coverage (a key identifier that comes
  /// or goes makes no other place), or there is one place for complete CRLs.
  enum class Places : std::uint8_t { kByCoverage, kOne };
  /// \param directory  empty: memory only
  CrlShelf(std::string directory, Places places)
      : directory_(std::move(directory)), places_(places) {}

  /// Takes up what an earlier run left, verified anew. `problems`: one sentence for each file that
  /// is of no use any more. Errors: kStore (the directory cannot be made or read; nothing is taken
  /// up then).
  Result<Unit, SourceError> open(const CrlTerms& terms, std::vector<std::string>& problems);

  enum class Taken : std::uint8_t {
    kNew,
    kSame,    ///< these very octets are held
    kOlder,   ///< than what is held in its place; `why` says by what
    kNoBase,  ///< a delta CRL that no held complete CRL continues with
  };
  struct Outcome {
    Taken taken;
    std::shared_ptr<const HeldCrl> held;  ///< what is in its place now; null for kNoBase
    std::string why;
  };
  /// A CRL takes the place of an older one of its kind and scope; what it makes useless (a delta of
  /// earlier numbers) goes. Errors: kStore, kUnsupported beyond kMaxHeldCrls.
  Result<Outcome, SourceError> take(HeldCrl crl);
  /// Lets this very CRL go; nothing when another has taken its place.
  void drop(const HeldCrl& crl);

  /// A complete CRL that is older than what the store remembers: out of use, but kept, since a
  /// delta may continue it. take() of such a delta puts it back; take() of it, or of one older,
  /// says why. \param known  what the store remembers: a delta older than that puts nothing back
  void park(const HeldCrl& crl, const std::string& why, const store::IssuerState& known);

  /// A list takes the place of the one with its origin; the same text again changes its time alone.
  /// Errors: kStore.
  Result<Unit, SourceError> take(HeldList list);
  void drop_list(const std::string& origin);

  [[nodiscard]] const std::vector<std::shared_ptr<const HeldCrl>>& crls() const { return crls_; }
  /// Whether this very CRL is in use.
  [[nodiscard]] bool uses(const HeldCrl& crl) const {
    return std::any_of(crls_.begin(), crls_.end(),
                       [&](const auto& held) { return held.get() == &crl; });
  }
  /// Complete CRLs out of use that wait for a delta.
  struct Parked {
    std::shared_ptr<const HeldCrl> crl;
    std::string why;               ///< it is not in use
    std::optional<Buffer> number;  ///< what a delta must not be older than
    std::optional<UnixSeconds> this_update;
  };
  [[nodiscard]] const std::vector<Parked>& parked() const { return parked_; }
  [[nodiscard]] const std::vector<HeldList>& lists() const { return lists_; }
  /// Where temporary files belong; empty: memory.
  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// Counts the changes.
  [[nodiscard]] std::uint64_t version() const { return version_; }

 private:
  enum class Use : std::uint8_t { kInUse, kParked };
  [[nodiscard]] std::string path_of(const HeldCrl& crl, Use use = Use::kInUse) const;
  /// Removes parked CRLs whose place `crl` takes.
  void unpark_others(const HeldCrl& crl);
  std::vector<Parked>::iterator find_base(const HeldCrl& delta);
  /// Errors: kStore.
  Result<Unit, SourceError> put_back(std::vector<Parked>::iterator parked);
  [[nodiscard]] std::string path_of(const std::string& list_origin) const;
  void stamp(const HeldList& list) const;
  [[nodiscard]] bool same_place(const HeldCrl& a, const HeldCrl& b) const;
  std::shared_ptr<const HeldCrl>* find(const HeldCrl& like);
  [[nodiscard]] const HeldCrl* delta_of(const HeldCrl& complete) const;
  Result<Outcome, SourceError> put(HeldCrl crl, std::shared_ptr<const HeldCrl>* place);
  void open_list(const std::string& path, std::vector<std::string>& problems);

  std::string directory_;
  Places places_;
  std::vector<std::shared_ptr<const HeldCrl>> crls_;
  std::vector<Parked> parked_;
  std::vector<HeldList> lists_;
  std::uint64_t version_ = 0;
};

/// Reads a list to its end and counts. Errors: kMalformed, naming the line.
Result<HeldList, SourceError> judge_list(std::shared_ptr<Content> content,
                                         const std::string& origin, UnixSeconds written_at);

}  // namespace muster::source
