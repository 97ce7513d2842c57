#pragma once

#include <initializer_list>
#include <optional>
#include <string>

#include "muster/edge/manifest.h"

// What an exported file says, whatever a manifest says of it.
namespace muster::edge {

struct HeldFile {
  bool is_there = false;
  bool is_known = false;                 ///< it is, octet for octet, what a manifest lists
  std::optional<ManifestEntry> entry{};  ///< nothing: it is no answer to that request
};

/// An answer to the one certificate of `request`, for anybody and with an end; its signature is not
/// verified. `due` is its end, `basis` "-". Nothing: it is none.
std::optional<ManifestEntry> entry_of(Bytes response, Bytes request);

/// Reads a file. Of `listed`, those that are not null, the first with its digest counts; else what
/// it says by itself, and it is due.
HeldFile look_at(const std::string& path, Bytes request,
                 std::initializer_list<const ManifestEntry*> listed);

}  // namespace muster::edge
