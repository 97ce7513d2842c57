#include <algorithm>
#include <filesystem>

#include "control_requests.h"
#include "muster/stapler/control.h"

// Requests whose answer takes its time: refresh and wait.
namespace muster::stapler {
namespace {

constexpr std::size_t kMaxCertificatesWaitedFor = 16;
/// A Name without a part: a SEQUENCE of nothing.
constexpr std::size_t kEmptyNameBytes = 2;

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

}  // namespace

// ---- refresh

void ControlDesk::refresh(const TalkPointer& talk, const Json& request) {
  auto ids = find_all(talk, certificates_of(request));
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

// ---- wait

std::optional<keeper::Subject> ControlDesk::read_awaited(const TalkPointer& talk,
                                                         const Json& one) const {
  const auto read = [&one](const char* key) {
    const auto der = one.is_object() ? octets_of(one, key) : std::nullopt;
    auto parsed = der ? std::optional(pki::Certificate::parse(*der)) : std::nullopt;
    return parsed && *parsed ? std::optional<pki::Certificate>(**parsed) : std::nullopt;
  };
  const auto certificate = read("certificate");
  const bool is_given = one.is_object() && !text_at(one, "issuer").empty();
  const auto issuer = is_given      ? read("issuer")
                      : certificate ? stapler_.find_issuer(*certificate)
                                    : std::nullopt;
  if (certificate && !issuer && !is_given) {
    talk->end(kControlInput, "no certificate of the issuer (" + certificate->issuer_text() +
                                 ") is at hand, neither with the command nor where the stapler "
                                 "looks for issuers; add it behind the certificate or give it with "
                                 "--issuer");
    return std::nullopt;
  }
  if (!certificate || !issuer || !pki::verify_issued_by(*certificate, *issuer)) {
    talk->end(kControlInput,
              "a certificate cannot be read, or the issuer that came along did not sign it (both "
              "are base64 of DER; without \"issuer\" the stapler looks for it)");
    return std::nullopt;
  }
  return keeper::Subject{std::string(), *certificate, *issuer};
}

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
    const auto awaited = read_awaited(talk, one);
    if (!awaited) {
      return;
    }
    const pki::Certificate& certificate = awaited->certificate;
    const pki::Certificate& issuer = awaited->issuer;
    const keeper::Fingerprint id = certificate.fingerprint();
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
      stapler_.keep({{keeper::Subject{kept_name, certificate.compact(), issuer},
                      responders_for(certificate, issuer, path)},
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

Waiting ControlDesk::judge(const Waiter& waiter, const keeper::Fingerprint& id,
                           UnixSeconds now) const {
  WaitFacts facts;
  facts.status = stapler_.the_keeper().status(id);
  facts.on_offer = stapler_.the_shelf().find(id, now);
  facts.disk_error = stapler_.the_shelf().disk_error();
  facts.is_in_inventory = !stapler_.kept().contains(id);
  facts.placed = !facts.is_in_inventory && waiter.is_placed;
  facts.file_failure = stapler_.file_failure(id);
  facts.served = waiter.served;
  if (facts.is_in_inventory && facts.status) {
    facts.targets = stapler_.target_status(id);
  }
  return judge_waiting(facts, now);
}

void ControlDesk::look(Waiter& waiter) {
  const bool is_late = clock_.monotonic() >= waiter.until;
  if (waiter.is_refresh && !is_late) {
    return;  // answered() tells of those
  }
  const UnixSeconds now = clock_.now();
  for (auto at = waiter.open.begin(); at != waiter.open.end();) {
    const auto& [id, name] = *at;
    Waiting judged{Waiting::State::kPending, ""};
    if (!waiter.is_refresh) {
      judged = judge(waiter, id, now);
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
  for (const auto& waiter : waiters_) {
    look(*waiter);
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
