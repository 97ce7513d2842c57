#pragma once

#include "muster/keeper/shelf.h"

// What simulated responders send: a response in few octets, with a flag where a signature would be.
namespace muster::keeper::simulation {

struct Content {
  Fingerprint certificate{};
  StapleStatus status = StapleStatus::kGood;
  UnixSeconds this_update{};
  std::optional<UnixSeconds> next_update;
  bool authentic = true;
  std::uint64_t number = 0;  ///< no two answers have the same
};

Buffer encode(const Content& content);
/// Nothing: damaged.
std::optional<Content> decode(Bytes octets);

/// Stands in for client::verify: the same codes in the same order, and the same rules about time.
Result<client::VerifiedResponse, client::VerifyError> verify(const client::VerifyInput& input,
                                                             const client::VerifyPolicy& policy,
                                                             UnixSeconds now);

/// When a response must be out of use: what the judge goes by, and not what the shelf says.
UnixSeconds end_of(const Content& content, const pki::Certificate& certificate);

}  // namespace muster::keeper::simulation
