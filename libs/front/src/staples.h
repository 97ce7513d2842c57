#pragma once

#include <set>

#include "certificates.h"
#include "muster/front/front.h"
#include "muster/tls/shelf_source.h"

namespace muster::front {

/// Where the front's staples come from: a shelf that is followed, or one with a keeper of our own.
/// Thread of the loop; source() is for every thread.
class Staples {
 public:
  /// Errors: kInput.
  static Result<std::unique_ptr<Staples>, FrontError> open(net::Loop& loop,
                                                           net::FetchService& fetcher,
                                                           const Clock& clock, Logger& logger,
                                                           const FrontOptions& options,
                                                           std::uint64_t seed);
  ~Staples();

  [[nodiscard]] const tls::StapleSource& source() const { return source_; }
  /// Makes these the certificates to have staples for; `covered` runs when each that is served has
  /// one or needs none, when the first attempts are over (own keeper), or after `patience`; never
  /// inside this call. A later call replaces an earlier one that still waits.
  void watch(const WatchedCertificates& certificates, Milliseconds patience,
             std::function<void()> covered);
  /// Stops fetching and following.
  void stop();

 private:
  Staples(net::Loop& loop, const Clock& clock, Logger& logger, std::unique_ptr<keeper::Shelf> shelf)
      : loop_(loop),
        clock_(clock),
        logger_(logger),
        shelf_(std::move(shelf)),
        source_(*shelf_, clock_) {}
  void follow();
  [[nodiscard]] bool lacks_staple(const keeper::Watched& watched, UnixSeconds now) const;
  [[nodiscard]] bool is_covered() const;
  /// Says which certificates have lost their staple, or got one, since the last call.
  void tell_changes();

  net::Loop& loop_;
  const Clock& clock_;
  Logger& logger_;
  const std::unique_ptr<keeper::Shelf> shelf_;
  const tls::ShelfSource source_;
  std::unique_ptr<keeper::Keeper> keeper_;  // null: the shelf is followed
  keeper::KeeperOptions keeper_options_;
  std::vector<keeper::Watched> watched_;   // that are served
  std::set<keeper::Fingerprint> missing_;  // told of as without staple
  bool is_attempted_ = false;
  bool is_keeper_started_ = false;
  MonotonicTime patience_ends_;
  std::function<void()> covered_;
  net::TimerId follow_timer_ = 0;
};

}  // namespace muster::front
