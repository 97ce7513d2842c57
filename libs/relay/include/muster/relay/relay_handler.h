#pragma once

#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "muster/net/http_server.h"
#include "muster/relay/engine.h"
#include "muster/responder/http_message.h"

// HTTP in front of what a relay holds.
namespace muster::relay {

/// What one loop answered. Threads: written by the loop, read from any (relaxed).
struct HandlerCounters {
  std::atomic<std::uint64_t> get{0}, post{0};  ///< OCSP requests
  std::array<std::atomic<std::uint64_t>, kEndings> endings{};
  std::atomic<std::uint64_t> not_modified{0};
  std::atomic<std::uint64_t> nonces_left_out{0};
  std::atomic<std::uint64_t> other{0};  ///< other methods and paths
};

/// Where a handler sends what is not held; `tell` must run once, on the handler's thread.
using AskEngine = std::function<void(Wanted wanted, Tell tell)>;
/// Takes the keys that were asked for since the last call.
using NoteAsked = std::function<void(std::vector<keeper::Fingerprint> keys)>;

/// GET, HEAD and POST of RFC 6960 appendix A; caching headers and conditional requests of RFC 9919.
/// Answers from the shelf at once, all else once the engine tells. Threads: one, its loop's;
/// replies that wait are dropped with it.
class RelayHandler final : public net::HttpHandler {
 public:
  /// References outlive the handler. \param id  of this relay (Engine)
  RelayHandler(HandlerOptions options, std::string id, const keeper::Shelf& shelf,
               const Clock& clock, HandlerCounters& counters, AskEngine ask, NoteAsked note);
  void handle(const http::RequestView& request, net::HttpReply& reply) override;

  /// Goes by this list from now on.
  void adopt(std::shared_ptr<const RelaySetup> setup) { setup_ = std::move(setup); }
  /// Hands over which keys were asked for.
  void flush();

 private:
  /// A request that waits, with what is needed to answer it.
  struct Waiting {
    std::unique_ptr<net::LaterReply> reply;
    http::Method method;
    std::string if_none_match;
  };
  template <class Reply>
  void answer(const Told& told, http::Method method, std::string_view if_none_match, Reply& reply);
  void refuse(Ending ending, net::HttpReply& reply);
  void take(Bytes octets, const http::RequestView& request, net::HttpReply& reply);
  void note(const keeper::Fingerprint& key);

  const HandlerOptions options_;
  const std::string id_;
  const keeper::Shelf& shelf_;
  const Clock& clock_;
  HandlerCounters& counters_;
  const AskEngine ask_;
  const NoteAsked note_;
  std::shared_ptr<const RelaySetup> setup_ = std::make_shared<const RelaySetup>();
  Buffer decoded_;
  responder::HttpDate date_;
  responder::HttpMessage message_, not_modified_;
  std::unordered_set<std::string> asked_;
  std::uint64_t last_ = 0;
  std::shared_ptr<std::unordered_map<std::uint64_t, Waiting>> waiting_ =
      std::make_shared<std::unordered_map<std::uint64_t, Waiting>>();
};

/// The relays that a request came through, from its Via lines. Errors: kLoop when `id` is among
/// them or they are more than kMaxRelays.
Result<std::string, Ending> read_via(const http::RequestView& request, std::string_view id);

}  // namespace muster::relay
