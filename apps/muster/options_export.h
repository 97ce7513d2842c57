#pragma once

#include "muster/config/config.h"
#include "muster/edge/exporter.h"

namespace muster::app {

/// [responder.export]
struct ExportSettings {
  std::string directory;
  std::vector<std::string> hashes{"sha1", "sha256"};
  Seconds interval{3600};
  std::string manifest_key;
  edge::PurgeOptions purge;
  std::int64_t purge_tries = 3;
};

void bind(config::Section& section, ExportSettings& settings);
/// Errors: what is wrong, as a sentence.
Result<edge::ExportOptions, std::string> export_of(const ExportSettings& settings);

}  // namespace muster::app
