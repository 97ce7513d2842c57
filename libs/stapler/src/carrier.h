#pragma once

#include <functional>
#include <memory>

#include "muster/base/log.h"
#include "muster/net/loop.h"
#include "muster/stapler/target.h"

namespace muster::stapler {

/// What a parcel changes for the server.
enum class Event : std::uint8_t {
  kFirst,  ///< it had no staple for the certificate
  kNewer,  ///< in the place of one before
  kNone,   ///< there is none any more
};

/// What is to be told to a server, its files being written already.
struct Parcel {
  TargetSubject subject;
  keeper::StaplePointer staple;  ///< null: it is withdrawn
  std::string file;              ///< written for it; empty: none
  Event event = Event::kFirst;
  bool urgent = false;  ///< what the server has is gone or about to be: no waiting
  /// Another certificate has taken its place in its file: a server that does not know it any more
  /// need not learn of it again.
  bool is_former = false;

  [[nodiscard]] bool has_expired(UnixSeconds now) const {
    return staple && staple->facts.expires <= now;
  }
};
inline constexpr std::string_view kExpiredInQueue = "the staple expired while it waited its turn";

/// The second half of a delivery: tells the server. Parcels of one carrier may wait for each other,
/// never for those of another. Loop's thread.
class Carrier {
 public:
  virtual ~Carrier() = default;
  /// Why it was not taken, in words with what to do; empty: it was. What has expired when its turn
  /// comes is not carried.
  using Done = std::function<void(const std::string& why_not)>;
  /// `done` is called later, once; not at all after destruction.
  virtual void carry(Parcel parcel, Done done) = 0;
  /// What waits for company is told now: something came up behind it that cannot wait.
  virtual void hurry() {}
};

/// What fits the target's kind: a runtime socket, a command, a reload for many at once, or nothing
/// where the server looks at its files by itself. Precondition: check_targets() found nothing.
std::unique_ptr<Carrier> make_carrier(net::Loop& loop, const Clock& clock,
                                      const TargetOptions& target);

}  // namespace muster::stapler
