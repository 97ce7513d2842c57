#include <map>

#include "muster/keeper/asker.h"

namespace muster::keeper {
namespace {

constexpr unsigned kNotModified = 304;

class LiveAsker final : public Asker {
 public:
  LiveAsker(net::FetchService& fetcher, const Clock& clock, client::LiveOptions live,
            std::vector<Egress> egresses)
      : fetcher_(fetcher),
        clock_(clock),
        live_(std::move(live)),
        egresses_(std::move(egresses)),
        self_(std::make_shared<LiveAsker*>(this)) {
    if (egresses_.empty()) {
      egresses_.push_back({live_.transport.proxy, live_.transport.source_address});
    }
  }

  void ask(const Question& question, const client::VerifyPolicy& policy, UnixSeconds now,
           std::function<void(Answer)> done) override {
    client::LiveOptions live = live_;
    live.urls = {question.url};
    live.nonce =
        client::NonceUse::kNone;  // so that caches may answer and GET is used (OCSP-STAP-011)
    live.rounds = 1;
    const Egress& egress = egresses_.at(question.egress);
    live.transport.proxy = egress.proxy;
    live.transport.source_address = egress.source_address;
    if (question.method == client::HttpMethod::kPostOnly) {
      live.transport.method = question.method;
    }
    client::LiveQuery query(question.subject.certificate, question.subject.issuer, std::move(live),
                            policy);
    client::LiveAction action = query.start(now);
    auto* first = std::get_if<net::FetchRequest>(&action);
    const bool conditional = first != nullptr && !first->post_body && !question.etag.empty();
    if (conditional) {
      first->headers.push_back("If-None-Match: " + question.etag);
    }
    running_.insert_or_assign(question.ticket,
                              Running{std::move(query), std::move(done), 0, conditional});
    act(question.ticket, std::move(action));
  }

  void cancel(std::uint64_t ticket) override {
    if (const auto node = running_.extract(ticket); !node.empty()) {
      fetcher_.cancel(node.mapped().fetch);
    }
  }

 private:
  struct Running {
    client::LiveQuery query;
    std::function<void(Answer)> done;
    net::FetchId fetch = 0;
    bool conditional = false;
  };

  void act(std::uint64_t ticket, client::LiveAction action) {
    if (auto* request = std::get_if<net::FetchRequest>(&action)) {
      running_.at(ticket).fetch = fetcher_.start(
          std::move(*request),
          [weak = std::weak_ptr<LiveAsker*>(self_), ticket](const net::FetchResult& result) {
            if (const auto self = weak.lock()) {
              (*self)->on_fetched(ticket, result);
            }
          });
      return;
    }
    MUSTER_ASSERT(std::holds_alternative<client::LiveOutcome>(
        action));  // rounds = 1: there is nothing to wait for
    auto& outcome = std::get<client::LiveOutcome>(action);
    client::CachingAdvice caching = outcome.caching;
    conclude(ticket, Answer{std::move(outcome), std::move(caching)});
  }

  void on_fetched(std::uint64_t ticket, const net::FetchResult& result) {
    const auto found = running_.find(ticket);
    if (found == running_.end()) {
      return;  // cancelled meanwhile
    }
    Running& running = found->second;
    if (std::exchange(running.conditional, false)) {
      const unsigned status = result ? result->http_status : result.error().http_status;
      if (status == kNotModified) {
        client::CachingAdvice caching;
        if (result) {
          caching = {result->max_age, result->etag};
        }
        conclude(ticket, Answer{std::nullopt, std::move(caching)});
        return;
      }
    }
    act(ticket, running.query.on_fetched(result, clock_.now()));
  }

  void conclude(std::uint64_t ticket, Answer answer) {
    const auto node = running_.extract(ticket);
    node.mapped().done(std::move(answer));
  }

  net::FetchService& fetcher_;
  const Clock& clock_;
  const client::LiveOptions live_;
  std::vector<Egress> egresses_;
  std::map<std::uint64_t, Running> running_;
  std::shared_ptr<LiveAsker*> self_;  ///< fetches that outlive it find nobody
};

}  // namespace

std::unique_ptr<Asker> make_live_asker(net::FetchService& fetcher, const Clock& clock,
                                       client::LiveOptions live, std::vector<Egress> egresses) {
  return std::make_unique<LiveAsker>(fetcher, clock, std::move(live), std::move(egresses));
}

}  // namespace muster::keeper
