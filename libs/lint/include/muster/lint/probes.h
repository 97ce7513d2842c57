#pragma once

#include <functional>
#include <vector>

#include "muster/client/gather.h"
#include "muster/lint/rules.h"

// What a live responder is asked. The plan is pure and can be shown before anything is sent;
// running it takes a function that fetches.
namespace muster::lint {

/// Requests to one responder at most.
inline constexpr std::size_t kMaxProbes = 20;
/// Probes in a row without an answer after which no more is asked.
inline constexpr std::size_t kMaxSilence = 3;
inline constexpr std::size_t kOversizedBytes = 64 * 1024;

struct Probe {
  ProbeKind kind = ProbeKind::kGet;
  std::string url{};
  std::optional<Buffer> post_body{};  ///< GET when absent
  std::string content_type{};
  Buffer request{};  ///< OCSPRequest, also of a GET; empty when what is sent is none
  std::optional<Buffer> nonce{};
  bool as_http_1_0 = false;
};

struct PlanInput {
  std::string url{};
  pki::Certificate issuer;
  Serial serial;  ///< of a certificate of that issuer
  ProfileSet profiles = 0;
  std::function<Buffer(std::size_t)> random;  ///< octets for nonces and the serial nobody has
};
/// The question by GET and by POST, and what the rules of the profiles need beside. A federal
/// profile asks by SHA-1, since that is what it demands; all others by SHA-256.
std::vector<Probe> plan(const PlanInput& input);

struct RunOptions {
  Milliseconds timeout{10000};  ///< of each probe
  std::string proxy{};
};
/// Asks one thing after the other. Stops early after kMaxSilence probes without an answer. Blocks.
std::vector<Exchange> run(const std::vector<Probe>& probes, const RunOptions& options,
                          const Clock& clock, const client::FetchFunction& fetch = net::fetch);

}  // namespace muster::lint
