#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "muster/client/live.h"
#include "muster/keeper/shelf.h"

// How the keeper asks: one question about one certificate at one URL. The seam below which
// simulations put a network of their own (decision 049).
namespace muster::keeper {

/// A way out of here.
struct Egress {
  std::string proxy{};           ///< empty: none
  std::string source_address{};  ///< empty: any
};

struct Question {
  std::uint64_t ticket = 0;  ///< names it for cancel()
  const Subject& subject;    ///< outlives ask() only
  const std::string& url;
  unsigned egress = 0;
  client::HttpMethod method = client::HttpMethod::kByLength;
  /// Entity tag of the response that is held and came from this URL: an answer may be "not
  /// modified". Empty: none.
  std::string etag{};
};

/// What a question brought. Without `outcome` the server said that the response with
/// Question::etag is still its newest.
struct Answer {
  std::optional<client::LiveOutcome> outcome;
  client::CachingAdvice caching;
};

/// Loop's thread.
class Asker {
 public:
  virtual ~Asker() = default;
  /// `done` runs once, at once or later, unless the question is cancelled.
  virtual void ask(const Question& question, const client::VerifyPolicy& policy, UnixSeconds now,
                   std::function<void(Answer)> done) = 0;
  /// Forgets a question; one that is answered is no error.
  virtual void cancel(std::uint64_t ticket) = 0;
};

/// Asks responders over HTTP. \param egresses  none: what `live` says. The references outlive it.
std::unique_ptr<Asker> make_live_asker(net::FetchService& fetcher, const Clock& clock,
                                       client::LiveOptions live, std::vector<Egress> egresses);

}  // namespace muster::keeper
