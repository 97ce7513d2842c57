#include "muster/base/text.h"
#include "muster/pki/input.h"
#include "options_check_parts.h"

namespace muster::app {
namespace {

constexpr std::size_t kMaxResponseBytes = 1 << 20;
constexpr std::size_t kMaxCrlBytes = std::size_t{1} << 30;

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
              "a saved OCSP response; with no target, it is one itself");
  group.texts("--crl", sources.crls, "FILE", "a CRL");
  group.flag("--ask-expired", sources.ask_expired, "ask about certificates that have ended");
  group.flag("--nonce", sources.nonce, "send 32 octets and compare");
  group.flag("--sha1", sources.sha1, "try SHA-1 CertIDs when SHA-256 is refused");
  group.flag("--post", sources.post, "never GET");
  group.text("--proxy", sources.proxy, "URL", "for HTTP");
  group.duration(
      "--timeout", [&sources](Seconds d) { sources.timeout = std::max(d, Seconds(1)); },
      "of each try (10s)");
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
  live.rounds = 2;
  live.memory = std::make_shared<client::ResponderMemory>();
  live.transport.method =
      sources.post ? client::HttpMethod::kPostOnly : client::HttpMethod::kByLength;
  live.transport.total_timeout = sources.timeout;
  live.transport.connect_timeout =
      std::min<Milliseconds>(live.transport.connect_timeout, sources.timeout);
  live.transport.proxy = sources.proxy;

  for (const std::string& path : sources.responses) {
    MUSTER_TRY(Buffer octets, load_octets(path, "--response", kMaxResponseBytes));
    // What is no response is judged like any other malformed answer.
    auto der = pki::decode_response_input(octets);
    gather.saved.push_back({path, der ? *std::move(der) : std::move(octets)});
  }
  for (const std::string& path : sources.crls) {
    MUSTER_TRY(Buffer octets, load_octets(path, "--crl", kMaxCrlBytes));
    auto der = pki::decode_crl_input(std::move(octets));
    if (!der) {
      return Err{InputError{kExitInput, "--crl: " + path + ": " + der.error().detail}};
    }
    gather.crls.push_back({path, *std::move(der)});
  }
  return Unit{};
}

}  // namespace muster::app
