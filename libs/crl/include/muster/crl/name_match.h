#pragma once

#include "muster/der/der.h"

// When two names are the same (RFC 5280 section 7.1).
namespace muster::crl {

/// A canonical form of a Name element: equal octets mean the same name. Text values lose their
/// string type, ASCII letter case, outer blanks and repeated blanks; attributes inside one RDN lose
/// their order. Values of other types and text that does not decode stay as they are. The form of a
/// name and of RDNs behind it concatenates. Nothing for octets that are not a Name.
std::optional<Buffer> normalize_name(Bytes name);
/// The same for the content of one RDN (SET content octets), to append to a normalized name.
std::optional<Buffer> normalize_rdn(Bytes set_content);
/// Whether two Name elements are the same name. Names that are not well-formed match only octet by
/// octet.
bool same_name(Bytes a, Bytes b);
/// Whether two GeneralName elements are the same: directoryName as above, URI with scheme and host
/// without regard to case (RFC 5280 section 7.4), dNSName without regard to case (7.2), anything
/// else octet by octet.
bool same_general_name(Bytes a, Bytes b);

}  // namespace muster::crl
