#include "muster/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>

namespace muster {

Result<MappedFile, FileError> MappedFile::open(const std::string& path, std::size_t limit_bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    return Err{FileError{FileErrc::kOpen, errno, path}};
  }
  return map(fd.get(), path, limit_bytes);
}

Result<MappedFile, FileError> MappedFile::map(int fd, const std::string& path,
                                              std::size_t limit_bytes) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    return Err{FileError{FileErrc::kRead, errno, path}};
  }
  if (!S_ISREG(info.st_mode)) {
    return Err{FileError{FileErrc::kNotAFile, 0, path}};
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size > limit_bytes) {
    return Err{FileError{FileErrc::kTooLarge, 0, path, size, limit_bytes}};
  }
  if (size == 0) {
    return MappedFile();
  }
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (at == MAP_FAILED) {
    return Err{FileError{FileErrc::kRead, errno, path}};
  }
  return MappedFile(Bytes(static_cast<const std::uint8_t*>(at), size));
}

MappedFile::~MappedFile() {
  if (!octets_.empty()) {
    ::munmap(const_cast<std::uint8_t*>(octets_.data()), octets_.size());
  }
}

}  // namespace muster
