#pragma once

#include "muster/token/token_key.h"

namespace muster::token {

/// Judges a URI that comes from somewhere less trusted than the configuration (a file beside a
/// renewed certificate): as check_key_uri, and it may say which token and key, but neither which
/// module (module-path, module-name: code that would run in this process) nor where the PIN is
/// (pin-source: any file's first line would be shown to a token, and counted as a wrong PIN).
/// Errors: kNotAKey.
pki::PkiResult<Unit> check_bare_key_uri(std::string_view uri);

}  // namespace muster::token
