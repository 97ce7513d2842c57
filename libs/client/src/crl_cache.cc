#include "crl_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <vector>

#include "muster/base/text.h"

namespace muster::client::internal {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxInMemory = std::size_t{1} << 20;
/// In front of the DER, so that it begins on a page of its own.
constexpr std::size_t kHeadBytes = 4096;
constexpr std::string_view kMagic = "muster crl 1\n";
constexpr std::size_t kMaxEtag = 512;
constexpr std::string_view kEnding = ".crl";
constexpr std::size_t kNameDigits = 32;
constexpr std::string_view kTemporaryPrefix = "incoming-";
constexpr auto kTemporaryAge = std::chrono::hours(1);

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

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

/// One line can hold it.
bool is_line(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

/// The head as text, empty when it has no room.
std::string make_head(const std::string& url, const CrlFetchFacts& facts, std::size_t size) {
  std::string head(kMagic);
  head += "url: " + url + "\n";
  if (!facts.etag.empty() && facts.etag.size() <= kMaxEtag && is_line(facts.etag)) {
    head += "etag: " + facts.etag + "\n";
  }
  if (facts.last_modified) {
    head += "last-modified: " + std::to_string(to_int(*facts.last_modified)) + "\n";
  }
  head += "fresh-for: " + std::to_string(facts.fresh_for.count()) + "\n";
  head += "size: " + std::to_string(size) + "\n\n";
  if (head.size() > kHeadBytes || !is_line(url)) {
    return "";
  }
  head.resize(kHeadBytes, '\0');
  return head;
}

/// What a head says; nothing when it is damaged or about another URL or size.
std::optional<CrlFetchFacts> read_head(Bytes file, const std::string& url) {
  if (file.size() < kHeadBytes) {
    return std::nullopt;
  }
  std::string_view head = as_text(file.first(kHeadBytes));
  const std::size_t end = head.find("\n\n");
  if (!head.starts_with(kMagic) || end == std::string_view::npos) {
    return std::nullopt;
  }
  CrlFetchFacts facts;
  bool same_url = false, same_size = false;
  head = head.substr(kMagic.size(), end + 1 - kMagic.size());
  for (const std::string_view line : split(head, '\n')) {
    const std::size_t colon = line.find(": ");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value =
        colon == std::string_view::npos ? std::string_view() : line.substr(colon + 2);
    const auto number = parse_number(value);
    if (name == "url") {
      same_url = value == url;
    } else if (name == "etag") {
      facts.etag = value;
    } else if (name == "last-modified" && number) {
      facts.last_modified = unix_seconds(*number);
    } else if (name == "fresh-for" && number) {
      facts.fresh_for = Seconds(*number);
    } else if (name == "size" && number) {
      same_size = *number == static_cast<std::int64_t>(file.size() - kHeadBytes);
    }
  }
  return same_url && same_size ? std::optional(facts) : std::nullopt;
}

void set_time(int fd, UnixSeconds now) {
  const timespec time{static_cast<std::time_t>(to_int(now)), 0};
  const timespec both[2] = {time, time};
  (void)::futimens(fd, both);
}

/// Exactly the names we give.
bool is_entry(std::string_view name) {
  return name.size() == kNameDigits + kEnding.size() && name.ends_with(kEnding) &&
         name.find_first_not_of("0123456789abcdef") == kNameDigits;
}
bool is_temporary(std::string_view name) {
  return name.starts_with(kTemporaryPrefix) && name.size() == kTemporaryPrefix.size() + 6;
}

}  // namespace

// ---- Spool

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

// ---- CrlCache

CrlCache::CrlCache(std::string directory, std::uint64_t most_bytes)
    : directory_(std::move(directory)), most_bytes_(most_bytes) {
  if (directory_.empty()) {
    return;
  }
  std::error_code failure;
  if (fs::path(directory_).has_parent_path()) {
    fs::create_directories(fs::path(directory_).parent_path(), failure);
  }
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) {
    directory_.clear();
  }
}

std::string CrlCache::path_of(const std::string& url) const {
  const std::string digest = to_lower(to_hex(pki::digest(HashAlgorithm::kSha256, as_bytes(url))));
  return directory_ + "/" + digest.substr(0, kNameDigits) + std::string(kEnding);
}

std::optional<CrlCache::Entry> CrlCache::load(const std::string& url) const {
  if (directory_.empty()) {
    return std::nullopt;
  }
  const std::string path = path_of(url);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    return std::nullopt;
  }
  auto file = MappedFile::map(fd.get(), path);
  if (!file) {
    return std::nullopt;
  }
  auto facts = read_head(file->octets(), url);
  if (!facts) {
    return std::nullopt;
  }
  return Entry{std::make_shared<const CrlDocument>(*std::move(file), kHeadBytes), *std::move(facts),
               unix_seconds(info.st_mtim.tv_sec)};
}

void CrlCache::store(const std::string& url, const CrlFetchFacts& facts, Bytes der,
                     UnixSeconds now) const {
  const std::string head = make_head(url, facts, der.size());
  if (directory_.empty() || head.empty() || der.size() > most_bytes_) {
    return;
  }
  std::string temporary = directory_ + "/" + std::string(kTemporaryPrefix) + "XXXXXX";
  const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) {
    return;
  }
  // Not synced: what a crash leaves half written does not verify, and is fetched anew.
  const bool written = write_all(fd.get(), as_bytes(head)) && write_all(fd.get(), der);
  set_time(fd.get(), now);
  if (!written || ::rename(temporary.c_str(), path_of(url).c_str()) != 0) {
    ::unlink(temporary.c_str());
    return;
  }
  make_room();
}

void CrlCache::confirm(const std::string& url, UnixSeconds now) const {
  const UniqueFd fd(::open(path_of(url).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (fd) {
    set_time(fd.get(), now);
  }
}

void CrlCache::make_room() const {
  struct Copy {
    fs::file_time_type time;
    std::uint64_t size;
    fs::path path;
  };
  std::vector<Copy> copies;
  std::uint64_t all = 0;
  std::error_code failure;
  for (fs::directory_iterator at(directory_, failure), end; !failure && at != end;
       at.increment(failure)) {
    const std::string name = at->path().filename().string();
    std::error_code gone;
    const auto time = at->last_write_time(gone);
    if (gone) {
      continue;
    }
    if (is_temporary(name) && time < fs::file_time_type::clock::now() - kTemporaryAge) {
      fs::remove(at->path(), gone);  // of a process that was killed
    } else if (is_entry(name)) {
      const std::uint64_t size = at->file_size(gone);
      all += gone ? 0 : size;
      copies.push_back({time, gone ? 0 : size, at->path()});
    }
  }
  std::sort(copies.begin(), copies.end(),
            [](const Copy& a, const Copy& b) { return a.time < b.time; });
  for (const Copy& oldest : copies) {
    if (all <= most_bytes_) {
      return;
    }
    std::error_code gone;
    fs::remove(oldest.path, gone);
    all -= oldest.size;
  }
}

}  // namespace muster::client::internal
