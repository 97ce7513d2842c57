#pragma once

#include <string_view>

#include "muster/pki/certificate.h"

namespace muster::pki {

/// Whether `certificate` was issued for `host`: a DNS name, or an IPv4 or IPv6 literal without
/// brackets. Only the subjectAltName counts, never the subject; a wildcard stands for one whole
/// left-most label (RFC 9525 sections 6.1 and 6.3).
bool names_host(const Certificate& certificate, std::string_view host);

}  // namespace muster::pki
