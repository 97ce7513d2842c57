#include "options_stapler.h"

#include <algorithm>

#include "muster/base/ip.h"
#include "options_target.h"

namespace muster::app {
namespace {

constexpr Seconds kYear{365 * 86400};

void bind_certificate(config::Section& section, StaplerCertificate& certificate) {
  section.text(
      "certificate", &certificate.certificate,
      "File with the certificate (PEM or DER), its chain behind it, or a directory of such files.");
  section.text("issuer", &certificate.issuer,
               "File with its issuer, when the chain is not in the same file.");
  section.text("name", &certificate.name,
               "Name in logs, status and of the output file; made from the path when empty.");
  section.text("output", &certificate.output,
               "File for its DER staple; <out>/<name>.ocsp when empty.");
  section.texts("responders", &certificate.responders,
                "OCSP URLs asked instead of those in the certificate.");
}

void bind_egress(config::Section& section, StaplerEgress& egress) {
  section.text("proxy", &egress.proxy, "HTTP proxy, such as http://proxy:3128. Empty: none.");
  section.custom(
      "source_address", "text", "",
      [&egress](std::string_view text) {
        egress.source_address = std::string(text);
        return text.empty() || IpAddress::parse(text)
                   ? std::string()
                   : std::string("must be an IP address of this machine, such as \"192.0.2.7\"");
      },
      "Address of this machine that is asked from. Empty: any.");
}

}  // namespace

void bind(config::Section& section, StaplerOptions& options) {
  section.text("shelf", &options.shelf,
               "Directory that keeps the verified responses across restarts.");
  section.text("out", &options.out,
               "Directory for one DER staple per certificate, for servers that read files.");
  section.tables<StaplerCertificate>("certificate", &options.certificates, bind_certificate,
                                     "A certificate (or a directory of them) to keep staples for.");
  section.tables<StaplerEgress>("egress", &options.egresses, bind_egress,
                                "A way to responders. The first is the preferred one, and another "
                                "is taken when it seems to be "
                                "at fault. None: that of proxy in [stapler].");
  section.tables<stapler::TargetOptions>(
      "target", &options.targets, bind_target,
      "A server that is handed staples and asked whether it serves them.");
  section.texts("issuers", &options.issuers, "Files in which issuers are also looked for.");
  section.flag(
      "chain", &options.chain,
      "Also keep staples for the intermediates of each chain (docs/operating/chains.md). So it is "
      "too when a target has it.");
  section.duration("refresh", &options.refresh, Seconds(1), kYear,
                   "Longest time between two questions about a certificate, however long its "
                   "response is valid.");
  section.integer("refresh_percent", &options.refresh_percent, 10, 75,
                  "A response is refreshed before this share of its validity has passed.");
  section.choice(
      "revoked", {"offer", "withhold"}, 0,
      [&options](std::size_t i) { options.withhold_revoked = i == 1; },
      "Whether a verified 'revoked' answer is stapled or nothing is.");
  section.duration(
      "confirm_revocation", &options.confirm_revocation, Seconds(0), Seconds(3600),
      "A 'revoked' answer is acted upon when a second one says so, or after this long; "
      "0: at once.");
  section.texts("on_update", &options.on_update,
                "Program and arguments run (without a shell) after staple files changed; they are "
                "in MUSTER_FILES.");
  section.duration("on_update_timeout", &options.on_update_timeout, Seconds(1), Seconds(3600),
                   "The command is killed after this time.");
  section.text("proxy", &options.proxy, "HTTP proxy for fetching, such as http://proxy:3128.");
  section.milliseconds("connect_timeout", &options.connect_timeout, Milliseconds(10),
                       Milliseconds(60'000), "Longest time to connect to a responder.");
  section.milliseconds("timeout", &options.timeout, Milliseconds(10), Milliseconds(120'000),
                       "Longest time for a whole exchange with a responder.");
  section.size("max_response", &options.max_response, 1024, 1 << 20,
               "Largest response that is read.");
  section.integer("per_host", &options.per_host, 1, 64,
                  "Fetches at a time from one responder host.");
  section.choice(
      "cert_id_hash", {"sha1", "sha256"}, 0,
      [&options](std::size_t i) {
        options.cert_id_hash = static_cast<StaplerOptions::CertIdHash>(i);
      },
      "Hash of the CertIDs asked with; the other one is tried when a responder refuses it. Many "
      "TLS clients (curl, OpenSSL's own "
      "helpers, s2n) find only SHA-1 CertIDs in a staple.");
  section.duration("future_skew", &options.future_skew, Seconds(0), Seconds(86400),
                   "How far thisUpdate may lie ahead: until then the response is held back, beyond "
                   "it is refused.");
  section.duration("life_without_next_update", &options.life_without_next_update, Seconds(10),
                   Seconds(86400),
                   "How long a response without nextUpdate is used after it was received.");
  section.duration(
      "max_age", &options.max_age, Seconds(60), kYear,
      "No response is used longer than this after its thisUpdate (charging stations: 7d).");
  section.duration("skip_shorter_than", &options.skip_shorter_than, Seconds(0), kYear,
                   "Certificates valid for less than this are left without staple.");
  section.duration("grace", &options.grace, Seconds(0), Seconds(86400),
                   "How long after a new certificate was first seen 'unauthorized' and 'unknown' "
                   "are retried without warning.");
  section.flag("watch", &options.watch,
               "Whether changed certificate files are noticed and taken up by themselves; without, "
               "SIGHUP has them read.");
  section.size("history", &options.history, 0, std::uint64_t{1} << 30,
               "Octets that the record of what happened to staples may take (muster stapler "
               "history); 0: none is kept.");
  bind_admin(section.table("admin",
                           "Probes, metrics and reload of the stapler "
                           "(docs/operating/stapler.md)."),
             options.admin);
}

bool keeps_chains(const StaplerOptions& options) {
  return options.chain ||
         std::any_of(options.targets.begin(), options.targets.end(),
                     [](const stapler::TargetOptions& target) { return target.chain; });
}

keeper::ShelfPolicy shelf_policy_of(const StaplerOptions& from) {
  keeper::ShelfPolicy to;
  to.verify.future_skew = from.future_skew;
  to.life_without_next_update = from.life_without_next_update;
  to.max_age = from.max_age;
  to.revoked =
      from.withhold_revoked ? keeper::RevokedPolicy::kWithhold : keeper::RevokedPolicy::kOffer;
  return to;
}

keeper::KeeperOptions keeper_options_of(const StaplerOptions& from) {
  keeper::KeeperOptions to;
  to.plan.refresh_at = static_cast<double>(from.refresh_percent) / 100;
  to.plan.refresh_jitter = to.plan.refresh_at / 5;
  to.plan.max_refresh = from.refresh;
  to.plan.per_host = static_cast<unsigned>(from.per_host);
  to.plan.grace = from.grace;
  // Asking with the other hash and past a cache are exchanges of their own.
  to.plan.fetch_deadline = std::chrono::ceil<Seconds>(2 * from.timeout);
  to.live.transport.connect_timeout = from.connect_timeout;
  to.live.transport.total_timeout = from.timeout;
  to.live.transport.max_body_bytes = from.max_response.bytes;
  to.live.transport.proxy = from.proxy;
  for (const StaplerEgress& egress : from.egresses) {
    to.egresses.push_back({egress.proxy, egress.source_address});
  }
  to.confirm_within = from.confirm_revocation;
  if (from.cert_id_hash == StaplerOptions::CertIdHash::kSha256) {
    std::swap(to.live.hash, *to.live.other_hash);
  }
  to.skip_shorter_than = from.skip_shorter_than;
  return to;
}

}  // namespace muster::app
