#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "muster/base/file_system.h"
#include "muster/base/log.h"
#include "muster/keeper/fingerprint.h"
#include "muster/keeper/order.h"

// The verified responses that may be stapled, in memory and on disk (docs/formats/shelf.md).
namespace muster::keeper {

/// A certificate to keep a staple for. `name` is for people and file names: unique within an
/// inventory.
struct Subject {
  std::string name;
  pki::Certificate certificate;
  pki::Certificate issuer;
};

/// What the shelf keeps an answer for, where that is not a certificate at hand: a serial that
/// somebody asked about (libs/relay). `key` takes the place of the fingerprint: in names of files,
/// in find() and held().
struct Place {
  Fingerprint key{};
  std::string name;  ///< for people
  client::Subject subject;
  pki::Certificate issuer;
};

/// A verified response with what the shelf knows about it. Immutable, shared. Its octets are
/// exactly as received (OCSP-STAP-010).
struct Staple {
  client::VerifiedResponse response;
  StapleFacts facts;
  UnixSeconds obtained;  ///< when it was received
  std::string source;    ///< URL it came from
  [[nodiscard]] Bytes der() const { return response.der(); }
};
using StaplePointer = std::shared_ptr<const Staple>;

/// A response that an operator put in the place of what would be on offer (decision 053).
struct Pin {
  StapleFacts facts;
  UnixSeconds until{};  ///< at the latest; the response's own end counts too
};

enum class RevokedPolicy : std::uint8_t {
  kOffer,     ///< staple a verified "revoked" answer: clients learn the truth
  kWithhold,  ///< offer nothing for a revoked certificate
};

struct ShelfPolicy {
  /// future_skew is how far ahead thisUpdate may lie for an answer to be held back rather than
  /// refused.
  client::VerifyPolicy verify = default_verify_policy();
  Seconds life_without_next_update{3600};  ///< from receipt (OCSP-STAP-005)
  std::optional<Seconds> max_age;  ///< from thisUpdate; 7 d in the charging profile (OCSP-STAP-016)
  Seconds expiry_margin{1};        ///< stops being on offer this long before it expires
  RevokedPolicy revoked = RevokedPolicy::kOffer;

  static client::VerifyPolicy default_verify_policy();
};

/// What makes a VerifiedResponse out of octets: client::verify, and in simulations, where
/// signatures would cost too much, what stands in for it.
using Verifier = Result<client::VerifiedResponse, client::VerifyError> (*)(
    const client::VerifyInput&, const client::VerifyPolicy&, UnixSeconds);

/// What the shelf stands on; others than these only in simulations (decision 049).
struct ShelfSeams {
  FileSystem& files = system_files();
  Verifier verify = client::verify;
};

enum class ShelfMode : std::uint8_t {
  kOwner,     ///< writes the directory; one process at a time
  kFollower,  ///< reads what an owner in another process writes
};
enum class ShelfErrc : std::uint8_t { kDirectory, kOwned };
struct ShelfError {
  ShelfErrc code;
  std::string detail;  ///< for people
};

/// What happened to the staple on offer for one certificate.
enum class ShelfChange : std::uint8_t {
  kLoaded,      ///< found on disk and still good to offer
  kReplaced,    ///< a better one was taken
  kRevoked,     ///< the news: revoked or on hold
  kReinstated,  ///< a hold was lifted
  kWithdrawn,   ///< it expired and nothing better came
};

/// The shelf. One thread writes (owner: offers; follower: refreshes from disk); find() is for every
/// thread.
class Shelf {
 public:
  /// Called on the writing thread after each change of what is on offer; `staple` is null when
  /// nothing is any more (kWithdrawn, and kRevoked under RevokedPolicy::kWithhold).
  using Listener = std::function<void(const Subject&, ShelfChange, const StaplePointer& staple)>;
  /// The same for whatever has a place.
  using PlaceListener = std::function<void(const Place&, ShelfChange, const StaplePointer& staple)>;

  /// Opens, for an owner creates (mode 0755), the directory. An empty path keeps everything in
  /// memory only. Errors: kDirectory, kOwned (another process is its owner).
  static Result<std::unique_ptr<Shelf>, ShelfError> open(const std::string& directory,
                                                         ShelfMode mode, const ShelfPolicy& policy,
                                                         Logger& logger,
                                                         const ShelfSeams& seams = {});
  ~Shelf();
  Shelf(const Shelf&) = delete;
  Shelf& operator=(const Shelf&) = delete;

  // ---- any thread
  // ------------------------------------------------------------------------------------------------

  /// The staple to hand out for a certificate at `now`: verified for exactly it and not expired;
  /// else null. It had begun when it was put on offer; if it seems to lie ahead, the clock was set
  /// back, and that takes nothing away (decision 052). Costs a hash-free look-up in this thread's
  /// own snapshot; takes a lock only the first time after something changed.
  [[nodiscard]] StaplePointer find(const Fingerprint& certificate, UnixSeconds now) const;
  /// Grows with every change of what is on offer.
  [[nodiscard]] std::uint64_t epoch() const;

  // ---- writing thread
  // --------------------------------------------------------------------------------------------

  /// Told of certificates alone. This and the next take each other's place.
  void on_change(Listener listener);
  void on_place_change(PlaceListener listener);
  /// Told, on the writing thread, of what is held now although nothing changed on offer: the next
  /// answer about a revocation that is withheld, also where it was held back and begins.
  void on_held(std::function<void(const Fingerprint& key)> listener);
  /// Makes these the certificates of the shelf: staples of those that stay are kept, of new ones
  /// are loaded from disk and verified again, of those that go are dropped from memory. One whose
  /// issuer has another key than before is new: what it held was verified for that. Damaged,
  /// foreign or expired files are passed over with a warning. A certificate listed twice counts
  /// once. find() sees all of it when this returns; listeners are told of each on the way.
  void set_subjects(std::vector<Subject> subjects, UnixSeconds now);
  /// One more, beside what is there: its answer is loaded from disk and verified again. A key that
  /// is there already stays as it is.
  void add(Place place, UnixSeconds now);
  /// Forgets it; an owner's file too.
  void remove(const Fingerprint& key);
  /// Forgets what is held about it, and an owner's file; the place stays, for what is offered next.
  /// Listeners are not told. Where the file cannot be removed (full or read-only disk), it is not
  /// read again but by look_again().
  void discard(const Fingerprint& key);
  /// Offers a candidate just received; the shelf decides (judge_candidate), publishes, then writes
  /// it to disk. The candidate's certificate must be a subject, else it is dropped as kExpired.
  /// Owner only.
  Choice offer(const client::VerifiedResponse& candidate, const std::string& source,
               UnixSeconds now);
  /// The same for whatever has a place under `key`.
  Choice offer(const Fingerprint& key, const client::VerifiedResponse& candidate,
               const std::string& source, UnixSeconds now);
  /// Has this response on offer until `until` or its own end, whatever else comes; what comes is
  /// held beneath it, and a revocation ends it. On disk, so that restarts and followers go by it.
  /// Only a good response that is valid now, for a certificate of the shelf about which no
  /// revocation is held. Owner only. Error: why not, a sentence.
  Result<Unit, std::string> pin(const client::VerifiedResponse& response, const std::string& source,
                                UnixSeconds until, UnixSeconds now);
  /// Ends it: the best that is held is on offer again. Owner only.
  void unpin(const Fingerprint& certificate);
  [[nodiscard]] std::optional<Pin> pin_of(const Fingerprint& certificate) const;
  /// Withdraws what expired, puts on offer what was held back, retries failed writes; once a minute
  /// looks whether the files are there, and writes again what somebody removed. A directory that
  /// was moved, removed or replaced is made and locked anew; where another process has it nothing
  /// is written any more and disk_error() says so. Owner; a follower calls refresh().
  void tick(UnixSeconds now);
  /// Looks for changed files of an owner in another process and verifies them; then as tick().
  /// Cheap when nothing changed: one stat of the directory. When the clock was set since the last
  /// call, look_again() first.
  void refresh(UnixSeconds now);
  /// Looks at the files of what has nothing to offer once more: the clock that made them useless
  /// may have been wrong.
  void look_again(UnixSeconds now);
  /// Another ShelfPolicy::expiry_margin, also for what is held and pinned. Nobody is told: what has
  /// ended by it find() does not hand out any more, and tick() withdraws it.
  void set_expiry_margin(Seconds margin);
  /// The next instant tick() has something to do at; nothing when there is none.
  [[nodiscard]] std::optional<UnixSeconds> next_deadline() const;

  /// What is held, whatever policy says about offering it, expired or not: for status and planning.
  [[nodiscard]] StaplePointer held(const Fingerprint& certificate) const;
  /// The response waiting for its thisUpdate.
  [[nodiscard]] StaplePointer held_back(const Fingerprint& certificate) const;
  /// Facts of a candidate under this shelf's policy if it was received at `obtained`.
  [[nodiscard]] StapleFacts facts_of(const client::VerifiedResponse& response,
                                     UnixSeconds obtained) const;
  [[nodiscard]] const ShelfPolicy& policy() const;
  /// Why the disk does not hold everything that memory holds; empty when it does.
  [[nodiscard]] const std::string& disk_error() const;
  [[nodiscard]] std::size_t unsaved() const;
  /// Where the response of a certificate is kept.
  [[nodiscard]] std::string path_of(const Fingerprint& certificate) const;

 private:
  struct Impl;
  explicit Shelf(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::keeper
