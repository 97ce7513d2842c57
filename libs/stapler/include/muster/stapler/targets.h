#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "muster/base/log.h"
#include "muster/net/loop.h"
#include "muster/stapler/read_back.h"
#include "muster/stapler/target.h"

// Hands staples to servers and looks whether they serve them (decision 050).
namespace muster::stapler {

/// How the last delivery of a certificate's staple to a target went. Persistent words.
enum class Delivery : std::uint8_t {
  kNothing,    ///< there was none to hand over yet, and the target was told so
  kWaiting,    ///< under way, or waiting for a reload that is due later
  kDelivered,  ///< the target took it; whether it serves it, the read-back tells
  kWithdrawn,  ///< the target was told that there is none
  kRefused,    ///< not handed over: the server would not take or serve it, see reason
  kFailed,     ///< see reason; it is tried again
};
std::string_view to_string(Delivery state);
Delivery delivery_of(std::string_view word);

enum class Severity : std::uint8_t { kOk, kWaiting, kWarning, kCritical };
std::string_view to_string(Severity severity);
Severity severity_of(std::string_view word);

struct PortStatus {
  std::string address;
  ReadBack state = ReadBack::kNotYet;
  std::string detail{};
  std::optional<UnixSeconds> looked_at{};
};

/// One certificate at one target.
struct TargetStatus {
  std::string target, kind, certificate;
  Delivery delivery = Delivery::kNothing;
  bool must_staple = false;
  std::string reason{};  ///< kRefused, kFailed: why
  /// Counted for this certificate and target since the start: of what is to be served, of what the
  /// target took, and of what every address of it was last seen to serve (0: none, or another).
  std::uint64_t wanted_generation = 0, pushed_generation = 0, observed_generation = 0;
  std::optional<UnixSeconds> pushed_at{};
  std::optional<UnixSeconds> pushed_expires{};  ///< of what the target took
  std::vector<PortStatus> ports{};
  Severity severity = Severity::kOk;

  [[nodiscard]] bool has_expired_staple(UnixSeconds now) const {
    return pushed_expires && *pushed_expires <= now;
  }
};

/// How bad it is: what a port serves counts more than how the delivery went. Pure.
Severity judge_severity(const TargetStatus& status, const TargetRow& row, UnixSeconds now);

/// Whether a delivery is made also of what the files hold already, once after the start: a server
/// may have missed it while nobody ran. No: for runs by hand or cron.
enum class TellUnchanged : std::uint8_t { kNo, kYes };

/// All targets of a stapler. Each works by itself: none waits for another. Loop's thread; it calls
/// back never.
class Targets {
 public:
  /// Precondition: check_targets() found nothing wrong with `options`.
  Targets(net::Loop& loop, const Clock& clock, Logger& logger, std::vector<TargetOptions> options,
          client::VerifyPolicy policy, TellUnchanged tell);
  ~Targets();
  Targets(const Targets&) = delete;
  Targets& operator=(const Targets&) = delete;

  /// Other targets (precondition as above); set_certificates() comes next. Those that stay as they
  /// are keep what they know. What the others left with their servers is withdrawn when it expires.
  void replace(std::vector<TargetOptions> options);
  /// The certificates that targets choose from; TargetSubject::below are positions in `subjects`.
  /// What those that are gone left with a target stays until it expires; then it is withdrawn.
  /// \return one sentence for each certificate or target that cannot be served so.
  std::vector<std::string> set_certificates(const std::vector<TargetSubject>& subjects);
  /// What is on offer for a certificate now; null: nothing is.
  void apply(const keeper::Fingerprint& certificate, const keeper::StaplePointer& staple);
  /// The CA has changed what it says about a certificate - revoked, on hold, good again -, and
  /// `staple` is on offer for it now (null: nothing is). What it left with targets when another
  /// took its place follows: files and what a runtime socket knows, as with apply(); and a server
  /// that has it loaded still is told to load the other one, whether that has a staple or not,
  /// unless this one is good.
  void tell_former(const keeper::Fingerprint& certificate, const keeper::StaplePointer& staple);
  /// Retries, withdraws what expired, reads back what is due. Once a second.
  void tick();

  [[nodiscard]] std::vector<TargetStatus> status() const;
  /// What status() tells of one certificate; the others cost nothing.
  [[nodiscard]] std::vector<TargetStatus> status(const keeper::Fingerprint& certificate) const;
  /// Grows with every change of what status() tells.
  [[nodiscard]] std::uint64_t changes() const;
  /// Nothing is under way, and every address was read back as it should be or had its time.
  [[nodiscard]] bool settled() const;
  /// Whether there is any target.
  [[nodiscard]] bool empty() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace muster::stapler
