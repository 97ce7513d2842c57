#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "muster/base/time.h"
#include "muster/der/pkix.h"

// The status database every responder node reads: LMDB, crash-safe, read by many processes, one
// writer at a time.
namespace muster::store {

enum class StoreErrc : std::uint8_t {
  kOpen,
  kNotAStore,
  kWrongVersion,
  kCorrupt,
  kDiskFull,
  kMapFull,
  kBusy,
  kNoSuchIssuer,
  kIo,
  kBadChange
};
struct StoreError {
  StoreErrc code;
  std::string detail;  ///< what, where, what to do
};
std::string_view to_string(StoreErrc code);
template <class T>
using StoreResult = Result<T, StoreError>;

/// Who issued: SHA-256 over issuer Name element and SubjectPublicKeyInfo element, so that two CAs
/// with one name and two names with one key stay apart. Made by pki users: digest(kSha256, name ||
/// spki).
struct IssuerKey {
  std::array<std::uint8_t, 32> digest{};
  friend bool operator==(const IssuerKey&, const IssuerKey&) = default;
  friend auto operator<=>(const IssuerKey&, const IssuerKey&) = default;
};
/// Small number of an issuer inside one store.
enum class IssuerId : std::uint32_t {};

enum class State : std::uint8_t { kGood = 0, kRevoked = 1, kHold = 2 };  // persistent
struct Status {
  State state = State::kGood;
  std::optional<UnixSeconds> revoked_at;  ///< set exactly for kRevoked and kHold
  std::optional<ReasonCode> reason;
  std::optional<UnixSeconds> invalidity_date;
  std::optional<UnixSeconds> expires;  ///< certificate notAfter, when known
  /// Revoked or on hold because a CRL said so, and nobody else: a later CRL ends it by silence.
  bool told_by_crl = false;
  friend bool operator==(const Status&, const Status&) = default;
};
struct Change {
  Serial serial;
  std::optional<Status> status;  ///< nothing: forget the serial
};
/// Whether the source of an issuer lists all it issued, so that an absent serial was never issued.
enum class KnowsIssued : std::uint8_t { kNo, kYes };

/// What is known about an issuer's data as a whole.
struct IssuerState {
  IssuerKey key;
  std::string label;  ///< for people
  KnowsIssued knows_issued = KnowsIssued::kNo;
  std::optional<UnixSeconds> this_update;  ///< of a CRL; nothing when the source is live
  std::optional<UnixSeconds> next_update;
  std::optional<Buffer> crl_number;  ///< INTEGER content, of the CRL loaded last (rollback guard)
  /// Until when a serial that is not revoked may be called so; nothing: as next_update. Earlier
  /// when a CRL of a set is missing or over: then only revocations are known.
  std::optional<UnixSeconds> not_revoked_until;
  /// Until when an absent serial may be called never issued; nothing: as next_update. The list of
  /// what was issued may lag.
  std::optional<UnixSeconds> never_issued_until;
  UnixSeconds loaded_at{};     ///< last successful load or check of the source
  std::uint64_t sequence = 0;  ///< of the last change to this issuer
  std::uint64_t records = 0, revoked = 0;
};

/// One transaction's view. Cheap to renew; answers come from the state at the last renew().
/// Threads: one at a time.
class Reader {
 public:
  virtual ~Reader() = default;
  /// Moves to the newest committed state; about as cheap as a function call when nothing was
  /// committed. Returns the global sequence of that state (1 or more); 0 when the store cannot be
  /// read: find() then says why.
  virtual std::uint64_t renew() = 0;
  /// Lets go of the old state while idle: a pinned one keeps freed pages from reuse and the map
  /// from growing.
  virtual void release() = 0;
  /// Nothing: no record of this serial. An error is never "absent": answer internalError then.
  /// Errors: kIo, kCorrupt, kBusy (no renew() yet, or it failed).
  [[nodiscard]] virtual StoreResult<std::optional<Status>> find(IssuerId issuer,
                                                                Bytes serial_octets) const = 0;
  /// Null when there is no such issuer. Lifetime: until the next renew() or release().
  [[nodiscard]] virtual const IssuerState* issuer_state(IssuerId issuer) const = 0;
};

/// Which of two records of one serial within one replacement counts.
enum class Duplicates : std::uint8_t { kLastWins, kRefuseConflict };
/// Whose record a replacement takes where old and new data differ.
enum class Take : std::uint8_t { kNew, kOld };
/// Asked for each old record that the new data lacks (`now` empty) or states otherwise. A pure
/// decision: may be asked twice for one record.
using TakePolicy =
    std::function<Take(const Serial&, const Status& old, const std::optional<Status>& now)>;
struct ReplacementOptions {
  Duplicates duplicates = Duplicates::kLastWins;
  TakePolicy take;  ///< absent: always kNew
  /// Memory for sorting; beyond it sorted runs go to an unlinked file in the store's directory.
  std::size_t sort_memory_bytes = std::size_t{48} << 20;
};
/// What a committed replacement did.
struct ReplacementReport {
  std::uint64_t sequence = 0;
  std::uint64_t added = 0, changed = 0, removed = 0;
  std::uint64_t kept = 0;                  ///< old records taken over by the policy
  std::uint64_t kept_good = 0;             ///< of these, good
  std::uint64_t let_go = 0;                ///< revocations and holds of unknown expiry that ended
  std::vector<Serial> kept_examples;       ///< the first few that are revoked or on hold
  std::vector<Serial> kept_good_examples;  ///< the first few that are good
};

/// Takes a whole source aside, then switches it in one transaction. Dropped without commit():
/// nothing happened. Threads: one at a time; the store serves everybody else meanwhile.
class Replacement {
 public:
  virtual ~Replacement() = default;
  /// Any order; sorted input is fastest. Errors: kBadChange, kDiskFull, kMapFull, kIo, kBusy.
  virtual StoreResult<Unit> put(const Serial& serial, const Status& status) = 0;
  /// Readers see all of it from here on. Durable when it returns. Returns the new sequence. Of
  /// `facts` key, sequence, records and revoked are ignored. Errors: those of put(); kBadChange for
  /// conflicting duplicates (see conflict()), kBusy when another writer changed this issuer since
  /// begin_replacement(): load again.
  virtual StoreResult<std::uint64_t> commit(const IssuerState& facts) = 0;
  /// Valid after commit().
  [[nodiscard]] virtual const ReplacementReport& report() const = 0;
  /// The serial commit() refused as conflicting.
  [[nodiscard]] virtual std::optional<Serial> conflict() const = 0;
};

struct StoreOptions {
  std::size_t map_bytes = std::size_t{16}
                          << 30;  ///< address space at the start, not disk; grows by itself
  std::size_t max_map_bytes = std::size_t{1} << 42;  ///< growth ends here with kMapFull
  unsigned max_readers = 256;
  unsigned max_issuers = 1000;
  enum class Mode : std::uint8_t { kReadWrite, kReadOnly } mode = Mode::kReadWrite;
  /// kTemporary: nobody else knows the directory, so that it makes no difference when it is tidied
  /// away under its user; see Store::check_in_place().
  enum class Life : std::uint8_t { kLasting, kTemporary } life = Life::kLasting;
};

/// Sizes for people and metrics.
struct StoreFigures {
  std::uint64_t sequence = 0;
  std::uint64_t file_bytes = 0;  ///< of the data file; it never shrinks
  std::uint64_t used_bytes = 0;  ///< of these, not free for reuse
  std::uint64_t map_bytes = 0;
  unsigned readers = 0;  ///< reader slots in use, all processes
};

/// Threads: every method from any thread; writers are serialised inside, single changes going
/// before bulk loads. Errors common to all writing methods: kDiskFull, kMapFull, kIo, kBusy,
/// kCorrupt; the old state is intact after each.
class Store {
 public:
  /// Creates the directory and database when absent (kReadWrite). A second Store on one directory
  /// shares the first's environment. Errors: kOpen, kNotAStore, kWrongVersion, kCorrupt, kBusy.
  static StoreResult<std::unique_ptr<Store>> open(const std::string& directory,
                                                  const StoreOptions& options = {});
  virtual ~Store() = default;

  /// Finds or makes the issuer's entry.
  virtual StoreResult<IssuerId> ensure_issuer(const IssuerKey& key, std::string_view label) = 0;
  [[nodiscard]] virtual std::optional<IssuerId> find_issuer(const IssuerKey& key) const = 0;
  [[nodiscard]] virtual std::vector<std::pair<IssuerId, IssuerState>> issuers() const = 0;

  /// All changes in one transaction under the next sequence number; durable (synced) when it
  /// returns.
  virtual StoreResult<std::uint64_t> apply(IssuerId issuer, std::span<const Change> changes) = 0;
  /// The same with new facts, of which key, sequence, records and revoked are ignored.
  virtual StoreResult<std::uint64_t> apply(IssuerId issuer, std::span<const Change> changes,
                                           const IssuerState& facts) = 0;
  /// Updates the facts alone (a source checked and found unchanged).
  virtual StoreResult<std::uint64_t> touch(IssuerId issuer, const IssuerState& facts) = 0;
  virtual StoreResult<std::unique_ptr<Replacement>> begin_replacement(
      IssuerId issuer, ReplacementOptions options = {}) = 0;

  [[nodiscard]] virtual std::unique_ptr<Reader> reader() const = 0;
  /// Moves with every commit of this process; a cheap "did anything change?" before renew(). Other
  /// processes' commits are seen by renew().
  [[nodiscard]] virtual std::uint64_t epoch() const = 0;
  /// Calls `visit(serial, status)` for every record of an issuer in serial order, from one
  /// snapshot.
  virtual StoreResult<Unit> for_each(
      IssuerId issuer, const std::function<void(const Serial&, const Status&)>& visit) const = 0;
  /// Reads every record and compares counts and checksum with the issuer's entry. Errors: kCorrupt
  /// (damaged or altered behind our back), kIo.
  virtual StoreResult<Unit> verify(IssuerId issuer) const = 0;
  [[nodiscard]] virtual StoreResult<StoreFigures> figures() const = 0;
  /// Looks whether the directory's name still leads to the file that is open. Others find another
  /// one, or none, once the directory was moved away, removed or made anew from a backup: what they
  /// write is never seen here. From such a look on nothing is read or written (kIo; renew() is 0),
  /// until one finds the file in its place again. Writing methods look by themselves; whoever only
  /// reads for long calls this now and then: it costs one stat(). One that cannot be had for
  /// another reason than that nothing is there changes nothing. Errors: kIo.
  virtual StoreResult<Unit> check_in_place() = 0;
};

}  // namespace muster::store
