#include "content.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "room.h"

namespace muster::source {
namespace {

constexpr std::size_t kPieceOctets = std::size_t{256} << 10;

SourceError disk_error(FileErrc code, const std::string& path) {
  return {SourceErrc::kStore, to_string(FileError{code, errno, path})};
}

}  // namespace

Content::~Content() {
  if (mapped_ != nullptr) {
    ::munmap(const_cast<std::uint8_t*>(mapped_), size_);
  }
  if (!temporary_.empty()) {
    ::unlink(temporary_.c_str());
  }
}

Result<std::shared_ptr<Content>, SourceError> Content::map(const std::string& path) {
  MUSTER_TRY(const OpenFile file, open_file(path));
  std::shared_ptr<Content> content(new Content());
  content->size_ = file.stamp.size;
  if (content->size_ != 0) {
    void* const mapped = ::mmap(nullptr, content->size_, PROT_READ, MAP_PRIVATE, file.fd.get(), 0);
    if (mapped == MAP_FAILED) {
      return Err{disk_error(FileErrc::kRead, path)};
    }
    content->mapped_ = static_cast<const std::uint8_t*>(mapped);
  }
  return content;
}

Result<Unit, SourceError> Content::keep_as(const std::string& path,
                                           std::optional<UnixSeconds> written_at) {
  if (temporary_.empty()) {
    return Unit{};
  }
  const UniqueFd file(::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC));
  const timespec time{static_cast<std::time_t>(written_at ? to_int(*written_at) : 0),
                      written_at ? 0 : UTIME_NOW};
  const timespec both[2] = {time, time};
  if (!file || ::futimens(file.get(), both) != 0 || ::fsync(file.get()) != 0) {
    return Err{disk_error(FileErrc::kSync, temporary_)};
  }
  if (::rename(temporary_.c_str(), path.c_str()) != 0) {
    return Err{disk_error(FileErrc::kRename, path)};
  }
  temporary_.clear();
  const std::string directory = path.substr(0, path.rfind('/'));
  const UniqueFd entries(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!entries || ::fsync(entries.get()) != 0) {
    return Err{disk_error(FileErrc::kSync, directory)};
  }
  return Unit{};
}

Result<ContentWriter, SourceError> ContentWriter::begin(const std::string& directory) {
  ContentWriter writer;
  if (!directory.empty()) {
    writer.path_ = directory + "/" + std::string(kTemporaryPrefix) + "XXXXXX";
    writer.fd_.reset(::mkostemp(writer.path_.data(), O_CLOEXEC));
    if (!writer.fd_) {
      return Err{disk_error(FileErrc::kOpen, std::exchange(writer.path_, {}))};
    }
  }
  return writer;
}

ContentWriter::~ContentWriter() {
  if (fd_) {
    ::unlink(path_.c_str());
  }
}

Result<Unit, SourceError> ContentWriter::write(Bytes piece) {
  if (!fd_) {
    octets_.insert(octets_.end(), piece.begin(), piece.end());
    return Unit{};
  }
  MUSTER_CHECK(check_room(path_.substr(0, path_.rfind('/')), piece.size()));
  while (!piece.empty()) {
    const ssize_t put = ::write(fd_.get(), piece.data(), piece.size());
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put < 0) {
      return Err{disk_error(FileErrc::kWrite, path_)};
    }
    piece = piece.subspan(static_cast<std::size_t>(put));
  }
  return Unit{};
}

Result<std::shared_ptr<Content>, SourceError> ContentWriter::finish() {
  if (!fd_) {
    return std::make_shared<Content>(std::move(octets_));
  }
  MUSTER_TRY(auto content, Content::map(path_));
  content->temporary_ = path_;
  fd_.reset();
  return content;
}

Result<std::shared_ptr<Content>, SourceError> copy_file(const OpenFile& file,
                                                        const std::string& path,
                                                        const std::string& directory,
                                                        std::size_t max_bytes,
                                                        const std::stop_token& stop) {
  if (file.stamp.size > max_bytes) {
    return Err{source_error(
        SourceErrc::kMalformed, path,
        "larger than " + std::to_string(max_bytes) +
            " octets (what was loaded before, if anything, stays in force; raise the limit)")};
  }
  MUSTER_TRY(ContentWriter writer, ContentWriter::begin(directory));
  Buffer piece(std::min<std::size_t>(kPieceOctets, file.stamp.size));
  for (std::uint64_t at = 0; at < file.stamp.size;) {
    const std::size_t wanted = std::min<std::uint64_t>(piece.size(), file.stamp.size - at);
    MUSTER_TRY(const std::size_t got,
               read_piece(file, path, at, std::span(piece).first(wanted), stop));
    if (got == 0) {
      return Err{source_error(SourceErrc::kChanging, path,
                              "it became shorter while it was read; it will be read again")};
    }
    MUSTER_CHECK(writer.write(Bytes(piece).first(got)));
    at += got;
  }
  MUSTER_CHECK(check_unchanged(file, path));
  return writer.finish();
}

Result<std::shared_ptr<Content>, SourceError> decode_crl(std::shared_ptr<Content> content,
                                                         const std::string& origin,
                                                         const std::string& directory) {
  if (!content->bytes().empty() && content->bytes()[0] == 0x30) {
    return content;
  }
  auto der = pki::decode_crl_input(to_buffer(content->bytes()));
  if (!der) {
    return Err{source_error(SourceErrc::kMalformed, origin,
                            der.error().detail + " (the CRL in use, if any, stays in force)")};
  }
  MUSTER_TRY(ContentWriter writer, ContentWriter::begin(directory));
  MUSTER_CHECK(writer.write(*der));
  return writer.finish();
}

}  // namespace muster::source
