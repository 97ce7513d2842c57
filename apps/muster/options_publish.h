#pragma once

#include <string>
#include <vector>

#include "muster/config/config.h"
#include "muster/publish/service.h"
#include "muster/publish/spec_files.h"

namespace muster::app {

/// One [[publish.crl]], or the series that flags of `muster crl publish` describe.
struct SeriesOptions {
  publish::SpecFiles files;
  std::string key_pass;  ///< "file:PATH" or "env:NAME"
  std::int64_t partitions = 1;
};

/// CRLs that the responder process keeps published ([publish]).
struct PublishOptions {
  std::vector<std::string> listen;
  std::vector<SeriesOptions> series;
};
void bind(config::Section& section, PublishOptions& options);

/// The options as the library wants them.
publish::SpecFiles files_of(const SeriesOptions& options);

/// Words that flags and file share. Each sets its value and returns an empty string, or says what
/// is wrong.
std::string set_profile(std::string_view word, publish::Terms& terms);
std::string set_format(std::string_view word, publish::FileFormat& format);
std::string set_only(std::string_view word, crl::Scope::Only& only);
std::string set_first_number(std::string_view text, publish::SpecFiles& files);

}  // namespace muster::app
