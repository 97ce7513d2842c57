#include "files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

namespace muster::publish {

PublishError io_error(const FileError& error) { return {PublishErrc::kIo, to_string(error)}; }

Result<MappedFile, FileError> MappedFile::open(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    return Err{FileError{FileErrc::kOpen, errno, path}};
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) {
    return Err{FileError{FileErrc::kRead, errno, path}};
  }
  if (!S_ISREG(info.st_mode)) {
    return Err{FileError{FileErrc::kNotAFile, 0, path}};
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) {
    return MappedFile(Bytes());
  }
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (at == MAP_FAILED) {
    return Err{FileError{FileErrc::kRead, errno, path}};
  }
  return MappedFile(Bytes(static_cast<const std::uint8_t*>(at), size));
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : octets_(std::exchange(other.octets_, Bytes())) {}
MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(octets_, other.octets_);
  return *this;
}
MappedFile::~MappedFile() {
  if (!octets_.empty()) {
    ::munmap(const_cast<std::uint8_t*>(octets_.data()), octets_.size());
  }
}

PublishResult<UniqueFd> lock_directory(const std::string& directory) {
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  const std::string path = directory + "/lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!fd) {
    return Err{io_error({FileErrc::kOpen, errno, path})};
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return Err{PublishError{PublishErrc::kBusy, "another process publishes from " + directory +
                                                    " (the responder? stop one of the two)"}};
  }
  return fd;
}

void remove_files(const std::string& directory,
                  const std::function<bool(std::string_view)>& wanted) {
  std::error_code failure;
  std::vector<std::filesystem::path> doomed;
  for (std::filesystem::directory_iterator at(directory, failure), end; !failure && at != end;
       at.increment(failure)) {
    if (!wanted(at->path().filename().native())) {
      doomed.push_back(at->path());
    }
  }
  for (const auto& path : doomed) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
}

void remove_leftovers(const std::string& path) {
  const std::filesystem::path file(path);
  const std::string prefix =
      file.filename().native() + ".tmp.";  // as write_file_atomically names them
  const std::string directory = file.has_parent_path() ? file.parent_path().native() : ".";
  remove_files(directory, [&](std::string_view name) {
    return !(name.starts_with(prefix) && name.size() == prefix.size() + 6);
  });
}

}  // namespace muster::publish
