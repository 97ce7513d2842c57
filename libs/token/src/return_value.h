#pragma once

#include <p11-kit/pkcs11.h>

#include <string>

#include "muster/pki/certificate.h"

namespace muster::token {

/// "CKR_DEVICE_REMOVED (the token was removed)"; the number for one we have no name for.
std::string describe(CK_RV rv);

/// What a failed call means: kWrongPassphrase (the PIN), kSigningFailed (this key will never do
/// that), kUnavailable (session, token or module in trouble: another session may work).
pki::PkiErrc classify(CK_RV rv);

/// "C_Sign: CKR_DEVICE_ERROR (...)".
pki::PkiError call_failed(const char* function, CK_RV rv);

}  // namespace muster::token
