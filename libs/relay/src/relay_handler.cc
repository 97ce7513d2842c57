#include "muster/relay/relay_handler.h"

#include <algorithm>

#include "muster/http/conditional.h"
#include "muster/http/list_header.h"
#include "muster/http/ocsp_request.h"

namespace muster::relay {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kNoStore = "Cache-Control: no-store\r\n";
constexpr std::string_view kIdPrefix = "muster-relay-";
/// Keys handed over at once, at most; beyond, they are handed over early.
constexpr std::size_t kMaxNoted = 1024;

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

Ending ending_of(QuestionErrc error) {
  switch (error) {
    case QuestionErrc::kMalformed:
      return Ending::kMalformed;
    case QuestionErrc::kNotAllowed:
      return Ending::kNotAllowed;
    case QuestionErrc::kTooMany:
      return Ending::kTooMany;
    case QuestionErrc::kUnsupported:
      break;
  }
  return Ending::kUnsupported;
}

}  // namespace

Result<std::string, Ending> read_via(const http::RequestView& request, std::string_view id) {
  http::ListFromRight senders(request, "Via");
  std::string relays;
  std::size_t many = 0;
  while (const auto sender = senders.next()) {
    // "1.1 muster-relay-1f2e", perhaps with a comment behind; others are caches and proxies.
    const std::size_t at = sender->find(kIdPrefix);
    if (at == std::string_view::npos) {
      continue;
    }
    std::string_view name = sender->substr(at);
    name = name.substr(0, std::min(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"),
                                   kIdPrefix.size() + 16));
    if (name == id || ++many > kMaxRelays) {
      return Err{Ending::kLoop};
    }
    relays = "1.1 " + std::string(name) + (relays.empty() ? "" : ", " + relays);
  }
  return relays;
}

RelayHandler::RelayHandler(HandlerOptions options, std::string id, const keeper::Shelf& shelf,
                           const Clock& clock, HandlerCounters& counters, AskEngine ask,
                           NoteAsked note)
    : options_(std::move(options)),
      id_(std::move(id)),
      shelf_(shelf),
      clock_(clock),
      counters_(counters),
      ask_(std::move(ask)),
      note_(std::move(note)) {}

void RelayHandler::note(const keeper::Fingerprint& key) {
  asked_.emplace(as_text(key));
  if (asked_.size() >= kMaxNoted) {
    flush();
  }
}

void RelayHandler::flush() {
  if (asked_.empty()) {
    return;
  }
  std::vector<keeper::Fingerprint> keys;
  keys.reserve(asked_.size());
  for (const std::string& text : asked_) {
    keeper::Fingerprint& key = keys.emplace_back();
    std::copy(text.begin(), text.end(), key.begin());
  }
  asked_.clear();
  note_(std::move(keys));
}

template <class Reply>
void RelayHandler::answer(const Told& told, http::Method method, std::string_view if_none_match,
                          Reply& reply) {
  count(counters_.endings.at(static_cast<std::size_t>(told.ending)));
  if (!told.held) {
    const Buffer error =
        told.octets ? Buffer() : ocsp::encode_error_response(status_for(told.ending));
    reply.send(200, ocsp::kResponseMediaType, kNoStore, told.octets ? *told.octets : error);
    return;
  }
  const UnixSeconds now = clock_.now();
  const keeper::Staple& held = *told.held;
  const UnixSeconds expires = held.facts.expires;
  const bool may_be_kept = held.response.next_update().has_value();
  responder::render(
      message_, may_be_kept ? responder::HeadKind::kCacheable : responder::HeadKind::kPrivate,
      held.der(), {held.facts.this_update, expires, expires, options_.cache_for}, now, date_);
  if (may_be_kept && method != http::Method::kPost && !if_none_match.empty() &&
      http::names_etag(if_none_match, message_.etag())) {
    count(counters_.not_modified);
    responder::render_not_modified(not_modified_, message_);
    reply.send_ready(not_modified_.octets, not_modified_.head_bytes);
    return;
  }
  reply.send_ready(message_.octets, message_.head_bytes);
}

void RelayHandler::refuse(Ending ending, net::HttpReply& reply) {
  answer(Told{ending, {}, {}}, http::Method::kPost, {}, reply);
}

void RelayHandler::take(Bytes octets, const http::RequestView& request, net::HttpReply& reply) {
  auto question = read_question(octets, setup_->issuers, options_.max_cert_ids);
  if (!question) {
    refuse(ending_of(question.error()), reply);
    return;
  }
  const bool passes =
      question->asked.size() > 1 || (question->nonce && options_.nonce == NonceUse::kPass);
  if (!passes) {
    if (question->nonce) {
      count(counters_.nonces_left_out);
    }
    const keeper::Fingerprint& key = question->asked.front().key;
    if (auto held = shelf_.find(key, clock_.now())) {
      note(key);
      answer(Told{Ending::kHeld, std::move(held), {}}, request.method, request.if_none_match,
             reply);
      return;
    }
  }
  auto via = read_via(request, id_);
  if (!via) {
    refuse(via.error(), reply);
    return;
  }
  auto later = reply.defer();
  if (later == nullptr) {
    refuse(Ending::kBusy, reply);
    return;
  }
  const std::uint64_t number = ++last_;
  waiting_->emplace(number,
                    Waiting{std::move(later), request.method, std::string(request.if_none_match)});
  ask_(Wanted{std::move(question->asked), *question->issuer, std::move(question->nonce),
              *std::move(via)},
       [this, weak = std::weak_ptr(waiting_), number](const Told& told) {
         const auto waiting = weak.lock();
         if (waiting == nullptr) {
           return;  // the handler has gone
         }
         if (auto one = waiting->extract(number); !one.empty()) {
           Waiting& w = one.mapped();
           answer(told, w.method, w.if_none_match, *w.reply);
         }
       });
}

void RelayHandler::handle(const http::RequestView& request, net::HttpReply& reply) {
  const http::OcspRequestFound found =
      http::find_ocsp_request(request, options_.prefix, options_.max_request_bytes, decoded_);
  switch (found.ask) {
    case http::OcspAsk::kPost:
      count(counters_.post);
      take(found.octets, request, reply);
      return;
    case http::OcspAsk::kGet:
      count(counters_.get);
      take(found.octets, request, reply);
      return;
    case http::OcspAsk::kBadEncoding:
      count(counters_.get);
      refuse(Ending::kMalformed, reply);
      return;
    case http::OcspAsk::kLanding:
    case http::OcspAsk::kElsewhere:
      count(counters_.other);
      reply.send(found.ask == http::OcspAsk::kLanding ? 200 : 404, kText, kNoStore,
                 as_bytes("This is an OCSP relay.\n"));
      return;
    case http::OcspAsk::kOtherMethod:
      count(counters_.other);
      reply.send(405, kText, "Allow: GET, HEAD, POST\r\nCache-Control: no-store\r\n",
                 as_bytes("Only GET, HEAD and POST.\n"));
      return;
  }
}

}  // namespace muster::relay
