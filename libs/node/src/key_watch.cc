#include "key_watch.h"

#include "muster/pki/remote_key.h"

namespace muster::node {
namespace {

std::uint64_t errors_of(const pki::RemoteKey& key) {
  const pki::KeyCounters& counters = key.counters();
  return counters.failures.load() + counters.timeouts.load();
}

std::string why(const pki::RemoteKey& key) {
  std::string last = key.last_error();
  return last.empty() ? "not known" : last;
}

}  // namespace

std::string trouble_of(const pki::Signer& signer) {
  const pki::RemoteKey* const key = signer.remote();
  return key == nullptr || key->health() == pki::KeyHealth::kWell ? "" : why(*key);
}

void KeyWatch::look(const responder::Setup& setup, UnixSeconds now, Logger& logger) {
  std::map<std::pair<std::string, std::string>, Seen> next;
  for (const responder::Issuer& issuer : setup.issuers()) {
    for (const responder::IssuerSigner& signer : issuer.signers) {
      const pki::RemoteKey* const key = signer.signing.remote();
      if (key == nullptr || next.contains({issuer.label, key->name()})) {
        continue;
      }
      const auto known = seen_.find({issuer.label, key->name()});
      Seen seen = known == seen_.end() ? Seen{} : known->second;
      const bool is_failing = key->health() != pki::KeyHealth::kWell;
      const std::uint64_t errors = errors_of(*key);
      if (is_failing && !seen.is_failing) {
        seen.since = now;
        logger.log(LogLevel::kError, "key.failed",
                   "a key in a token failed too often; it is tried again after a pause",
                   {{"issuer", issuer.label}, {"key", key->name()}, {"why", why(*key)}});
      } else if (!is_failing && seen.is_failing) {
        logger.log(LogLevel::kInfo, "key.recovered", "a key in a token signs again",
                   {{"issuer", issuer.label},
                    {"key", key->name()},
                    {"after_seconds", (now - seen.since).count()}});
      } else if (!is_failing && errors > seen.errors &&
                 !(seen.told && *seen.told <= now && now - *seen.told < kErrorInterval)) {
        logger.log(LogLevel::kWarning, "key.error", "a key in a token failed to sign",
                   {{"issuer", issuer.label},
                    {"key", key->name()},
                    {"why", why(*key)},
                    {"failures", errors - seen.errors}});
        seen.told = now;
        seen.errors = errors;
      }
      if (is_failing || errors < seen.errors) {  // told already; or loaded anew
        seen.errors = errors;
      }
      seen.is_failing = is_failing;
      next.insert_or_assign({issuer.label, key->name()}, seen);
    }
  }
  seen_ = std::move(next);
}

}  // namespace muster::node
