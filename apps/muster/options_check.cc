#include "options_check.h"

#include "cli.h"
#include "muster/base/text.h"

namespace muster::app {
namespace {

constexpr std::size_t kMaxResponseBytes = 1 << 20;
constexpr std::size_t kMaxCrlBytes = std::size_t{1} << 30;

// Fits a screen of 80 x 24; a test holds it to that and to naming every option.
constexpr const char* kHelp =
    R"(usage: muster check [options] TARGET...     does this certificate still stand?
TARGET: file of certificates (PEM, DER, PKCS#7; chains, bundles), host[:port]
  --issuer FILE      where the issuer may be found   --roots FILE   trust these
  --online           ask public sources too; without it only local addresses,
                     local targets and --url are asked (docs/operating/check.md)
  --offline          ask nobody: judge the staple, --response and --crl
  --url URL          responder instead of the one the certificate names
  --response FILE    a saved OCSP response           --crl FILE     a CRL
  --responder-cert FILE   a signer trusted for the issuer
  --sni NAME         server name to ask for          --all          issuers too
  --resolve HOST:PORT:ADDRESS                        --proxy URL    for HTTP
  --nonce            send 32 octets and compare      --post         never GET
  --sha1             try SHA-1 CertIDs when SHA-256 is refused
  --at TIME          judge at 2026-11-24T10:00:00Z   --ask-expired
  --max-age TIME     oldest thisUpdate (7d, 12h)     --skew TIME    clocks, 5m
  --next-update-required                             --timeout TIME  a try, 10s
  --insecurely-allow-sha1-signatures                 --json         for programs
Exit code, the worst target's: 0 good  1 revoked  2 unknown  3 undetermined
4 unacceptable answer  5 good, with a warning  64 usage  66 input  70 internal
)";

CLI::Option* add_duration(CLI::App& app, const std::string& name,
                          std::function<void(Seconds)> set) {
  return app.add_option_function<std::string>(name, [name, set](const std::string& text) {
    const auto parsed = parse_duration(text);
    if (!parsed) {
      throw CLI::ValidationError(name,
                                 "'" + printable(text) + "' is not a duration (90s, 15m, 24h, 7d)");
    }
    set(*parsed);
  });
}

Result<std::vector<pki::Certificate>, InputError> load_all(const std::vector<std::string>& paths,
                                                           const char* option) {
  std::vector<pki::Certificate> out;
  for (const std::string& path : paths) {
    const auto loaded = pki::load_certificates(path);
    if (!loaded) {
      return Err{InputError{kExitInput, std::string(option) + ": " + loaded.error().detail}};
    }
    out.insert(out.end(), loaded->begin(), loaded->end());
  }
  return out;
}

Result<Buffer, InputError> load_octets(const std::string& path, const char* option,
                                       std::size_t limit) {
  auto octets = read_file(path, limit);
  if (!octets) {
    return Err{InputError{kExitInput, std::string(option) + ": " + to_string(octets.error())}};
  }
  return *std::move(octets);
}

}  // namespace

std::optional<int> parse_check_options(int argc, char** argv, CheckOptions& o) {
  CLI::App app("does this certificate still stand?", "muster check");
  app.formatter_fn(
      [](const CLI::App*, std::string, CLI::AppFormatMode) { return std::string(kHelp); });
  app.add_option("TARGET", o.targets)->required();
  app.add_option("--issuer,--chain", o.issuers)->allow_extra_args(false);
  app.add_option("--roots", o.roots)->allow_extra_args(false);
  app.add_option("--response", o.responses)->allow_extra_args(false);
  app.add_option("--crl", o.crls)->allow_extra_args(false);
  app.add_option("--responder-cert", o.responder_certificates)->allow_extra_args(false);
  app.add_option("--resolve", o.resolve)->allow_extra_args(false);
  app.add_option("--url", o.urls)->allow_extra_args(false)->check([](const std::string& url) {
    return client::is_http_url(url) ? std::string()
                                    : "'" + printable(url) + "' is not an http or https URL";
  });
  app.add_option("--sni", o.sni);
  app.add_option("--proxy", o.proxy);
  app.add_option_function<std::string>("--at", [&o](const std::string& text) {
    o.at = parse_iso8601(text);
    if (!o.at) {
      throw CLI::ValidationError(
          "--at",
          "'" + printable(text) + "' is not a time (2026-11-24T10:00:00Z, 2026-11-24, @unix)");
    }
  });
  add_duration(app, "--max-age", [&o](Seconds d) { o.max_age = d; });
  add_duration(app, "--skew", [&o](Seconds d) { o.skew = d; });
  add_duration(app, "--timeout", [&o](Seconds d) { o.timeout = std::max(d, Seconds(1)); });
  app.add_flag("--json", o.json);
  CLI::Option* online = app.add_flag("--online", o.online);
  app.add_flag("--offline", o.offline)->excludes(online);
  app.add_flag("--all", o.all);
  app.add_flag("--nonce", o.nonce);
  app.add_flag("--sha1", o.sha1);
  app.add_flag("--post", o.post);
  app.add_flag("--ask-expired", o.ask_expired);
  app.add_flag("--next-update-required", o.next_update_required);
  app.add_flag("--insecurely-allow-sha1-signatures", o.insecurely_allow_sha1_signatures);
  return parse_command_line(app, argc, argv);
}

Result<check::Plan, InputError> load_check_plan(const CheckOptions& o) {
  check::Plan plan;
  plan.sni = o.sni;
  plan.resolve = o.resolve;
  plan.all = o.all;
  MUSTER_TRY(plan.issuers, load_all(o.issuers, "--issuer"));
  MUSTER_TRY(plan.anchors, load_all(o.roots, "--roots"));
  if (o.roots.empty()) {
    plan.anchors = plan.issuers;
    std::vector<pki::Certificate> system = pki::system_anchors();
    std::move(system.begin(), system.end(), std::back_inserter(plan.anchors));
  }
  client::GatherOptions& gather = plan.gather;
  MUSTER_TRY(gather.verify.trusted_responders,
             load_all(o.responder_certificates, "--responder-cert"));
  gather.verify.future_skew = o.skew;
  gather.verify.max_age = o.max_age;
  gather.verify.next_update = o.next_update_required ? client::NextUpdatePolicy::kRequired
                                                     : client::NextUpdatePolicy::kOptional;
  gather.verify.algorithms.insecurely_allow_sha1 = o.insecurely_allow_sha1_signatures;
  gather.reach = o.online ? client::Reach::kAnywhere : client::Reach::kLocalOnly;
  gather.skip_live = o.offline;
  gather.ask_expired = o.ask_expired;

  client::LiveOptions& live = gather.live;
  live.urls = o.urls;
  if (o.sha1) {
    live.other_hash = HashAlgorithm::kSha1;
  }
  live.nonce = o.nonce ? client::NonceUse::kSend : client::NonceUse::kNone;
  live.rounds = 2;
  live.memory = std::make_shared<client::ResponderMemory>();
  live.transport.method = o.post ? client::HttpMethod::kPostOnly : client::HttpMethod::kByLength;
  live.transport.total_timeout = o.timeout;
  live.transport.connect_timeout =
      std::min<Milliseconds>(live.transport.connect_timeout, o.timeout);
  live.transport.proxy = o.proxy;

  for (const std::string& path : o.responses) {
    MUSTER_TRY(Buffer octets, load_octets(path, "--response", kMaxResponseBytes));
    gather.saved.push_back({path, std::move(octets)});
  }
  for (const std::string& path : o.crls) {
    MUSTER_TRY(Buffer octets, load_octets(path, "--crl", kMaxCrlBytes));
    auto der = pki::decode_crl_input(std::move(octets));
    if (!der) {
      return Err{InputError{kExitInput, "--crl: " + path + ": " + der.error().detail}};
    }
    gather.crls.push_back({path, *std::move(der)});
  }
  return plan;
}

}  // namespace muster::app
