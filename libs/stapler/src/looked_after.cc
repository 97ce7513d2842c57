// Which certificates a stapler looks after, from what files, and who is told of them.
#include <algorithm>

#include "stapler_impl.h"

namespace muster::stapler {
namespace {

/// Files that could not be used are read again after so long at most.
constexpr Seconds kLastReread{60};
/// Whatever was noticed or not, files are looked at so often.
constexpr Seconds kRereadAnyway{600};

}  // namespace

void Stapler::Impl::load(InventoryReader::Gone gone, const WatchNews& news) {
  read_at = clock.monotonic();
  looked_at_all = news.everything ? read_at : looked_at_all;
  using Proof = InventoryReader::Proof;
  const Proof proof = is_loaded || running ? Proof::kNow : Proof::kLater;
  Inventory next = reader.read(options.certificates, options.inventory, gone,
                               std::chrono::floor<Seconds>(read_at.time_since_epoch()),
                               news.everything ? nullptr : &news.paths, proof);
  if (watch) {
    watch->set_paths(reader.places(), news);
  }
  if (is_loaded && is_same(next, inventory)) {
    return;
  }
  if (running) {  // before, no server was handed anything of it
    keep_replaced(next);
  }
  for (const std::string& problem : next.problems) {
    const bool is_news = std::find(inventory.problems.begin(), inventory.problems.end(), problem) ==
                         inventory.problems.end();
    if (is_news) {
      logger.log(LogLevel::kError, "inventory.problem", problem);
    }
  }
  inventory = std::move(next);
  is_loaded = true;
  reread = kFirstReread;
  go_by_inventory();
  memory.look();
  if (proof == Proof::kLater) {
    // Where a verified answer lies on the shelf, an earlier run had proven the issuer, and the
    // answer shows that the key at hand is the one that was asked then: its CertID names it.
    const UnixSeconds now = clock.now();
    read_anew_unless(reader.prove_if(
        [&](const keeper::Fingerprint& id) { return shelf->find(id, now) == nullptr; }));
  }
}

void Stapler::Impl::read_anew_unless(bool issuers_hold) {
  if (!issuers_hold) {
    load(InventoryReader::Gone::kWait, {false, {}});
  }
}

void Stapler::Impl::keep_replaced(const Inventory& next) {
  for (const InventoryEntry* entry :
       kept_certificates.add_replaced(inventory, next, *shelf, clock.now())) {
    logger.log(LogLevel::kInfo, "certificate.replaced",
               "another certificate has taken its place; it is looked after until the staple "
               "that servers may have of it ends, and for another day at least",
               {{"certificate", entry->watched.subject.name}, {"file", entry->path}});
  }
}

void Stapler::Impl::tell_keeper() {
  std::vector<keeper::Watched> watched;
  for (const InventoryEntry& entry : inventory.entries) {
    watched.push_back(entry.watched);
    kept_certificates.erase(entry.watched.subject.certificate.fingerprint());
  }
  for (const auto& [id, one] : kept_certificates.all()) {
    watched.push_back(one.watched);
  }
  keeper.set_inventory(std::move(watched));
}

void Stapler::Impl::go_by_inventory() {
  keeper::FingerprintMap<std::string> paths;
  below.clear();
  for (const InventoryEntry& entry : inventory.entries) {
    const keeper::Fingerprint id = entry.watched.subject.certificate.fingerprint();
    if (!entry.output.empty()) {
      paths.emplace(id, entry.output);
    }
    if (!entry.below.empty()) {
      below.emplace(id, entry.below.size());
    }
  }
  files.set_paths(std::move(paths));
  const std::vector<TargetSubject> subjects = target_subjects(inventory);
  target_problems = targets->set_certificates(subjects);
  for (const std::string& problem : target_problems) {
    logger.log(LogLevel::kError, "target.problem", problem);
  }
  desk->entries_changed();
  tell_keeper();
  adopt_or_clear_files();
  if (!targets->empty()) {
    for (const TargetSubject& subject : subjects) {
      const keeper::Fingerprint id = subject.subject.certificate.fingerprint();
      targets->apply(id, shelf->find(id, clock.now()));
    }
  }
  dirty = true;
}

void Stapler::Impl::adopt_or_clear_files() {
  const UnixSeconds now = clock.now();
  for (const InventoryEntry& entry : inventory.entries) {
    const keeper::Subject& subject = entry.watched.subject;
    const keeper::Fingerprint id = subject.certificate.fingerprint();
    if (files.path_of(id) == nullptr) {
      continue;
    }
    if (!shelf->find(id, now)) {
      adopt_file(entry.output, subject, *shelf, now);
    }
    tell_hook(subject.name, files.path_of(id), files.apply(id, shelf->find(id, now), now));
  }
}

void Stapler::Impl::read_what_is_restless() {
  if (!watch) {
    return;
  }
  watch->tick();
  const MonotonicTime now = clock.monotonic();
  const bool is_all = now - looked_at_all >= kRereadAnyway;
  if (is_all || (reader.is_restless() && now - read_at >= reread)) {
    const Seconds next = std::min(2 * reread, kLastReread);
    load(InventoryReader::Gone::kWait, {is_all, {}});
    reread = reader.is_restless() ? next : kFirstReread;
  }
}

void Stapler::Impl::keep(Kept one) {
  const KeptCertificates::All& all = kept_certificates.all();
  const keeper::Watched watched = one.watched;
  const auto known = all.find(watched.subject.certificate.fingerprint());
  const bool is_known = known != all.end() && is_same(known->second.watched, watched);
  const std::size_t before = all.size();
  kept_certificates.add(std::move(one));
  if (all.size() > before) {
    keeper.add(watched);
  } else if (!is_known) {
    tell_keeper();  // it was kept in another way, or another made room for it
  }
  dirty = true;
}

void Stapler::Impl::watch_files() {
  if (!options.watch) {
    return;
  }
  const auto changed = [weak = weak_from_this()](const WatchNews& news) {
    const auto self = weak.lock();
    if (self && self->running) {
      self->load(InventoryReader::Gone::kWait, news);
    }
  };
  auto begun = std::make_unique<CertificateWatch>(loop, options.settle, changed);
  begun->set_paths(reader.places());
  // What changed since make() read it was told to nobody; what changes from here on is.
  load(InventoryReader::Gone::kWait);
  watch = std::move(begun);
  watch->set_paths(reader.places(), {false, {}});
  if (!watch->is_prompt()) {
    logger.log(LogLevel::kInfo, "inventory.watched_slowly",
               "the kernel does not tell of changes in every directory of the inventory (no "
               "watches left?); those are noticed within a minute");
  }
}

}  // namespace muster::stapler
