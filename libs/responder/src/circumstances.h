#pragma once

#include <optional>

#include "draft.h"
#include "muster/responder/client.h"
#include "muster/responder/counters.h"
#include "resolve.h"
#include "signer_choice.h"

namespace muster::responder {

/// What decides about an answer besides setup and records, as it is on one loop: the clock, limits,
/// what is remembered. Only looks, takes nothing. Threads: the loop's.
class Circumstances {
 public:
  virtual ~Circumstances() = default;
  /// kRateLimited.
  [[nodiscard]] virtual Cause would_take(UnixSeconds now, const Client& client) = 0;
  /// kVerifyingLimit. \param spent  signatures tried for this request already
  [[nodiscard]] virtual Cause would_verify(std::size_t spent, UnixSeconds now) = 0;
  /// Before anything is signed for `asked`: kClockUnsure, kSigningLimit, kSigningQueueFull.
  [[nodiscard]] virtual Cause would_sign(const std::vector<Asked>& asked, bool has_nonce,
                                         UnixSeconds now) = 0;
  /// What a remembered answer says that would be given now to a client with these wishes. `one.by`
  /// is who would sign, and becomes who did.
  [[nodiscard]] virtual std::optional<Resolved> recall(Asked& one, std::uint32_t variant,
                                                       const SignatureWishes& wishes,
                                                       UnixSeconds now) = 0;
  /// The same of one that is due to be signed anew, while nothing can be signed because of `cause`.
  [[nodiscard]] virtual std::optional<Resolved> recall_late(const Asked& one, std::uint32_t variant,
                                                            Cause cause, UnixSeconds now) = 0;
  /// Whether another loop has signed what `one` was resolved to.
  [[nodiscard]] virtual bool is_shared(const Asked& one, std::uint32_t variant,
                                       UnixSeconds now) = 0;
};

}  // namespace muster::responder
