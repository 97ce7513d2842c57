#pragma once

#include <string>
#include <vector>

#include "muster/base/bytes.h"

// Under which names the answer to one OCSP request is found in file systems and caches.
namespace muster::edge {

/// Path of the file, relative to the root of a static server, that answers a GET of `request`:
/// what such servers make of every spelling of the URL once they have undone the escapes. A '/' of
/// the base64 is a folder, several are one, as for the file system itself; at the end it means the
/// folder's index.html. No two requests have one path, unless several slashes stand in different
/// places of both; a file may also be where another's folder would have to be. Both need serials
/// that differ in a few bits around octets of ones: who writes files must notice.
std::string file_path(Bytes request);

/// The spellings of a GET's path behind the responder's URL that clients and proxies use, each
/// once: base64 plain, with + / = escaped (in both cases of the digits, and with / left alone),
/// without padding, and base64url. Caches that compare URLs as text hold each by itself.
std::vector<std::string> get_spellings(Bytes request);

}  // namespace muster::edge
