#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "muster/base/histogram.h"
#include "muster/base/mutex.h"
#include "muster/base/time.h"
#include "muster/ocsp/ocsp.h"
#include "muster/store/store.h"

// What happened, by result and cause. The cause goes to counters and logs, never into an OCSP
// answer.
namespace muster::responder {

/// Why a request was refused. Names are stable: they become metric labels.
enum class Cause : std::uint8_t {
  kNone,               ///< it was answered
  kBadEncoding,        ///< GET text that is not base64
  kBadRequest,         ///< octets that are no OCSPRequest, or pass a limit
  kBadNonce,           ///< 0 or more than 128 octets; see also NoncePolicy::kRfc8954
  kCriticalExtension,  ///< one we do not know
  kUnknownHash,  ///< CertID hash other than SHA-1/256/384/512, or one the issuer's rules leave out
  kUnknownIssuer,
  kSeveralIssuers,  ///< no one signer may speak for all certificates asked about
  kUnissued,        ///< policy: unauthorized for serials never issued
  kUnlisted,        ///< policy: unauthorized for serials the CRL does not name, or no policy
  kSourceNotLoaded,
  kSourceStale,      ///< CRL past its nextUpdate, or a live source unchecked for longer than the
                     ///< validity
  kStoreUnreadable,  ///< the status database failed
  kSignerExpired,    ///< signer or CA certificate ended, or not begun
  kSigningFailed,
  kClockUnsure,        ///< clock error beyond the operator's bound
  kSigningLimit,       ///< more signatures in this second than allowed
  kRateLimited,        ///< more requests in this second than allowed, from one source or altogether
  kClientRefused,      ///< the client's network may not ask about this issuer
  kNonceMissing,       ///< policy: a nonce is required
  kUnsigned,           ///< policy: requests must be signed
  kBadSignature,       ///< of the request, or nobody can tell whose it is
  kRequestorRefused,   ///< signed well, but not on the list, or revoked
  kVerifyingLimit,     ///< more signed requests in this second than are verified
  kRetired,            ///< the certificate expired longer ago than records are kept
  kResponseTooLarge,   ///< the answer would pass the profile's limit
  kSignerUnavailable,  ///< what holds the key (a token) does not answer now
  kSigningQueueFull,   ///< more answers wait for such a key than allowed
  kNoPath,             ///< the request is signed well, but nobody trusted vouches for who did
  kRouted,  ///< another responder's business: sent on, or tryLater where that cannot be done
};
inline constexpr std::size_t kCauses = 30;
/// "unknown_issuer".
std::string_view to_string(Cause cause);
/// What the client is told.
ocsp::ResponseStatus status_for(Cause cause);

/// A number one thread raises and others read.
class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// What happened to one issuer on one loop.
struct IssuerCounters {
  Counter good, revoked, unknown;  ///< SingleResponses
  Counter refused;                 ///< requests that found the issuer and were refused
  Counter unissued;  ///< questions about serials never issued, whatever they were answered: worth
                     ///< an alert
  Counter unissued_monitors;  ///< of known monitors: not in `unissued`
  Counter unlisted;           ///< serials a CRL does not name
};
/// By the issuer's number in the store, which a reload does not change. Blocks stay where they are;
/// there are never more than the store has issuers. Threads: any; a short lock.
class IssuerCounterTable {
 public:
  IssuerCounters& of(store::IssuerId issuer);
  void visit(const std::function<void(store::IssuerId, const IssuerCounters&)>& see) const;

 private:
  mutable Mutex mutex_;
  std::map<store::IssuerId, std::unique_ptr<IssuerCounters>> blocks_ MUSTER_GUARDED_BY(mutex_);
};

/// What one signer was asked for on one loop.
struct SignerCounters {
  Counter made, failed;
};
/// By the issuer's number in the store and the signer's label. Blocks stay where they are; there
/// are as many as signers were configured or delegates appeared. Threads: any; a short lock.
class SignerCounterTable {
 public:
  SignerCounters& of(store::IssuerId issuer, std::string_view signer);
  void visit(const std::function<void(store::IssuerId, const std::string& signer,
                                      const SignerCounters&)>& see) const;

 private:
  using Blocks = std::map<std::string, std::unique_ptr<SignerCounters>, std::less<>>;
  mutable Mutex mutex_;
  std::map<store::IssuerId, Blocks> blocks_ MUSTER_GUARDED_BY(mutex_);
};

/// Counters of one loop. Written by its thread, read from any.
struct Counters {
  Counter get, post, not_modified, other_methods, landing_pages;
  Counter get_queries;             ///< of the GETs: with a query string, which is not looked at
  Counter good, revoked, unknown;  ///< SingleResponses
  Counter ready_hits;              ///< answers that were remembered
  Counter ready_rechecked;   ///< of those: store had moved, record was read again and was the same
  Counter ready_replaced;    ///< remembered, but status, source or age asked for a new signature
  Counter ready_shared;      ///< signed by another loop
  Counter ready_taken_over;  ///< made under the setup before, and the same under this one
  Counter ready_late;  ///< due to be signed anew, used all the same: nothing can be signed now
  Counter signatures, nonces_echoed;
  Counter waited;  ///< requests that waited for this loop to have time for a signature
  std::atomic<std::uint64_t> waiting{0};  ///< of these, now
  Counter nonces_left_out;  ///< answered without: too much was being signed (NonceOverload)
  std::array<Counter, kAllHashAlgorithms.size()> cert_id_hashes;
  Counter routed,
      route_failures;  ///< requests sent on to another responder; of these without an answer
  std::array<Counter, kCauses> refused;  ///< by Cause
  IssuerCounterTable issuers;
  SignerCounterTable signers;
  DurationHistogram durations{kAnswerBounds};         ///< from request to answer, of OCSP answers
  DurationHistogram propagation{kPropagationBounds};  ///< see ChangeNotice
};

/// When the store acknowledged a change last, for all loops: the first answer behind it says how
/// long it took to be seen. Threads: any; no locks.
class ChangeNotice {
 public:
  /// A change is durable and its sender was told so, or is about to be.
  void acknowledge(MonotonicTime now) {
    at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    changes_.fetch_add(1, std::memory_order_release);
  }
  /// Called by loops before they read the store. Whoever is first behind a change gets its instant.
  [[nodiscard]] std::optional<MonotonicTime> take_first_use() {
    const std::uint64_t changes = changes_.load(std::memory_order_acquire);
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    if (used == changes ||
        !used_.compare_exchange_strong(used, changes, std::memory_order_relaxed)) {
      return std::nullopt;
    }
    return MonotonicTime(MonotonicTime::duration(at_.load(std::memory_order_relaxed)));
  }

 private:
  std::atomic<std::uint64_t> changes_{0}, used_{0};
  std::atomic<MonotonicTime::rep> at_{0};
};

}  // namespace muster::responder
