#pragma once

#include <array>

#include "draft.h"
#include "exchange.h"
#include "http_message.h"
#include "muster/responder/answerer.h"
#include "ready_answer.h"
#include "request_rules.h"

namespace muster::responder {

/// The steps of one request: parse, find issuers, choose a signer, use what is remembered - or resolve, draft, sign, assemble,
/// remember. Private to the Answerer.
struct Answerer::Impl {
  std::shared_ptr<const Setup> setup;
  std::unique_ptr<store::Reader> reader;
  Counters& counters;
  std::optional<Signings> signings;
  Drafter drafter;
  ReadyAnswers ready;
  std::shared_ptr<AnswerExchange> exchange;   ///< with the other loops; may be null
  HttpDate date;
  HttpMessage scratch;                        ///< answers that are not remembered
  HttpMessage not_modified;
  const HttpMessage* last = nullptr;
  std::array<HttpMessage, 7> errors;          ///< by ResponseStatus
  std::vector<Asked> asked;
  std::optional<Milliseconds> clock_error;
  UnixSeconds signing_second{};
  std::size_t signed_this_second = 0;

  Impl(std::shared_ptr<const Setup> s, std::unique_ptr<store::Reader> r, Counters& c, std::shared_ptr<AnswerExchange> e);
  void take(std::shared_ptr<const Setup> next, std::shared_ptr<AnswerExchange> next_exchange);

  Answer answer(Bytes octets, UnixSeconds now);
  Answer refuse(Cause cause, UnixSeconds now);
  Answer show(const HttpMessage& message);
  void count(const ocsp::CertStatus& status);

  // -- what is known
  Resolved look_up(SignerRef by, Bytes serial, UnixSeconds now) const;
  Result<std::size_t, Cause> find_issuer(const ocsp::CertIdView& id) const;
  /// Fills `asked` from a request that is not to be refused for its form.
  Cause collect(const ocsp::RequestView& request);
  /// Signers of the first issuer that are not signers of all the others too.
  [[nodiscard]] SignerMask not_shared() const;
  /// Has everything `asked` signed by signer `position` of the first issuer, and resolves it.
  Cause resolve_all(std::size_t position, UnixSeconds now);

  // -- what is remembered
  /// A remembered answer if it may be said at `now`; a stale one stays for remember() to replace.
  HttpMessage* use_ready(ReadyAnswer& answer, std::uint64_t sequence, UnixSeconds now);
  Answer remember(const SignedAnswer& answer, std::uint32_t variant, std::uint64_t sequence, UnixSeconds now);
  [[nodiscard]] UnixSeconds replace_at(const Asked& one, std::uint64_t spread, UnixSeconds now) const;

  // -- what is signed
  [[nodiscard]] bool clock_is_sure() const;
  bool may_sign(UnixSeconds now);
  /// Signs what `asked` holds. Body of the answer, or why there is none.
  Result<Buffer, Cause> sign(const std::optional<Bytes>& nonce, UnixSeconds now);
  /// An answer without nonce for one certificate: from another loop, or signed now and offered to the others.
  Result<std::shared_ptr<const SignedAnswer>, Cause> obtain(std::uint32_t variant, UnixSeconds now);
  /// An answer that is not remembered: with a nonce, or for several certificates.
  Result<Answer, Cause> sign_once(const std::optional<Bytes>& nonce, UnixSeconds now);
  /// Tries the signers in the order of the rules until one signs.
  Answer answer_signed(const RequestOptions& options, std::uint64_t sequence, UnixSeconds now);
};

}  // namespace muster::responder
