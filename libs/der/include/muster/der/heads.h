#pragma once

#include "muster/der/der.h"

// For those who know how long an element becomes before they write it: nothing is moved when it
// ends.
namespace muster::der {

/// Octets of tag and length before so much content.
std::size_t head_bytes(std::size_t content_bytes);
/// Tag and length. So many octets of content are to follow.
void write_head(Writer& out, Tag tag, std::size_t content_bytes);

}  // namespace muster::der
