#pragma once

#include <functional>
#include <memory>

#include "muster/responder/answer_exchange.h"
#include "muster/responder/client.h"
#include "muster/responder/counters.h"
#include "muster/responder/explanation.h"
#include "muster/responder/setup.h"
#include "muster/responder/signing_desk.h"
#include "muster/store/store.h"

// The responder without I/O: request octets and the time go in, an HTTP answer comes out.
namespace muster::responder {

/// Whether somebody asked about a serial its CA never issued: a guess, a forgery, or a gap in the
/// data.
enum class UnissuedSeen : std::uint8_t { kNo, kYes, kFromMonitor };

/// One answer, ready to be sent as it is. Views are valid until the next call on the Answerer.
struct Answer {
  Bytes octets;  ///< status line, headers (Connection excepted), blank line, body
  std::size_t head_bytes = 0;
  std::string_view etag;  ///< quoted; empty when the answer must not be cached
  Cause cause = Cause::kNone;
  UnissuedSeen unissued = UnissuedSeen::kNo;
  std::string_view issuer;  ///< label of the (first) issuer asked about; empty when none was found
  /// URL to send the request on to; empty: this is the answer. Where that cannot be done, this is.
  std::string_view route;
  /// There is nothing yet: it will be signed. Answerer::await() must follow.
  bool pending = false;
  /// Who signed the request, and what is wrong with that; empty unless that is why it was refused.
  std::string_view requestor{};
  [[nodiscard]] Bytes body() const { return octets.subspan(head_bytes); }
};

/// How long requests may wait for signatures that a loop makes itself (decision 047).
struct SigningLineLimits {
  std::size_t most = 1024;     ///< requests in line
  Milliseconds wait{50};       ///< for a signature, while the line is empty now and then
  Milliseconds wait_busy{10};  ///< the same, once it has not been empty for `wait`
};
/// How a loop keeps up with its sockets, at the turn at hand.
struct SocketsState {
  bool are_behind = false;      ///< they have more than one look at them takes
  MonotonicTime ready_since{};  ///< nothing handled now was ready before
};
/// What becomes of a request for a signature that this process makes itself, when there are more
/// than it has time for.
enum class Signing : std::uint8_t {
  kAtOnce,  ///< it is made inside the call
  kInLine,  ///< perhaps later, between other requests: Answer::pending; or tryLater
};

/// Answers OCSP requests from a store under a setup. The store is asked at every request: a
/// remembered answer is used only while the store has not moved since its record was compared, or
/// the record read again says the same (decision 012). When a remembered answer is used nothing is
/// allocated and no lock is taken. Threads: one; each loop has its own.
class Answerer {
 public:
  /// \param counters  outlives the Answerer
  /// \param exchange  shared with Answerers of the same setup; null: this one is alone
  Answerer(std::shared_ptr<const Setup> setup, std::unique_ptr<store::Reader> reader,
           Counters& counters, std::shared_ptr<AnswerExchange> exchange = nullptr);
  ~Answerer();
  Answerer(const Answerer&) = delete;
  Answerer& operator=(const Answerer&) = delete;

  /// Answers one request (DER of an OCSPRequest, or whatever a stranger sent instead) of `client`.
  /// kInLine counts from use_line() on.
  Answer answer(Bytes request, UnixSeconds now, const Client& client = {},
                Signing how = Signing::kAtOnce);
  /// What answer() would say now, and why. Nothing is counted, signed or remembered. A key that
  /// is expected to sign may fail all the same (kSigningFailed, kSignerUnavailable).
  [[nodiscard]] Explanation explain(Bytes request, UnixSeconds now,
                                    const Client& client = {}) const;
  /// The unsigned answer for a request that could not even be taken out of its HTTP message.
  Answer refuse(Cause cause, UnixSeconds now);
  /// A 304 for the answer given last. Precondition: it had an ETag.
  Answer not_modified();
  /// From now on remote keys sign at `desk` and answers that need them are pending; before, they
  /// block. Keys of this process sign at once as ever. `post` runs an action on this thread later;
  /// `clock` outlives the Answerer. Once.
  void use_desk(std::shared_ptr<SigningDesk> desk, std::function<void(std::function<void()>)> post,
                const Clock& clock);
  /// From now on requests that are asked with Signing::kInLine and need a signature of this process
  /// wait for each other, up to `limits`; who would wait longer is refused (kSigningQueueFull).
  /// `post` runs an action on this thread later; `time` tells the time; less is signed and promised
  /// while `sockets` says that they do not get their due. Needs use_desk(). Once.
  void use_line(const SigningLineLimits& limits, std::function<void(std::function<void()>)> post,
                std::function<MonotonicTime()> time, std::function<SocketsState()> sockets = {});
  /// Must follow answer() when that said pending, with the same request: `done` is given the answer
  /// on this thread, after the limits of the line or the deadlines of the issuer's keys at the
  /// latest; never inside this call. The answer is made and remembered whether or not anybody still
  /// wants it.
  void await(Bytes request, const Client& client, std::function<void(const Answer&)> done);
  /// Replaces issuers, signers and rules from the next request on. A remembered answer is used
  /// again only if, when it is asked for, the new ones would sign the same octets with the same
  /// key; or if only who signs has been renewed and the one before still may: then for an hour at
  /// most.
  void adopt(std::shared_ptr<const Setup> setup,
             std::shared_ptr<AnswerExchange> exchange = nullptr);
  /// By how much the clock may be wrong; nothing: it is not synchronised. Matters under
  /// Policy::max_clock_error alone, and until the first call the clock counts as not synchronised.
  void set_clock_error(std::optional<Milliseconds> error);
  /// Lets go of the store's snapshot while idle, so that it does not pin old pages.
  void release();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// For logs: what the request asked about ("CertID sha256, issuer key hash ab12..., serial 4A19C2")
/// or why it does not parse. Never reaches the client.
std::string describe_request(Bytes request);

}  // namespace muster::responder
