#include "disk.h"

#include <cerrno>

namespace muster::keeper::simulation {

int Disk::step() {
  ++calls;
  if (calls_left_ && !crashed_) {
    crashed_ = *calls_left_ == 0;
    --*calls_left_;
  }
  if (crashed_) {
    return -EIO;
  }
  return failing_ > 0 && random_.next() < failing_ ? -EIO : 0;
}

void Disk::change(const std::string& name, FilePointer file) {
  changes_.push_back({name, file});
  if (file) {
    names_[name] = std::move(file);
  } else {
    names_.erase(name);
  }
}

void Disk::abandon() {
  open_.clear();
  calls_left_.reset();
  crashed_ = false;
}

void Disk::recover() {
  // The journal has the changes up to some point.
  changes_.resize(below(changes_.size() + 1));
  for (Change& c : changes_) {
    if (c.file) {
      durable_[c.name] = c.file;
    } else {
      durable_.erase(c.name);
    }
  }
  changes_.clear();
  for (auto& [name, file] : durable_) {
    if (file->is_synced) {
      continue;
    }
    // Content that was never synced: any part of it, or zeros where it would have been.
    Buffer left = file->content;
    const std::size_t kept = below(left.size() + 1);
    if (below(2) == 0) {
      left.resize(kept);
    } else {
      std::fill(left.begin() + static_cast<std::ptrdiff_t>(kept), left.end(), std::uint8_t{0});
    }
    file->content = std::move(left);
    file->is_synced = true;
  }
  names_ = durable_;
  abandon();
}

std::string Disk::spoil() {
  if (names_.empty()) {
    return {};
  }
  const auto at = std::next(names_.begin(), static_cast<std::ptrdiff_t>(below(names_.size())));
  const auto other = std::next(names_.begin(), static_cast<std::ptrdiff_t>(below(names_.size())));
  auto file = std::make_shared<File>(*at->second);
  switch (below(4)) {
    case 0:
      file->content.resize(below(file->content.size() + 1));
      break;
    case 1:
      if (!file->content.empty()) {
        file->content[below(file->content.size())] ^= static_cast<std::uint8_t>(1 + below(255));
      }
      break;
    case 2:
      file->content = other->second->content;
      break;
    default:
      file->content.assign(below(2000), static_cast<std::uint8_t>(below(256)));
      break;
  }
  file->is_synced = true;
  at->second = file;
  durable_[at->first] = file;
  return at->first;
}

int Disk::create_temporary(std::string& name) {
  if (const int error = step(); error < 0) {
    return error;
  }
  const std::string number = std::to_string(1'000'000 + next_name_++ % 900'000).substr(1);
  name.replace(name.size() - 6, 6, number);
  const auto file = std::make_shared<File>();
  change(name, file);
  open_.emplace(next_fd_, file);
  return next_fd_++;
}

::ssize_t Disk::write(int fd, Bytes octets) {
  if (const int error = step(); error < 0) {
    return error;
  }
  if (full_) {
    return -ENOSPC;
  }
  Buffer& content = open_.at(fd)->content;
  // Sometimes fewer than asked, as the system may.
  const std::size_t some = below(8) == 0 ? 1 + below(octets.size()) : octets.size();
  content.insert(content.end(), octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(some));
  open_.at(fd)->is_synced = false;
  return static_cast<::ssize_t>(some);
}

int Disk::set_mode(int, ::mode_t) { return step(); }

int Disk::sync(int fd) {
  if (const int error = step(); error < 0) {
    return error;
  }
  open_.at(fd)->is_synced = true;
  return 0;
}

int Disk::close(int fd) {
  open_.erase(fd);
  return 0;
}

int Disk::rename(const std::string& from, const std::string& to) {
  if (const int error = step(); error < 0) {
    return error;
  }
  const auto found = names_.find(from);
  if (found == names_.end()) {
    return -ENOENT;
  }
  const FilePointer file = found->second;
  change(to, file);  // one entry of the journal each; the old name alone does no harm
  change(from, nullptr);
  return 0;
}

int Disk::remove(const std::string& path) {
  if (const int error = step(); error < 0) {
    return error;
  }
  if (names_.count(path) == 0) {
    return -ENOENT;
  }
  change(path, nullptr);
  return 0;
}

int Disk::sync_directory(const std::string&) {
  if (const int error = step(); error < 0) {
    return error;
  }
  for (Change& c : changes_) {
    if (c.file) {
      durable_[c.name] = std::move(c.file);
    } else {
      durable_.erase(c.name);
    }
  }
  changes_.clear();
  return 0;
}

Result<Buffer, FileError> Disk::read(const std::string& path, std::size_t limit_bytes) {
  const auto found = names_.find(path);
  if (found == names_.end() || crashed_) {
    return Err{FileError{FileErrc::kOpen, found == names_.end() ? ENOENT : EIO, path}};
  }
  if (found->second->content.size() > limit_bytes) {
    return Err{FileError{FileErrc::kTooLarge, 0, path, found->second->content.size(), limit_bytes}};
  }
  return found->second->content;
}

FileStamp Disk::stamp(const std::string& path) {
  const auto found = names_.find(path);
  if (found == names_.end()) {
    return {};
  }
  return {1, static_cast<std::int64_t>(found->second->content.size()), 0, 0, false};
}

std::vector<std::string> Disk::list(const std::string& directory) {
  std::vector<std::string> out;
  for (const auto& [path, file] : names_) {
    if (path.starts_with(directory + '/')) {
      out.push_back(path.substr(directory.size() + 1));
    }
  }
  return out;
}

int Disk::make_directory(const std::string&, ::mode_t) { return crashed_ ? -EIO : 0; }
int Disk::lock_directory(const std::string&, UniqueFd&) { return crashed_ ? -EIO : 0; }

}  // namespace muster::keeper::simulation
