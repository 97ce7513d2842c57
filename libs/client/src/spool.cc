#include "spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace muster::client::internal {
namespace {

constexpr std::size_t kMaxInMemory = std::size_t{1} << 20;

}  // namespace

bool write_all(int fd, Bytes octets) {
  while (!octets.empty()) {
    const ssize_t put = ::write(fd, octets.data(), octets.size());
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put < 0) {
      return false;
    }
    octets = octets.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

bool Spool::write(Bytes piece) {
  if (!file_ && octets_.size() + piece.size() <= kMaxInMemory) {
    octets_.insert(octets_.end(), piece.begin(), piece.end());
    return true;
  }
  return (file_ || move_to_file()) && write_all(file_.get(), piece);
}

bool Spool::move_to_file() {
  std::string name = directory_ + "/" + std::string(kTemporaryPrefix) + "XXXXXX";
  file_.reset(::mkostemp(name.data(), O_CLOEXEC));
  if (!file_) {
    return false;
  }
  ::unlink(name.c_str());
  const bool written = write_all(file_.get(), octets_);
  octets_ = {};
  return written;
}

void Spool::clear() {
  octets_.clear();
  file_.reset();
}

pki::PkiResult<std::shared_ptr<const CrlDocument>> Spool::finish() {
  MappedFile mapped;
  if (file_) {
    auto opened = MappedFile::map(file_.get(), "a CRL that was fetched");
    if (!opened) {
      return Err{pki::PkiError{pki::PkiErrc::kUnreadable, to_string(opened.error())}};
    }
    mapped = *std::move(opened);
    if (mapped.octets()[0] == 0x30) {
      return std::make_shared<const CrlDocument>(std::move(mapped));
    }
    octets_ = to_buffer(mapped.octets());
  }
  auto der = pki::decode_crl_input(std::move(octets_));
  if (!der) {
    return Err{der.error()};
  }
  return std::make_shared<const CrlDocument>(*std::move(der));
}

}  // namespace muster::client::internal
