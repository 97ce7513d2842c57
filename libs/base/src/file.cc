#include "muster/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "muster/base/atomic_file.h"

namespace muster {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0 && fd_ != fd) {
    ::close(fd_);
  }
  fd_ = fd;
}

std::string to_string(const FileError& error) {
  const char* verb = "use";
  switch (error.code) {
    case FileErrc::kOpen:
      verb = "open";
      break;
    case FileErrc::kRead:
      verb = "read";
      break;
    case FileErrc::kWrite:
      verb = "write";
      break;
    case FileErrc::kSync:
      verb = "sync";
      break;
    case FileErrc::kRename:
      verb = "replace";
      break;
    case FileErrc::kTooLarge:
      return "'" + error.path + "' has " +
             (error.size_bytes == 0 ? std::string()
                                    : std::to_string(error.size_bytes) + " octets, ") +
             "more than the " + std::to_string(error.limit_bytes) + " octets allowed here";
    case FileErrc::kNotAFile:
      return "'" + error.path + "' is not a regular file";
  }
  std::string out = std::string("cannot ") + verb + " '" + error.path + "': ";
  char text[128];
  out += ::strerror_r(error.os_error, text, sizeof text);
  switch (error.os_error) {
    case ENOENT:
      out += " (check the path)";
      break;
    case EACCES:
    case EPERM:
      out += " (run as a user who may, or change the permissions)";
      break;
    case ENOSPC:
    case EDQUOT:
      out += " (free some space; the old content was kept)";
      break;
    default:
      break;
  }
  return out;
}

Result<Buffer, FileError> read_file(const std::string& path, std::size_t limit_bytes) {
  constexpr std::size_t kChunkBytes = 65536;
  UniqueFd owned;
  int fd = STDIN_FILENO;
  std::size_t expected = 0;  // 0: nobody knows
  if (path != "-") {
    owned.reset(
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a FIFO must not hang us
    fd = owned.get();
    if (fd < 0) {
      return Err{FileError{FileErrc::kOpen, errno, path}};
    }
    struct stat st {};
    if (::fstat(fd, &st) != 0) {
      return Err{FileError{FileErrc::kRead, errno, path}};
    }
    if (!S_ISREG(st.st_mode)) {
      return Err{FileError{FileErrc::kNotAFile, 0, path}};
    }
    expected = static_cast<std::size_t>(st.st_size);
    if (expected > limit_bytes) {
      return Err{FileError{FileErrc::kTooLarge, 0, path, expected, limit_bytes}};
    }
  }
  // One octet more than there should be, which shows what has grown.
  Buffer out(expected == 0 ? kChunkBytes : expected + 1);
  std::size_t used = 0;
  for (;;) {
    if (used == out.size()) {
      out.resize(out.size() + std::max(kChunkBytes, out.size()));
    }
    const ssize_t n = ::read(fd, out.data() + used, out.size() - used);
    if (n < 0) {
      if (errno == EINTR) {
        continue;
      }
      return Err{FileError{FileErrc::kRead, errno, path}};
    }
    used += static_cast<std::size_t>(n);
    if (used > limit_bytes) {
      return Err{FileError{FileErrc::kTooLarge, 0, path, 0, limit_bytes}};
    }
    // A regular file that gives fewer octets than asked for has ended.
    if (n == 0 || (used == expected && used < out.size())) {
      out.resize(used);
      if (used != expected) {
        out.shrink_to_fit();
      }
      return out;
    }
  }
}

Result<AtomicFile, FileError> AtomicFile::create(std::string path, FileSystem& files) {
  std::string temporary = path + ".tmp.XXXXXX";
  const int fd = files.create_temporary(temporary);
  if (fd < 0) {
    return Err{FileError{FileErrc::kOpen, -fd, path}};
  }
  return AtomicFile(files, std::move(path), std::move(temporary), fd);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) {
    files_.close(fd_);
  }
  if (!temporary_.empty()) {
    files_.remove(temporary_);
  }
}

Result<Unit, FileError> AtomicFile::write(Bytes octets) {
  while (!octets.empty()) {
    const ::ssize_t n = files_.write(fd_, octets);
    if (n < 0) {
      return Err{FileError{FileErrc::kWrite, static_cast<int>(-n), path_}};
    }
    octets = octets.subspan(static_cast<std::size_t>(n));
  }
  return Unit{};
}

Result<Unit, FileError> AtomicFile::commit(::mode_t mode) {
  if (const int error = files_.set_mode(fd_, mode); error < 0) {
    return Err{FileError{FileErrc::kWrite, -error, path_}};
  }
  if (const int error = files_.sync(fd_); error < 0) {
    return Err{FileError{FileErrc::kSync, -error, path_}};
  }
  if (const int error = files_.close(std::exchange(fd_, -1)); error < 0) {
    return Err{FileError{FileErrc::kSync, -error, path_}};
  }
  if (const int error = files_.rename(temporary_, path_); error < 0) {
    return Err{FileError{FileErrc::kRename, -error, path_}};
  }
  temporary_.clear();
  const std::size_t slash = path_.rfind('/');
  const std::string directory = slash == std::string::npos ? "."
                                : slash == 0               ? "/"
                                                           : path_.substr(0, slash);
  if (const int error = files_.sync_directory(directory); error < 0) {
    return Err{FileError{FileErrc::kSync, -error, directory}};
  }
  return Unit{};
}

Result<Unit, FileError> write_file_atomically(FileSystem& files, const std::string& path,
                                              Bytes content, ::mode_t mode) {
  MUSTER_TRY(AtomicFile file, AtomicFile::create(path, files));
  MUSTER_CHECK(file.write(content));
  return file.commit(mode);
}

Result<Unit, FileError> write_file_atomically(const std::string& path, Bytes content,
                                              ::mode_t mode) {
  return write_file_atomically(system_files(), path, content, mode);
}

}  // namespace muster
