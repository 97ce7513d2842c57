#include "pending.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "muster/base/text.h"
#include "muster/http/base64.h"

namespace muster::edge {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{4} << 30;

}  // namespace

Result<Unit, FileError> Pending::load() {
  struct ::stat ignored {};
  if (::stat(path_.c_str(), &ignored) != 0 && errno == ENOENT) {
    return Unit{};
  }
  MUSTER_TRY(const Buffer text, read_file(path_, kMaxBytes));
  for (const std::string_view line : split(as_text(text), '\n')) {
    if (http::base64_decode(line)) {
      names_.insert(std::string(line));
    }
  }
  names_.erase("");
  return Unit{};
}

void Pending::note(const std::string& name) {
  if (names_.insert(name).second) {
    unsaved_.push_back(name);
  }
}

Result<Unit, FileError> Pending::keep() {
  if (unsaved_.empty()) {
    return Unit{};
  }
  const UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd) {
    return Err{FileError{FileErrc::kOpen, errno, path_}};
  }
  std::string text = "\n";  // whoever died before may have left half a line
  for (const std::string& name : unsaved_) {
    text += name + "\n";
  }
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t written = ::write(fd.get(), rest.data(), rest.size());
    if (written < 0 && errno != EINTR) {
      return Err{FileError{FileErrc::kWrite, errno, path_}};
    }
    rest.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
  if (::fsync(fd.get()) != 0) {
    return Err{FileError{FileErrc::kSync, errno, path_}};
  }
  unsaved_.clear();
  return Unit{};
}

Result<Unit, FileError> Pending::retain(const std::vector<std::string>& names) {
  names_ = {names.begin(), names.end()};
  unsaved_.clear();
  if (names_.empty()) {
    if (::unlink(path_.c_str()) != 0 && errno != ENOENT) {
      return Err{FileError{FileErrc::kWrite, errno, path_}};
    }
    return Unit{};
  }
  std::string text;
  for (const std::string& name : names_) {
    text += name + "\n";
  }
  return write_file_atomically(path_, as_bytes(text));
}

}  // namespace muster::edge
