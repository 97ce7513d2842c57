#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "muster/base/time.h"

namespace muster::der {

/// YYYYMMDDHHMMSSZ, the content of a GeneralizedTime (RFC 5280 section 4.1.2.5.2).
inline constexpr std::size_t kGeneralizedTimeBytes = 15;
/// Exactly the content that write_generalized_time() writes. Precondition: a year from 0 to 9999.
void put_generalized_time(UnixSeconds t, std::span<std::uint8_t, kGeneralizedTimeBytes> out);

}  // namespace muster::der
