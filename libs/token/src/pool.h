#pragma once

#include "breaker.h"
#include "connection.h"

namespace muster::token {

/// What the pool keeps about one key.
struct KeyState {
  explicit KeyState(const TokenOptions& o)
      : breaker(o.failures_to_pause, o.pause_first, o.pause_most) {}
  Breaker breaker;         ///< guarded by the pool
  std::string last_error;  ///< guarded by the pool
  pki::KeyCounters counters;
};

/// The sessions of one token, each with a thread: what hangs in the module hangs there and nowhere
/// else. A job is over at its deadline, whatever the token does; its thread is counted as hanging
/// until the module returns, and when all hang, jobs are refused at once. Threads: every method
/// from any thread.
class Pool {
 public:
  using Work = std::function<pki::PkiResult<Unit>(Connection&)>;
  using Done = std::function<void(pki::PkiResult<Unit>)>;

  /// \param clock  for the pauses of keys; outlives the pool
  Pool(std::shared_ptr<Token> token, const TokenOptions& options, const Clock& clock);
  /// Fails what is under way. Threads that hang in the module are left to it: nothing else can be
  /// done about them.
  ~Pool();
  /// Whether the system gave a thread for each session. If not, the pool is only to be let go.
  [[nodiscard]] bool is_whole() const { return is_whole_; }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Runs `work` on a session's thread and then `done`, exactly once, at the deadline at the
  /// latest; on any thread, inside this call when refused. `work` may run on after `done` has been
  /// told that the time is up: it owns what it touches. Work that ends in kUnavailable is tried
  /// once more on a new session. \param key  whose breaker is asked and told; null: none (loading a
  /// key)
  void submit(std::shared_ptr<KeyState> key, Work work, Done done, Milliseconds deadline);
  [[nodiscard]] pki::KeyHealth health(const KeyState& key) const;
  [[nodiscard]] std::string last_error(const KeyState& key) const;
  [[nodiscard]] const TokenOptions& options() const;
  [[nodiscard]] Token& token() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  bool is_whole_ = false;
};

}  // namespace muster::token
