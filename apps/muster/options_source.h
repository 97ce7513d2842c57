#pragma once

#include "muster/config/config.h"
#include "muster/source/crl_set_files.h"

namespace muster::app {

/// [responder.issuer.crls].
struct SourceOptions {
  source::CrlSetFiles files;
  config::Size max_size{std::uint64_t{1} << 30};
  bool http_pem = false;
  bool follow_freshest = false;
};

void bind(config::Section& section, SourceOptions& options);

/// As the library wants them. \param crl  the short form: one more source, empty for none
source::CrlSetFiles crl_set_of(const SourceOptions& options, const std::string& crl);

}  // namespace muster::app
