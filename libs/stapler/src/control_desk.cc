#include "control_desk.h"

#include <algorithm>
#include <filesystem>

#include "json_fields.h"
#include "muster/base/text.h"
#include "muster/http/base64.h"
#include "muster/stapler/control.h"

namespace muster::stapler {
namespace {

using Json = nlohmann::ordered_json;
using TalkPointer = std::shared_ptr<Conversation>;

constexpr std::size_t kMaxCertificatesWaitedFor = 16;
constexpr std::size_t kMaxNameBytes = 4096;
/// A Name without a part: a SEQUENCE of nothing.
constexpr std::size_t kEmptyNameBytes = 2;

void say(const TalkPointer& talk, const std::string& text, bool ok) {
  talk->say({{"text", printable(text)}, {"ok", ok}});
}

bool flag_of(const Json& request, const char* key, bool otherwise) {
  const auto found = request.find(key);
  return found != request.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

Seconds patience_of(const Json& request) {
  const auto seconds = number_at(request, "timeout");
  return Seconds(static_cast<std::int64_t>(std::min<std::uint64_t>(
      seconds, static_cast<std::uint64_t>(ControlDesk::kMaxPatience.count()))));
}

std::optional<Buffer> octets_of(const Json& request, const char* key) {
  return http::base64_decode(text_at(request, key));
}

bool is_answer(keeper::OutcomeKind kind) {
  switch (kind) {
    case keeper::OutcomeKind::kTaken:
    case keeper::OutcomeKind::kNothingNewer:
    case keeper::OutcomeKind::kHeldBack:
    case keeper::OutcomeKind::kUnconfirmed:
      return true;
    case keeper::OutcomeKind::kUnreachable:
    case keeper::OutcomeKind::kRefused:
    case keeper::OutcomeKind::kUnacceptable:
      break;
  }
  return false;
}

/// A path in the spelling in which paths are compared.
std::string spelled(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return path.empty() || error ? std::string() : absolute.lexically_normal().string();
}

/// Whether a path of the inventory is `path`, which is spelled().
bool is_at(const InventoryEntry& entry, const std::string& path) {
  const std::string& at = entry.path;
  const bool is_spelled = at.starts_with('/') && at.find("//") == std::string::npos &&
                          at.find("/.") == std::string::npos;
  return !path.empty() && (is_spelled ? at == path : spelled(at) == path);
}

std::string count_text(std::size_t n) {
  return std::to_string(n) + (n == 1 ? " certificate" : " certificates");
}

}  // namespace

std::string_view to_string(KeptAs role) { return role == KeptAs::kStaged ? "staged" : "former"; }

/// A conversation that goes on until something has happened to each of its certificates.
struct ControlDesk::Waiter {
  TalkPointer talk;
  MonotonicTime until;
  Seconds patience{};
  std::map<keeper::Fingerprint, std::string> open;  ///< with names
  std::size_t done = 0, failed = 0;
  bool is_placed = false;  ///< the inventory was read from the file that they are from
  bool is_refresh = false;
  bool served = false;
  bool names_each = true;

  [[nodiscard]] std::size_t all() const { return open.size() + done + failed; }
};

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

// ---- refresh

void ControlDesk::refresh(const TalkPointer& talk, const Json& request) {
  auto ids = find_all(talk, request.value("certificates", Json::array()));
  if (!ids) {
    return;
  }
  const bool all = ids->empty();
  if (all) {
    for (const InventoryEntry& entry : stapler_.entries()) {
      ids->emplace_back(entry.watched.subject.certificate.fingerprint(),
                        entry.watched.subject.name);
    }
  }
  auto waiter = std::make_unique<Waiter>();
  waiter->talk = talk;
  waiter->is_refresh = true;
  waiter->patience = patience_of(request);
  waiter->until = clock_.monotonic() + waiter->patience;
  waiter->names_each = ids->size() <= kMaxNamed;
  for (const auto& [id, name] : *ids) {
    const auto status = stapler_.the_keeper().status(id);
    const bool is_idle = !status || status->state == keeper::CertificateState::kNotNeeded ||
                         status->state == keeper::CertificateState::kCertificateExpired;
    if (is_idle || status->paused) {
      if (!all) {
        say(talk,
            name + ": not asked about: " +
                (!status                   ? "it is not looked after"
                 : status->paused          ? "it is paused (muster stapler resume)"
                 : !status->reason.empty() ? status->reason
                                           : "the certificate has expired"),
            false);
        ++waiter->failed;
      }
      continue;
    }
    waiter->open.emplace(id, name);
  }
  const std::size_t asked = waiter->open.size();
  if (!flag_of(request, "wait", true)) {
    talk->end(waiter->failed == 0 ? 0 : 1, count_text(asked) + " due now");
    waiter.reset();
  }
  if (waiter) {
    waiters_.push_back(std::move(waiter));
  }
  if (all) {
    stapler_.the_keeper().refresh_all();
  } else {
    for (const auto& [id, name] : *ids) {
      stapler_.the_keeper().refresh(id);
    }
  }
  tick();
}

void ControlDesk::answered(const keeper::Answered& answer) {
  if (answer.another) {
    return;
  }
  for (const auto& waiter : waiters_) {
    const auto open =
        waiter->is_refresh ? waiter->open.find(answer.certificate) : waiter->open.end();
    if (open == waiter->open.end()) {
      continue;
    }
    const bool ok = is_answer(answer.outcome);
    ++(ok ? waiter->done : waiter->failed);
    if (waiter->names_each || (!ok && waiter->failed <= kMaxNamed)) {
      say(waiter->talk,
          open->second + ": " + answer.detail + " (" + answer.url + ", " +
              std::to_string(answer.took.count()) + " ms)",
          ok);
    }
    waiter->open.erase(open);
  }
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
  const auto ids = find_all(talk, request.value("certificates", Json::array()));
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
  const auto ids = find_all(talk, request.value("certificates", Json::array()));
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

// ---- wait

void ControlDesk::wait(const TalkPointer& talk, const Json& request) {
  const auto list = request.find("certificates");
  if (list == request.end() || !list->is_array() || list->empty() ||
      list->size() > kMaxCertificatesWaitedFor) {
    talk->end(kControlUsage, "one to " + std::to_string(kMaxCertificatesWaitedFor) +
                                 " certificates are waited for at a time");
    return;
  }
  auto waiter = std::make_unique<Waiter>();
  waiter->talk = talk;
  waiter->served = flag_of(request, "served", false);
  waiter->patience = patience_of(request);
  waiter->until = clock_.monotonic() + waiter->patience;
  const std::string path = spelled(text_at(request, "path").substr(0, kMaxNameBytes));
  const std::string name = text_at(request, "name").substr(0, kMaxNameBytes);
  bool has_read = false;
  for (const Json& one : *list) {
    const auto der = one.is_object() ? octets_of(one, "certificate") : std::nullopt;
    const auto issuer_der = one.is_object() ? octets_of(one, "issuer") : std::nullopt;
    auto certificate = der ? std::optional(pki::Certificate::parse(*der)) : std::nullopt;
    auto issuer = issuer_der ? std::optional(pki::Certificate::parse(*issuer_der)) : std::nullopt;
    if (!certificate || !*certificate || !issuer || !*issuer ||
        !pki::verify_issued_by(**certificate, **issuer)) {
      talk->end(kControlInput, "a certificate with its issuer is needed");
      return;
    }
    const keeper::Fingerprint id = (*certificate)->fingerprint();
    const std::string text = to_hex(id);
    const auto is_in_inventory = [&] { return find(text) && !stapler_.kept().contains(id); };
    if (!is_in_inventory() && !std::exchange(has_read, true)) {
      stapler_.read_files();  // it may have taken its place a moment ago
    }
    if (!is_in_inventory()) {
      std::string kept_name = "staged/" + (name.empty() ? text.substr(0, 8) : name);
      if (const auto other = find(kept_name); other && other->first != id) {
        kept_name += '-' + text.substr(0, 8);
      }
      record({.event = "staged",
              .certificate = text,
              .name = kept_name,
              .result = "looked after",
              .expires = clock_.now() + kKeptFor});
      stapler_.keep({{keeper::Subject{kept_name, (*certificate)->compact(), **issuer},
                      responders_for(**certificate, **issuer, path)},
                     KeptAs::kStaged,
                     clock_.now() + kKeptFor});
    }
    const auto found = find(text);
    waiter->open.emplace(id, found ? found->second : name);
  }
  waiter->is_placed = std::any_of(stapler_.entries().begin(), stapler_.entries().end(),
                                  [&](const InventoryEntry& entry) { return is_at(entry, path); });
  waiters_.push_back(std::move(waiter));
  tick();
}

std::vector<std::string> ControlDesk::responders_for(const pki::Certificate& certificate,
                                                     const pki::Certificate& issuer,
                                                     const std::string& path) const {
  const keeper::Watched* same_subject = nullptr;
  const keeper::Watched* same_issuer = nullptr;
  for (const InventoryEntry& entry : stapler_.entries()) {
    const keeper::Watched& watched = entry.watched;
    if (entry.is_intermediate) {
      continue;
    }
    if (is_at(entry, path)) {
      return watched.responders;
    }
    if (watched.responders.empty()) {
      continue;
    }
    const pki::Certificate& other = watched.subject.certificate;
    if (same_subject == nullptr && certificate.subject().size() > kEmptyNameBytes &&
        equal(other.subject(), certificate.subject())) {
      same_subject = &watched;
    }
    // Responders by configuration are asked also about what says that nobody need be: not on this
    // likeness alone.
    if (same_issuer == nullptr && !certificate.facts().no_rev_avail &&
        watched.subject.issuer == issuer) {
      same_issuer = &watched;
    }
  }
  const keeper::Watched* const like = same_subject != nullptr ? same_subject : same_issuer;
  return like == nullptr ? std::vector<std::string>() : like->responders;
}

Waiting ControlDesk::judge(const Waiter& waiter, const keeper::Fingerprint& id, UnixSeconds now,
                           Deliveries& deliveries) const {
  WaitFacts facts;
  facts.status = stapler_.the_keeper().status(id);
  facts.on_offer = stapler_.the_shelf().find(id, now);
  facts.disk_error = stapler_.the_shelf().disk_error();
  facts.is_in_inventory = !stapler_.kept().contains(id);
  facts.placed = !facts.is_in_inventory && waiter.is_placed;
  facts.file_failure = stapler_.file_failure(id);
  facts.served = waiter.served;
  facts.knows_targets = false;
  Waiting judged = judge_waiting(facts, now);
  if (judged.state != Waiting::State::kOver || !facts.is_in_inventory || !facts.status) {
    return judged;
  }
  if (!deliveries) {
    deliveries = stapler_.target_status();
  }
  // By the name it has now: it may have come into the inventory while somebody waited.
  std::copy_if(deliveries->begin(), deliveries->end(), std::back_inserter(facts.targets),
               [&](const TargetStatus& t) { return t.certificate == facts.status->name; });
  facts.knows_targets = true;
  return judge_waiting(facts, now);
}

void ControlDesk::look(Waiter& waiter, Deliveries& deliveries) {
  const bool is_late = clock_.monotonic() >= waiter.until;
  if (waiter.is_refresh && !is_late) {
    return;  // answered() tells of those
  }
  const UnixSeconds now = clock_.now();
  for (auto at = waiter.open.begin(); at != waiter.open.end();) {
    const auto& [id, name] = *at;
    Waiting judged{Waiting::State::kPending, ""};
    if (!waiter.is_refresh) {
      judged = judge(waiter, id, now, deliveries);
    } else {
      const auto status = stapler_.the_keeper().status(id);
      judged.text = "no answer yet" + (status && !status->last_error.empty()
                                           ? "; before: " + status->last_error
                                           : std::string());
    }
    if (judged.state == Waiting::State::kPending && !is_late) {
      ++at;
      continue;
    }
    const bool ok = judged.state == Waiting::State::kOver;
    ++(ok ? waiter.done : waiter.failed);
    if (waiter.names_each || (!ok && waiter.failed <= kMaxNamed)) {
      const std::string late = judged.state == Waiting::State::kPending
                                   ? "not within " + format_duration(waiter.patience) + ": "
                                   : "";
      say(waiter.talk, name + ": " + late + judged.text, ok);
    }
    at = waiter.open.erase(at);
  }
}

void ControlDesk::tick() {
  end_pauses();
  Deliveries deliveries;
  for (const auto& waiter : waiters_) {
    look(*waiter, deliveries);
    if (waiter->open.empty()) {
      const std::string all =
          waiter->is_refresh && !waiter->names_each
              ? count_text(waiter->done) + " answered, " + std::to_string(waiter->failed) + " not"
              : std::string();
      waiter->talk->end(waiter->failed == 0 ? 0 : 1, all);
    }
  }
  std::erase_if(waiters_, [](const auto& waiter) { return !waiter->talk->is_open(); });
}

}  // namespace muster::stapler
