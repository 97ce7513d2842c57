#include "muster/token/token_key.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "registry.h"

namespace muster::token {
namespace {

using pki::KeyHealth;
using pki::PkiErrc;
using pki::PkiError;
using pki::PkiResult;
using pki::SignatureScheme;

/// What a job needs; it may outlive the key.
struct KeyData {
  KeyUri uri;
  pki::AskPassphrase pin;
  KeyFacts facts;
};

class TokenKey final : public pki::RemoteKey {
 public:
  TokenKey(std::shared_ptr<Pool> pool, KeyData data)
      : pool_(std::move(pool)),
        data_(std::make_shared<const KeyData>(std::move(data))),
        state_(std::make_shared<KeyState>(pool_->options())) {}

  [[nodiscard]] const std::string& name() const override { return data_->uri.text(); }
  [[nodiscard]] Bytes public_key_info() const override { return data_->facts.public_key_info; }
  [[nodiscard]] KeyHealth health() const override { return pool_->health(*state_); }
  [[nodiscard]] const pki::KeyCounters& counters() const override { return state_->counters; }
  [[nodiscard]] std::string last_error() const override { return pool_->last_error(*state_); }

  [[nodiscard]] std::string refuses(SignatureScheme scheme) const override {
    const auto plan = mechanism_for(scheme);
    const auto& there = data_->facts.mechanisms;
    if (!plan || plan->family != data_->facts.family) {
      return name() + ": keys of this kind make no such signatures in a token";
    }
    if (std::find(there.begin(), there.end(), plan->type) == there.end()) {
      return name() +
             ": the token does not have the algorithm this signature needs (pkcs11-tool "
             "--list-mechanisms shows what it has)";
    }
    return "";
  }

  void sign(pki::RemoteJob job) override {
    struct Work {
      pki::RemoteJob job;
      std::shared_ptr<const KeyData> data;
      std::shared_ptr<KeyState> state;
      Buffer made;
    };
    auto shared = std::make_shared<Work>(Work{std::move(job), data_, state_, {}});
    auto done = std::move(shared->job.done);
    pool_->submit(
        state_,
        [shared](Connection& connection) -> PkiResult<Unit> {
          const auto plan = mechanism_for(shared->job.scheme);
          MUSTER_ASSERT(plan.has_value());  // Signer::make asked refuses()
          MUSTER_TRY(
              shared->made,
              named(connection.sign(shared->data->uri, shared->data->pin, shared->data->facts,
                                    *plan, input_for(shared->job.scheme, shared->job.input)),
                    shared->data->uri));
          if (plan->family == KeyFamily::kEc) {
            MUSTER_TRY(shared->made, named(ecdsa_signature(shared->made), shared->data->uri));
          }
          if (!shared->job.verifies(shared->made)) {
            shared->state->counters.bad_signatures.fetch_add(1, std::memory_order_relaxed);
            return Err{PkiError{PkiErrc::kUnavailable,
                                shared->data->uri.text() +
                                    ": the token returned a signature that does not verify"}};
          }
          return Unit{};
        },
        [shared, done = std::move(done)](PkiResult<Unit> result) {
          if (result) {
            done(std::move(shared->made));
          } else {
            done(Err{result.error()});
          }
        },
        pool_->options().deadline);
  }

  template <class T>
  static PkiResult<T> named(PkiResult<T> result, const KeyUri& uri) {
    if (!result) {
      return Err{PkiError{result.error().code, uri.text() + ": " + result.error().detail}};
    }
    return result;
  }

 private:
  const std::shared_ptr<Pool> pool_;
  const std::shared_ptr<const KeyData> data_;
  const std::shared_ptr<KeyState> state_;
};

}  // namespace

PkiResult<pki::PrivateKey> load_token_key(const std::string& uri_text, const TokenOptions& options,
                                          const pki::AskPassphrase& pin, const Clock* clock) {
  static const SystemClock& system_clock =
      *new SystemClock();  // never destroyed: threads that hang in a module may outlive main()
  MUSTER_TRY(const KeyUri uri, KeyUri::parse(uri_text));
  auto there = pool_for(uri, options, clock == nullptr ? system_clock : *clock);
  if (!there) {
    return Err{PkiError{there.error().code, uri.text() + ": " + there.error().detail}};
  }
  auto pool = *std::move(there);
  if (pin) {
    pool->token().set_pin(pin);
  }
  // Where threads hang in the module already, one more try is not worth waiting for long: whoever
  // loads a whole directory of keys would stand still for each of them.
  const Milliseconds time = pool->token().use().lost > 0
                                ? std::min(options.load_deadline, options.deadline)
                                : options.load_deadline;
  struct Loading {
    std::mutex mutex;
    std::condition_variable over;
    std::optional<PkiResult<Unit>> result;
    KeyFacts facts;  // written by the worker alone until `result` says it is done
  };
  const auto loading =
      std::make_shared<Loading>();  // shared: the worker may come back after we gave up
  pool->submit(
      nullptr,
      [loading, uri, pin](Connection& connection) -> PkiResult<Unit> {
        MUSTER_TRY(loading->facts, connection.read_key(uri, pin));
        return Unit{};
      },
      [loading](PkiResult<Unit> result) {
        const std::lock_guard lock(loading->mutex);
        loading->result.emplace(std::move(result));
        loading->over.notify_one();
      },
      time);
  {
    std::unique_lock lock(loading->mutex);
    loading->over.wait(lock, [&] { return loading->result.has_value(); });
  }
  if (!*loading->result) {
    return Err{PkiError{loading->result->error().code,
                        uri.text() + ": " + loading->result->error().detail}};
  }
  return pki::PrivateKey::remote(
      std::make_shared<TokenKey>(std::move(pool), KeyData{uri, pin, loading->facts}));
}

}  // namespace muster::token
