#include "target_history.h"

namespace muster::stapler {

HistoryEvent event_of(const keeper::Subject& subject, const keeper::StaplePointer& staple,
                      UnixSeconds now) {
  HistoryEvent out{.at = now,
                   .event = staple ? "offer" : "withdrawn",
                   .certificate = to_hex(subject.certificate.fingerprint()),
                   .name = subject.name};
  if (staple) {
    out.result = "on offer";
    out.response = to_hex(pki::digest(HashAlgorithm::kSha256, staple->der()));
    out.status = to_string(staple->facts.status);
    out.this_update = staple->facts.this_update;
    out.expires = staple->facts.expires;
    out.source = staple->source;
  }
  return out;
}

HistoryEvent event_of(const keeper::Answered& answer) {
  HistoryEvent out{.at = answer.at,
                   .event = "answer",
                   .certificate = to_hex(answer.certificate),
                   .name = answer.name,
                   .result = std::string(answer.failure ? to_string(*answer.failure)
                                                        : to_string(answer.outcome)),
                   .source = answer.url,
                   .took = answer.took,
                   .detail = answer.detail};
  if (answer.response != nullptr) {
    out.response = to_hex(pki::digest(HashAlgorithm::kSha256, answer.response->der()));
    out.status = ocsp::to_string(answer.response->status());
    out.this_update = answer.response->this_update();
    out.expires = answer.response->effective_expiry();
  }
  return out;
}

void TargetHistory::add_changes(const std::vector<TargetStatus>& targets, UnixSeconds now,
                                History& history) {
  std::map<std::pair<std::string, std::string>, Seen> next;
  for (const TargetStatus& t : targets) {
    const auto key = std::pair(t.target, t.certificate);
    const auto before = seen_.find(key);
    const Seen was = before == seen_.end() ? Seen() : before->second;
    Seen is{t.delivery, t.pushed_generation, t.pushed_expires, t.reason, {}};
    const bool is_another = is.generation != was.generation || is.expires != was.expires;
    if (is_another || is.delivery != was.delivery || is.reason != was.reason) {
      history.add({.at = now,
                   .event = "target",
                   .name = t.certificate,
                   .result = std::string(to_string(t.delivery)),
                   .expires = t.pushed_expires,
                   .target = t.target,
                   .detail = t.reason});
    }
    for (std::size_t i = 0; i < t.ports.size(); ++i) {
      const PortStatus& port = t.ports[i];
      is.ports.emplace_back(port.state, port.detail);
      const bool is_known = !is_another && i < was.ports.size() && was.ports[i] == is.ports.back();
      if (!is_known && port.state != ReadBack::kNotYet) {
        history.add({.at = port.looked_at.value_or(now),
                     .event = "read-back",
                     .name = t.certificate,
                     .result = std::string(to_string(port.state)),
                     .expires = t.pushed_expires,
                     .target = t.target,
                     .address = port.address,
                     .detail = port.detail});
      }
    }
    next.emplace(key, std::move(is));
  }
  seen_ = std::move(next);
}

}  // namespace muster::stapler
