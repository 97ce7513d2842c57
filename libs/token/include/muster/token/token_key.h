#pragma once

#include <string>
#include <string_view>

#include "muster/pki/key_file.h"
#include "muster/pki/remote_key.h"

// Private keys in tokens and HSMs behind PKCS#11 (decisions 025 and 026).
namespace muster::token {

/// How a token is used. One pool of sessions serves all keys of one token that are loaded with
/// equal options.
struct TokenOptions {
  unsigned sessions = 4;          ///< signatures made at the same time; each has its thread
  std::size_t max_waiting = 256;  ///< jobs waiting for a session; one more is refused at once
  Milliseconds deadline{
      2'000};  ///< for one signature, waiting included; then it has failed, whatever the token does
  Milliseconds load_deadline{10'000};  ///< for loading the module, logging in and finding a key
  unsigned failures_to_pause = 5;      ///< in a row; then a key is not asked for a while
  Milliseconds pause_first{
      1'000};  ///< after it one signature is tried; each failure doubles the pause
  Milliseconds pause_most{60'000};
  friend bool operator==(const TokenOptions&, const TokenOptions&) = default;
};

/// Whether a configured key is named by URI ("pkcs11:...") and not by file.
bool is_key_uri(std::string_view text);
/// Judges a URI without touching any token (RFC 7512). It names the token (token, serial or
/// slot-id) and the key (object or id); module-path or module-name say which module, else every
/// module that p11-kit is configured with is looked at; pin-source is "file:PATH" or an absolute
/// path. A PIN itself (pin-value) is refused: configurations are copied and logged. Errors:
/// kNotAKey.
pki::PkiResult<Unit> check_key_uri(std::string_view uri);

/// Opens the key a URI names. `pin` is asked where the URI has no pin-source: at every login, never
/// kept. A PIN that was refused is not tried again until it is another one: tokens lock themselves
/// after a few wrong ones. \param clock  for the pauses; outlives every key loaded with it. Null:
/// the system's. Blocks at most `load_deadline`; at most `deadline` while threads hang in the
/// module that earlier attempts left there. Errors: kNotAKey (bad URI; no such key, or several),
/// kUnreadable (module that does not load), kWrongPassphrase (PIN missing or refused), kUnavailable
/// (no such token now, or it does not answer), kUnsupportedAlgorithm.
pki::PkiResult<pki::PrivateKey> load_token_key(const std::string& uri,
                                               const TokenOptions& options = {},
                                               const pki::AskPassphrase& pin = {},
                                               const Clock* clock = nullptr);

}  // namespace muster::token
