#include "target_run.h"

#include <algorithm>

#include "muster/base/text.h"
#include "muster/stapler/render.h"

namespace muster::stapler {
namespace {

constexpr Milliseconds kFirstLook{500};
constexpr Seconds kLastRelook{60};
constexpr Seconds kFirstRetry{5};
constexpr Seconds kLastRetry{300};
constexpr Seconds kFirstHeal{60};
constexpr Seconds kLastHeal{3600};
constexpr std::size_t kMaxFileBytes = 1 << 20;
/// Handshakes that may wait for a thread.
constexpr std::size_t kMaxInFlight = 64;
/// Nobody waits longer for a server that looks at its files seldom.
constexpr Seconds kLongestSettling{30};

/// `first` doubled `times` over, at most `last`.
template <class D>
D backoff(D first, D last, unsigned times) {
  return times > 20 ? last : std::min<D>(last, first * (1U << times));
}

/// Whether it can stand in quotes in nginx' configuration.
bool is_quotable(const std::string& path) {
  return std::all_of(path.begin(), path.end(), [](char c) {
    return c >= ' ' && c != 0x7f && c != '"' && c != '\\' && c != '$';
  });
}

bool same_octets(const keeper::StaplePointer& a, const keeper::StaplePointer& b) {
  return (a == nullptr) == (b == nullptr) && (a == nullptr || equal(a->der(), b->der()));
}

}  // namespace

TargetRun::TargetRun(TargetWorld world, TargetOptions options)
    : world_(std::move(world)),
      options_(std::move(options)),
      row_(row_of(options_.kind)),
      files_(world_.logger,
             [this](const keeper::Fingerprint& id, const keeper::StaplePointer& staple) {
               const auto item = items_.find(id);
               return item == items_.end() ? std::nullopt
                                           : render(options_, item->second.subject, staple);
             }),
      carrier_(make_carrier(world_.loop, options_)) {}

std::optional<std::string> TargetRun::add(Items& items, const TargetSubject& subject,
                                          std::map<std::string, std::string>& owners) {
  const std::string& name = subject.subject.name;
  Item item{.subject = subject, .file = expand_template(options_.file, subject), .snippet = {}};
  item.snippet = expand_template(options_.snippet, subject);
  for (const std::string* path : {&item.file, &item.snippet}) {
    if (path->empty()) {
      continue;
    }
    const auto [owner, is_new] = owners.emplace(*path, name);
    if (!is_new) {
      return "target '" + options_.name + "': the certificates '" + owner->second + "' and '" +
             name + "' would be written to the same file '" + *path + "', so '" + name +
             "' is not (put {name} into its path)";
    }
  }
  if (options_.kind == TargetKind::kNginx && !is_quotable(item.file)) {
    return "target '" + options_.name + "': '" + printable(item.file) +
           "' cannot be written into nginx' configuration (no quotes, backslashes and '$' in "
           "paths)";
  }
  const keeper::Fingerprint id = subject.subject.certificate.fingerprint();
  const auto known = items_.find(id);
  if (known != items_.end() && known->second.file == item.file &&
      known->second.snippet == item.snippet) {
    known->second.subject = subject;
    known->second.orphan = false;
    items.insert(items_.extract(known));
    return std::nullopt;
  }
  item.took_over = std::any_of(items_.begin(), items_.end(), [&](const auto& other) {
    return other.first != id && !item.file.empty() && other.second.file == item.file;
  });
  for (const std::string& address : options_.probe) {
    item.ports.push_back({.address = address});
  }
  items.emplace(id, std::move(item));
  return std::nullopt;
}

void TargetRun::keep_orphans(Items& next, const std::map<std::string, std::string>& owners) {
  for (auto& [id, item] : items_) {
    const bool is_taken = owners.contains(item.file) || owners.contains(item.snippet);
    if (item.pushed && !is_taken && !next.contains(id)) {
      item.orphan = true;
      item.ports.clear();
      next.emplace(id, std::move(item));
    }
  }
}

std::vector<std::string> TargetRun::set_certificates(const std::vector<TargetSubject>& subjects) {
  std::vector<std::string> problems;
  Items next;
  std::map<std::string, std::string> owners;
  for (const TargetSubject& subject : subjects) {
    if (is_for(options_, subject.subject.name)) {
      if (auto problem = add(next, subject, owners)) {
        problems.push_back(*std::move(problem));
      }
    }
  }
  if (next.empty()) {
    problems.push_back("target '" + options_.name + "' is for no certificate of the inventory");
  }
  keep_orphans(next, owners);
  items_ = std::move(next);
  std::map<keeper::Fingerprint, std::string> paths;
  for (const auto& [id, item] : items_) {
    if (!item.file.empty()) {
      paths.emplace(id, item.file);
    }
  }
  files_.set_paths(std::move(paths));
  return problems;
}

void TargetRun::apply(const keeper::Fingerprint& certificate, const keeper::StaplePointer& staple) {
  const auto found = items_.find(certificate);
  if (found == items_.end() || found->second.orphan) {
    return;
  }
  Item& item = found->second;
  const bool is_first = item.generation == 0;
  if (!is_first && same_octets(item.wanted, staple)) {
    return;
  }
  item.wanted = staple;
  ++item.generation;
  item.failures = 0;
  item.heals = 0;
  deliver(
      certificate, item,
      is_first && staple && world_.tell == TellUnchanged::kYes ? Tell::kAnyway : Tell::kIfChanged);
}

keeper::StaplePointer TargetRun::deliverable(Item& item) const {
  const UnixSeconds now = world_.clock.now();
  item.obstacle.clear();
  if (!item.wanted || item.wanted->facts.expires <= now) {
    return nullptr;
  }
  item.obstacle = find_obstacle(row_, *item.wanted, now).value_or("");
  return item.obstacle.empty() ? item.wanted : nullptr;
}

Result<Applied, std::string> TargetRun::write_files(const keeper::Fingerprint& id, const Item& item,
                                                    const keeper::StaplePointer& staple) {
  const auto write_snippet = [&]() -> Result<Applied, std::string> {
    if (item.snippet.empty()) {
      return Applied::kUnchanged;
    }
    const std::string text = render_nginx_snippet(item.subject, item.file, staple != nullptr);
    if (const auto present = read_file(item.snippet, kMaxFileBytes);
        present && as_text(*present) == text) {
      return Applied::kUnchanged;
    }
    if (const auto written = write_file_atomically(item.snippet, as_bytes(text)); !written) {
      return Err{to_string(written.error())};
    }
    return Applied::kWritten;
  };
  const auto write_staple = [&]() -> Result<Applied, std::string> {
    const Applied applied = files_.apply(id, staple, world_.clock.now());
    if (applied == Applied::kFailed) {
      return Err{files_.failure_of(id)};
    }
    return applied;
  };
  // A server must never find a file named that is not there.
  Applied first = Applied::kUnchanged, second = Applied::kUnchanged;
  if (staple) {
    MUSTER_TRY(first, write_staple());
    MUSTER_TRY(second, write_snippet());
  } else {
    MUSTER_TRY(first, write_snippet());
    MUSTER_TRY(second, write_staple());
  }
  return first == Applied::kUnchanged ? second : first;
}

bool TargetRun::is_urgent(const Item& item, const keeper::StaplePointer& staple) const {
  return !staple || !item.pushed || item.pushed->facts.status != staple->facts.status ||
         item.pushed->facts.expires - world_.clock.now() < 4 * options_.reload_every;
}

void TargetRun::deliver(const keeper::Fingerprint& id, Item& item, Tell tell) {
  if (item.carrying) {
    item.again = true;
    if (is_urgent(item, item.wanted)) {
      carrier_->hurry();
    }
    return;
  }
  item.retry_at = MonotonicTime::max();
  const keeper::StaplePointer staple = deliverable(item);
  const auto written = write_files(id, item, staple);
  if (!written) {
    fail(item, written.error());
    return;
  }
  const bool asks_each_time = !options_.socket.empty() || options_.kind == TargetKind::kExec;
  const bool is_news = *written != Applied::kUnchanged || tell == Tell::kAnyway ||
                       item.delivery == Delivery::kFailed || (asks_each_time && staple) ||
                       (!staple && item.pushed);
  if (!is_news || (item.took_over && !staple && !item.pushed)) {
    delivered(item, staple, item.generation);
    return;
  }
  const bool urgent = is_urgent(item, staple);
  item.carrying = true;
  item.again = false;
  if (item.delivery != Delivery::kFailed) {
    item.delivery = Delivery::kWaiting;
  }
  const Event event = !staple ? Event::kNone : item.pushed ? Event::kNewer : Event::kFirst;
  carrier_->carry({item.subject, staple, staple ? item.file : std::string(), event, urgent},
                  [weak = weak_from_this(), id, staple,
                   generation = item.generation](const std::string& why_not) {
                    if (const auto self = weak.lock()) {
                      self->carried(id, staple, generation, why_not);
                    }
                  });
}

void TargetRun::carried(const keeper::Fingerprint& id, const keeper::StaplePointer& staple,
                        std::uint64_t generation, const std::string& why_not) {
  const auto found = items_.find(id);
  if (found == items_.end()) {
    return;
  }
  Item& item = found->second;
  if (!item.carrying) {
    return;  // its paths changed meanwhile, and it began anew
  }
  item.carrying = false;
  if (why_not.empty()) {
    delivered(item, staple, generation);
  } else {
    fail(item, why_not);
  }
  if (std::exchange(item.again, false)) {
    deliver(id, item, Tell::kIfChanged);
  }
}

void TargetRun::delivered(Item& item, const keeper::StaplePointer& staple,
                          std::uint64_t generation) {
  if (item.delivery == Delivery::kFailed) {
    world_.logger.log(LogLevel::kInfo, "target.recovered", "the target takes staples again",
                      {{"target", options_.name}, {"certificate", item.subject.subject.name}});
  }
  const Delivery before = item.delivery;
  item.delivery = staple                   ? Delivery::kDelivered
                  : !item.obstacle.empty() ? Delivery::kRefused
                  : item.pushed || before == Delivery::kWithdrawn || before == Delivery::kWaiting ||
                          before == Delivery::kFailed
                      ? Delivery::kWithdrawn
                      : Delivery::kNothing;
  item.reason = item.obstacle;
  if (item.delivery == Delivery::kRefused && before != Delivery::kRefused) {
    world_.logger.log(LogLevel::kError, "target.refused", item.reason,
                      {{"target", options_.name}, {"certificate", item.subject.subject.name}});
  }
  item.failures = 0;
  item.pushed = staple;
  item.pushed_generation = generation;
  item.pushed_at = world_.clock.now();
  for (Port& port : item.ports) {
    port.finding = {};
    port.looks = 0;
    port.due = world_.clock.monotonic() + kFirstLook;
  }
}

void TargetRun::fail(Item& item, const std::string& why) {
  if (item.delivery != Delivery::kFailed || item.reason != why) {
    world_.logger.log(LogLevel::kError, "target.failed", why + "; it is tried again",
                      {{"target", options_.name}, {"certificate", item.subject.subject.name}});
  }
  item.delivery = Delivery::kFailed;
  item.reason = why;
  item.retry_at = world_.clock.monotonic() + backoff(kFirstRetry, kLastRetry, item.failures++);
}

void TargetRun::tick() {
  const MonotonicTime now = world_.clock.monotonic();
  const UnixSeconds wall = world_.clock.now();
  for (const StapleFiles::Change& change : files_.tick(wall)) {
    const auto item = items_.find(change.certificate);
    if (item != items_.end()) {
      deliver(item->first, item->second, Tell::kAnyway);
    }
  }
  for (auto at = items_.begin(); at != items_.end();) {
    auto& [id, item] = *at;
    const bool is_over = item.pushed && item.pushed->facts.expires <= wall;
    if (!item.carrying &&
        (item.retry_at <= now || (is_over && item.delivery != Delivery::kFailed))) {
      deliver(id, item, Tell::kIfChanged);
    }
    for (std::size_t i = 0; i < item.ports.size(); ++i) {
      if (item.ports[i].due <= now && !item.ports[i].asking &&
          world_.prober.in_flight() < kMaxInFlight) {
        look(id, item, i);
      }
    }
    const bool is_done = item.orphan && !item.pushed && !item.carrying;
    at = is_done ? items_.erase(at) : std::next(at);
  }
}

void TargetRun::look(const keeper::Fingerprint& id, Item& item, std::size_t port) {
  Port& p = item.ports[port];
  p.asking = true;
  world_.prober.ask(make_probe(options_, item.subject, p.address),
                    [weak = weak_from_this(), id, port,
                     generation = item.pushed_generation](const Prober::Seen& seen) {
                      if (const auto self = weak.lock()) {
                        self->looked(id, port, generation, seen);
                      }
                    });
}

void TargetRun::looked(const keeper::Fingerprint& id, std::size_t port, std::uint64_t generation,
                       const Prober::Seen& seen) {
  const auto found = items_.find(id);
  if (found == items_.end() || port >= found->second.ports.size()) {
    return;
  }
  Item& item = found->second;
  Port& p = item.ports[port];
  p.asking = false;
  if (generation != item.pushed_generation) {
    return;  // something else was handed over meanwhile; its look is due
  }
  p.finding =
      judge_port({item.subject, row_, item.pushed}, seen, world_.policy, world_.clock.now());
  p.looked_at = world_.clock.now();
  const bool is_well = p.finding.state == ReadBack::kServed || p.finding.state == ReadBack::kOther;
  const Milliseconds every =
      is_well ? Milliseconds(options_.probe_every)
              : std::min<Milliseconds>(options_.probe_every,
                                       backoff<Milliseconds>(kFirstLook, kLastRelook, ++p.looks));
  // Certificates of one target are not all looked at in the same second.
  const Milliseconds jitter = is_well ? every / 1000 * (id[0] % 100) : Milliseconds(0);
  p.due = world_.clock.monotonic() + every - jitter;
  complain(item, p);
  heal(id, item, p);
}

bool TargetRun::is_settling(const Item& item, UnixSeconds now) const {
  return item.carrying || (item.pushed_at && now < *item.pushed_at + row_.settle);
}

void TargetRun::complain(Item& item, Port& port) {
  TargetStatus seen = status_of(item);
  seen.delivery = Delivery::kDelivered;  // that it failed was said
  seen.ports = {{port.address, port.finding.state, port.finding.detail, port.looked_at}};
  const Severity severity = judge_severity(
      seen, row_, item.subject.subject.certificate.facts().must_staple(), world_.clock.now());
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

void TargetRun::heal(const keeper::Fingerprint& id, Item& item, const Port& port) {
  const bool helps = (port.finding.state == ReadBack::kOlder && row_.keeps == Seconds(0)) ||
                     port.finding.state == ReadBack::kNone ||
                     port.finding.state == ReadBack::kExpired;
  const MonotonicTime now = world_.clock.monotonic();
  if (!helps || item.delivery == Delivery::kFailed || now < item.heal_at ||
      is_settling(item, world_.clock.now())) {
    return;
  }
  item.heal_at = now + backoff(kFirstHeal, kLastHeal, item.heals++);
  deliver(id, item, Tell::kAnyway);
}

TargetStatus TargetRun::status_of(const Item& item) const {
  TargetStatus out;
  out.target = options_.name;
  out.kind = row_.word;
  out.certificate = item.subject.subject.name;
  out.delivery = item.delivery;
  out.reason = item.reason;
  out.wanted_generation = item.generation;
  out.pushed_generation = item.pushed_generation;
  out.pushed_at = item.pushed_at;
  if (item.pushed) {
    out.pushed_expires = item.pushed->facts.expires;
  }
  bool all_serve = !item.ports.empty();
  for (const Port& port : item.ports) {
    out.ports.push_back({port.address, port.finding.state, port.finding.detail, port.looked_at});
    all_serve = all_serve && port.finding.state == ReadBack::kServed;
  }
  out.observed_generation = all_serve ? item.pushed_generation : 0;
  return out;
}

void TargetRun::add_status(std::vector<TargetStatus>& out) const {
  for (const auto& [id, item] : items_) {
    if (!item.orphan) {
      TargetStatus status = status_of(item);
      status.severity = judge_severity(
          status, row_, item.subject.subject.certificate.facts().must_staple(), world_.clock.now());
      out.push_back(std::move(status));
    }
  }
}

bool TargetRun::settled() const {
  const UnixSeconds now = world_.clock.now();
  return std::all_of(items_.begin(), items_.end(), [&](const auto& entry) {
    const Item& item = entry.second;
    if (item.carrying) {
      return false;
    }
    const bool had_its_time =
        !item.pushed_at || now >= *item.pushed_at + std::min(row_.settle, kLongestSettling);
    return std::all_of(item.ports.begin(), item.ports.end(), [&](const Port& port) {
      return had_its_time || port.finding.state == ReadBack::kServed ||
             port.finding.state == ReadBack::kOther;
    });
  });
}

}  // namespace muster::stapler
