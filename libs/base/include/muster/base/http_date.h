#pragma once

#include <cstddef>
#include <span>

#include "muster/base/time.h"

namespace muster {

inline constexpr std::size_t kHttpDateBytes = 29;
/// Exactly what format_http_date() gives, without an allocation.
void write_http_date(UnixSeconds t, std::span<char, kHttpDateBytes> out);

}  // namespace muster
