#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/base/bytes.h"

// CRLs in LDAP directories (RFC 4523), as libcurl hands them out. Pure.
namespace muster::source {

/// CRLs one directory entry may hold.
inline constexpr std::size_t kMaxLdapValues = 16;

/// An ldap or ldaps URL (RFC 4516) that names a host and one attribute with CRLs:
/// "certificateRevocationList;binary" is put in where it names none. Nothing for another URL, for
/// several attributes and for another attribute.
std::optional<std::string> complete_ldap_url(std::string_view url);
/// Whether the scheme is ldap or ldaps.
bool is_ldap_url(std::string_view url);

/// Values of CRL attributes in the text libcurl makes of an answer: "attribute:: base64" behind a
/// tab, or "attribute: base64" for one with the option binary. Nothing when a value does not
/// decode, when there are more than kMaxLdapValues, or none.
std::optional<std::vector<Buffer>> read_ldap_answer(std::string_view text);

}  // namespace muster::source
