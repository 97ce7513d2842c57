#include "control_desk.h"

#include <algorithm>

#include "control_requests.h"
#include "muster/stapler/control.h"

namespace muster::stapler {

ControlDesk::ControlDesk(ControlledStapler& stapler, const Clock& clock, Logger& logger,
                         History& history, Pauses pauses)
    : stapler_(stapler),
      clock_(clock),
      logger_(logger),
      history_(history),
      pauses_(std::move(pauses)) {}
ControlDesk::~ControlDesk() = default;

void ControlDesk::handle(TalkPointer talk, const Json& request) {
  using Method = void (ControlDesk::*)(const TalkPointer&, const Json&);
  constexpr std::pair<std::string_view, Method> kCommands[] = {
      {"refresh", &ControlDesk::refresh}, {"pin", &ControlDesk::pin},
      {"unpin", &ControlDesk::unpin},     {"pause", &ControlDesk::pause},
      {"resume", &ControlDesk::resume},   {"import", &ControlDesk::import},
      {"wait", &ControlDesk::wait}};
  const std::string command = text_at(request, "command");
  for (const auto& [word, method] : kCommands) {
    if (word == command) {
      (this->*method)(talk, request);
      return;
    }
  }
  talk->end(kControlUsage, "this stapler knows no command '" + command + "' (is it older?)");
}

void ControlDesk::record(HistoryEvent event) {
  event.at = clock_.now();
  history_.add(event);
}

// ---- whom it is about

std::optional<std::pair<keeper::Fingerprint, std::string>> ControlDesk::find(
    const std::string& name) const {
  const std::optional<Buffer> id = from_hex(name);
  const auto fits = [&](const keeper::Subject& subject) {
    return subject.name == name || (id && equal(*id, subject.certificate.fingerprint()));
  };
  for (const InventoryEntry& entry : stapler_.entries()) {
    if (fits(entry.watched.subject)) {
      return std::pair(entry.watched.subject.certificate.fingerprint(), entry.watched.subject.name);
    }
  }
  for (const auto& [fingerprint, kept] : stapler_.kept()) {
    if (fits(kept.watched.subject)) {
      return std::pair(fingerprint, kept.watched.subject.name);
    }
  }
  return std::nullopt;
}

std::optional<ControlDesk::Ids> ControlDesk::find_all(const TalkPointer& talk, const Json& names) {
  Ids out;
  if (!names.is_array()) {
    talk->end(kControlUsage, "\"certificates\" is a list of names and fingerprints");
    return std::nullopt;
  }
  if (names.size() > kMaxAskedFor) {
    talk->end(kControlUsage,
              "at most " + std::to_string(kMaxAskedFor) + " certificates are named at a time");
    return std::nullopt;
  }
  for (const Json& name : names) {
    const std::string text = name.is_string() ? name.get<std::string>() : std::string();
    const auto found = text.size() <= kMaxNameBytes ? find(text) : std::nullopt;
    if (!found) {
      talk->end(kControlInput, "the stapler looks after no certificate '" + text +
                                   "' (see `muster stapler status` for names)");
      return std::nullopt;
    }
    out.push_back(*found);
  }
  return out;
}

// ---- pins

void ControlDesk::pin(const TalkPointer& talk, const Json& request) {
  const auto found = find_all(talk, Json::array({text_at(request, "certificate")}));
  if (!found) {
    return;
  }
  const auto& [id, name] = found->front();
  const auto response = octets_of(request, "response");
  const auto until = time_at(request, "until");
  if (!response || !until) {
    talk->end(kControlUsage, "a pin needs a response and a time");
    return;
  }
  const keeper::Subject* subject = nullptr;
  for (const InventoryEntry& entry : stapler_.entries()) {
    if (entry.watched.subject.certificate.fingerprint() == id) {
      subject = &entry.watched.subject;
    }
  }
  if (subject == nullptr) {
    talk->end(kControlInput, "'" + name + "' is not in the inventory");
    return;
  }
  keeper::Shelf& shelf = stapler_.the_shelf();
  const UnixSeconds now = clock_.now();
  const auto verified =
      client::verify({*response, subject->certificate, subject->issuer, std::nullopt, {}},
                     shelf.policy().verify, now);
  const std::string source = text_at(request, "source");
  const auto pinned = verified ? shelf.pin(*verified, source, *until, now)
                               : Result<Unit, std::string>(Err{verified.error().detail});
  if (!pinned) {
    talk->end(kControlInput, name + ": not pinned: " + pinned.error());
    return;
  }
  const keeper::Pin pin = *shelf.pin_of(id);
  const UnixSeconds end = std::min(pin.until, pin.facts.expires);
  logger_.log(LogLevel::kWarning, "staple.pinned",
              "an operator put a response on offer; newer ones wait until it ends",
              {{"certificate", name}, {"until", format_iso8601(end)}, {"source", source}});
  record({.event = "pin",
          .certificate = to_hex(id),
          .name = name,
          .result = "pinned",
          .response = to_hex(pki::digest(HashAlgorithm::kSha256, *response)),
          .status = std::string(to_string(pin.facts.status)),
          .this_update = pin.facts.this_update,
          .expires = end,
          .source = source});
  stapler_.touch();
  talk->end(0, name + ": pinned until " + format_iso8601(end) +
                   (pin.facts.expires < pin.until ? " (the response ends then)" : ""));
}

void ControlDesk::unpin(const TalkPointer& talk, const Json& request) {
  const auto found = find_all(talk, Json::array({text_at(request, "certificate")}));
  if (!found) {
    return;
  }
  const auto& [id, name] = found->front();
  keeper::Shelf& shelf = stapler_.the_shelf();
  if (!shelf.pin_of(id)) {
    talk->end(1, name + ": nothing was pinned");
    return;
  }
  shelf.unpin(id);
  record({.event = "unpin", .certificate = to_hex(id), .name = name, .result = "ended"});
  stapler_.touch();
  talk->end(0, name + ": no longer pinned");
}

// ---- pauses

bool ControlDesk::change_pauses(const TalkPointer& talk) {
  stapler_.the_keeper().set_pause(pauses_.in_force());
  stapler_.touch();
  if (const auto saved = pauses_.save(); !saved) {
    talk->end(1, "it is so, but a restart would forget it: " + saved.error());
    return false;
  }
  return true;
}

void ControlDesk::pause(const TalkPointer& talk, const Json& request) {
  const auto ids = find_all(talk, certificates_of(request));
  if (!ids) {
    return;
  }
  const UnixSeconds now = clock_.now();
  std::optional<UnixSeconds> until;
  if (const auto duration = number_at(request, "for"); duration != 0) {
    until = now + Seconds(static_cast<std::int64_t>(
                      std::min<std::uint64_t>(duration, std::uint64_t{10} * 365 * 86400)));
  }
  const std::string end = until ? " until " + format_iso8601(*until) : " until it is resumed";
  const auto note = [&](const std::string& id, const std::string& name) {
    record(
        {.event = "pause", .certificate = id, .name = name, .result = "paused", .expires = until});
  };
  if (ids->empty()) {
    pauses_.pause_all({"", now, until});
    note("", "");
  }
  for (const auto& [id, name] : *ids) {
    pauses_.pause(id, {name, now, until});
    note(to_hex(id), name);
  }
  logger_.log(LogLevel::kWarning, "stapler.paused",
              "nobody is asked; what is held stays on offer until it expires",
              {{"certificates", ids->empty() ? std::string("all") : count_text(ids->size())},
               {"until", until ? format_iso8601(*until) : std::string("-")}});
  if (change_pauses(talk)) {
    talk->end(0, (ids->empty() ? std::string("all certificates") : count_text(ids->size())) +
                     " paused" + end + "; what is held stays on offer until it expires");
  }
}

void ControlDesk::resume(const TalkPointer& talk, const Json& request) {
  const auto ids = find_all(talk, certificates_of(request));
  if (!ids) {
    return;
  }
  std::size_t ended = 0;
  if (ids->empty()) {
    ended = pauses_.resume_all() ? 1 : 0;
    record({.event = "resume", .result = "resumed"});
  }
  for (const auto& [id, name] : *ids) {
    if (pauses_.resume(id)) {
      ++ended;
      record({.event = "resume", .certificate = to_hex(id), .name = name, .result = "resumed"});
    }
  }
  if (!change_pauses(talk)) {
    return;
  }
  if (pauses_.all()) {
    talk->end(1, "all certificates are paused; end that with `muster stapler resume --all`");
  } else {
    talk->end(ended != 0 ? 0 : 1, ended != 0 ? "questions are asked again" : "nothing was paused");
  }
}

void ControlDesk::end_pauses() {
  const auto ended = pauses_.end_due(clock_.now());
  if (ended.empty()) {
    return;
  }
  stapler_.the_keeper().set_pause(pauses_.in_force());
  static_cast<void>(pauses_.save());  // its end is in the file
  stapler_.touch();
  for (const std::string& name : ended) {
    logger_.log(LogLevel::kInfo, "stapler.resumed", "a pause is over",
                {{"certificate", name.empty() ? std::string("all") : name}});
    record({.event = "resume", .name = name, .result = "over"});
  }
}

// ---- import

void ControlDesk::import(const TalkPointer& talk, const Json& request) {
  const auto response = octets_of(request, "response");
  if (!response) {
    talk->end(kControlUsage, "an import needs a response");
    return;
  }
  if (!index_) {
    index_.emplace(stapler_.entries());
  }
  const std::string source = text_at(request, "source");
  const auto imported = import_response(
      *response, source, *index_, stapler_.the_shelf().policy().verify, clock_.now(),
      [this](const client::VerifiedResponse& verified, const std::string& from) {
        return stapler_.the_keeper().offer(verified, from);
      });
  bool all_held = true;
  for (const Imported& one : imported) {
    all_held = all_held && one.is_held;
    say(talk, (one.name.empty() ? source : one.name) + ": " + one.text, one.is_held);
    if (!one.name.empty()) {
      record({.event = "import",
              .certificate = to_hex(one.certificate),
              .name = one.name,
              .result = one.is_held ? "held" : "refused",
              .response = to_hex(pki::digest(HashAlgorithm::kSha256, *response)),
              .source = source,
              .detail = one.text});
    }
  }
  stapler_.touch();
  talk->end(all_held ? 0 : kControlInput, "");
}

}  // namespace muster::stapler
