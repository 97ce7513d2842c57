#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "muster/client/verify.h"
#include "muster/probe/probe.h"
#include "muster/stapler/target.h"

// What a port really serves, held against what was handed over: after each push and at intervals,
// by a full handshake for the certificate's name and kind of key.
namespace muster::stapler {

/// Persistent words in status.json and metrics.
enum class ReadBack : std::uint8_t {
  kNotYet,    ///< not looked at since the last delivery
  kServed,    ///< exactly the octets handed over (or none, when none were)
  kOlder,     ///< a valid one from before
  kOther,     ///< a valid one that is not ours: the server fetches by itself, or others push
  kNone,      ///< no staple
  kExpired,   ///< one that has expired: worse than none
  kUnusable,  ///< one that does not verify for the certificate
  kOtherCertificate,  ///< the port serves another certificate under this name
  kUnreachable,       ///< no handshake
};
std::string_view to_string(ReadBack state);
ReadBack read_back_of(std::string_view word);

/// What to look for.
struct Expectation {
  const TargetSubject& subject;
  const TargetRow& row;
  keeper::StaplePointer staple;  ///< handed over; null: that there is none
};
struct Finding {
  ReadBack state = ReadBack::kNotYet;
  std::string detail{};  ///< what is wrong, in words with what to do; empty: nothing
};
/// Judges a handshake. Pure.
Finding judge_port(const Expectation& expected,
                   const Result<probe::ProbeResult, probe::ProbeError>& seen,
                   const client::VerifyPolicy& policy, UnixSeconds now);

/// Whether it may help to hand over the same again: the server lost it, or was told badly.
bool may_be_healed(ReadBack state, const TargetRow& row);

/// The handshake that shows what clients of `address` are served for the certificate: no
/// resumption, the certificate's name, its kind of key. Precondition: check_targets() took the
/// address.
probe::ProbeRequest make_probe(const TargetOptions& target, const TargetSubject& subject,
                               const std::string& address);

}  // namespace muster::stapler
