#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shelf_impl.h"
#include "shelf_rules.h"

namespace muster::keeper {
namespace {

/// Followers look every few seconds; a clock that moved by more between two looks was set.
constexpr Seconds kClockStep{60};

std::string errno_text(int error) {
  char text[128];
  return ::strerror_r(error, text, sizeof text);
}

}  // namespace

client::VerifyPolicy ShelfPolicy::default_verify_policy() {
  client::VerifyPolicy policy;
  policy.future_skew = Seconds{3600};
  return policy;
}

StaplePointer Shelf::Impl::offered(const Slot& slot) const {
  const bool good = !slot.current || slot.current->facts.status == StapleStatus::kGood;
  if (slot.pin && good) {
    return slot.pin;
  }
  return slot.on_offer && (good || policy.revoked == RevokedPolicy::kOffer) ? slot.current
                                                                            : nullptr;
}

StapleFacts Shelf::Impl::facts_of(const client::VerifiedResponse& response,
                                  UnixSeconds obtained) const {
  UnixSeconds expires = response.effective_expiry();
  if (!response.next_update()) {
    expires = std::min(expires, obtained + policy.life_without_next_update);
  }
  if (policy.max_age) {
    expires = std::min(expires, response.this_update() + *policy.max_age);
  }
  return {status_of(response.status()), response.this_update(), expires - policy.expiry_margin};
}

Choice Shelf::Impl::judge(const Slot& slot, const StapleFacts& candidate, UnixSeconds now) {
  if (!slot.current) {
    return judge_candidate(candidate, nullptr, now);
  }
  // What was taken and withdrawn by a clock that was ahead lies ahead when that is set right: a
  // memory by which every answer would be older. For revocations it counts all the same.
  const StapleFacts& held = slot.current->facts;
  const bool is_no_measure = !slot.on_offer && held.this_update > now &&
                             held.status == StapleStatus::kGood &&
                             candidate.status == StapleStatus::kGood;
  return judge_candidate(candidate, is_no_measure ? nullptr : &held, now);
}

void Shelf::Impl::reschedule(const Fingerprint& id, Slot& slot) {
  if (slot.deadline) {
    deadlines.erase({*slot.deadline, id});
    slot.deadline.reset();
  }
  const auto sooner = [&slot](UnixSeconds t) {
    slot.deadline = slot.deadline ? std::min(*slot.deadline, t) : t;
  };
  if (slot.on_offer) {
    sooner(slot.current->facts.expires);
  }
  if (slot.pending) {
    sooner(slot.pending->facts.this_update);
  }
  if (slot.unsaved) {
    sooner(slot.write_at);
  }
  if (slot.pin) {
    sooner(std::min(slot.pin_until, slot.pin->facts.expires));
  }
  if (slot.deadline) {
    deadlines.insert({*slot.deadline, id});
  }
}

void Shelf::Impl::put(const Fingerprint& id, Slot& slot, StaplePointer staple, ShelfChange change,
                      UnixSeconds now) {
  const bool good = staple->facts.status == StapleStatus::kGood;
  if (!good) {
    slot.reserve.reset();
  } else if (slot.current && slot.current->facts.status == StapleStatus::kGood &&
             slot.current->facts.usable_at(now) &&
             slot.current->facts.expires > staple->facts.expires) {
    slot.reserve = slot.current;
  }
  if (slot.reserve && slot.reserve->facts.expires <= staple->facts.expires) {
    slot.reserve.reset();
  }
  slot.current = std::move(staple);
  slot.on_offer = true;
  if (!good && slot.pin) {
    drop_pin(id, slot);
  }
  const StaplePointer now_offered = offered(slot);
  offers.publish(id, now_offered);
  reschedule(id, slot);
  if (now_offered ||
      change == ShelfChange::kRevoked) {  // else it was withheld before, too: no change
    tell(slot, change, now_offered);
  } else if (held_listener) {
    held_listener(id);
  }
}

void Shelf::Impl::withdraw(const Fingerprint& id, Slot& slot) {
  slot.on_offer = false;
  const StaplePointer left = offered(slot);
  offers.publish(id, left);
  set_unsaved(slot, false);  // nothing worth saving any more
  if (may_write()) {
    files.remove(path_of(id));
  }
  if (!left) {
    tell(slot, ShelfChange::kWithdrawn, nullptr);
  }
}

void Shelf::Impl::work_on(const Fingerprint& id, Slot& slot, UnixSeconds now) {
  if (slot.pending && slot.pending->facts.this_update <= now) {
    const StaplePointer candidate = std::move(slot.pending);
    slot.pending.reset();
    const Choice choice = judge(slot, candidate->facts, now);
    if (takes(choice)) {
      put_and_save(id, slot, candidate, change_for(choice), now);
    }
  }
  if (slot.on_offer && slot.current->facts.expires <= now) {
    const StaplePointer reserve = std::move(slot.reserve);
    slot.reserve.reset();
    if (reserve && reserve->facts.usable_at(now)) {
      put_and_save(id, slot, reserve, ShelfChange::kReplaced, now);
    } else {
      withdraw(id, slot);
    }
  }
  if (slot.pin && std::min(slot.pin_until, slot.pin->facts.expires) <= now) {
    unpin(id, slot);
  }
  if (slot.unsaved && slot.write_at <= now) {
    save(id, slot, now);
  }
  reschedule(id, slot);
}

void Shelf::Impl::tick(UnixSeconds now) {
  look_after_files(now);
  while (!deadlines.empty() && deadlines.begin()->first <= now) {
    const Fingerprint id = deadlines.begin()->second;
    work_on(id, slots.at(id), now);
  }
}

void Shelf::Impl::load_staple(const Fingerprint& id, Slot& slot, UnixSeconds now) {
  const std::string path = path_of(id);
  if (mode == ShelfMode::kFollower) {
    seen_of(slot).staple = files.stamp(path);  // before reading: a change in between is seen again
  }
  const auto content = files.read(path, kMaxShelfFileBytes);
  if (!content) {
    if (content.error().os_error != ENOENT) {
      pass_over(slot, path, to_string(content.error()));
    }
    return;
  }
  const auto file = parse_shelf_file(*content);
  if (!file) {
    pass_over(slot, path, file.error());
    return;
  }
  if (file->certificate != id) {
    pass_over(slot, path, "it belongs to another certificate");
    return;
  }
  const auto verified = verify(
      client::VerifyInput{file->response, slot.place.subject, slot.place.issuer, std::nullopt, {}},
      policy.verify, now);
  if (!verified) {
    if (verified.error().code == client::VerifyErrc::kExpired) {
      logger.log(LogLevel::kInfo, "shelf.expired", "the response found on the shelf has expired",
                 {{"certificate", slot.place.name}});
    } else {
      pass_over(slot, path, "it does not verify: " + verified.error().detail);
    }
    return;
  }
  const UnixSeconds obtained = std::min(file->obtained, now);
  const auto staple = std::make_shared<const Staple>(
      Staple{*verified, facts_of(*verified, obtained), obtained, file->source});
  const Choice choice = judge(slot, staple->facts, now);
  if (choice == Choice::kHoldBack) {
    slot.pending = staple;
    reschedule(id, slot);
  } else if (takes(choice)) {
    const bool first = slot.current == nullptr && choice == Choice::kTake;
    put(id, slot, staple, first ? ShelfChange::kLoaded : change_for(choice), now);
  }
}

void Shelf::Impl::set_subjects(std::vector<Subject> subjects, UnixSeconds now) {
  const Offers::Hold hold(offers);
  FingerprintMap<Slot> next;
  std::vector<Fingerprint> added;
  for (Subject& subject : subjects) {
    const Fingerprint id = subject.certificate.fingerprint();
    const auto at = next.lower_bound(id);
    if (at != next.end() && at->first == id) {
      continue;
    }
    Place place{id, std::move(subject.name), subject.certificate, subject.issuer};
    auto kept = slots.extract(id);
    const bool is_same_key =
        !kept.empty() && have_same_key(kept.mapped().place.issuer, place.issuer);
    if (!kept.empty() && !is_same_key) {
      forget(id, kept.mapped());  // what it holds was verified for another issuer
    }
    if (is_same_key) {
      kept.mapped().place = std::move(place);
      next.insert(at, std::move(kept));
    } else {
      next.emplace_hint(at, id, Slot{std::move(place), {}, {}, {}, false, false, 0, {}, {}, {}});
      added.push_back(id);
    }
  }
  for (auto& [id, slot] : slots) {
    forget(id, slot);
  }
  slots = std::move(next);
  if (!directory.empty() && !added.empty()) {
    const auto pins = list_pins(added.size());
    for (const Fingerprint& id : added) {
      Slot& slot = slots.at(id);
      load_staple(id, slot, now);
      if (!pins || pins->contains(pin_file_name(id))) {
        load_pin(id, slot, now);
      }
    }
  }
}

void Shelf::Impl::forget(const Fingerprint& id, Slot& slot) {
  set_unsaved(slot, false);
  if (slot.deadline) {
    deadlines.erase({*slot.deadline, id});
  }
  offers.publish(id, nullptr);
}

void Shelf::Impl::add(Place place, UnixSeconds now) {
  const Fingerprint key = place.key;
  const auto [at, is_new] =
      slots.emplace(key, Slot{std::move(place), {}, {}, {}, false, false, 0, {}, {}, {}});
  if (is_new && !directory.empty()) {
    load(key, at->second, now);
  }
}

void Shelf::Impl::remove(const Fingerprint& key) {
  const auto found = slots.find(key);
  if (found == slots.end()) {
    return;
  }
  forget(key, found->second);
  remove_files(key);
  slots.erase(found);
}

void Shelf::Impl::discard(const Fingerprint& key) {
  const auto found = slots.find(key);
  if (found == slots.end()) {
    return;
  }
  Slot& slot = found->second;
  forget(key, slot);
  remove_files(key);
  slot = Slot{std::move(slot.place), {}, {}, {}, false, false, 0, {}, {}, {}};
}

Choice Shelf::Impl::offer(const Fingerprint& id, const client::VerifiedResponse& response,
                          const std::string& source, UnixSeconds now) {
  MUSTER_ASSERT(mode == ShelfMode::kOwner);
  const auto found = slots.find(id);
  if (found == slots.end()) {
    return Choice::kExpired;
  }
  Slot& slot = found->second;
  const auto staple =
      std::make_shared<const Staple>(Staple{response, facts_of(response, now), now, source});
  const Choice choice = judge(slot, staple->facts, now);
  if (takes(choice)) {
    put_and_save(id, slot, staple, change_for(choice), now);
  } else if (choice == Choice::kHoldBack) {
    // A responder whose clock is always ahead must not push the day of use before it for ever:
    // the sooner one stays.
    const bool keep = slot.pending && slot.pending->facts.status == staple->facts.status &&
                      slot.pending->facts.expires > now;
    if (!keep) {
      slot.pending = staple;
      reschedule(id, slot);
    }
  }
  return choice;
}

void Shelf::Impl::look_again(UnixSeconds now) {
  for (auto& [id, slot] : slots) {
    if (!slot.on_offer && slot.current && slot.current->facts.usable_at(now)) {
      put_and_save(id, slot, slot.current, ShelfChange::kLoaded, now);
    } else if (!slot.on_offer && !directory.empty()) {
      load(id, slot, now);
    }
  }
}

void Shelf::Impl::refresh(UnixSeconds now) {
  const UnixSeconds before = refreshed.value_or(now);
  refreshed = now;
  if (now < before || now > before + kClockStep) {
    look_again(now);
  }
  if (!directory.empty()) {
    // Each change is a rename and so moves the directory's time; a second look follows the first,
    // since that time is coarse.
    const FileStamp stamp = files.stamp(directory);
    const bool same = stamp == directory_seen;
    if (!same || !directory_settled) {
      directory_settled = same;
      directory_seen = stamp;
      for (auto& [id, slot] : slots) {
        if (files.stamp(path_of(id)) != seen_of(slot).staple) {
          load_staple(id, slot, now);
        }
        if (files.stamp(pin_path_of(id)) != seen_of(slot).pin) {
          load_pin(id, slot, now);
        }
      }
    }
  }
  tick(now);
}

Result<std::unique_ptr<Shelf>, ShelfError> Shelf::open(const std::string& directory, ShelfMode mode,
                                                       const ShelfPolicy& policy, Logger& logger,
                                                       const ShelfSeams& seams) {
  auto impl = std::make_unique<Impl>(directory, mode, policy, logger, seams);
  if (directory.empty()) {
    return std::unique_ptr<Shelf>(new Shelf(std::move(impl)));
  }
  FileSystem& files = seams.files;
  const auto fail = [&directory](const std::string& why) {
    return Err{ShelfError{ShelfErrc::kDirectory,
                          "cannot use the shelf directory '" + directory + "': " + why}};
  };
  if (mode == ShelfMode::kOwner) {
    const int error = files.make_directory(directory, 0755);
    if (error < 0 && error != -EEXIST) {
      return fail(errno_text(-error) + " (create it, or give another directory)");
    }
  }
  if (const FileStamp stamp = files.stamp(directory); stamp != FileStamp{} && !stamp.is_directory) {
    return fail("it is not a directory");
  }
  if (mode == ShelfMode::kOwner) {
    const int error = files.lock_directory(directory, impl->directory_lock);
    if (error == -EWOULDBLOCK) {
      return Err{ShelfError{
          ShelfErrc::kOwned,
          "the shelf directory '" + directory +
              "' belongs to another running process (stop it, or use another directory)"}};
    }
    if (error < 0) {
      return fail(errno_text(-error));
    }
    impl->directory_inode = files.stamp(directory).inode;
    remove_leftovers(files, directory);
  }
  return std::unique_ptr<Shelf>(new Shelf(std::move(impl)));
}

Shelf::Shelf(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Shelf::~Shelf() = default;

StaplePointer Shelf::find(const Fingerprint& certificate, UnixSeconds now) const {
  StaplePointer staple = impl_->offers.find(certificate);
  if (staple && staple->facts.expires <= now) {
    staple.reset();
  }
  return staple;
}
std::uint64_t Shelf::epoch() const { return impl_->offers.epoch(); }

void Shelf::on_change(Listener listener) {
  if (!listener) {
    impl_->listener = nullptr;
    return;
  }
  impl_->listener = [told = std::move(listener)](const Place& place, ShelfChange change,
                                                 const StaplePointer& staple) {
    const pki::Certificate* certificate = place.subject.certificate();
    if (certificate != nullptr) {
      told(Subject{place.name, *certificate, place.issuer}, change, staple);
    }
  };
}
void Shelf::on_place_change(PlaceListener listener) { impl_->listener = std::move(listener); }
void Shelf::on_held(std::function<void(const Fingerprint& key)> listener) {
  impl_->held_listener = std::move(listener);
}
void Shelf::set_subjects(std::vector<Subject> subjects, UnixSeconds now) {
  impl_->set_subjects(std::move(subjects), now);
}
void Shelf::add(Place place, UnixSeconds now) { impl_->add(std::move(place), now); }
void Shelf::remove(const Fingerprint& key) { impl_->remove(key); }
void Shelf::discard(const Fingerprint& key) { impl_->discard(key); }
Choice Shelf::offer(const client::VerifiedResponse& candidate, const std::string& source,
                    UnixSeconds now) {
  const pki::Certificate* certificate = candidate.subject().certificate();
  return certificate != nullptr ? impl_->offer(certificate->fingerprint(), candidate, source, now)
                                : Choice::kExpired;  // nobody staples for a serial
}
Choice Shelf::offer(const Fingerprint& key, const client::VerifiedResponse& candidate,
                    const std::string& source, UnixSeconds now) {
  return impl_->offer(key, candidate, source, now);
}
void Shelf::tick(UnixSeconds now) { impl_->tick(now); }
void Shelf::look_again(UnixSeconds now) { impl_->look_again(now); }
void Shelf::refresh(UnixSeconds now) { impl_->refresh(now); }
std::optional<UnixSeconds> Shelf::next_deadline() const {
  return impl_->deadlines.empty() ? std::nullopt : std::optional(impl_->deadlines.begin()->first);
}
StaplePointer Shelf::held(const Fingerprint& certificate) const {
  const auto slot = impl_->slots.find(certificate);
  return slot == impl_->slots.end() ? nullptr : slot->second.current;
}
StaplePointer Shelf::held_back(const Fingerprint& certificate) const {
  const auto slot = impl_->slots.find(certificate);
  return slot == impl_->slots.end() ? nullptr : slot->second.pending;
}
StapleFacts Shelf::facts_of(const client::VerifiedResponse& response, UnixSeconds obtained) const {
  return impl_->facts_of(response, obtained);
}
Result<Unit, std::string> Shelf::pin(const client::VerifiedResponse& response,
                                     const std::string& source, UnixSeconds until,
                                     UnixSeconds now) {
  return impl_->pin(response, source, until, now);
}
void Shelf::unpin(const Fingerprint& certificate) {
  const auto found = impl_->slots.find(certificate);
  if (found != impl_->slots.end() && found->second.pin) {
    impl_->unpin(found->first, found->second);
  }
}
std::optional<Pin> Shelf::pin_of(const Fingerprint& certificate) const {
  const auto slot = impl_->slots.find(certificate);
  return slot == impl_->slots.end() || !slot->second.pin
             ? std::nullopt
             : std::optional(Pin{slot->second.pin->facts, slot->second.pin_until});
}
const ShelfPolicy& Shelf::policy() const { return impl_->policy; }
const std::string& Shelf::disk_error() const { return impl_->disk_error; }
std::size_t Shelf::unsaved() const { return impl_->unsaved; }
std::string Shelf::path_of(const Fingerprint& certificate) const {
  return impl_->path_of(certificate);
}

}  // namespace muster::keeper
