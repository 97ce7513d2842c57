#include "disk_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <vector>

#include "muster/base/text.h"
#include "muster/pki/certificate.h"
#include "spool.h"

namespace muster::client::internal {
namespace {

namespace fs = std::filesystem;

/// A copy is not used for longer without asking its place, whatever that said.
constexpr Seconds kMaxUnasked{3600};
/// How a file of each kind begins, and how its name ends. By Kind.
constexpr std::array<std::string_view, 2> kMagic = {"muster crl 1\n", "muster ocsp 1\n"};
constexpr std::array<std::string_view, 2> kEnding = {".crl", ".ocsp"};
constexpr std::size_t kMaxEtag = 512;
constexpr std::size_t kNameDigits = 32;
constexpr auto kTemporaryAge = std::chrono::hours(1);

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

std::string_view of(const std::array<std::string_view, 2>& words, DiskCache::Kind kind) {
  return words.at(static_cast<std::size_t>(kind));
}

/// One line can hold it.
bool is_line(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

/// The head as text, empty when it has no room.
std::string make_head(DiskCache::Kind kind, const std::string& name, const KeptFacts& facts,
                      std::size_t size) {
  std::string head(of(kMagic, kind));
  head += "url: " + name + "\n";
  if (!facts.etag.empty() && facts.etag.size() <= kMaxEtag && is_line(facts.etag)) {
    head += "etag: " + facts.etag + "\n";
  }
  if (facts.last_modified) {
    head += "last-modified: " + std::to_string(to_int(*facts.last_modified)) + "\n";
  }
  head += "fresh-for: " + std::to_string(facts.fresh_for.count()) + "\n";
  head += "size: " + std::to_string(size) + "\n\n";
  if (head.size() > DiskCache::kHeadBytes || !is_line(name)) {
    return "";
  }
  head.resize(DiskCache::kHeadBytes, '\0');
  return head;
}

/// What a head says; nothing when it is damaged, of another kind, or about something else.
std::optional<KeptFacts> read_head(Bytes file, DiskCache::Kind kind, const std::string& wanted) {
  constexpr std::size_t kHeadBytes = DiskCache::kHeadBytes;
  const std::string_view magic = of(kMagic, kind);
  if (file.size() < kHeadBytes) {
    return std::nullopt;
  }
  std::string_view head = as_text(file.first(kHeadBytes));
  const std::size_t end = head.find("\n\n");
  if (!head.starts_with(magic) || end == std::string_view::npos) {
    return std::nullopt;
  }
  KeptFacts facts;
  bool same_name = false, same_size = false;
  head = head.substr(magic.size(), end + 1 - magic.size());
  for (const std::string_view line : split(head, '\n')) {
    const std::size_t colon = line.find(": ");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value =
        colon == std::string_view::npos ? std::string_view() : line.substr(colon + 2);
    const auto number = parse_number(value);
    if (name == "url") {
      same_name = value == wanted;
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
  return same_name && same_size ? std::optional(facts) : std::nullopt;
}

void set_time(int fd, UnixSeconds now) {
  const timespec time{static_cast<std::time_t>(to_int(now)), 0};
  const timespec both[2] = {time, time};
  (void)::futimens(fd, both);
}

/// Exactly the names we give.
bool is_entry(std::string_view name) {
  return name.find_first_not_of("0123456789abcdef") == kNameDigits &&
         std::find(kEnding.begin(), kEnding.end(), name.substr(kNameDigits)) != kEnding.end();
}
bool is_temporary(std::string_view name) {
  return name.starts_with(kTemporaryPrefix) && name.size() == kTemporaryPrefix.size() + 6;
}

}  // namespace

KeptFacts facts_of(const net::FetchResponse& response, UnixSeconds now) {
  KeptFacts facts{response.etag, response.last_modified, Seconds(0)};
  if (response.max_age) {
    facts.fresh_for = *response.max_age;
  } else if (response.expires) {
    facts.fresh_for = std::max(Seconds(0), *response.expires - response.date.value_or(now));
  }
  facts.fresh_for = std::min(facts.fresh_for, kMaxUnasked);
  return facts;
}

bool is_fresh(const DiskCache::Entry& entry, UnixSeconds now) {
  return now >= entry.confirmed_at && now < entry.confirmed_at + entry.facts.fresh_for;
}

DiskCache::DiskCache(std::string directory, std::uint64_t most_bytes)
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

std::string DiskCache::path_of(Kind kind, const std::string& name) const {
  const std::string digest = to_lower(to_hex(pki::digest(HashAlgorithm::kSha256, as_bytes(name))));
  return directory_ + "/" + digest.substr(0, kNameDigits) + std::string(of(kEnding, kind));
}

std::optional<DiskCache::Entry> DiskCache::load(Kind kind, const std::string& name) const {
  if (directory_.empty()) {
    return std::nullopt;
  }
  const std::string path = path_of(kind, name);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    return std::nullopt;
  }
  auto file = MappedFile::map(fd.get(), path);
  if (!file) {
    return std::nullopt;
  }
  auto facts = read_head(file->octets(), kind, name);
  if (!facts) {
    return std::nullopt;
  }
  return Entry{*std::move(file), *std::move(facts), unix_seconds(info.st_mtim.tv_sec)};
}

void DiskCache::store(Kind kind, const std::string& name, const KeptFacts& facts, Bytes der,
                      UnixSeconds now) const {
  const std::string head = make_head(kind, name, facts, der.size());
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
  if (!written || ::rename(temporary.c_str(), path_of(kind, name).c_str()) != 0) {
    ::unlink(temporary.c_str());
    return;
  }
  make_room();
}

void DiskCache::confirm(Kind kind, const std::string& name, UnixSeconds now) const {
  const UniqueFd fd(
      ::open(path_of(kind, name).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (fd) {
    set_time(fd.get(), now);
  }
}

void DiskCache::make_room() const {
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
