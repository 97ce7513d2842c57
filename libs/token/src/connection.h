#pragma once

#include <atomic>
#include <map>

#include "encoding.h"
#include "module.h"
#include "muster/base/mutex.h"
#include "pin_gate.h"

namespace muster::token {

/// What the sessions of one token share. Threads: any.
class Token {
 public:
  explicit Token(KeyUri uri) : uri_(std::move(uri)), use_(ModuleUse::of(uri_)) {}
  [[nodiscard]] const KeyUri& uri() const { return uri_; }
  [[nodiscard]] ModuleUse& use() const { return use_; }
  /// Loaded at the first call, which blocks as long as the modules do. While another thread loads
  /// them, waits until `deadline` at most. Errors: as Modules::load, kUnavailable.
  pki::PkiResult<std::shared_ptr<const Modules>> modules(MonotonicTime deadline);
  /// The next call of modules() starts them anew: some know no other way back after their device
  /// was away.
  void forget_modules();
  /// The PIN for keys that were loaded without one, as given last.
  void set_pin(pki::AskPassphrase ask);
  [[nodiscard]] pki::AskPassphrase pin() const;

 private:
  [[nodiscard]] std::shared_ptr<const Modules> loaded() const;

  const KeyUri uri_;
  ModuleUse& use_;
  mutable Mutex mutex_;  // not kept across a call into a module
  std::shared_ptr<const Modules> modules_ MUSTER_GUARDED_BY(mutex_);
  pki::AskPassphrase ask_ MUSTER_GUARDED_BY(mutex_);
};

/// What is known of a key once it was found.
struct KeyFacts {
  Buffer public_key_info;
  KeyFamily family{};
  bool always_authenticate = false;             ///< wants the PIN for each signature
  std::vector<CK_MECHANISM_TYPE> mechanisms{};  ///< of those we use
};

/// One session. Every method may block as long as the token likes. Threads: one at a time.
class Connection {
 public:
  explicit Connection(std::shared_ptr<Token> token) : token_(std::move(token)) {}
  ~Connection() { drop(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// No wait for others of ours lasts longer than this; it is the deadline of what comes next.
  void set_deadline(MonotonicTime deadline) { deadline_ = deadline; }
  /// The PKCS#11 function begun last, to tell what hangs. Any thread.
  [[nodiscard]] const char* last_call() const { return last_call_.load(std::memory_order_relaxed); }
  /// Told for calls on its behalf, too.
  void begin(const char* function) { last_call_.store(function, std::memory_order_relaxed); }
  /// \param pin  of this key, should a login be due; none: as another key of the token was given.
  /// Errors of all: kUnavailable (a new session may do better), kWrongPassphrase, kUnreadable
  /// (module), kNotAKey, kSigningFailed.
  pki::PkiResult<KeyFacts> read_key(const KeyUri& uri, const pki::AskPassphrase& pin);
  /// The signature as the token makes it.
  pki::PkiResult<Buffer> sign(const KeyUri& uri, const pki::AskPassphrase& pin,
                              const KeyFacts& facts, const MechanismPlan& plan, Bytes input);
  /// Closes the session; the next call opens another.
  void drop();

 private:
  pki::PkiResult<Unit> connect(const pki::AskPassphrase& pin);
  pki::PkiResult<Unit> login(CK_USER_TYPE user, const pki::AskPassphrase& pin);
  pki::PkiResult<Unit> find_token();
  pki::PkiResult<CK_OBJECT_HANDLE> find_key(const KeyUri& uri);
  pki::PkiResult<std::vector<CK_OBJECT_HANDLE>> find_objects(std::vector<CK_ATTRIBUTE> search);
  pki::PkiResult<Buffer> attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
  pki::PkiResult<Buffer> public_key(const KeyUri& uri, CK_OBJECT_HANDLE key, KeyFamily family);

  const std::shared_ptr<Token> token_;
  std::shared_ptr<const Modules> modules_;
  CK_FUNCTION_LIST* module_ = nullptr;  // of the slot; null: not connected
  CK_SLOT_ID slot_ = 0;
  PinGate* gate_ = nullptr;  // of the token in it; set when connected
  CK_SESSION_HANDLE session_ = 0;
  MonotonicTime deadline_{};
  std::atomic<const char*> last_call_{"C_Initialize"};
  std::map<std::string, CK_OBJECT_HANDLE> handles_;  // by KeyUri::text()
};

}  // namespace muster::token
