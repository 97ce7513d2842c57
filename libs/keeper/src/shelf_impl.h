#pragma once

#include <set>

#include "muster/keeper/shelf.h"
#include "muster/keeper/shelf_file.h"
#include "snapshot.h"

namespace muster::keeper {

/// What a shelf is made of: slots and deadlines in shelf.cc, an owner's files in shelf_disk.cc,
/// pins in shelf_pins.cc, another margin in shelf_margin.cc.
struct Shelf::Impl {
  /// Files as a follower saw them last.
  struct Seen {
    FileStamp staple, pin;
  };
  struct Slot {
    Place place;
    StaplePointer current;  ///< newest taken; stays after its expiry as a memory of what it said
    StaplePointer reserve;  ///< a good one that current replaced but that lasts longer
    StaplePointer pending;  ///< waits for its thisUpdate
    bool on_offer = false;
    bool unsaved = false;
    unsigned write_failures = 0;
    UnixSeconds write_at{};
    std::optional<UnixSeconds> deadline;
    std::unique_ptr<Seen> seen;  ///< a follower's, since it looked
    StaplePointer pin{};         ///< on offer in the place of `current`
    UnixSeconds pin_until{};
    bool pin_file_left = false;  ///< the pin is over, but the directory was away
  };

  Impl(std::string dir, ShelfMode m, const ShelfPolicy& p, Logger& l, const ShelfSeams& s)
      : directory(std::move(dir)),
        mode(m),
        policy(p),
        logger(l),
        files(s.files),
        verify(s.verify) {}

  const std::string directory;
  const ShelfMode mode;
  ShelfPolicy policy;  ///< set_expiry_margin() changes it
  Logger& logger;
  FileSystem& files;
  const Verifier verify;
  UniqueFd directory_lock;            ///< an owner's, as the next three
  std::uint64_t directory_inode = 0;  ///< of the directory that is locked
  /// The name leads to another directory, or to none, that could not be had.
  bool is_away = false;
  std::optional<UnixSeconds> looked_at;  ///< look_after_files()
  Offers offers;
  PlaceListener listener;
  std::function<void(const Fingerprint&)> held_listener;
  FingerprintMap<Slot> slots;
  TimedFingerprints<UnixSeconds> deadlines;
  std::string disk_error;
  std::size_t unsaved = 0;
  FileStamp directory_seen;
  bool directory_settled = false;
  std::optional<UnixSeconds> refreshed;

  [[nodiscard]] std::string path_of(const Fingerprint& f) const {
    return directory + '/' + shelf_file_name(f);
  }

  [[nodiscard]] std::string pin_path_of(const Fingerprint& f) const {
    return directory + '/' + pin_file_name(f);
  }

  /// What is handed out. A revocation, be it expired, is never hidden by a pin.
  [[nodiscard]] StaplePointer offered(const Slot& slot) const;

  [[nodiscard]] StapleFacts facts_of(const client::VerifiedResponse& response,
                                     UnixSeconds obtained) const;

  /// What becomes of a candidate, by what the slot holds.
  [[nodiscard]] static Choice judge(const Slot& slot, const StapleFacts& candidate,
                                    UnixSeconds now);

  void reschedule(const Fingerprint& id, Slot& slot);

  /// Whether files in the directory are ours to write and to remove.
  [[nodiscard]] bool may_write() const {
    return mode == ShelfMode::kOwner && !directory.empty() && !is_away;
  }

  void set_unsaved(Slot& slot, bool value);

  void save(const Fingerprint& id, Slot& slot, UnixSeconds now);

  /// An owner's look at its directory, once in a while: what somebody removed is written again.
  /// Costs one stat() while nothing in the directory has changed.
  void look_after_files(UnixSeconds now);

  /// The directory is not the one that was opened: makes and locks what its name leads to and
  /// writes all there, or tells why not. \param there  what the name leads to
  void take_directory(const FileStamp& there, UnixSeconds now);

  void tell(const Slot& slot, ShelfChange change, const StaplePointer& offered) const {
    if (listener) {
      listener(slot.place, change, offered);
    }
  }

  /// Puts `staple` on offer in memory; does not save it.
  void put(const Fingerprint& id, Slot& slot, StaplePointer staple, ShelfChange change,
           UnixSeconds now);

  void put_and_save(const Fingerprint& id, Slot& slot, StaplePointer staple, ShelfChange change,
                    UnixSeconds now) {
    put(id, slot, std::move(staple), change, now);
    save(id, slot, now);
    reschedule(id, slot);
  }

  void withdraw(const Fingerprint& id, Slot& slot);

  void work_on(const Fingerprint& id, Slot& slot, UnixSeconds now);

  // ---- pins (decision 053)

  void drop_pin(const Fingerprint& id, Slot& slot);

  void unpin(const Fingerprint& id, Slot& slot);

  void set_pin(const Fingerprint& id, Slot& slot, StaplePointer staple, UnixSeconds until,
               ShelfChange change);

  /// Why a response cannot be pinned; nothing: it can.
  [[nodiscard]] static std::optional<std::string> find_hindrance(const Slot& slot,
                                                                 const StapleFacts& facts,
                                                                 UnixSeconds until,
                                                                 UnixSeconds now);

  void load_pin(const Fingerprint& id, Slot& slot, UnixSeconds now);

  Result<Unit, FileError> write_pin(const Fingerprint& id, const Staple& pin, UnixSeconds until);

  /// Writes the file of a pin that is in force once more. Whether it could be written; if not, it
  /// is told of.
  bool save_pin(const Fingerprint& id, const Slot& slot);

  /// Names of the files of pins, by one list of the directory, where so many of the certificates
  /// are new that this costs less than to look for each. Nothing: each is to be looked for.
  [[nodiscard]] std::optional<std::set<std::string>> list_pins(std::size_t added) const;

  Result<Unit, std::string> pin(const client::VerifiedResponse& response, const std::string& source,
                                UnixSeconds until, UnixSeconds now);

  void tick(UnixSeconds now);

  void pass_over(const Slot& slot, const std::string& path, const std::string& why) const {
    logger.log(LogLevel::kWarning, "shelf.passed_over",
               "a file of the shelf is not used and a new response will take its place: " + why,
               {{"certificate", slot.place.name}, {"file", path}});
  }

  static Seen& seen_of(Slot& slot) {
    if (!slot.seen) {
      slot.seen = std::make_unique<Seen>();
    }
    return *slot.seen;
  }

  void load(const Fingerprint& id, Slot& slot, UnixSeconds now) {
    load_staple(id, slot, now);
    load_pin(id, slot, now);
  }

  /// Reads, verifies and, if it is better than what is held, offers the file of one certificate.
  void load_staple(const Fingerprint& id, Slot& slot, UnixSeconds now);

  void set_subjects(std::vector<Subject> subjects, UnixSeconds now);

  /// What is left of a slot outside of it.
  void forget(const Fingerprint& id, Slot& slot);

  void add(Place place, UnixSeconds now);

  void remove(const Fingerprint& key);

  /// An owner's.
  void remove_files(const Fingerprint& key);

  void discard(const Fingerprint& key);

  Choice offer(const Fingerprint& id, const client::VerifiedResponse& response,
               const std::string& source, UnixSeconds now);

  void look_again(UnixSeconds now);

  void set_expiry_margin(Seconds margin);

  void refresh(UnixSeconds now);
};

}  // namespace muster::keeper
