#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "muster/base/mutex.h"
#include "muster/client/request.h"
#include "muster/client/verify.h"

// Asking responders. LiveQuery is a pure state machine: results and `now` go in, the next action
// comes out; whoever drives it owns sockets and timers. Three ways to use it:
//   - commands:  `LiveOutcome o = ask(LiveQuery(certificate, issuer, options, policy), clock);`
//   (blocks)
//   - on a loop: `ask(LiveQuery(...), fetch_service, loop, clock, [](LiveOutcome o) {...});`
//   - a scheduler with its own retries (keeper): options.rounds = 1, so that no kWait is ever asked
//   for; then
//         LiveAction a = query.start(now);
//         while it holds a net::FetchRequest: fetch it, a = query.on_fetched(result, now);
//         std::get<LiveOutcome>(a) is the end.
//     or judge_fetch() alone, when the fetching is one's own altogether.
namespace muster::client {

enum class LiveErrc : std::uint8_t {
  kNoUrl,           ///< neither certificate nor options name a responder
  kTransport,       ///< no HTTP answer with status 200; see fetch
  kResponderError,  ///< an unsigned error status; see verify.response_status
  kUnacceptable,    ///< an answer that does not verify; see verify
};
std::string_view to_string(LiveErrc code);

/// Why asking brought nothing that may be believed.
struct LiveFailure {
  LiveErrc code;
  std::string detail;                    ///< one sentence for people
  std::optional<net::FetchError> fetch;  ///< for kTransport
  std::optional<VerifyError> verify;     ///< for kResponderError and kUnacceptable
  /// What the responder asked us to wait at least.
  std::optional<Seconds> retry_after;
  /// Whether asking the same again later may help: transport, tryLater, internalError, a stale
  /// answer.
  [[nodiscard]] bool worth_retrying() const;
};

/// Judges what a fetch brought. An HTTP status other than 200 is a transport failure, whatever the
/// body; the content type is not looked at (OCSP-CLI-059).   Threads: pure, any thread.
Result<VerifiedResponse, LiveFailure> judge_fetch(const net::FetchResult& fetched,
                                                  const Subject& subject,
                                                  const pki::Certificate& issuer,
                                                  const std::optional<Buffer>& nonce_sent,
                                                  const VerifyPolicy& policy, UnixSeconds now);
/// The same with further places where a signer may be found (OCSP-CLI-047).
Result<VerifiedResponse, LiveFailure> judge_fetch(
    const net::FetchResult& fetched, const Subject& subject, const pki::Certificate& issuer,
    const std::optional<Buffer>& nonce_sent, std::span<const pki::Certificate> extra_certificates,
    const VerifyPolicy& policy, UnixSeconds now);

/// What was learnt about responders that cannot do what we prefer (OCSP-CLI-039, -045), so that it
/// is tried once and not with each request. Bounded; forgets at random beyond kMaxResponders.
/// Threads: any.
class ResponderMemory {
 public:
  static constexpr std::size_t kMaxResponders = 4096;
  struct Traits {
    bool needs_other_hash = false;            ///< LiveOptions::other_hash
    std::size_t nonce_octets = kNonceOctets;  ///< 0: none
  };
  [[nodiscard]] Traits recall(const std::string& url) const;
  void remember(const std::string& url, Traits traits);

 private:
  mutable Mutex mutex_;
  std::map<std::string, Traits> traits_ MUSTER_GUARDED_BY(mutex_);
};

enum class NonceUse : std::uint8_t {
  kNone,
  kSend,        ///< 32 octets
  kSendCompat,  ///< 32; then 16, then none, when the responder calls the request malformed
};

struct LiveOptions {
  /// Asked in this order; when empty, the certificate's own id-ad-ocsp URLs (OCSP-CLI-033, -034).
  std::vector<std::string> urls;
  HashAlgorithm hash = HashAlgorithm::kSha256;
  der::HashParameters parameters = der::HashParameters::kNull;
  /// Asked with when the responder refuses or does not know the CertID made with `hash`; nothing:
  /// never (decision 018).
  std::optional<HashAlgorithm> other_hash;
  NonceUse nonce = NonceUse::kNone;
  bool list_algorithms = false;          ///< Question::list_algorithms
  bool list_response_types = false;      ///< Question::list_response_types
  std::optional<Requestor> requestor{};  ///< signs each question; where it cannot: kTransport
  Transport transport;
  /// How often the list of URLs is gone through. Between rounds kWait: retry_after, or backoff
  /// doubling each time.
  unsigned rounds = 1;
  Milliseconds backoff{1000};
  Milliseconds max_wait{10000};                      ///< a longer retry_after ends the query
  std::vector<pki::Certificate> extra_certificates;  ///< where else a signer may be found
  std::shared_ptr<ResponderMemory> memory;           ///< may be shared or null
  std::function<Buffer(std::size_t)> nonce_source = make_nonce;
};

/// One HTTP exchange of a query, for reports.
struct LiveAttempt {
  std::string url;    ///< of the responder
  HttpMethod method;  ///< kByLength here means GET was used
  HashAlgorithm hash;
  std::size_t nonce_octets = 0;
  CacheUse cache = CacheUse::kAllowed;
  Milliseconds duration{0};
  unsigned http_status = 0;
  std::optional<LiveFailure> failure;  ///< nothing: this one brought the response
};

/// What HTTP said about keeping the response; advice, never trust (OCSP-CLI-057).
struct CachingAdvice {
  std::optional<Seconds> max_age;
  std::string etag;
};

struct LiveOutcome {
  std::variant<VerifiedResponse, LiveFailure> result;
  std::vector<LiveAttempt> attempts;
  CachingAdvice caching;
  [[nodiscard]] const VerifiedResponse* response() const {
    return std::get_if<VerifiedResponse>(&result);
  }
  [[nodiscard]] const LiveFailure* failure() const { return std::get_if<LiveFailure>(&result); }
};

struct LiveWait {
  Milliseconds delay;
};
using LiveAction = std::variant<net::FetchRequest, LiveWait, LiveOutcome>;

/// Asks about one subject: the first URL first; the next after a failure of any kind or a
/// verified "unknown"; one cache-bypassing repeat after an expired answer; malformedRequest and
/// unauthorized never the same request again (OCSP-CLI-020). Bounded by construction: at most 5
/// requests per URL and round. Threads: one at a time.
class LiveQuery {
 public:
  /// Precondition: the key of `issuer` signed the certificate (RFC 9919 section 4.2, OCSP-CLI-050),
  /// or it is the issuer that was named with the serial.
  LiveQuery(Subject subject, pki::Certificate issuer, LiveOptions options, VerifyPolicy policy);
  [[nodiscard]] LiveAction start(UnixSeconds now);
  /// After a FetchRequest action.
  [[nodiscard]] LiveAction on_fetched(const net::FetchResult& fetched, UnixSeconds now);
  /// After a LiveWait action, when its delay has passed.
  [[nodiscard]] LiveAction on_waited(UnixSeconds now);

 private:
  void begin_url();
  LiveAction send();
  LiveAction on_verified(VerifiedResponse response);
  LiveAction on_failed(const LiveFailure& failure);
  [[nodiscard]] bool may_try_other_hash() const;
  LiveAction ask_with_other_hash();
  void remember_traits();
  LiveAction next_url();
  LiveAction finish(std::variant<VerifiedResponse, LiveFailure> result);

  Subject subject_;
  pki::Certificate issuer_;
  LiveOptions options_;
  VerifyPolicy policy_;
  std::vector<std::string> urls_;

  std::size_t url_ = 0;
  unsigned round_ = 0;
  HashAlgorithm hash_{};
  std::size_t nonce_octets_ = 0;
  std::optional<Buffer> nonce_;
  CacheUse cache_ = CacheUse::kAllowed;
  bool bypassed_ = false;                    ///< this URL had its one cache-bypassing request
  std::optional<VerifiedResponse> unknown_;  ///< a verified "unknown", kept while others are asked
  std::optional<LiveFailure> worst_;         ///< the most telling failure so far
  bool worth_another_round_ = false;
  std::optional<Seconds> retry_after_;
  CachingAdvice caching_;
  std::vector<LiveAttempt> attempts_;
};

/// Sleeps.
void wait_for(Milliseconds delay);
/// Drives a query, waiting for each step. For commands; never on a loop's thread. \param wait  for
/// LiveWait; may return early when there is no time left (fetches then fail by themselves).
LiveOutcome ask(LiveQuery query, const Clock& clock,
                const std::function<net::FetchResult(const net::FetchRequest&)>& fetch = net::fetch,
                const std::function<void(Milliseconds)>& wait = wait_for);
/// Drives a query on a loop; `done` runs once on the loop's thread. There is no way to stop it but
/// to let it end: every fetch has its deadline.
void ask(LiveQuery query, net::FetchService& service, net::Loop& loop, const Clock& clock,
         std::function<void(LiveOutcome)> done);

}  // namespace muster::client
