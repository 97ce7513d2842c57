#include "muster/stapler/staple_files.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <vector>

#include "muster/base/file_system.h"

namespace muster::stapler {
namespace {

constexpr Seconds kRetry{10};
constexpr Seconds kLookAgain{10};
constexpr std::size_t kMaxFileBytes = 1 << 20;

}  // namespace

void adopt_file(const std::string& path, const keeper::Subject& subject, keeper::Shelf& shelf,
                UnixSeconds now) {
  const auto content = read_file(path, kMaxFileBytes);
  if (!content) {
    return;
  }
  const auto verified =
      client::verify({*content, subject.certificate, subject.issuer, std::nullopt, {}},
                     shelf.policy().verify, now);
  if (verified) {
    shelf.offer(*verified, "file:" + path, now);
  }
}

StapleFiles::FormerFiles::iterator StapleFiles::forget_former(FormerFiles::iterator one) {
  former_of_.erase({one->second.certificate, one->first});
  return former_.erase(one);
}

template <class Condition>
void StapleFiles::forget_former_if(Condition condition) {
  for (auto at = former_.begin(); at != former_.end();) {
    at = condition(*at) ? forget_former(at) : std::next(at);
  }
}

void StapleFiles::set_paths(keeper::FingerprintMap<std::string> paths) {
  keeper::FingerprintMap<File> next;
  std::set<std::string> taken;
  std::map<std::string_view, std::optional<UnixSeconds>> left;  // by whoever had a path before
  for (const auto& [id, file] : files_) {
    left.insert_or_assign(file.path, file.content_expires);
  }
  for (auto& [id, path] : paths) {
    taken.insert(path);
    const auto known = files_.find(id);
    if (known != files_.end() && known->second.path == path) {
      next.insert(files_.extract(known));
    } else {
      const auto before = left.find(path);
      std::optional<UnixSeconds> expires = before == left.end() ? std::nullopt : before->second;
      if (const auto former = former_.find(path); former != former_.end()) {
        expires = former->second.file.content_expires;
      }
      next.emplace(id, File{std::move(path), nullptr, false, expires, {}, {}, {}});
    }
  }
  forget_former_if([&taken](const auto& former) { return taken.contains(former.first); });
  for (auto& [id, file] : files_) {
    if (file.content_expires && !taken.contains(file.path)) {
      leave(id, std::move(file));
    }
  }
  bound_former();
  files_ = std::move(next);
}

void StapleFiles::leave(const keeper::Fingerprint& certificate, File file) {
  const std::string path = file.path;
  if (const auto known = former_.find(path); known != former_.end()) {
    forget_former(known);
  }
  former_.emplace(path, Former{certificate, std::move(file)});
  former_of_.emplace(certificate, path);
}

void StapleFiles::bound_former() {
  if (former_.size() <= max_former_) {
    return;
  }
  std::vector<FormerFiles::iterator> all;
  all.reserve(former_.size());
  for (auto at = former_.begin(); at != former_.end(); ++at) {
    all.push_back(at);
  }
  const auto kept = all.begin() + static_cast<std::ptrdiff_t>(all.size() - max_former_);
  std::nth_element(all.begin(), kept, all.end(), [](const auto& a, const auto& b) {
    return a->second.file.content_expires < b->second.file.content_expires;
  });
  std::for_each(all.begin(), kept, [this](const auto& one) { forget_former(one); });
}

std::vector<std::string> StapleFiles::tell_former(const keeper::Fingerprint& certificate,
                                                  const keeper::StaplePointer& staple,
                                                  UnixSeconds now) {
  std::vector<std::string> changed;
  for (auto at = former_of_.lower_bound({certificate, std::string()});
       at != former_of_.end() && at->first == certificate; ++at) {
    const std::string& path = at->second;
    if (::access(path.c_str(), F_OK) != 0) {
      continue;
    }
    File& file = former_.at(path).file;
    file.wanted = staple;
    const Applied applied = staple ? write(file, now) : remove(file, now);
    if (applied == Applied::kWritten || applied == Applied::kRemoved) {
      changed.push_back(path);
    }
  }
  return changed;
}

const std::string* StapleFiles::path_of(const keeper::Fingerprint& certificate) const {
  const auto file = files_.find(certificate);
  return file == files_.end() ? nullptr : &file->second.path;
}

std::vector<std::string> StapleFiles::failures() const {
  std::vector<std::string> out;
  const auto add = [&out](const File& file) {
    if (!file.failure.empty()) {
      out.push_back(file.path + ": " + file.failure);
    }
  };
  for (const auto& [id, file] : files_) {
    add(file);
  }
  for (const auto& [path, former] : former_) {
    add(former.file);
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
      // "Good" is true no more: rather none than that.
      const bool is_gone = file.wanted->facts.status != keeper::StapleStatus::kGood &&
                           ::unlink(file.path.c_str()) == 0;
      if (is_gone) {
        file.content_expires.reset();
      }
      return is_gone ? Applied::kRemoved : Applied::kFailed;
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

Applied StapleFiles::put_back(File& file, UnixSeconds now) {
  const bool is_there = file.wanted && !file.pending && file.content_expires;
  if (!is_there || now < file.look_at) {
    return Applied::kUnchanged;
  }
  file.look_at = now + kLookAgain;
  if (system_files().stamp(file.path) != FileStamp{}) {
    return Applied::kUnchanged;
  }
  logger_.log(LogLevel::kWarning, "target.file_gone",
              "a staple's file was taken away; it is written again", {{"file", file.path}});
  return write(file, now);
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
  const auto note = [&changes](const keeper::Fingerprint& id, const File& file, Applied applied) {
    if (applied == Applied::kWritten || applied == Applied::kRemoved) {
      changes.push_back({id, file.path, applied});
    }
  };
  const auto retry = [this, now](File& file) {
    return !file.pending || file.retry_at > now ? Applied::kUnchanged
           : file.wanted                        ? write(file, now)
                                                : remove(file, now);
  };
  for (auto& [id, file] : files_) {
    Applied applied = retry(file);
    if (file.content_expires && *file.content_expires <= now) {
      applied = remove(file, now);
    } else if (applied == Applied::kUnchanged) {
      applied = put_back(file, now);
    }
    note(id, file, applied);
  }
  for (auto& [path, former] : former_) {
    note(former.certificate, former.file, retry(former.file));
  }
  forget_former_if([now](const auto& former) {
    const std::optional<UnixSeconds>& expires = former.second.file.content_expires;
    return !expires || *expires <= now;
  });
  return changes;
}

}  // namespace muster::stapler
