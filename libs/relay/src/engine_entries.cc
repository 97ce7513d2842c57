#include <dirent.h>

#include <algorithm>
#include <system_error>
#include <tuple>

#include "engine_impl.h"
#include "muster/base/file.h"
#include "muster/base/file_system.h"
#include "muster/keeper/shelf_file.h"

// What a relay holds: configured certificates, and whatever was asked for.
namespace muster::relay {
namespace {

/// 9999-12-31: when a certificate ends of which only the serial is known.
constexpr UnixSeconds kNoEnd = unix_seconds(253'402'300'799);
/// Of one turn, so that no turn is long.
constexpr int kForgottenATurn = 256;
constexpr std::string_view kSuffix = ".staple";
/// A file is this much younger than now at the most, or the clock is wrong.
constexpr Seconds kClockTolerance{300};

UnixSeconds end_of(const client::Subject& subject) {
  return subject.certificate() != nullptr ? subject.certificate()->not_after() : kNoEnd;
}

}  // namespace

void Engine::Impl::plan_for(Entry& entry, Instant t) {
  const pki::Certificate* certificate = entry.subject.certificate();
  plan.add(entry.asked.key,
           keeper::PlanSubject{entry.urls,
                               certificate != nullptr ? certificate->not_before() : UnixSeconds{},
                               end_of(entry.subject)},
           held_facts(entry.asked.key), t);
}

Engine::Impl::Entry& Engine::Impl::add(Entry fresh, Instant t) {
  const Fingerprint key = fresh.asked.key;
  Entry& entry = entries.emplace(key, std::move(fresh)).first->second;
  if (!entry.is_configured) {
    by_asked.insert({entry.last_asked, key});
  }
  shelf.add(keeper::Place{key, entry.name, entry.subject, entry.issuer}, t.wall);
  plan_for(entry, t);
  return entry;
}

void Engine::Impl::drop(const Fingerprint& key, const Told& told) {
  auto gone = entries.extract(key);
  if (gone.empty()) {
    return;
  }
  Entry& entry = gone.mapped();
  by_asked.erase({entry.last_asked, key});
  end_pending(key);
  held_bytes -= entry.held_bytes;
  plan.remove(key);
  shelf.remove(key);
  for (const WaitingRoom::Id waiter : entry.waiters) {
    room.tell(waiter, told);
  }
}

void Engine::Impl::end_pending(const Fingerprint& key) {
  const auto one = pending.extract(key);
  if (one.empty()) {
    return;
  }
  const auto host = pending_at.find(one.mapped());
  if (--host->second == 0) {
    pending_at.erase(host);
  }
}

void Engine::Impl::touch(Entry& entry, UnixSeconds when) {
  if (!entry.is_configured) {
    by_asked.erase({entry.last_asked, entry.asked.key});
    by_asked.insert({when, entry.asked.key});
  }
  entry.last_asked = when;
}

bool Engine::Impl::make_room(std::size_t more) {
  const EngineLimits& limits = options.limits;
  auto oldest = by_asked.begin();
  while (entries.size() + more > limits.max_answers || held_bytes > limits.max_held_bytes) {
    while (oldest != by_asked.end() && !entries.at(oldest->second).waiters.empty()) {
      ++oldest;  // somebody is waiting for it
    }
    if (oldest == by_asked.end()) {
      return false;
    }
    const Fingerprint key = oldest->second;
    ++oldest;
    drop(key, {});
    count(counters.evicted);
  }
  return true;
}

void Engine::Impl::forget_old(UnixSeconds now) {
  for (int i = 0; i < kForgottenATurn && !by_asked.empty(); ++i) {
    const auto [asked, key] = *by_asked.begin();
    if (now - asked <= options.keep_asked || !entries.at(key).waiters.empty()) {
      return;
    }
    drop(key, {});
    count(counters.forgotten);
  }
}

void Engine::Impl::follow_clock(Seconds by, UnixSeconds now) {
  by_asked.clear();
  for (auto& [key, entry] : entries) {
    entry.last_asked = std::min(entry.last_asked + std::max(by, Seconds(0)), now);
    if (!entry.is_configured) {
      by_asked.insert({entry.last_asked, key});
    }
  }
}

void Engine::Impl::configure(const keeper::Watched& watched, HashAlgorithm form, Instant t) {
  const pki::Certificate& issuer = watched.subject.issuer;
  Asked asked = asked_of(form, watched.subject.certificate, issuer);
  const auto known = entries.find(asked.key);
  if (known == entries.end()) {
    Entry entry{std::move(asked),   watched.subject.certificate, issuer,
                watched.responders, watched.subject.name,        true};
    entry.last_asked = t.wall;
    add(std::move(entry), t);
    return;
  }
  Entry& entry = known->second;
  by_asked.erase({entry.last_asked, asked.key});
  end_pending(known->first);
  entry.is_configured = true;
  entry.subject = watched.subject.certificate;
  entry.name = watched.subject.name;
  entry.urls = watched.responders;
}

void Engine::Impl::adopt(std::shared_ptr<const RelaySetup> next) {
  setup = std::move(next);
  const Instant t = now();
  std::vector<Fingerprint> strangers;
  for (auto& [key, entry] : entries) {
    const AllowedIssuer* allowed = setup->issuers.find(entry.asked.id.view());
    if (allowed == nullptr) {
      strangers.push_back(key);
      continue;
    }
    entry.urls = allowed->urls;
    if (std::exchange(entry.is_configured, false)) {
      by_asked.insert({entry.last_asked, key});
    }
  }
  for (const Fingerprint& key : strangers) {
    drop(key, Told{Ending::kNotAllowed, {}, {}});
  }
  tell_removed(strangers.size());
  for (const keeper::Watched& watched : setup->certificates) {
    for (const HashAlgorithm form : setup->forms) {
      configure(watched, form, t);
    }
  }
  for (auto& [key, entry] : entries) {
    plan_for(entry, t);
  }
  for (const std::string& why : setup->left_out) {
    logger.log(LogLevel::kInfo, "relay.left_out", "nothing is fetched ahead for " + why);
  }
  if (started) {
    turn();
  }
}

void Engine::Impl::tell_removed(std::size_t answers) {
  if (answers != 0) {
    logger.log(LogLevel::kInfo, "relay.removed",
               "answers about issuers that are not on the list any more were dropped, with their "
               "files",
               {{"answers", answers}});
  }
}

bool Engine::Impl::remove_if_strangers(const std::string& path, const keeper::ShelfFile& file) {
  // Nothing is removed but what a relay wrote: its name, what it says it is and the CertID in its
  // answer agree. (The directory may be a stapler's, given by mistake.)
  const auto id = find_cert_id(file.response, file.certificate);
  if (!id || setup->issuers.find(id->view()) != nullptr ||
      !path.ends_with('/' + keeper::shelf_file_name(file.certificate))) {
    return false;
  }
  if (const int error = system_files().remove(path); error != 0) {
    logger.log(LogLevel::kWarning, "relay.passed_over",
               "a file of the shelf is about an issuer that is not allowed any more and cannot be "
               "removed: " +
                   std::generic_category().message(-error),
               {{"file", path}});
    return false;
  }
  return true;
}

bool Engine::Impl::restore_file(const std::string& path, Instant t) {
  const auto content = read_file(path, keeper::kMaxShelfFileBytes);
  const auto file = content
                        ? keeper::parse_shelf_file(*content)
                        : Result<keeper::ShelfFile, std::string>(Err{to_string(content.error())});
  if (!file) {
    logger.log(LogLevel::kWarning, "relay.passed_over",
               "a file of the shelf is not used: " + file.error(), {{"file", path}});
    return false;
  }
  if (entries.count(file->certificate) != 0) {
    return false;  // configured, and loaded already
  }
  if (file->obtained > t.wall + kClockTolerance) {
    logger.log(
        LogLevel::kWarning, "relay.clock",
        "a file of the shelf is from the future: this machine's clock is behind what it was; "
        "the file stays and is read when it is asked for, or when the clock is set",
        {{"file", path}});
    note_untimely(file->certificate);
    return false;
  }
  if (remove_if_strangers(path, *file)) {
    return true;
  }
  const UnixSeconds obtained = std::min(file->obtained, t.wall);
  const auto id = find_cert_id(file->response, file->certificate);
  const AllowedIssuer* issuer = id ? setup->issuers.find(id->view()) : nullptr;
  const auto hash = id ? der::find_hash(id->view().hash_algorithm) : std::nullopt;
  auto serial = id ? Serial::make(id->view().serial) : der::DerResult<Serial>(Err{der::DerError{}});
  if (issuer == nullptr || !hash || !serial) {
    logger.log(LogLevel::kWarning, "relay.passed_over",
               "a file of the shelf is not used: its answer is about no issuer that is allowed",
               {{"file", path}});
    return false;
  }
  const bool is_old = t.wall - obtained > options.keep_asked;
  if (is_old || !make_room(1)) {
    count(counters.forgotten);
    if (is_old) {
      note_untimely(file->certificate);
    }
    return false;
  }
  client::Subject subject(issuer->certificate, *serial);
  Entry entry{Asked{file->certificate, *id, *hash, *serial}, subject, issuer->certificate,
              issuer->urls, subject.text()};
  entry.last_asked = obtained;
  const Entry& placed = add(std::move(entry), t);
  const keeper::StaplePointer held = shelf.held(file->certificate);
  if (!held || !held->facts.usable_at(t.wall)) {
    const Fingerprint key = placed.asked.key;
    drop(key, {});  // expired, or it does not verify any more
  }
  return false;
}

void Engine::Impl::restore(const std::string& directory) {
  DIR* const dir = ::opendir(directory.c_str());
  if (dir == nullptr) {
    return;  // the shelf has said so
  }
  const Instant t = now();
  std::size_t removed = 0;
  while (const dirent* entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name.size() == 64 + kSuffix.size() && name.ends_with(kSuffix)) {
      removed += restore_file(directory + '/' + std::string(name), t) ? 1U : 0U;
    }
  }
  ::closedir(dir);
  tell_removed(removed);
  withdraw_contradicted(t);
  logger.log(LogLevel::kInfo, "relay.restored",
             "answers were found on the shelf and verified again", {{"answers", entries.size()}});
}

void Engine::Impl::note_untimely(const Fingerprint& key) {
  if (untimely.size() < options.limits.max_answers) {
    untimely.push_back(key);
  }
}

void Engine::Impl::restore_untimely(Instant t) {
  std::size_t removed = 0;
  for (const Fingerprint& key : std::exchange(untimely, {})) {
    const std::string path = shelf.path_of(key);
    if (entries.count(key) == 0 && system_files().stamp(path) != FileStamp{}) {
      removed += restore_file(path, t) ? 1U : 0U;
    }
  }
  tell_removed(removed);
}

EngineFigures Engine::Impl::figures() const {
  const Instant t = now();
  EngineFigures out;
  out.at = t.wall;
  out.turned = turned;
  out.held_bytes = held_bytes;
  out.pending = pending.size();
  out.waiting = room.size();
  out.in_flight = plan.in_flight();
  out.passing = passing.size();
  out.disk_error = shelf.disk_error();
  out.unsaved = shelf.unsaved();
  out.first_round_over = true;
  for (const auto& [key, entry] : entries) {
    const keeper::StaplePointer held = shelf.held(key);
    const auto state =
        keeper::judge_state(held ? &held->facts : nullptr, shelf.held_back(key) != nullptr,
                            end_of(entry.subject), t.wall);
    out.states.at(static_cast<std::size_t>(state)) += 1;
    out.answers += held && held->facts.usable_at(t.wall) ? 1U : 0U;
    if (!entry.is_configured) {
      continue;
    }
    out.first_round_over =
        out.first_round_over && (entry.had_round || end_of(entry.subject) <= t.wall ||
                                 (held && held->facts.usable_at(t.wall)));
    const keeper::PlanView view = plan.view(key, t);
    out.certificates.push_back(
        {entry.name, entry.asked.hash, state, held ? std::optional(held->facts) : std::nullopt,
         entry.last_attempt, entry.last_success, view.next_due, view.failures, entry.last_error});
  }
  std::sort(out.certificates.begin(), out.certificates.end(),
            [](const CertificateFigures& a, const CertificateFigures& b) {
              return std::tie(a.name, a.hash) < std::tie(b.name, b.hash);
            });
  return out;
}

}  // namespace muster::relay
