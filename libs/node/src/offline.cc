#include "muster/node/offline.h"

#include "loading.h"
#include "signer_revocation.h"

namespace muster::node {
namespace {

/// The issuer's number in a store that may only be read; one nobody has when it knows nothing of
/// the issuer.
store::IssuerId find_or_none(const store::Store& store, const store::IssuerKey& key) {
  return store.find_issuer(key).value_or(static_cast<store::IssuerId>(UINT32_MAX));
}

NodeResult<Unit> load_sources(const Loaded& loaded, const NodeOptions& options, store::Store& store,
                              const Clock& clock, Logger& logger) {
  source::SourceWatcher watcher(store, loaded.sources, watch_options(options), clock, logger);
  const auto states = watcher.wait_until_checked(std::chrono::minutes(10));
  if (!states) {
    return Err{NodeError{NodeErrc::kSystem, "the sources could not be read within ten minutes"}};
  }
  for (const source::SourceStatus& state : *states) {
    if (state.error) {
      return Err{NodeError{NodeErrc::kInput, state.label + ": " + state.error->detail}};
    }
  }
  return Unit{};
}

}  // namespace

NodeResult<Offline> open_offline(const NodeOptions& given, ExplainFrom from, const Clock& clock,
                                 Logger& logger, responder::SignerKeys keys) {
  NodeOptions options = given;
  options.policy.signatures_per_second = 0;
  options.policy.requests_per_second = 0;
  options.policy.requests_per_source = 0;
  store::StoreOptions how;
  how.mode = from == ExplainFrom::kStore ? store::StoreOptions::Mode::kReadOnly
                                         : store::StoreOptions::Mode::kReadWrite;
  how.life = options.store_life;
  auto opened = store::Store::open(options.store, how);
  if (!opened) {
    return Err{error_of(opened.error())};
  }
  std::shared_ptr<store::Store> store = *std::move(opened);
  const IssuerNumber number = from == ExplainFrom::kStore
      ? [&store](const store::IssuerKey& key,
                 const std::string&) -> store::StoreResult<store::IssuerId> {
    return find_or_none(*store, key);
  }
  : IssuerNumber();
  MUSTER_TRY(const Loaded loaded, load(options, *store, clock.now(), {}, logger, {}, number, keys));
  if (from == ExplainFrom::kSources) {
    MUSTER_CHECK(load_sources(loaded, options, *store, clock, logger));
  }
  const UnixSeconds now = clock.now();
  auto specs = loaded.delegates->specs(now);
  if (keys == responder::SignerKeys::kLeftOut || !specs) {
    return Offline{std::move(store), loaded.setup, loaded.warnings};
  }
  const auto reader = store->reader();
  reader->renew();
  const auto revoked = leave_out_revoked(*specs, *reader, now);
  log_changes({}, revoked, logger);
  auto setup = setup_without(revoked, *std::move(specs), loaded, now, logger);
  return Offline{std::move(store), std::move(setup), loaded.warnings};
}

}  // namespace muster::node
