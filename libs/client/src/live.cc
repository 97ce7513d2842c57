#include "muster/client/live.h"

#include <algorithm>
#include <thread>

#include "muster/base/turns.h"

namespace muster::client {
namespace {

bool is_time_error(VerifyErrc code) {
  return code == VerifyErrc::kExpired || code == VerifyErrc::kTooOld ||
         code == VerifyErrc::kNotYetValid;
}

bool worth_retrying(const net::FetchError& error) {
  switch (error.code) {
    case net::FetchErrc::kBadUrl:
    case net::FetchErrc::kForbidden:
    case net::FetchErrc::kTooLarge:
    case net::FetchErrc::kTooManyRedirects:
    case net::FetchErrc::kCancelled:
      return false;
    case net::FetchErrc::kHttpStatus:
      return error.http_status >= 500 || error.http_status == 429;
    case net::FetchErrc::kResolve:
    case net::FetchErrc::kConnect:
    case net::FetchErrc::kTls:
    case net::FetchErrc::kTimeout:
    case net::FetchErrc::kProtocol:
      return true;
  }
  return false;
}

/// Which of several failures tells the user most: a bad answer, then a refusal, then silence.
int telling(LiveErrc code) {
  switch (code) {
    case LiveErrc::kNoUrl:
      return 0;
    case LiveErrc::kTransport:
      return 1;
    case LiveErrc::kResponderError:
      return 2;
    case LiveErrc::kUnacceptable:
      return 3;
  }
  return 0;
}

}  // namespace

std::string_view to_string(LiveErrc code) {
  switch (code) {
    case LiveErrc::kNoUrl:
      return "no-responder-url";
    case LiveErrc::kTransport:
      return "transport-error";
    case LiveErrc::kResponderError:
      return "responder-error";
    case LiveErrc::kUnacceptable:
      return "unacceptable-answer";
  }
  return "invalid";
}

bool LiveFailure::worth_retrying() const {
  switch (code) {
    case LiveErrc::kNoUrl:
      return false;
    case LiveErrc::kTransport:
      return client::worth_retrying(*fetch);
    case LiveErrc::kResponderError:
      return verify->response_status == ocsp::ResponseStatus::kTryLater ||
             verify->response_status == ocsp::ResponseStatus::kInternalError;
    case LiveErrc::kUnacceptable:
      return is_time_error(verify->code);
  }
  return false;
}

Result<VerifiedResponse, LiveFailure> judge_fetch(const net::FetchResult& fetched,
                                                  const Subject& subject,
                                                  const pki::Certificate& issuer,
                                                  const std::optional<Buffer>& nonce_sent,
                                                  const VerifyPolicy& policy, UnixSeconds now) {
  return judge_fetch(fetched, subject, issuer, nonce_sent, {}, policy, now);
}

Result<VerifiedResponse, LiveFailure> judge_fetch(
    const net::FetchResult& fetched, const Subject& subject, const pki::Certificate& issuer,
    const std::optional<Buffer>& nonce_sent, std::span<const pki::Certificate> extra_certificates,
    const VerifyPolicy& policy, UnixSeconds now) {
  if (!fetched) {
    return Err{LiveFailure{LiveErrc::kTransport, fetched.error().detail, fetched.error(),
                           std::nullopt, fetched.error().retry_after}};
  }
  if (fetched->http_status != 200) {
    const std::string detail =
        "HTTP status " + std::to_string(fetched->http_status) + " instead of 200";
    return Err{LiveFailure{LiveErrc::kTransport, detail,
                           net::FetchError{net::FetchErrc::kHttpStatus, detail,
                                           fetched->http_status, fetched->retry_after},
                           std::nullopt, fetched->retry_after}};
  }
  VerifyInput input{.response = fetched->body,
                    .subject = subject,
                    .issuer = issuer,
                    .nonce_sent = std::nullopt,
                    .extra_certificates = extra_certificates};
  if (nonce_sent) {
    input.nonce_sent = Bytes(*nonce_sent);
  }
  auto verified = verify(input, policy, now);
  if (verified) {
    return *std::move(verified);
  }
  const bool refused = verified.error().code == VerifyErrc::kResponseStatus;
  return Err{LiveFailure{refused ? LiveErrc::kResponderError : LiveErrc::kUnacceptable,
                         verified.error().detail, std::nullopt, verified.error(),
                         fetched->retry_after}};
}

ResponderMemory::Traits ResponderMemory::recall(const std::string& url) const {
  MutexLock lock(mutex_);
  const auto found = traits_.find(url);
  return found == traits_.end() ? Traits{} : found->second;
}

void ResponderMemory::remember(const std::string& url, Traits traits) {
  MutexLock lock(mutex_);
  if (traits_.size() >= kMaxResponders && !traits_.contains(url)) {
    traits_.erase(traits_.begin());
  }
  traits_[url] = traits;
}

LiveQuery::LiveQuery(Subject subject, pki::Certificate issuer, LiveOptions options,
                     VerifyPolicy policy)
    : subject_(std::move(subject)),
      issuer_(std::move(issuer)),
      options_(std::move(options)),
      policy_(std::move(policy)),
      urls_(options_.urls.empty() ? subject_.facts().access.ocsp : options_.urls) {
  std::erase_if(urls_, [](const std::string& url) { return !is_http_url(url); });
}

LiveAction LiveQuery::start(UnixSeconds /*now*/) {
  if (urls_.empty()) {
    const bool named = !options_.urls.empty() || !subject_.facts().access.ocsp.empty();
    return finish(
        LiveFailure{LiveErrc::kNoUrl,
                    named ? "no responder URL is http or https"
                          : "the certificate names no OCSP responder (and no URL was given)",
                    std::nullopt, std::nullopt, std::nullopt});
  }
  begin_url();
  return send();
}

void LiveQuery::begin_url() {
  const ResponderMemory::Traits traits =
      options_.memory ? options_.memory->recall(urls_[url_]) : ResponderMemory::Traits{};
  hash_ = traits.needs_other_hash ? options_.other_hash.value_or(options_.hash) : options_.hash;
  switch (options_.nonce) {
    case NonceUse::kNone:
      nonce_octets_ = 0;
      break;
    case NonceUse::kSend:
      nonce_octets_ = kNonceOctets;
      break;
    case NonceUse::kSendCompat:
      nonce_octets_ = traits.nonce_octets;
      break;
  }
  cache_ = CacheUse::kAllowed;
  bypassed_ = false;
}

LiveAction LiveQuery::send() {
  nonce_.reset();
  if (nonce_octets_ > 0) {
    nonce_ = options_.nonce_source(nonce_octets_);
  }
  const Question question{.hash = hash_,
                          .parameters = options_.parameters,
                          .nonce = nonce_,
                          .list_algorithms = options_.list_algorithms,
                          .list_response_types = options_.list_response_types};
  auto request = options_.requestor
                     ? options_.requestor->build_request(subject_, issuer_, question)
                     : Result<Buffer, std::string>(build_request(subject_, issuer_, question));
  if (!request) {
    return finish(LiveFailure{LiveErrc::kTransport, request.error(), std::nullopt, std::nullopt,
                              std::nullopt});
  }
  net::FetchRequest fetch = make_fetch_request(urls_[url_], *request, options_.transport, cache_);
  attempts_.push_back({.url = urls_[url_],
                       .method = fetch.post_body ? HttpMethod::kPostOnly : HttpMethod::kByLength,
                       .hash = hash_,
                       .nonce_octets = nonce_octets_,
                       .cache = cache_,
                       .duration = Milliseconds(0),
                       .http_status = 0,
                       .failure = std::nullopt});
  return fetch;
}

LiveAction LiveQuery::on_fetched(const net::FetchResult& fetched, UnixSeconds now) {
  auto judged =
      judge_fetch(fetched, subject_, issuer_, nonce_, options_.extra_certificates, policy_, now);
  LiveAttempt& attempt = attempts_.back();
  attempt.duration = fetched ? fetched->duration : Milliseconds(0);
  attempt.http_status = fetched ? fetched->http_status : fetched.error().http_status;
  if (judged) {
    caching_ = {fetched->max_age, fetched->etag};
    return on_verified(*std::move(judged));
  }
  attempt.failure = judged.error();
  return on_failed(judged.error());
}

LiveAction LiveQuery::on_verified(VerifiedResponse response) {
  const bool unknown = std::holds_alternative<ocsp::Unknown>(response.status());
  if (unknown) {
    // A truthful "I do not know": another spelling of the question, then another responder, may
    // know (OCSP-CLI-018).
    unknown_ = std::move(response);
    if (may_try_other_hash()) {
      return ask_with_other_hash();
    }
    return next_url();
  }
  remember_traits();
  return finish(std::move(response));
}

LiveAction LiveQuery::on_failed(const LiveFailure& failure) {
  if (!worst_ || telling(failure.code) > telling(worst_->code)) {
    worst_ = failure;
  }
  worth_another_round_ = worth_another_round_ || failure.worth_retrying();
  if (failure.retry_after && (!retry_after_ || *failure.retry_after < *retry_after_)) {
    retry_after_ = failure.retry_after;
  }
  if (failure.code == LiveErrc::kUnacceptable && failure.verify->code == VerifyErrc::kExpired &&
      !bypassed_) {
    bypassed_ = true;  // a cache on the way may hold what the responder has replaced (OCSP-CLI-058)
    cache_ = CacheUse::kBypass;
    return send();
  }
  if (failure.code == LiveErrc::kResponderError) {
    if (failure.verify->response_status == ocsp::ResponseStatus::kUnauthorized &&
        may_try_other_hash()) {
      return ask_with_other_hash();
    }
    if (failure.verify->response_status == ocsp::ResponseStatus::kMalformedRequest &&
        options_.nonce == NonceUse::kSendCompat && nonce_octets_ > 0) {
      nonce_octets_ = nonce_octets_ > kCompatibilityNonceOctets ? kCompatibilityNonceOctets : 0;
      cache_ = CacheUse::kAllowed;
      return send();
    }
  }
  return next_url();
}

bool LiveQuery::may_try_other_hash() const {
  return options_.other_hash && hash_ != *options_.other_hash;
}

LiveAction LiveQuery::ask_with_other_hash() {
  hash_ = *options_.other_hash;
  cache_ = CacheUse::kAllowed;
  return send();
}

void LiveQuery::remember_traits() {
  if (!options_.memory) {
    return;
  }
  ResponderMemory::Traits traits = options_.memory->recall(urls_[url_]);
  traits.needs_other_hash = traits.needs_other_hash || hash_ != options_.hash;
  if (options_.nonce == NonceUse::kSendCompat) {
    traits.nonce_octets = nonce_octets_;
  }
  options_.memory->remember(urls_[url_], traits);
}

LiveAction LiveQuery::next_url() {
  if (++url_ < urls_.size()) {
    begin_url();
    return send();
  }
  if (unknown_) {
    return finish(*std::move(unknown_));
  }
  const Milliseconds delay =
      std::max<Milliseconds>(options_.backoff * (std::int64_t{1} << std::min(round_, 20u)),
                             retry_after_.value_or(Seconds{0}));
  if (round_ + 1 < options_.rounds && worth_another_round_ && delay <= options_.max_wait) {
    return LiveWait{delay};
  }
  return finish(*std::move(worst_));
}

LiveAction LiveQuery::on_waited(UnixSeconds /*now*/) {
  ++round_;
  url_ = 0;
  worth_another_round_ = false;
  retry_after_.reset();
  begin_url();
  return send();
}

LiveAction LiveQuery::finish(std::variant<VerifiedResponse, LiveFailure> result) {
  return LiveOutcome{std::move(result), std::move(attempts_), std::move(caching_)};
}

// Between the rounds of a blocking query on a thread of its own; cores get kWait instead.
void wait_for(Milliseconds delay) {
  const WhileWaiting others(AfterWait::kMuch);
  std::this_thread::sleep_for(delay);
}

LiveOutcome ask(LiveQuery query, const Clock& clock,
                const std::function<net::FetchResult(const net::FetchRequest&)>& fetch,
                const std::function<void(Milliseconds)>& wait) {
  LiveAction action = query.start(clock.now());
  for (;;) {
    if (auto* outcome = std::get_if<LiveOutcome>(&action)) {
      return std::move(*outcome);
    }
    if (const auto* pause = std::get_if<LiveWait>(&action)) {
      wait(pause->delay);
      action = query.on_waited(clock.now());
    } else {
      const net::FetchResult fetched = fetch(std::get<net::FetchRequest>(action));
      action = query.on_fetched(fetched, clock.now());
    }
  }
}

namespace {

/// A query on its way on a loop; keeps itself alive through the callbacks it waits for.
class LoopDrive : public std::enable_shared_from_this<LoopDrive> {
 public:
  LoopDrive(LiveQuery query, net::FetchService& service, net::Loop& loop, const Clock& clock,
            std::function<void(LiveOutcome)> done)
      : query_(std::move(query)),
        service_(service),
        loop_(loop),
        clock_(clock),
        done_(std::move(done)) {}

  void begin() { perform(query_.start(clock_.now())); }

 private:
  void perform(LiveAction action) {
    if (auto* outcome = std::get_if<LiveOutcome>(&action)) {
      done_(std::move(*outcome));
    } else if (const auto* wait = std::get_if<LiveWait>(&action)) {
      loop_.after(wait->delay, [self = shared_from_this()] {
        self->perform(self->query_.on_waited(self->clock_.now()));
      });
    } else {
      service_.start(std::get<net::FetchRequest>(std::move(action)),
                     [self = shared_from_this()](net::FetchResult fetched) {
                       self->perform(self->query_.on_fetched(fetched, self->clock_.now()));
                     });
    }
  }

  LiveQuery query_;
  net::FetchService& service_;
  net::Loop& loop_;
  const Clock& clock_;
  std::function<void(LiveOutcome)> done_;
};

}  // namespace

void ask(LiveQuery query, net::FetchService& service, net::Loop& loop, const Clock& clock,
         std::function<void(LiveOutcome)> done) {
  // Started from the loop, so that `done` never runs inside this call.
  auto drive = std::make_shared<LoopDrive>(std::move(query), service, loop, clock, std::move(done));
  loop.after(Milliseconds(0), [drive] { drive->begin(); });
}

}  // namespace muster::client
