#include "muster/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

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

namespace {
Result<Unit, FileError> write_all(int fd, Bytes content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0) {
      if (errno == EINTR) {
        continue;
      }
      return Err{FileError{FileErrc::kWrite, errno, path}};
    }
    content = content.subspan(static_cast<std::size_t>(n));
  }
  return Unit{};
}
}  // namespace

Result<Unit, FileError> write_file_atomically(const std::string& path, Bytes content,
                                              ::mode_t mode) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "."
                                : slash == 0               ? "/"
                                                           : path.substr(0, slash);
  std::string temporary = path + ".tmp.XXXXXX";
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) {
    return Err{FileError{FileErrc::kOpen, errno, path}};
  }
  const auto fail = [&](FileErrc code, int os_error) {
    ::unlink(temporary.c_str());
    return Err{FileError{code, os_error, path}};
  };
  if (auto written = write_all(fd.get(), content, path); !written) {
    return fail(FileErrc::kWrite, written.error().os_error);
  }
  if (::fchmod(fd.get(), mode) != 0) {
    return fail(FileErrc::kWrite, errno);
  }
  if (::fsync(fd.get()) != 0) {
    return fail(FileErrc::kSync, errno);
  }
  if (::close(fd.release()) != 0) {
    return fail(FileErrc::kSync, errno);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return fail(FileErrc::kRename, errno);
  }
  const UniqueFd dir(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir || ::fsync(dir.get()) != 0) {
    return Err{FileError{FileErrc::kSync, errno, directory}};
  }
  return Unit{};
}

}  // namespace muster
