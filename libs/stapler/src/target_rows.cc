#include <algorithm>
#include <array>
#include <iterator>

#include "muster/base/assert.h"
#include "muster/base/text.h"
#include "muster/stapler/target.h"

namespace muster::stapler {
namespace {

/// From the decision to withdraw a staple until no worker of a server has it any more, on a machine
/// that has other things to do: two seconds may have to lie between two reloads.
constexpr Seconds kReloadTakes{5};

/// HAProxy takes a command with its payload in one buffer of 16 KiB (tune.bufsize), base64 in it.
constexpr std::size_t kMostHaproxyBytes = 11'000;
/// OCSP_MAX_RESPONSE_TIME_SKEW of HAProxy.
constexpr Seconds kHaproxyMargin{300};
/// lighttpd looks at its file again only when 256 s are left of the staple it has.
constexpr Seconds kLighttpdKeeps{366 * 86400};
/// It looks once in 64 s: for a file that was not there, and whether what it has has ended.
constexpr Seconds kLighttpdSettle{90};

// Each value was seen on the real server: tests/interop/targets, docs/howto.
constexpr TargetRow kRows[] = {
    {.kind = TargetKind::kFile, .word = "file", .server = "the server"},
    {.kind = TargetKind::kNginx,
     .word = "nginx",
     .server = "nginx",
     .reload = "nginx -s reload",
     .needs_reload = true},
    {.kind = TargetKind::kHaproxy,
     .word = "haproxy",
     .server = "HAProxy",
     .file = "{certificate}.ocsp",
     .empty = Empty::kEmptied,
     .most_bytes = kMostHaproxyBytes,
     .least_life = kHaproxyMargin,
     .single_only = true,
     .sha1_only = true,
     .drops_expired = true},
    {.kind = TargetKind::kHitch,
     .word = "hitch",
     .server = "hitch",
     .file = "/var/lib/hitch/{md5}",
     .good_only = true,
     .sha1_only = true,
     .drops_expired = true,
     .settle = Seconds(30)},
    {.kind = TargetKind::kLighttpd,
     .word = "lighttpd",
     .server = "lighttpd",
     .drops_expired = true,
     .settle = kLighttpdSettle,
     .keeps = kLighttpdKeeps},
    {.kind = TargetKind::kExim, .word = "exim", .server = "Exim", .good_only = true},
    {.kind = TargetKind::kDnsdist,
     .word = "dnsdist",
     .server = "dnsdist",
     .needs_reload = true,
     .good_only = true},
    {.kind = TargetKind::kGnutls,
     .word = "gnutls",
     .server = "the GnuTLS program",
     .needs_reload = true,
     .good_only = true,
     .drops_expired = true},
    {.kind = TargetKind::kEnvoy,
     .word = "envoy",
     .server = "Envoy",
     .form = Form::kSds,
     .empty = Empty::kDocument,
     .single_only = true,
     .drops_expired = true},
    {.kind = TargetKind::kKubernetes,
     .word = "kubernetes",
     .server = "the cluster",
     .form = Form::kSecret,
     .empty = Empty::kDocument,
     .settle = Seconds(120)},
    {.kind = TargetKind::kExec, .word = "exec", .server = "the command's server"},
};

}  // namespace

std::span<const TargetRow> target_rows() { return kRows; }

const TargetRow& row_of(TargetKind kind) {
  const auto* const row = std::find_if(std::begin(kRows), std::end(kRows),
                                       [kind](const TargetRow& r) { return r.kind == kind; });
  MUSTER_ASSERT(row != std::end(kRows));
  return *row;
}

keeper::PlanPolicy plan_for(keeper::PlanPolicy plan, const std::vector<TargetOptions>& targets) {
  for (const TargetOptions& target : targets) {
    plan.unused_end = std::max(plan.unused_end, row_of(target.kind).least_life);
  }
  return plan;
}

keeper::ShelfPolicy shelf_for(keeper::ShelfPolicy policy, const std::vector<TargetOptions>& targets,
                              const HookOptions& hook) {
  // What a command does nobody knows; most reload a server.
  const bool reloads = std::any_of(targets.begin(), targets.end(), [](const TargetOptions& target) {
    return row_of(target.kind).needs_reload || !target.reload.empty() ||
           target.kind == TargetKind::kExec;
  });
  if (reloads || !hook.command.empty()) {
    policy.expiry_margin = std::max(policy.expiry_margin, kReloadTakes);
  }
  return policy;
}

const TargetRow* find_row(std::string_view word) {
  const auto* const row = std::find_if(std::begin(kRows), std::end(kRows),
                                       [word](const TargetRow& r) { return r.word == word; });
  return row == std::end(kRows) ? nullptr : row;
}

std::span<const std::string_view> form_words() {
  static constexpr std::array<std::string_view, 4> kWords = {"der", "pem", "secret", "sds"};
  return kWords;
}

std::optional<std::string> find_obstacle(const TargetRow& row, const keeper::Staple& staple,
                                         UnixSeconds now) {
  const std::string server(row.server);
  const Bytes der = staple.der();
  if (der.size() > row.most_bytes) {
    return "the response has " + std::to_string(der.size()) + " octets and " + server +
           " takes at most " + std::to_string(row.most_bytes) +
           " (ask the CA for responses without superfluous certificates)";
  }
  if (row.good_only && staple.facts.status != keeper::StapleStatus::kGood) {
    return server + " staples nothing but 'good', and the certificate is " +
           std::string(to_string(staple.facts.status));
  }
  if (row.least_life > Seconds(0) && staple.facts.expires - now <= row.least_life) {
    return server + " refuses responses that end within " + format_duration(row.least_life) +
           ", and this one ends in " + format_duration(staple.facts.expires - now);
  }
  if (!row.single_only && !row.sha1_only) {
    return std::nullopt;
  }
  const auto parsed = ocsp::parse_response(der);
  MUSTER_ASSERT(parsed && parsed->basic);  // it is verified
  if (row.single_only && !staple.response.next_update()) {
    return server + " refuses responses without nextUpdate";
  }
  std::size_t entries = 0;
  bool found = !row.sha1_only;
  const client::Subject& subject = staple.response.subject();
  for (const auto& entry : parsed->basic->responses) {
    ++entries;
    const auto hash = der::find_hash(entry.cert_id.hash_algorithm);
    found = found || (hash == HashAlgorithm::kSha1 &&
                      equal(entry.cert_id.serial, subject.serial().octets()));
  }
  if (row.single_only && entries != 1) {
    return server + " refuses responses about several certificates, and this one has " +
           std::to_string(entries);
  }
  if (!found) {
    return server +
           " finds its certificate by a SHA-1 CertID only (set cert_id_hash = \"sha1\" in "
           "[stapler])";
  }
  return std::nullopt;
}

}  // namespace muster::stapler
