#pragma once

#include "muster/token/token_key.h"

namespace muster::token {

/// A private key as an operator names it, wherever it is: a PEM, DER or PKCS#12 file
/// (pki::load_key_file), or a PKCS#11 URI (load_token_key; it comes without certificates).
/// `passphrase` serves as PIN where the URI names no pin-source. Errors: as those two.
pki::PkiResult<pki::KeyFile> load_key(const std::string& source,
                                      const pki::AskPassphrase& passphrase = {},
                                      const TokenOptions& options = {},
                                      const Clock* clock = nullptr);

}  // namespace muster::token
