#pragma once

#include "muster/crl/encode.h"
#include "muster/crl/name_match.h"
#include "muster/publish/terms.h"

// The files that others read: what stands there before we write, and how it is replaced.
namespace muster::publish {

struct FoundCrl {
  std::optional<crl::Number> number;
  UnixSeconds this_update;
};
/// What is published at `path` by this CRL issuer; nothing when there is no file. Errors: kState (something else is there, which we
/// must not overwrite), kIo.
PublishResult<std::optional<FoundCrl>> look_at_published(const std::string& path, Bytes issuer);

/// Makes `path` a copy of `from`, whole or not at all; does nothing when it is one. Errors: kIo, kState (`from` is gone).
PublishResult<Unit> install_file(const std::string& from, const std::string& path);

}  // namespace muster::publish
