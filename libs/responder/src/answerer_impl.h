#pragma once

#include <array>
#include <map>

#include "access.h"
#include "circumstances.h"
#include "draft.h"
#include "exchange.h"
#include "lookup.h"
#include "muster/responder/answerer.h"
#include "muster/responder/http_message.h"
#include "rate_limit.h"
#include "ready_answer.h"
#include "remembering.h"
#include "request_rules.h"
#include "signing_line.h"

namespace muster::responder {

/// At most so many of something in one second. Threads: one.
class SecondLimit {
 public:
  /// \param limit  zero: no limit
  bool take(std::size_t limit, UnixSeconds now) {
    if (now != second_) {
      second_ = now;
      taken_ = 0;
    }
    return limit == 0 || taken_++ < limit;
  }

  /// Whether one would be given after `more` others.
  [[nodiscard]] bool has_room(std::size_t limit, std::size_t more, UnixSeconds now) const {
    return limit == 0 || (now == second_ ? taken_ : 0) + more < limit;
  }

  /// What the last one took cost so much more than one.
  void spend(std::size_t more) { taken_ += more; }

 private:
  UnixSeconds second_{};
  std::size_t taken_ = 0;
};

/// Whether the clock is good enough to sign by.
inline bool is_clock_sure(const Policy& policy, std::optional<Milliseconds> error) {
  const auto bound = policy.max_clock_error;
  return !bound || (error && *error <= *bound);
}

/// Whether a remembered answer serves a request that `chosen` would sign for: signed by that one,
/// or, where the client has no wish, by the one before it.
inline bool serves_choice(const ReadyAnswer& answer, const Setup& setup, std::size_t chosen,
                          std::uint32_t variant, const SignatureWishes& wishes) {
  return answer.form().facts.setup == setup.number() &&
         (answer.by().signer == chosen || (variant == 0 && wishes.empty()));
}

/// A signer that failed while a request waited.
struct FailedSigner {
  const Setup* setup;
  SignerRef by;
};
/// A request whose answer is yet to be signed, by a remote key or by this loop.
struct AwaitedRequest {
  Buffer octets;
  Client client;
  std::uint64_t admitted_under = 0;  ///< Setup::number()
  UnissuedSeen unissued = UnissuedSeen::kNo;
  std::vector<FailedSigner> failed{};
  unsigned rounds = 0;
  std::function<void(const Answer&)> done;
};
/// What sign() needs to know when a request is taken up again.
struct Resumption {
  const DeskResult* result;  ///< of a remote key; null: it is this loop's turn to sign
  const std::vector<FailedSigner>* failed;
  std::uint64_t admitted_under;  ///< Setup::number()
  bool may_order;                ///< no: only what `result` holds is used
  bool may_sign = true;          ///< no: it waited for this loop for too long
};

/// The steps of one request: limits, parse, find issuers, may this client ask, choose a signer, use
/// what is remembered - or resolve, draft, sign, assemble, remember. Private to the Answerer.
struct Answerer::Impl final : Circumstances {
  std::shared_ptr<const Setup> setup;
  std::unique_ptr<store::Reader> reader;
  Counters& counters;
  std::optional<Signings> signings;
  Drafter drafter;
  std::shared_ptr<AnswerExchange> exchange;  ///< with the other loops; may be null
  std::shared_ptr<AnswerForms> forms;        ///< the exchange's, if there is one
  ReadyAnswers ready{0};
  /// Of each form of the setup before one answer that was taken over wholly, by the form's number.
  std::map<std::uint64_t, ReadyRef> taken_over;
  static constexpr std::size_t kMaxTakenOver = AnswerForms::kMaxForms;
  AnswerComposer composer;
  HttpDate date;
  HttpMessage scratch;  ///< answers that are not remembered
  HttpMessage not_modified;
  const HttpMessage* last = nullptr;
  std::array<HttpMessage, 7> errors;  ///< by ResponseStatus
  std::vector<Asked> asked;
  std::optional<Milliseconds> clock_error;
  SecondLimit signing, verifying;
  RateLimit rate{0, 0};
  std::vector<IssuerCounters*> issuer_counters;  ///< by position in the setup
  UnissuedSeen unissued = UnissuedSeen::kNo;     ///< by the request at hand
  bool is_absence_noted = false;                 ///< counted for the request at hand
  std::string requestor;                         ///< whom admit() refused

  // -- for keys that sign elsewhere (awaiting.cc)
  std::shared_ptr<SigningDesk> desk;  ///< null: they block
  SigningDesk::Seat seat = 0;
  const Clock* clock = nullptr;
  SigningDesk::Ticket last_ticket = 0;
  std::map<SigningDesk::Ticket, AwaitedRequest> awaited;
  const Resumption* resuming = nullptr;

  // -- for keys of this process, when there are more requests than time (awaiting.cc)
  std::optional<SigningLine> line;
  std::function<void(std::function<void()>)> post_turn;
  std::function<MonotonicTime()> time;
  std::function<SocketsState()> sockets;  ///< of the loop; may be empty
  /// Where a request that is answered now stands in line.
  [[nodiscard]] SigningLine::Place place_in_line(MonotonicTime now) const {
    return line->place(now, ready_since(now));
  }
  [[nodiscard]] MonotonicTime ready_since(MonotonicTime now) const {
    return sockets ? sockets().ready_since : now;
  }
  bool is_turn_posted = false;
  Signing how = Signing::kAtOnce;  ///< of the request at hand

  Impl(std::shared_ptr<const Setup> s, std::unique_ptr<store::Reader> r, Counters& c,
       std::shared_ptr<AnswerExchange> e);
  void take(std::shared_ptr<const Setup> next, std::shared_ptr<AnswerExchange> next_exchange);

  Answer answer(Bytes octets, UnixSeconds now, const Client& client);
  Answer refuse(Cause cause, UnixSeconds now);
  /// The same, counted for the issuer asked about.
  Answer refuse_issuer(Cause cause, UnixSeconds now);
  Answer show(const HttpMessage& message, std::size_t issuer);
  void count(std::size_t issuer, const Resolved& resolved);
  /// Counts a question about a serial never issued, apart if it was to be expected.
  void note_unissued(std::size_t issuer, Bytes serial, const Client& client);
  /// Counts what `asked` holds that has no record.
  void note_absent(const Client& client);

  // -- what is known
  /// Fills `asked` from a request that is not to be refused for its form.
  Cause collect(const ocsp::RequestView& request);
  // -- who asks
  [[nodiscard]] bool is_limited(const Client& client) const;
  Cause check_limits(UnixSeconds now, const Client& client);
  /// Whether the client may ask about every issuer of `asked`; verifies a signature where that is
  /// wanted.
  Cause admit(const ocsp::RequestView& request, UnixSeconds now, const Client& client);

  // -- for explain()
  Cause would_take(UnixSeconds now, const Client& client) override;
  Cause would_verify(std::size_t spent, UnixSeconds now) override;
  Cause would_sign(const std::vector<Asked>& what, bool has_nonce, UnixSeconds now) override;
  std::optional<Resolved> recall(Asked& one, std::uint32_t variant, const SignatureWishes& wishes,
                                 UnixSeconds now) override;
  bool is_shared(const Asked& one, std::uint32_t variant, UnixSeconds now) override;

  // -- what is remembered
  /// A remembered answer if it may be said at `now`; a stale one stays for obtain() to replace.
  const HttpMessage* use_ready(ReadyAnswers::Place place, std::uint64_t sequence, UnixSeconds now,
                               const Client& client);

  // -- what is signed
  [[nodiscard]] bool clock_is_sure() const;
  /// Signature over `tbs` by a remote key, if it is there already. Errors: kNone - it was ordered,
  /// or what is there does not fit any more; kSignerUnavailable; kSigningQueueFull.
  Result<Bytes, Cause> sign_elsewhere(SignerRef by, const Buffer& tbs, bool has_nonce,
                                      UnixSeconds now);
  void resume(SigningDesk::Ticket ticket, const DeskResult& result);
  /// Whether a request that waited was let in under the setup in force.
  [[nodiscard]] bool is_admitted() const {
    return resuming != nullptr && resuming->admitted_under == setup->number();
  }
  /// The request at hand waits until this loop has time to sign.
  void join_line(MonotonicTime now);
  /// The next in line are answered, and more of them at the next turn.
  void serve_line();
  void post_serving();
  /// Answers one that waited for this loop. \param in_time  no: without a signature
  void take_up(SigningDesk::Ticket ticket, bool in_time);
  /// Signs what `asked` holds. Body of the answer, valid until the next call, or why there is none.
  Result<Bytes, Cause> sign(const std::optional<Bytes>& nonce, UnixSeconds now);
  /// An answer without nonce for one certificate: from another loop, or signed now and offered to
  /// the others. Remembered.
  Result<Answer, Cause> obtain(std::uint32_t variant, const SignatureWishes& wishes,
                               std::uint64_t sequence, UnixSeconds now);
  /// What is remembered of `one` from the setup before, if it would be signed so again: made a
  /// remembered answer of this setup. \param chosen  who would sign it now
  ReadyRef take_over(const Asked& one, std::uint32_t variant, std::size_t chosen,
                     const SignatureWishes& wishes, UnixSeconds now);
  /// By drafting what would be said now; it must be what `old` says.
  ReadyRef take_over_wholly(const ReadyAnswer& old, const Asked& same, const AnswerFacts& facts);
  /// By what another answer of its form was found to say, drafting nothing. Empty: that cannot be
  /// told so.
  ReadyRef take_over_alike(const ReadyAnswer& old, const Asked& same, const AnswerFacts& facts);
  /// When nothing can be signed because of `cause`: an answer that is due to be signed anew, but
  /// true and not over.
  std::optional<Resolved> recall_late(const Asked& one, std::uint32_t variant, Cause cause,
                                      UnixSeconds now) override;
  const HttpMessage* use_late(std::uint32_t variant, Cause cause, UnixSeconds now);
  /// An answer that is not remembered: with a nonce, or for several certificates.
  Result<Answer, Cause> sign_once(const std::optional<Bytes>& nonce, UnixSeconds now);
  /// Tries the signers in the order of the rules until one signs.
  Answer answer_signed(const SignatureWishes& wishes, const std::optional<Bytes>& nonce,
                       std::uint64_t sequence, UnixSeconds now, const Client& client);
};

}  // namespace muster::responder
