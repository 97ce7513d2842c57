#include "backoff.h"
#include "target_run.h"

// Reading back: what the ports of a target serve, and handing over again what they lost.
namespace muster::stapler {
namespace {

constexpr Milliseconds kFirstRelook{500};
constexpr Milliseconds kLastRelook{60'000};
constexpr Seconds kFirstHeal{60};
constexpr Seconds kLastHeal{3600};
/// Handshakes of one target at a time: one that hangs leaves threads for the others.
constexpr std::size_t kMaxLooking = Prober::kThreads / 2;

}  // namespace

void TargetRun::look(const TargetItemPointer& item, std::size_t port) {
  item->ports[port].asking = true;
  looks_.emplace_back(item, port);
  look_on();
}

void TargetRun::look_on() {
  while (looking_ < kMaxLooking && !looks_.empty()) {
    const auto [weak_item, port] = std::move(looks_.front());
    looks_.pop_front();
    const auto item = weak_item.lock();
    if (!item) {
      continue;
    }
    ++looking_;
    world_.prober.ask(make_probe(options_, item->subject, item->ports[port].address),
                      [weak = weak_from_this(), weak_item = weak_item, port = port,
                       deliveries = item->deliveries](const Prober::Seen& seen) {
                        const auto self = weak.lock();
                        if (!self) {
                          return;
                        }
                        --self->looking_;
                        if (const auto still = weak_item.lock()) {
                          self->looked(still, port, deliveries, seen);
                        }
                        self->look_on();
                      });
  }
}

void TargetRun::looked(const TargetItemPointer& item, std::size_t port, std::uint64_t deliveries,
                       const Prober::Seen& seen) {
  TargetPort& p = item->ports[port];
  p.asking = false;
  if (deliveries != item->deliveries || item->is_leftover) {
    return;  // something else was handed over meanwhile; its look is due
  }
  const ReadBack before = p.finding.state;
  p.finding =
      judge_port({item->subject, row_, item->pushed}, seen, world_.policy, world_.clock.now());
  world_.changes += p.finding.state != before ? 1U : 0U;
  p.looked_at = world_.clock.now();
  const bool is_well = p.finding.state == ReadBack::kServed || p.finding.state == ReadBack::kOther;
  const Milliseconds usual = options_.probe_every;
  const Milliseconds every =
      is_well ? usual : std::min(usual, backoff(kFirstRelook, kLastRelook, ++p.looks));
  // Certificates of one target are not all looked at in the same second.
  const std::uint8_t any = item->subject.subject.certificate.fingerprint()[0];
  const Milliseconds jitter = is_well ? every / 1000 * (any % 100) : Milliseconds(0);
  p.due = world_.clock.monotonic() + every - jitter;
  complain(*item, p);
  heal(item, p);
}

bool TargetRun::is_settling(const TargetItem& item, UnixSeconds now) const {
  return item.carrying || (item.pushed_at && now < *item.pushed_at + row_.settle);
}

void TargetRun::complain(TargetItem& item, TargetPort& port) const {
  TargetStatus seen = status_of(item);
  seen.delivery = Delivery::kDelivered;  // that it failed was said
  seen.ports = {{port.address, port.finding.state, port.finding.detail, port.looked_at}};
  const Severity severity = judge_severity(seen, row_, world_.clock.now());
  const bool is_bad = severity >= Severity::kWarning;
  if (is_bad != port.complained && severity != Severity::kWaiting) {
    port.complained = is_bad;
    world_.logger.log(severity == Severity::kCritical ? LogLevel::kError
                      : is_bad                        ? LogLevel::kWarning
                                                      : LogLevel::kInfo,
                      is_bad ? "target.read_back" : "target.read_back_well",
                      is_bad ? port.finding.detail : "the port serves what was handed over",
                      {{"target", options_.name},
                       {"certificate", item.subject.subject.name},
                       {"address", port.address},
                       {"state", to_string(port.finding.state)}});
  }
}

void TargetRun::heal(const TargetItemPointer& item, const TargetPort& port) {
  const MonotonicTime now = world_.clock.monotonic();
  if (!may_be_healed(port.finding.state, row_) || item->delivery == Delivery::kFailed ||
      now < item->heal_at || is_settling(*item, world_.clock.now())) {
    return;
  }
  item->heal_at = now + backoff(kFirstHeal, kLastHeal, item->heals++);
  deliver(item, Tell::kAnyway);
}

}  // namespace muster::stapler
