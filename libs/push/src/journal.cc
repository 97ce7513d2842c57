#include "muster/push/journal.h"

#include <algorithm>

#include "muster/base/text.h"

namespace muster::push {
namespace {

constexpr std::array<std::string_view, 3> kStates = {"good", "revoked", "hold"};
/// Of a client's words in a line.
constexpr std::size_t kMostOctets = 120;

}  // namespace

void Journal::changed(std::string_view client, std::string_view issuer, const Operation& operation,
                      const Decision& decision, std::uint64_t sequence) {
  const auto& status = decision.status;
  logger_.log(
      LogLevel::kInfo, "push.changed", "a client changed a record",
      {{"client", client},
       {"issuer", issuer},
       {"operation", to_string(operation.kind)},
       {"serial", operation.serial.to_hex()},
       {"state", status ? kStates.at(static_cast<std::size_t>(status->state)) : "absent"},
       {"reason", status && status->reason ? to_string(*status->reason) : std::string_view("-")},
       {"sequence", sequence}});
}

void Journal::bulk_changed(std::string_view client, std::string_view issuer,
                           const std::array<std::uint64_t, kOperationKinds>& by_kind,
                           std::uint64_t sequence) {
  std::string counts;
  for (std::size_t i = 0; i < by_kind.size(); ++i) {
    if (by_kind.at(i) != 0) {
      counts += (counts.empty() ? "" : ", ") +
                std::string(to_string(static_cast<OperationKind>(i))) + " " +
                std::to_string(by_kind.at(i));
    }
  }
  logger_.log(LogLevel::kInfo, "push.bulk",
              "a client changed more records in one request than are told one by one",
              {{"client", client},
               {"issuer", issuer},
               {"not_told_singly", counts},
               {"sequence", sequence}});
}

void Journal::refused(const Request& request, std::string_view cause, std::string_view detail,
                      UnixSeconds now) {
  tell(LogLevel::kWarning, "push.refused", "a client's request was not carried out", request, cause,
       detail, now);
}

void Journal::failed(const Request& request, std::string_view cause, std::string_view detail,
                     UnixSeconds now) {
  tell(LogLevel::kError, "push.failed",
       "what a client told could not be stored; it was told so and has to send it again", request,
       cause, detail, now);
}

void Journal::tell(LogLevel level, std::string_view event, std::string_view message,
                   const Request& request, std::string_view cause, std::string_view detail,
                   UnixSeconds now) {
  const auto known = std::find(kCauses.begin(), kCauses.end() - 1, cause);  // else "other"
  std::uint64_t left_out = 0;
  {
    const std::lock_guard lock(mutex_);
    Sample& sample = samples_.at(static_cast<std::size_t>(known - kCauses.begin()));
    ++sample.count;
    // A clock that was put back must not silence us.
    if (sample.told && *sample.told <= now && now - *sample.told < kInterval) {
      ++sample.left_out;
      return;
    }
    sample.told = now;
    left_out = std::exchange(sample.left_out, 0);
  }
  logger_.log(level, event, message,
              {{"client", request.client},
               {"issuer", request.issuer.empty() ? std::string_view("-") : request.issuer},
               {"what", printable(request.what.substr(0, kMostOctets))},
               {"cause", cause},
               {"detail", detail},
               {"more_since_last", left_out}});
}

std::array<std::uint64_t, kCauses.size()> Journal::counts() const {
  std::array<std::uint64_t, kCauses.size()> out{};
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out.at(i) = samples_.at(i).count;
  }
  return out;
}

}  // namespace muster::push
