#include "muster/stapler/staple_files.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace muster::stapler {
namespace {

constexpr Seconds kRetry{10};
constexpr std::size_t kMaxFileBytes = 1 << 20;

}  // namespace

void StapleFiles::set_paths(std::map<keeper::Fingerprint, std::string> paths) {
  std::map<keeper::Fingerprint, File> next;
  for (auto& [id, path] : paths) {
    const auto known = files_.find(id);
    if (known != files_.end() && known->second.path == path) {
      next.insert(files_.extract(known));
    } else {
      std::optional<UnixSeconds> left;  // of whoever had the path before
      for (const auto& [other, file] : files_) {
        left = file.path == path ? file.content_expires : left;
      }
      next.emplace(id, File{std::move(path), nullptr, false, left, {}, {}});
    }
  }
  files_ = std::move(next);
}

const std::string* StapleFiles::path_of(const keeper::Fingerprint& certificate) const {
  const auto file = files_.find(certificate);
  return file == files_.end() ? nullptr : &file->second.path;
}

std::vector<std::string> StapleFiles::failures() const {
  std::vector<std::string> out;
  for (const auto& [id, file] : files_) {
    if (!file.failure.empty()) {
      out.push_back(file.path + ": " + file.failure);
    }
  }
  return out;
}

std::string StapleFiles::failure_of(const keeper::Fingerprint& certificate) const {
  const auto file = files_.find(certificate);
  return file == files_.end() ? std::string() : file->second.failure;
}

void StapleFiles::report(File& file, const std::string& what, UnixSeconds now) {
  file.pending = true;
  file.retry_at = now + kRetry;
  if (std::exchange(file.failure, what).empty()) {
    logger_.log(LogLevel::kError, "target.write_failed", what + "; it is tried again",
                {{"file", file.path}});
  }
}

Applied StapleFiles::write(File& file, UnixSeconds now) {
  const Bytes wanted = file.wanted->der();
  const auto present = read_file(file.path, kMaxFileBytes);
  const bool same = present && equal(*present, wanted);
  if (!same) {
    if (const auto written = write_file_atomically(file.path, wanted); !written) {
      report(file, to_string(written.error()), now);
      return Applied::kFailed;
    }
  }
  file.pending = false;
  file.failure.clear();
  file.content_expires = file.wanted->facts.expires;
  return same ? Applied::kUnchanged : Applied::kWritten;
}

Applied StapleFiles::remove(File& file, UnixSeconds now) {
  const int failure = ::unlink(file.path.c_str()) == 0 ? 0 : errno;
  if (failure != 0 && failure != ENOENT) {
    char text[128];
    report(file,
           std::string("cannot remove a staple that must not be used any more: ") +
               ::strerror_r(failure, text, sizeof text),
           now);
    return Applied::kFailed;
  }
  file.content_expires.reset();
  if (!file.wanted) {
    file.pending = false;
    file.failure.clear();
  }
  return failure == 0 ? Applied::kRemoved : Applied::kUnchanged;
}

Applied StapleFiles::apply(const keeper::Fingerprint& certificate,
                           const keeper::StaplePointer& staple, UnixSeconds now) {
  const auto found = files_.find(certificate);
  if (found == files_.end()) {
    return Applied::kUnchanged;
  }
  File& file = found->second;
  file.wanted = staple;
  return staple ? write(file, now) : remove(file, now);
}

std::vector<StapleFiles::Change> StapleFiles::tick(UnixSeconds now) {
  std::vector<Change> changes;
  for (auto& [id, file] : files_) {
    Applied applied = Applied::kUnchanged;
    if (file.pending && file.retry_at <= now) {
      applied = file.wanted ? write(file, now) : remove(file, now);
    }
    if (file.content_expires && *file.content_expires <= now) {
      applied = remove(file, now);
    }
    if (applied == Applied::kWritten || applied == Applied::kRemoved) {
      changes.push_back({id, applied});
    }
  }
  return changes;
}

}  // namespace muster::stapler
