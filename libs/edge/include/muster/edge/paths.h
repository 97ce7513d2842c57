#pragma once

#include <string>
#include <vector>

#include "muster/base/bytes.h"

// Under which names the answer to one OCSP request is found in file systems and caches.
namespace muster::edge {

/// Path of the file, relative to the root of a static server, that answers a GET of `request`:
/// what such servers make of every spelling of the URL once they have undone the escapes. A '/' of
/// the base64 is a folder, several are one, as for the file system itself.
std::string file_path(Bytes request);

/// The spellings of a GET's path behind the responder's URL that clients and proxies use, each
/// once: base64 plain, with + / = escaped (in both cases of the digits, and with / left alone),
/// without padding, and base64url. Caches that compare URLs as text hold each by itself.
std::vector<std::string> get_spellings(Bytes request);

}  // namespace muster::edge
