#include "ahead_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "muster/base/c_deleter.h"

namespace muster::responder {
namespace {

constexpr std::array<std::uint8_t, 12> kStart = {'M', 'S', 'T', 'A', 'H', 'E',
                                                 'A', 'D', 0,   0,   0,   1};  // version
constexpr std::size_t kMostOctets = 64 * 1024;
constexpr std::size_t kPiece = 256 * 1024;

void append_field(Buffer& out, Bytes octets) {
  for (unsigned shift = 32; shift != 0;) {
    shift -= 8;
    out.push_back(static_cast<std::uint8_t>(octets.size() >> shift));
  }
  out.insert(out.end(), octets.begin(), octets.end());
}

enum class FieldRead : std::uint8_t { kThere, kEnd, kCut, kTooLong };
FieldRead read_field(std::FILE* file, Buffer& out) {
  std::array<std::uint8_t, 4> length{};
  const std::size_t got = std::fread(length.data(), 1, length.size(), file);
  if (got != length.size()) {
    return got == 0 ? FieldRead::kEnd : FieldRead::kCut;
  }
  std::size_t size = 0;
  for (const std::uint8_t octet : length) {
    size = size << 8U | octet;
  }
  if (size > kMostOctets) {
    return FieldRead::kTooLong;
  }
  out.resize(size);
  return std::fread(out.data(), 1, size, file) == size ? FieldRead::kThere : FieldRead::kCut;
}

}  // namespace

Result<AheadFileWriter, FileError> AheadFileWriter::create(const std::string& path) {
  MUSTER_TRY(AtomicFile file, AtomicFile::create(path));
  AheadFileWriter out(std::move(file));
  out.pending_.assign(kStart.begin(), kStart.end());
  return out;
}

Result<Unit, FileError> AheadFileWriter::add(Bytes tbs, Bytes signature) {
  append_field(pending_, tbs);
  append_field(pending_, signature);
  if (pending_.size() < kPiece) {
    return Unit{};
  }
  auto written = file_.write(pending_);
  pending_.clear();
  return written;
}

Result<Unit, FileError> AheadFileWriter::commit() {
  MUSTER_CHECK(file_.write(pending_));
  return file_.commit(0640);
}

AheadFileRead read_ahead_file(const std::string& path, std::uint64_t most,
                              const std::function<bool(Bytes tbs, Bytes signature)>& take) {
  AheadFileRead out;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a FIFO must not hang us
  if (!fd && errno == ENOENT) {
    return out;
  }
  struct stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    out.problem = "cannot be read, or is not a file";
    return out;
  }
  const std::unique_ptr<std::FILE, CDeleter<&std::fclose>> file(::fdopen(fd.release(), "rb"));
  std::array<std::uint8_t, kStart.size()> start{};
  if (file == nullptr || std::fread(start.data(), 1, start.size(), file.get()) != start.size() ||
      start != kStart) {
    out.problem = "is not a file of answers signed ahead that this version wrote";
    return out;
  }
  Buffer tbs;
  Buffer signature;
  for (; out.answers < most; ++out.answers) {
    const FieldRead first = read_field(file.get(), tbs);
    if (first == FieldRead::kEnd) {
      break;
    }
    const FieldRead second =
        first == FieldRead::kThere ? read_field(file.get(), signature) : FieldRead::kThere;
    if (first != FieldRead::kThere || second != FieldRead::kThere) {
      out.problem = first == FieldRead::kTooLong || second == FieldRead::kTooLong
                        ? "is damaged: an answer of more than 64 KiB"
                        : "ends in the middle of an answer";
      break;
    }
    if (!take(tbs, signature)) {
      break;
    }
  }
  return out;
}

}  // namespace muster::responder
