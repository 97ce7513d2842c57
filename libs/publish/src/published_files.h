#pragma once

#include "muster/crl/encode.h"
#include "muster/crl/name_match.h"
#include "muster/publish/publisher.h"

// The files that others read: what stands there before we write, and how it is replaced.
namespace muster::publish {

/// Movable: the view stays that of the octets.
struct FoundCrl {
  Buffer octets;
  crl::CrlView view;
  /// Whether our key signed it. What another says in our issuer's name may be overwritten, and
  /// decides nothing.
  bool is_ours = false;
};
/// What is published at `path` in the name of the CRL issuer; nothing when there is no file. Others
/// may write there meanwhile. Errors: kState (something else is there, which we must not
/// overwrite), kIo.
PublishResult<std::optional<FoundCrl>> look_at_published(const std::string& path, const Spec& spec);

/// Makes `path` a copy of `from`, whole or not at all; does nothing when it is one. Errors: kIo,
/// kState (`from` is gone).
PublishResult<Unit> install_file(const std::string& from, const std::string& path,
                                 FileFormat format);

}  // namespace muster::publish
