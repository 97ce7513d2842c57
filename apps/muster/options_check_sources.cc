#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "muster/base/text.h"
#include "muster/http/base64.h"
#include "muster/pki/input.h"
#include "options_check_parts.h"

namespace muster::app {
namespace {

constexpr std::size_t kMaxResponseBytes = 1 << 20;
constexpr std::size_t kMaxCaBytes = std::size_t{16} << 20;

/// $XDG_CACHE_HOME/muster, ~/.cache/muster, or nowhere.
std::string user_cache() {
  const auto absolute = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value == '/' ? std::string(value) : std::string();
  };
  const std::string caches = absolute("XDG_CACHE_HOME");
  const std::string home = absolute("HOME");
  return !caches.empty() ? caches + "/muster" : !home.empty() ? home + "/.cache/muster" : "";
}

std::string to_pem(const std::vector<pki::Certificate>& certificates) {
  constexpr std::size_t kLine = 64;
  std::string all;
  for (const pki::Certificate& certificate : certificates) {
    const std::string text = http::base64_encode(certificate.der());
    all += "-----BEGIN CERTIFICATE-----\n";
    for (std::size_t at = 0; at < text.size(); at += kLine) {
      all += text.substr(at, kLine) + "\n";
    }
    all += "-----END CERTIFICATE-----\n";
  }
  return all;
}

/// Whom https places may lead to beside the system's CAs.
Result<std::shared_ptr<const std::string>, InputError> load_fetch_cas(const std::string& path) {
  const auto octets = load_octets(path, "--ca-for-fetch", kMaxCaBytes);
  if (!octets) {
    return Err{octets.error()};
  }
  const auto certificates = pki::parse_certificates(*octets);
  if (!certificates) {
    return Err{
        InputError{kExitInput, "--ca-for-fetch: " + path + ": " + certificates.error().detail}};
  }
  return std::make_shared<const std::string>(to_pem(*certificates));
}

/// Who asks, where questions are to be signed.
Result<std::optional<client::Requestor>, InputError> load_requestor(const CheckSources& sources) {
  MUSTER_TRY(auto own, load_own({"--requestor-cert", sources.requestor_certificate,
                                 sources.requestor_key, sources.requestor_pass}));
  if (!own) {
    return std::optional<client::Requestor>();
  }
  auto requestor = client::Requestor::make(std::move(own->chain), own->key);
  if (!requestor) {
    return Err{InputError{kExitInput, "--requestor-cert " + sources.requestor_certificate + ": " +
                                          requestor.error()}};
  }
  return std::optional(*std::move(requestor));
}

}  // namespace

void declare_sources(CLI::App& app, CheckSources& sources) {
  FlagGroup group(app, kSourcesGroup);
  CLI::Option* online =
      group.flag("--online", sources.online,
                 "ask public sources too; else only local addresses, about local servers, and "
                 "--url");
  group.flag("--offline", sources.offline, "ask nobody: judge the staple, --response and --crl")
      ->excludes(online);
  group.texts("--url", sources.urls, "URL", "responder instead of the one the certificate names")
      ->check([](const std::string& url) {
        return client::is_http_url(url) ? std::string()
                                        : "'" + printable(url) + "' is not an http or https URL";
      });
  group.texts("--response", sources.responses, "FILE",
              "saved OCSP responses; with no target, judged themselves");
  group.texts("--crl", sources.crls, "FILE", "a file or a directory of CRLs");
  group.text("--evidence", sources.evidence, "LIST",
             "which of stapled,live,crl; all at once (default: as --policy says)");
  group.text("--cache", sources.cache, "DIR",
             "where CRLs and answers are kept ($XDG_CACHE_HOME/muster or ~/.cache/muster)");
  group.flag("--no-cache", sources.no_cache, "keep nothing between runs, ask anew")
      ->excludes("--cache");
  group.text("--ca-for-fetch", sources.ca_for_fetch, "FILE",
             "CAs of https places beside the system's (default: --roots)");
  group.flag("--ask-expired", sources.ask_expired, "ask about certificates that have ended");
  group.flag("--nonce", sources.nonce, "send 32 octets and compare");
  group.flag("--list-algorithms", sources.list_algorithms,
             "say which signature algorithms are accepted, best first");
  group.flag("--list-types", sources.list_types, "say which response type is accepted: the basic");
  group.text("--requestor-cert", sources.requestor_certificate, "FILE",
             "sign questions, in the name of its subject: PEM or PKCS#12");
  group.text("--requestor-key", sources.requestor_key, "FILE",
             "its key (default: in the same file)");
  group.text("--requestor-pass", sources.requestor_pass, "SOURCE",
             "of that key: file:PATH or env:NAME");
  group.flag("--sha1", sources.sha1, "try SHA-1 CertIDs when SHA-256 is refused");
  group.flag("--post", sources.post, "never GET");
  group.text("--proxy", sources.proxy, "URL", "for HTTP");
  group.duration(
      "--timeout", [&sources](Seconds d) { sources.timeout = std::max(d, Seconds(1)); },
      "of each try (10s)");
  group.duration(
      "--deadline", [&sources](Seconds d) { sources.deadline = std::max(d, Seconds(1)); },
      "of a target in all (30s)");
}

Result<Unit, InputError> load_sources(const CheckSources& sources, check::Plan& plan) {
  client::GatherOptions& gather = plan.gather;
  gather.reach = sources.online ? client::Reach::kAnywhere : client::Reach::kLocalOnly;
  gather.skip_live = sources.offline;
  gather.ask_expired = sources.ask_expired;

  client::LiveOptions& live = gather.live;
  live.urls = sources.urls;
  if (sources.sha1) {
    live.other_hash = HashAlgorithm::kSha1;
  }
  live.nonce = sources.nonce ? client::NonceUse::kSend : client::NonceUse::kNone;
  live.list_algorithms = sources.list_algorithms;
  live.list_response_types = sources.list_types;
  MUSTER_TRY(live.requestor, load_requestor(sources));
  live.rounds = 2;
  live.memory = std::make_shared<client::ResponderMemory>();
  live.transport.method =
      sources.post ? client::HttpMethod::kPostOnly : client::HttpMethod::kByLength;
  live.transport.total_timeout = sources.timeout;
  live.transport.connect_timeout =
      std::min<Milliseconds>(live.transport.connect_timeout, sources.timeout);
  live.transport.proxy = sources.proxy;
  if (!sources.ca_for_fetch.empty()) {
    MUSTER_TRY(live.transport.ca_pem, load_fetch_cas(sources.ca_for_fetch));
  }

  for (const std::string& path : sources.responses) {
    MUSTER_TRY(Buffer octets, load_octets(path, "--response", kMaxResponseBytes));
    auto responses = pki::decode_responses(octets);
    if (!responses) {  // judged like any other malformed answer
      gather.saved.push_back({path, std::move(octets)});
      continue;
    }
    for (Buffer& response : *responses) {
      gather.saved.push_back({path, std::move(response)});
    }
  }
  for (const std::string& path : sources.crls) {
    auto crls = client::load_crls(path);
    if (!crls) {
      return Err{InputError{kExitInput, "--crl: " + crls.error().detail}};
    }
    std::move(crls->begin(), crls->end(), std::back_inserter(gather.crls));
  }
  plan.deadline = sources.deadline;
  if (!sources.no_cache) {
    plan.sources.cache_directory = sources.cache.empty() ? user_cache() : sources.cache;
  }
  return Unit{};
}

Result<Unit, InputError> load_evidence(const CheckSources& sources, const CheckTrust& trust,
                                       check::Plan& plan) {
  client::Policy& policy = plan.gather.policy;
  if (!sources.evidence.empty()) {
    policy.stapled = policy.live = policy.crl = false;
    policy.turn = client::CrlTurn::kTogether;
    for (const std::string_view name : split(sources.evidence, ',')) {
      if (name == "stapled") {
        policy.stapled = true;
      } else if (name == "live") {
        policy.live = true;
      } else if (name == "crl") {
        policy.crl = true;
      } else {
        return Err{InputError{kExitUsage, "--evidence: '" + printable(std::string(name)) +
                                              "' is not one of stapled, live, crl"}};
      }
    }
  }
  // Whoever trusts a private CA in question most likely trusts it for its own https places.
  auto& ca_pem = plan.gather.live.transport.ca_pem;
  if (ca_pem == nullptr && !trust.roots.empty()) {
    ca_pem = std::make_shared<const std::string>(to_pem(plan.anchors));
  }
  return Unit{};
}

}  // namespace muster::app
