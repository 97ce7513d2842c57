#pragma once

#include <cstdint>
#include <string>

namespace muster::testing {

/// Control of muster_fault_token.so, a PKCS#11 module with one token ("fault") that misbehaves on
/// demand. What is set survives C_Finalize. Threads: any.
class FaultToken {
 public:
  virtual ~FaultToken() = default;
  /// As freshly loaded: another serial number, no keys, PIN "1234", well behaved, nothing counted.
  /// Ends hanging calls.
  virtual void reset() = 0;
  [[nodiscard]] virtual std::string serial() const = 0;
  /// \param pem  private key (RSA, EC or Ed25519)
  enum class PublicHalf : std::uint8_t { kThere, kMissing };
  virtual void add_key(const std::string& label, std::uint8_t id, const std::string& pem,
                       PublicHalf half = PublicHalf::kThere) = 0;
  virtual void set_pin(const std::string& pin) = 0;
  /// The next `count` calls of C_Sign return `rv`; below zero: all until told otherwise.
  virtual void fail_sign(unsigned long rv, int count) = 0;
  /// C_OpenSession returns `rv` until told 0.
  virtual void fail_open(unsigned long rv) = 0;
  /// C_GetTokenInfo returns `rv` until told 0.
  virtual void fail_info(unsigned long rv) = 0;
  /// So many slots say that they hold a token; all but one know no more of it.
  virtual void set_slots(unsigned count) = 0;
  /// Every session and the login are gone, as after a token was restarted.
  virtual void kill_sessions() = 0;
  /// The login alone is gone.
  virtual void log_out() = 0;
  /// No token in the slot; its sessions are gone.
  virtual void set_removed(bool removed) = 0;
  /// Everything fails with CKR_DEVICE_ERROR until the module is finalised and initialised again.
  virtual void need_restart() = 0;
  /// C_Sign hangs until told otherwise.
  virtual void set_hanging(bool hanging) = 0;
  enum class Call : std::uint8_t { kInitialise, kFinalise, kOpen, kClose, kLogin, kSign };
  /// The `nth` such call from now on hangs, and every later one, until let_go().
  virtual void hang_in(Call call, unsigned nth = 1) = 0;
  /// Ends every call that hangs; none hangs from now on.
  virtual void let_go() = 0;
  /// Signatures come back with one bit wrong.
  virtual void set_corrupt(bool corrupt) = 0;
  /// Every signature wants the PIN anew.
  virtual void set_always_authenticate(bool always) = 0;

  /// Blocks until so many calls hang; false when that takes longer than ten seconds.
  virtual bool wait_for_hanging(unsigned count) = 0;
  struct Counts {
    unsigned signs = 0, logins = 0, wrong_pins = 0, sessions_opened = 0, sessions_open = 0,
             initialised = 0, finalised = 0, closes = 0, most_at_once = 0;
  };
  [[nodiscard]] virtual Counts counts() const = 0;
};

/// The control of the module at `path`, loaded once.
FaultToken& fault_token(const std::string& path);

}  // namespace muster::testing
