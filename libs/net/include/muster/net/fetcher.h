#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "muster/net/loop.h"

namespace muster::net {

/// What a fetch may fail with. "Stalled" peers of every kind end in kTimeout: each fetch has a hard
/// deadline.
enum class FetchErrc : std::uint8_t {
  kBadUrl,     ///< not http or https (or ldap, when asked for), or not a URL (OCSP-CLI-036)
  kForbidden,  ///< destination refused by policy (loopback, private, cross-scheme redirect...)
  kResolve,
  kConnect,
  kTls,
  kTimeout,
  kTooLarge,
  kTooManyRedirects,
  kProtocol,    ///< not HTTP, or cut short
  kHttpStatus,  ///< not 200 (304 excepted when asked for); see http_status
  kCancelled,
};
std::string_view to_string(FetchErrc code);

struct FetchRequest {
  // Every member has an initialiser, so that designated ones may leave any out.
  std::string url{};
  std::optional<Buffer> post_body{};   ///< GET when absent
  std::string content_type{};          ///< of post_body
  std::vector<std::string> headers{};  ///< "Name: value"
  std::string proxy{};                 ///< empty: none
  std::string source_address{};        ///< empty: any
  Milliseconds connect_timeout{5000};
  Milliseconds total_timeout{15000};  ///< from start to the last octet, redirects included
  std::size_t max_body_bytes = 1 << 20;
  unsigned max_redirects = 3;
  /// CA certificates in PEM that https servers may lead to beside the system's; null: those alone.
  std::shared_ptr<const std::string> ca_pem{};
  bool forbid_private_destinations =
      false;  ///< loopback, private, link-local...: judged by the address connected to
  /// Takes the body piece by piece instead of its being collected; false ends the fetch
  /// (kCancelled). Runs on the thread that fetches. Also sees bodies of answers that are errors in
  /// the end.
  std::function<bool(Bytes)> sink{};
  /// Sees each line of each answer's head, status line first, trimmed; those of redirects and of
  /// answers that are errors in the end too. Runs on the thread that fetches.
  std::function<void(std::string_view)> head_sink{};
  bool as_http_1_0 = false;  ///< ask as HTTP/1.0
  /// kLdap: ldap and ldaps URLs instead of http and https. The body is LDIF-like text of libcurl.
  /// Only for the blocking fetch(): libldap reads ahead, so that on a loop the rest of an answer
  /// may lie in its buffer without an event.
  enum class Schemes : std::uint8_t { kHttp, kLdap } schemes = Schemes::kHttp;
  std::stop_token stop{};  ///< ends a blocking fetch() within about a second (kCancelled)
};
struct FetchResponse {
  unsigned http_status = 0;
  Buffer body;
  std::string content_type, etag;
  std::optional<Seconds> max_age, retry_after;  ///< max_age: from now on; 0 with no-store
  std::optional<UnixSeconds> date, last_modified, expires;
  Milliseconds duration{0};
  std::string final_url;
};
struct FetchError {
  FetchErrc code;
  std::string detail;  ///< for people
  unsigned http_status = 0;
  std::optional<Seconds> retry_after;
};
using FetchResult = Result<FetchResponse, FetchError>;
using FetchId = std::uint64_t;

/// What keeper and client fetch through; a fake stands in for it in simulations.
class FetchService {
 public:
  virtual ~FetchService() = default;
  /// Starts a fetch; `done` runs exactly once on the loop's thread, never inside start(). It may
  /// start and cancel other fetches, but not destroy the service.
  virtual FetchId start(FetchRequest request, std::function<void(FetchResult)> done) = 0;
  /// Ends a fetch: its `done` runs with kCancelled before this returns. Nothing happens when it ran
  /// already.
  virtual void cancel(FetchId id) = 0;
};

/// Non-blocking HTTP client on a loop (libcurl multi). Loop's thread. Destroying it drops what is
/// under way without calling `done`.
std::unique_ptr<FetchService> make_fetcher(Loop& loop);
/// One fetch, waiting for it. For commands and set-up, never on a loop's thread.
FetchResult fetch(const FetchRequest& request);

}  // namespace muster::net
