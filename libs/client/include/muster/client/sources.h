#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "muster/client/crl_document.h"
#include "muster/client/verdict.h"

// What the checks of one run fetch, each thing once.
namespace muster::client {

/// One fetch, waiting for it.
using FetchFunction = std::function<net::FetchResult(const net::FetchRequest&)>;
/// Begins a fetch; `done` may be called on any thread, also inside.
using StartFetch =
    std::function<void(net::FetchRequest request, std::function<void(net::FetchResult)> done)>;

struct SourcesOptions {
  /// Where CRLs and OCSP answers are kept between runs; empty: nowhere.
  std::string cache_directory{};
  std::uint64_t cache_bytes = std::uint64_t{1} << 30;
  /// Where large downloads go that are not kept; empty: where the system has such files.
  std::string spool_directory{};
  /// Tells what time it is for the cache, not for judging; null: the system's.
  const Clock* clock = nullptr;
};

/// A CRL that was asked for.
struct CrlFetched {
  std::shared_ptr<const CrlDocument> document;  ///< null: see failure
  /// Why its place gave nothing that is a CRL; with a document: why a copy has to do.
  std::optional<CrlFailure> failure;
  /// When the copy was fetched or confirmed that has to do.
  std::optional<UnixSeconds> kept_since;
  bool from_cache = false;  ///< not fetched in this run
};

/// An OCSP answer of an earlier run. Not verified: whoever uses it does that.
struct KeptAnswer {
  Buffer der;
  UnixSeconds kept_since;
  bool is_fresh;  ///< its responder said that nobody need ask yet (RFC 9919 section 7.1)
};

/// Fetches for many checks at once: equal requests are made once, a CRL is downloaded and kept
/// once, a server that failed twice in a row is left alone for a while. Deadlines are instants of
/// the steady clock; none: as long as the request's own time limits last. Threads: any.
class Sources {
 public:
  explicit Sources(StartFetch start, const SourcesOptions& options = {});
  /// Each fetch on the thread that asks.
  explicit Sources(const FetchFunction& fetch, const SourcesOptions& options = {});
  /// What is waited for is fetched by `here` on the thread that asks, with a time limit that ends
  /// at its deadline; CRLs, which are waited for later, are begun by `start`. No other thread need
  /// be woken for an answer then, but whoever asks the same meanwhile gets what this deadline
  /// allowed. \param here  called by as many threads at a time as ask; null: `start` fetches all
  Sources(StartFetch start, FetchFunction here, const SourcesOptions& options);
  Sources(const Sources&) = delete;
  Sources& operator=(const Sources&) = delete;
  ~Sources();

  using Deadline = std::optional<MonotonicTime>;
  /// Whether an answer may serve everybody who asks the same in this run.
  using Lasting = bool (*)(const net::FetchResponse&);
  net::FetchResult fetch(const net::FetchRequest& request, Deadline deadline, Lasting lasting);

  class CrlFetch;
  using CrlTicket = std::shared_ptr<CrlFetch>;
  /// Begins, or joins, the download of `request.url`; at once where a copy is fresh.
  CrlTicket begin_crl(const net::FetchRequest& request);
  /// The same past every copy: for one that turned out to be no good.
  CrlTicket begin_crl_anew(const net::FetchRequest& request);
  CrlFetched finish_crl(const CrlTicket& ticket, Deadline deadline);
  /// It was verified and it counted: worth keeping for the next run.
  void keep(const CrlTicket& ticket);

  /// What `url` answered in an earlier run. \param question  names the certificate: a line
  [[nodiscard]] std::optional<KeptAnswer> find_answer(const std::string& url,
                                                      const std::string& question) const;
  /// It was verified and it counted: worth keeping, unless its HTTP head says otherwise.
  void keep_answer(const std::string& url, const std::string& question,
                   const net::FetchResponse& heard);

  /// Failures in a row after which a server is left alone, and how long.
  static constexpr unsigned kPatience = 2;
  static constexpr Seconds kLeftAlone{30};
  /// What is remembered in a run at most.
  static constexpr std::size_t kMaxAnswers = 4096;
  static constexpr std::size_t kMaxAnswerBytes = std::size_t{16} << 20;
  static constexpr std::size_t kMaxCrls = 4096;
  static constexpr std::uint64_t kMaxCrlBytes = std::uint64_t{4} << 30;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::client
