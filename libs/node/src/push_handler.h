#pragma once

#include "control_server.h"
#include "muster/push/api.h"
#include "muster/responder/setup.h"

namespace muster::node {

/// What the push API consists of until the next reload.
struct PushSetup {
  PushSetup(store::Store& s, std::vector<push::Issuer> issuers, PushOptions o,
            std::shared_ptr<const responder::Setup> answers, std::function<void()> told,
            std::function<void(std::uint64_t)> committed)
      : options(std::move(o)),
        store(s),
        answered(std::move(answers)),
        api(s, std::move(issuers), options.api, std::move(told), std::move(committed)) {}
  const PushOptions options;
  const store::Store& store;
  const std::shared_ptr<const responder::Setup> answered;  ///< whose certificates we speak of
  push::Api api;
  push::ApiStats before;  ///< what earlier setups counted

  void carry_over(const PushSetup& old) { before = old.stats(); }
  [[nodiscard]] push::ApiStats stats() const {
    const push::ApiStats own = api.stats();
    return {before.changed + own.changed, before.unchanged + own.unchanged,
            before.conflicts + own.conflicts, before.refused + own.refused,
            before.failed + own.failed};
  }
};

/// Lets known clients speak to the push API.
class PushHandler final : public ControlHandler {
 public:
  PushHandler(ControlStats& stats, const Clock& clock, Logger& logger)
      : stats_(stats), clock_(clock), logger_(logger), journal_(logger) {}
  void handle(Exchange& exchange) override;
  /// From the next request on; those under way keep what they began with.
  void adopt(std::shared_ptr<PushSetup> setup);
  [[nodiscard]] std::shared_ptr<PushSetup> setup() const;
  [[nodiscard]] const push::Journal& journal() const { return journal_; }

 private:
  void refuse_body(Exchange& exchange, const push::Client& client, unsigned status,
                   std::size_t limit);
  void handle_bulk(Exchange& exchange, push::Api& api, const push::Client& client);

  ControlStats& stats_;
  const Clock& clock_;
  Logger& logger_;
  push::Journal journal_;  ///< over all reloads
  mutable std::mutex mutex_;
  std::shared_ptr<PushSetup> setup_;  // under mutex_
};

}  // namespace muster::node
