#include <algorithm>
#include <cerrno>

#include "muster/base/atomic_file.h"
#include "shelf_impl.h"

// What an owner keeps on disk: writing it, trying again, and seeing that it stays there.
namespace muster::keeper {
namespace {

constexpr Seconds kFirstWriteRetry{5};
constexpr Seconds kLastWriteRetry{300};
/// How soon what somebody removed is written again.
constexpr Seconds kLookInterval{60};

}  // namespace

void Shelf::Impl::set_unsaved(Slot& slot, bool value) {
  if (slot.unsaved != value) {
    slot.unsaved = value;
    value ? ++unsaved : --unsaved;
  }
  if (!value) {
    slot.write_failures = 0;
  }
  if (unsaved == 0 && !is_away && !disk_error.empty()) {
    disk_error.clear();
    logger.log(LogLevel::kInfo, "shelf.saved",
               "the shelf could be written again; everything held is on disk");
  }
}

void Shelf::Impl::save(const Fingerprint& id, Slot& slot, UnixSeconds now) {
  if (mode == ShelfMode::kFollower || directory.empty()) {
    return;
  }
  if (is_away) {  // look_after_files() says so, and tries again
    set_unsaved(slot, true);
    slot.write_at = now + kLastWriteRetry;
    return;
  }
  const Staple& staple = *slot.current;
  const auto written = write_file_atomically(
      files, path_of(id), encode_shelf_file(id, staple.obtained, staple.source, staple.der()));
  if (written) {
    set_unsaved(slot, false);
    return;
  }
  set_unsaved(slot, true);
  slot.write_at =
      now + std::min<Seconds>(kLastWriteRetry,
                              kFirstWriteRetry * (1U << std::min(slot.write_failures, 8U)));
  ++slot.write_failures;
  const std::string text = to_string(written.error());
  if (disk_error.empty()) {
    logger.log(LogLevel::kError, "shelf.write_failed",
               "a staple is valid in memory but could not be saved, so a restart would forget "
               "it; writing is retried: " +
                   text,
               {{"certificate", slot.place.name}});
  }
  disk_error = text;
}

void Shelf::Impl::remove_files(const Fingerprint& key) {
  if (may_write()) {
    files.remove(path_of(key));
    files.remove(pin_path_of(key));
  }
}

void Shelf::Impl::look_after_files(UnixSeconds now) {
  const bool is_soon = looked_at && *looked_at <= now && now < *looked_at + kLookInterval;
  if (mode == ShelfMode::kFollower || directory.empty() || is_soon) {
    return;
  }
  looked_at = now;
  const FileStamp stamp = files.stamp(directory);
  if (is_away || stamp.inode != directory_inode) {
    take_directory(stamp, now);
    return;
  }
  const bool same = stamp == directory_seen;  // as in refresh()
  if (same && directory_settled) {
    return;
  }
  directory_settled = same;
  directory_seen = stamp;
  std::vector<std::string> names = files.list(directory);
  std::sort(names.begin(), names.end());
  const auto is_gone = [&](const std::string& name, const std::string& path) {
    return !std::binary_search(names.begin(), names.end(), name) &&
           files.stamp(path) == FileStamp{};
  };
  std::size_t gone = 0;
  for (auto& [id, slot] : slots) {
    if (slot.on_offer && !slot.unsaved && is_gone(shelf_file_name(id), path_of(id))) {
      ++gone;
      save(id, slot, now);
      reschedule(id, slot);
    }
    if (slot.pin && is_gone(pin_file_name(id), pin_path_of(id))) {
      ++gone;
      directory_settled = save_pin(id, slot) && directory_settled;
    }
  }
  if (gone != 0) {
    logger.log(LogLevel::kWarning, "shelf.files_gone",
               "somebody removed files of the shelf while it was in use; they are written again",
               {{"shelf", directory}, {"files", static_cast<unsigned long long>(gone)}});
  }
}

void Shelf::Impl::take_directory(const FileStamp& there, UnixSeconds now) {
  int error = 0;
  if (there.inode != directory_inode) {  // the one that was opened is still locked
    UniqueFd lock;
    error = files.make_directory(directory, 0755);
    if (error >= 0 || error == -EEXIST) {
      error = files.lock_directory(directory, lock);
    }
    if (error >= 0) {
      directory_lock = std::move(lock);
      directory_inode = files.stamp(directory).inode;
    }
  }
  const bool was_away = is_away;
  is_away = error < 0;
  if (is_away) {
    disk_error =
        "the shelf directory '" + directory +
        "' was moved, removed or replaced while it was in use, and nothing is saved: " +
        (error == -EWOULDBLOCK ? "what is there now belongs to another running process (stop it)"
                               : to_string(FileError{FileErrc::kOpen, -error, directory}));
    if (!was_away) {
      logger.log(LogLevel::kError, "shelf.directory_lost", disk_error);
    }
  } else {
    logger.log(
        LogLevel::kError, "shelf.directory_taken_again",
        "the shelf directory was moved, removed or replaced while it was in use; all that is "
        "held is written to the one that is there now (a control socket in it comes back "
        "with a restart)",
        {{"shelf", directory}});
  }
  for (auto& [id, slot] : slots) {
    if (slot.on_offer) {
      save(id, slot, now);
      reschedule(id, slot);
    }
    if (slot.pin && !is_away) {
      save_pin(id, slot);
    } else if (slot.pin_file_left && !is_away) {
      files.remove(pin_path_of(id));
      slot.pin_file_left = false;
    }
  }
  if (unsaved == 0 && !is_away) {
    disk_error.clear();
  }
}

}  // namespace muster::keeper
