#pragma once

#include "downloads.h"
#include "fetch_plan.h"
#include "held_crl.h"
#include "muster/source/watcher.h"

namespace muster::source {

/// One CRL to be fetched, from the first of several places that gives an acceptable one
/// (OCSP-CRL-021, -053). Knows when, where and with which validators; whether a CRL is acceptable
/// the caller says. Threads: one.
class CrlLocation {
 public:
  CrlLocation(std::vector<std::string> urls, const CrlSetSpec& spec, const WatchOptions& options);

  [[nodiscard]] bool is_due(MonotonicTime now) const { return !running_ && plan_.is_due(now); }
  [[nodiscard]] MonotonicTime next_look() const {
    return running_ ? MonotonicTime::max() : plan_.next();
  }
  [[nodiscard]] bool is_waiting_for(DownloadId id) const { return running_ == id; }
  /// Whether all places were tried once, or one has answered.
  [[nodiscard]] bool was_tried() const { return tried_; }
  void hurry(MonotonicTime now) { plan_.hurry(now); }

  /// Asks the current place. `held`: what is in use, for a conditional request.
  void start(Downloads& downloads, store::IssuerId owner, const std::string& directory,
             const std::vector<std::shared_ptr<const HeldCrl>>& held);
  /// What a download that ended came to: octets to judge, or nothing because they are unchanged.
  /// Errors: kUnreachable, kMalformed, kStore.
  Result<std::vector<std::shared_ptr<Content>>, SourceError> receive(Download download,
                                                                     const std::string& directory);

  /// What was received is in use, or no news. \param crl  what is in its place  \param left  of its
  /// life
  void accepted(std::shared_ptr<const HeldCrl> crl, std::optional<Seconds> left, MonotonicTime now,
                UnixSeconds wall, double chance);
  /// Something else that was received with it is of no use.
  void complain(const SourceError& error, UnixSeconds wall);
  /// This place is of no use now: the next one is asked at once, or all of them later.
  void refused(const SourceError& error, MonotonicTime now, UnixSeconds wall, double chance);

  [[nodiscard]] const std::string& url() const { return urls_[at_]; }
  [[nodiscard]] const std::vector<std::string>& urls() const { return urls_; }
  /// What it gave last and is still in use, as far as it knows.
  [[nodiscard]] const std::shared_ptr<const HeldCrl>& held() const { return held_; }
  [[nodiscard]] const PartStatus& status() const { return status_; }

 private:
  struct Validators {
    std::string etag;
    std::optional<UnixSeconds> last_modified;
    std::shared_ptr<const HeldCrl> crl;  ///< that they belong to
  };

  std::vector<std::string> urls_;
  const CrlSetSpec& spec_;
  FetchPlan plan_;
  std::size_t at_ = 0;
  bool tried_ = false;
  std::optional<DownloadId> running_;
  std::vector<Validators> validators_;      // by URL; of what was accepted
  Validators offered_;                      // of what was received and is not judged yet
  std::optional<SourceError> round_error_;  // of all places asked in this round
  std::optional<Seconds> retry_after_;
  std::shared_ptr<const HeldCrl> held_;
  PartStatus status_;
};

}  // namespace muster::source
