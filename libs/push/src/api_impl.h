#pragma once

#include "engine.h"

namespace muster::push {

struct Api::Impl {
  Impl(store::Store& store, std::vector<Issuer> i, const Limits& l, std::function<void()> told,
       std::function<void(std::uint64_t)> committed)
      : engine(store, l.keep_revoked, std::move(told), std::move(committed)),
        issuers(std::move(i)),
        limits(l) {}

  Engine engine;
  Journal unheard{null_logger()};
  Journal* journal = &unheard;  ///< constant after report_to()
  const std::vector<Issuer> issuers;
  const Limits limits;
  std::atomic<std::uint64_t> changed{0}, unchanged{0}, conflicts{0}, refused{0}, failed{0};

  /// The issuer that `label` (percent-encoded) names, if the client may feed it.
  ApiResult<const Issuer*> find_issuer(const Client& client, std::string_view label) const;
  /// Counts it.
  void count(Verdict verdict);
  /// Counts and reports what was not carried out.
  void refuse(const Journal::Request& request, const ApiError& error, UnixSeconds now);
  /// Reports what contradicts the facts.
  void report_conflict(const Client& client, const Issuer& issuer, const Operation& operation,
                       const Decision& decision, UnixSeconds now);
};

/// Whether the client may do it.
ApiResult<Unit> check_permission(const Client& client, OperationKind kind);
/// A store's error as told to clients: 503 or 507 where trying again may help.
ApiError error_of(const store::StoreError& error);
/// One operation's outcome as an object: result, sequence, certificate; or error, detail and what
/// is known.
nlohmann::ordered_json result_json(const Operation& operation, const Decision& decision,
                                   std::uint64_t sequence);
unsigned status_of(Verdict verdict);
Reply reply_of(const ApiError& error);

Result<std::unique_ptr<Bulk>, Reply> make_bulk(Api::Impl& api, const Client& client,
                                               std::string_view label, std::string_view query,
                                               UnixSeconds now);

}  // namespace muster::push
