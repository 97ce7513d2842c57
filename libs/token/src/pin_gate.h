#pragma once

#include <vector>

#include "turn.h"
#include "uri.h"

namespace muster::token {

/// Logins to one token, one at a time and never twice with a PIN that was refused as wrong: with
/// several sessions a wrong PIN would otherwise lock the token in one blow. A PIN that is locked or
/// expired is tried again: the token's owner mends that. Threads: any.
class PinGate {
 public:
  /// The gate of one token, whatever URI or module it was reached by: told by what the token says
  /// of itself (maker, model, serial number, label), and by the slot too where it has no serial
  /// number. Lives as long as the process, so that reloading does not try again either.
  static PinGate& of(CK_SLOT_ID slot, const CK_TOKEN_INFO& token);

  /// C_Login as CKU_USER or CKU_CONTEXT_SPECIFIC. Waits for another login until `deadline` at most.
  /// Errors: kWrongPassphrase, kUnavailable (another login has not come back), and as classify().
  pki::PkiResult<Unit> login(CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session, CK_USER_TYPE user,
                             const KeyUri& uri, const pki::AskPassphrase& ask,
                             MonotonicTime deadline);

 private:
  Turn turn_;
  std::vector<Buffer>
      refused_;  // SHA-256 of the PINs refused last, oldest first; whoever has the turn touches it
};

}  // namespace muster::token
