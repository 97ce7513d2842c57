#pragma once

#include "muster/config/config.h"
#include "muster/edge/exporter.h"

namespace muster::app {

inline constexpr Seconds kLeastInterval{1};
inline constexpr Seconds kMostInterval{30LL * 86400};

/// [responder.export]
struct ExportSettings {
  std::string directory;
  std::vector<std::string> hashes{"sha1", "sha256"};
  Seconds interval{3600};
  std::string manifest_key, metrics_file;
  edge::PurgeOptions purge;
  std::int64_t purge_tries = 3;
};

void bind(config::Section& section, ExportSettings& settings);
/// Errors: what is wrong, as a sentence.
Result<edge::ExportOptions, std::string> export_of(const ExportSettings& settings);

}  // namespace muster::app
