#include "muster/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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
      return "'" + error.path + "' is larger than allowed here";
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
  UniqueFd owned;
  int fd = STDIN_FILENO;
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
  }
  Buffer out;
  for (;;) {
    std::uint8_t chunk[65536];
    const ssize_t n = ::read(fd, chunk, sizeof chunk);
    if (n < 0) {
      if (errno == EINTR) {
        continue;
      }
      return Err{FileError{FileErrc::kRead, errno, path}};
    }
    if (n == 0) {
      return out;
    }
    if (out.size() + static_cast<std::size_t>(n) > limit_bytes) {
      return Err{FileError{FileErrc::kTooLarge, 0, path}};
    }
    out.insert(out.end(), chunk, chunk + n);
  }
}

Result<AtomicFile, FileError> AtomicFile::create(std::string path) {
  std::string temporary = path + ".tmp.XXXXXX";
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) {
    return Err{FileError{FileErrc::kOpen, errno, path}};
  }
  return AtomicFile(std::move(path), std::move(temporary), std::move(fd));
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) {
    ::unlink(temporary_.c_str());
  }
}

Result<Unit, FileError> AtomicFile::write(Bytes octets) {
  while (!octets.empty()) {
    const ssize_t n = ::write(fd_.get(), octets.data(), octets.size());
    if (n < 0) {
      if (errno == EINTR) {
        continue;
      }
      return Err{FileError{FileErrc::kWrite, errno, path_}};
    }
    octets = octets.subspan(static_cast<std::size_t>(n));
  }
  return Unit{};
}

Result<Unit, FileError> AtomicFile::commit(::mode_t mode) {
  if (::fchmod(fd_.get(), mode) != 0) {
    return Err{FileError{FileErrc::kWrite, errno, path_}};
  }
  if (::fsync(fd_.get()) != 0) {
    return Err{FileError{FileErrc::kSync, errno, path_}};
  }
  if (::close(fd_.release()) != 0) {
    return Err{FileError{FileErrc::kSync, errno, path_}};
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return Err{FileError{FileErrc::kRename, errno, path_}};
  }
  temporary_.clear();
  const std::size_t slash = path_.rfind('/');
  const std::string directory = slash == std::string::npos ? "."
                                : slash == 0               ? "/"
                                                           : path_.substr(0, slash);
  const UniqueFd dir(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir || ::fsync(dir.get()) != 0) {
    return Err{FileError{FileErrc::kSync, errno, directory}};
  }
  return Unit{};
}

Result<Unit, FileError> write_file_atomically(const std::string& path, Bytes content,
                                              ::mode_t mode) {
  MUSTER_TRY(AtomicFile file, AtomicFile::create(path));
  MUSTER_CHECK(file.write(content));
  return file.commit(mode);
}

}  // namespace muster
