#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/config/config.h"
#include "muster/keeper/keeper.h"
#include "muster/stapler/stapler.h"
#include "options_admin.h"

namespace muster::app {

/// One [[stapler.certificate]].
struct StaplerCertificate {
  std::string certificate, issuer, name, output;
  std::vector<std::string> responders;
};

/// One [[stapler.egress]].
struct StaplerEgress {
  std::string proxy, source_address;
};

/// What `muster stapler` can be told, by file ([stapler]) and by flags alike.
struct StaplerOptions {
  std::string shelf, out;
  std::vector<StaplerCertificate> certificates;
  std::vector<stapler::TargetOptions> targets;
  std::vector<std::string> issuers;
  bool chain = false;
  std::optional<Seconds> refresh;
  std::int64_t refresh_percent = 30;
  bool withhold_revoked = false;
  std::vector<std::string> on_update;
  Seconds on_update_timeout{60};
  std::string proxy;
  std::vector<StaplerEgress> egresses;
  Seconds confirm_revocation{60};
  Milliseconds connect_timeout{5000}, timeout{15000};
  config::Size max_response{1 << 20};
  std::int64_t per_host = 4;
  enum class CertIdHash : std::uint8_t { kSha1, kSha256 } cert_id_hash = CertIdHash::kSha1;
  Seconds future_skew{3600};
  Seconds life_without_next_update{3600};
  std::optional<Seconds> max_age;
  Seconds skip_shorter_than{0};
  Seconds grace{3600};
  bool watch = true;
  config::Size history{16 << 20};
  AdminSettings admin;
};

void bind(config::Section& section, StaplerOptions& options);

/// Whether intermediates are looked after: as told, or because a target is handed their staples.
bool keeps_chains(const StaplerOptions& options);

/// How staples are fetched and judged, as the library wants it; a front that fetches by itself goes
/// by the same settings.
keeper::ShelfPolicy shelf_policy_of(const StaplerOptions& options);
keeper::KeeperOptions keeper_options_of(const StaplerOptions& options);

}  // namespace muster::app
