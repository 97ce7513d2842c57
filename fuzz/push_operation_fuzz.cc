#include <array>

#include "fuzz.h"
#include "json.h"
#include "muster/base/text.h"

namespace {

using namespace muster;

constexpr UnixSeconds kNow = unix_seconds(1795514400);

/// Whatever a client says, twice is as once: it may not know whether the first arrived.
void check(const push::Operation& operation, const push::Limits& limits) {
  MUSTER_ASSERT(!operation.at || *operation.at <= kNow + limits.future_skew);
  MUSTER_ASSERT(operation.reason != ReasonCode::kCertificateHold &&
                operation.reason != ReasonCode::kRemoveFromCrl);
  store::Status good;
  store::Status held;
  held.state = store::State::kHold;
  held.revoked_at = kNow - Seconds(60);
  held.reason = ReasonCode::kCertificateHold;
  const std::array<std::optional<store::Status>, 3> known{std::nullopt, good, held};
  for (const auto& before : known) {
    const push::Decision first = push::decide(operation, before, kNow, limits.keep_revoked);
    if (first.verdict != push::Verdict::kChanged && first.verdict != push::Verdict::kUnchanged) {
      continue;
    }
    if (first.status) {
      MUSTER_ASSERT((first.status->state != store::State::kGood) ==
                    first.status->revoked_at.has_value());
      const auto told = nlohmann::json::parse(
          push::dump(push::to_json(operation.serial, *first.status)), nullptr, false);
      MUSTER_ASSERT(!told.is_discarded() && told["serial"] == operation.serial.to_hex());
    }
    const push::Decision second = push::decide(operation, first.status, kNow, limits.keep_revoked);
    MUSTER_ASSERT(second.verdict == push::Verdict::kUnchanged ||
                  (second.verdict == push::Verdict::kAbsent &&
                   operation.kind == push::OperationKind::kUnhold));
    MUSTER_ASSERT(second.status == first.status);
  }
}

}  // namespace

// Lines of a bulk request, and the same as single operations.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const push::Limits limits;
  push::Issuer issuer;
  issuer.label = "fuzz";
  for (const std::string_view line : split(as_text(Bytes(data, size)), '\n')) {
    const auto bulk = push::parse_operation(line, std::nullopt, issuer, limits, kNow);
    if (bulk) {
      check(*bulk, limits);
      const auto single = push::parse_operation(line, bulk->kind, issuer, limits, kNow);
      MUSTER_ASSERT(single && single->serial == bulk->serial);
    } else {
      MUSTER_ASSERT(bulk.error().status >= 400 && !bulk.error().detail.empty());
      MUSTER_ASSERT(nlohmann::json::accept(push::dump(push::to_json(bulk.error()))));
    }
    if (const auto revoke =
            push::parse_operation(line, push::OperationKind::kRevoke, issuer, limits, kNow)) {
      check(*revoke, limits);
    }
  }
  return 0;
}
