#include <algorithm>
#include <cerrno>
#include <iterator>

#include "muster/base/atomic_file.h"
#include "shelf_impl.h"

// Responses that the operator keeps on offer for a while (decision 053).
namespace muster::keeper {
namespace {

/// Looking for a file that is not there costs as much as the names of so many files in a list.
constexpr std::size_t kNamesPerLook = 16;

}  // namespace

std::optional<std::set<std::string>> Shelf::Impl::list_pins(std::size_t added) const {
  if (mode == ShelfMode::kFollower || added * kNamesPerLook < slots.size()) {
    return std::nullopt;
  }
  const std::vector<std::string> names = files.list(directory);
  if (names.empty()) {
    return std::nullopt;  // or it could not be read
  }
  std::set<std::string> pins;
  std::copy_if(names.begin(), names.end(), std::inserter(pins, pins.end()),
               [](const std::string& name) { return name.ends_with(".pin"); });
  return pins;
}

void Shelf::Impl::drop_pin(const Fingerprint& id, Slot& slot) {
  slot.pin.reset();
  if (may_write()) {
    files.remove(pin_path_of(id));
  }
  slot.pin_file_left = is_away;
}

Result<Unit, FileError> Shelf::Impl::write_pin(const Fingerprint& id, const Staple& pin,
                                               UnixSeconds until) {
  return write_file_atomically(
      files, pin_path_of(id),
      encode_pin_file(until, encode_shelf_file(id, pin.obtained, pin.source, pin.der())));
}

bool Shelf::Impl::save_pin(const Fingerprint& id, const Slot& slot) {
  const auto written = write_pin(id, *slot.pin, slot.pin_until);
  if (!written) {
    logger.log(LogLevel::kError, "shelf.write_failed",
               "a pinned response is on offer but its file could not be written again, so a "
               "restart would forget it; writing is retried: " +
                   to_string(written.error()),
               {{"certificate", slot.place.name}});
  }
  return static_cast<bool>(written);
}

void Shelf::Impl::unpin(const Fingerprint& id, Slot& slot) {
  const StaplePointer before = offered(slot);
  drop_pin(id, slot);
  const StaplePointer left = offered(slot);
  offers.publish(id, left);
  reschedule(id, slot);
  if (before != left) {
    tell(slot, left ? ShelfChange::kReplaced : ShelfChange::kWithdrawn, left);
  }
}

void Shelf::Impl::set_pin(const Fingerprint& id, Slot& slot, StaplePointer staple,
                          UnixSeconds until, ShelfChange change) {
  slot.pin = std::move(staple);
  slot.pin_until = until;
  offers.publish(id, slot.pin);
  reschedule(id, slot);
  tell(slot, change, slot.pin);
}

std::optional<std::string> Shelf::Impl::find_hindrance(const Slot& slot, const StapleFacts& facts,
                                                       UnixSeconds until, UnixSeconds now) {
  if (facts.status != StapleStatus::kGood) {
    return "it says '" + std::string(to_string(facts.status)) + "'; only 'good' is pinned";
  }
  if (slot.current && slot.current->facts.status != StapleStatus::kGood) {
    return "the CA has revoked this certificate, and a pin would hide that";
  }
  if (!facts.usable_at(now)) {
    return "it is not valid now (from " + format_iso8601(facts.this_update) + " until " +
           format_iso8601(facts.expires) + ")";
  }
  if (until <= now) {
    return "'until' has passed (" + format_iso8601(until) + ")";
  }
  return std::nullopt;
}

void Shelf::Impl::load_pin(const Fingerprint& id, Slot& slot, UnixSeconds now) {
  const std::string path = pin_path_of(id);
  if (mode == ShelfMode::kFollower) {
    seen_of(slot).pin = files.stamp(path);
  }
  const auto content = files.read(path, kMaxShelfFileBytes);
  if (!content) {
    if (content.error().os_error != ENOENT) {
      pass_over(slot, path, to_string(content.error()));
    } else if (slot.pin && mode == ShelfMode::kFollower) {
      unpin(id, slot);
    }
    return;
  }
  const auto pinned = parse_pin_file(*content);
  if (!pinned || pinned->file.certificate != id) {
    pass_over(slot, path, pinned ? "it belongs to another certificate" : pinned.error());
    return;
  }
  const auto verified = verify(
      client::VerifyInput{
          pinned->file.response, slot.place.subject, slot.place.issuer, std::nullopt, {}},
      policy.verify, now);
  if (!verified && verified.error().code != client::VerifyErrc::kExpired) {
    pass_over(slot, path, "it does not verify: " + verified.error().detail);
    return;
  }
  if (!verified || pinned->until <= now) {
    unpin(id, slot);
    return;
  }
  const UnixSeconds obtained = std::min(pinned->file.obtained, now);
  const StapleFacts facts = facts_of(*verified, obtained);
  if (facts.this_update > now) {
    return;  // the clock was set back
  }
  if (const auto why = find_hindrance(slot, facts, pinned->until, now)) {
    logger.log(LogLevel::kInfo, "shelf.pin_over", "a pinned response is not used: " + *why,
               {{"certificate", slot.place.name}});
    unpin(id, slot);
    return;
  }
  const auto staple =
      std::make_shared<const Staple>(Staple{*verified, facts, obtained, pinned->file.source});
  set_pin(id, slot, staple, pinned->until,
          slot.on_offer ? ShelfChange::kReplaced : ShelfChange::kLoaded);
}

Result<Unit, std::string> Shelf::Impl::pin(const client::VerifiedResponse& response,
                                           const std::string& source, UnixSeconds until,
                                           UnixSeconds now) {
  MUSTER_ASSERT(mode == ShelfMode::kOwner);
  const pki::Certificate* certificate = response.subject().certificate();
  const auto found = certificate == nullptr ? slots.end() : slots.find(certificate->fingerprint());
  if (found == slots.end()) {
    return Err{std::string("no staple is kept for this certificate")};
  }
  auto& [id, slot] = *found;
  const auto staple =
      std::make_shared<const Staple>(Staple{response, facts_of(response, now), now, source});
  if (const auto why = find_hindrance(slot, staple->facts, until, now)) {
    return Err{*why};
  }
  if (is_away) {
    return Err{disk_error};
  }
  if (!directory.empty()) {
    const auto written = write_pin(id, *staple, until);
    if (!written) {
      return Err{"it could not be saved, so a restart would forget it: " +
                 to_string(written.error())};
    }
  }
  set_pin(id, slot, staple, until, ShelfChange::kReplaced);
  return Unit{};
}

}  // namespace muster::keeper
