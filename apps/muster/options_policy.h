#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "muster/config/config.h"
#include "muster/responder/policy.h"

namespace muster::app {

/// [[responder.issuer.nonce_for]].
struct NonceForOptions {
  std::vector<std::string> clients;
  responder::NoncePolicy nonce = responder::NoncePolicy::kEcho;
};

/// The rules of an issuer as the file has them: a profile, and what is decided otherwise. Each key
/// stands for itself, so that their order in the file does not matter.
struct PolicyOptions {
  responder::Profile profile = responder::Profile::kRfc6960;
  /// Made by keys that were given; applied to the profile's rules.
  std::vector<std::function<void(responder::IssuerPolicy&)>> changes;
  std::optional<Seconds> validity, refresh, max_age, retain_expired;
  std::optional<responder::NoncePolicy> nonce;
  config::Size max_response;
  std::string crl_url;
  std::vector<std::string> clients, requestors, cert_id_hashes, presign, monitor_serials,
      monitor_clients;
  std::vector<NonceForOptions> nonce_for;
};

void bind_policy(config::Section& section, PolicyOptions& options);

/// The rules that result; `nonce` counts where the issuer says nothing about nonces. Lists that do
/// not parse are reported here.
struct PolicyProblem {
  std::string detail;
};
Result<responder::IssuerPolicy, PolicyProblem> resolve_policy(
    const PolicyOptions& options, const std::optional<responder::NoncePolicy>& nonce);

/// Words that flags and file share. Each sets its value and returns an empty string, or says what
/// is wrong.
std::string set_unlisted(std::string_view word, PolicyOptions& options);
std::string set_unissued(std::string_view word, PolicyOptions& options);
std::string set_nonce(std::string_view word, std::optional<responder::NoncePolicy>& nonce);
inline constexpr std::string_view kNonceWords =
    "\"echo\", \"echo-16-32\", \"rfc8954\", \"ignore\" or \"require\"";

/// Networks such as "192.0.2.0/24" or "unix"; the text that is none.
Result<std::vector<IpNetwork>, PolicyProblem> parse_networks(const std::vector<std::string>& texts,
                                                             std::string_view key);

}  // namespace muster::app
