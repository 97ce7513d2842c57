#include "muster/edge/mirror.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <system_error>
#include <thread>

#include "muster/base/mutex.h"
#include "muster/edge/paths.h"
#include "muster/http/base64.h"
#include "muster/http/get_path.h"
#include "muster/net/fetch_session.h"
#include "tree.h"

namespace muster::edge {
namespace {

Err<MirrorError> io(const FileError& error) {
  return Err{MirrorError{MirrorErrc::kIo, to_string(error)}};
}

/// Named by content: what two manifests name alike is there once, and a file never changes.
std::string place_of(const ManifestEntry& entry) {
  const std::string hex = to_hex(entry.digest);
  return hex.substr(0, 2) + "/" + hex.substr(2);
}

bool is_content(Bytes content, const ManifestEntry& entry) {
  return equal(pki::digest(HashAlgorithm::kSha256, content), entry.digest);
}

/// Connections of one pull, each for so many files at least: a way of a tenth of a second would
/// else cost that for each file.
constexpr std::size_t kMaxConnections = 4;
constexpr std::size_t kFilesAConnection = 32;

/// One pull, or a part of it: its files come over a connection that is kept. Threads: one.
class Pull {
 public:
  Pull(std::shared_ptr<const MirrorOrigin> origin, std::stop_token stop)
      : origin_(std::move(origin)), stop_(std::move(stop)) {}
  Result<Buffer, MirrorError> fetch(const std::string& target, std::size_t most) {
    net::FetchRequest request;
    request.url = origin_->url + (origin_->url.ends_with('/') ? "" : "/") + target;
    request.total_timeout = origin_->fetch_timeout;
    request.max_body_bytes = most;
    request.max_redirects = 0;
    request.stop = stop_;
    auto got = session_.fetch(request);
    if (!got) {
      return Err{MirrorError{MirrorErrc::kUnreachable, request.url + ": " + got.error().detail}};
    }
    return std::move(got->body);
  }
  [[nodiscard]] const MirrorOrigin& origin() const { return *origin_; }
  /// The same over connections of its own.
  [[nodiscard]] Pull another() const { return {origin_, stop_}; }

 private:
  const std::shared_ptr<const MirrorOrigin> origin_;
  const std::stop_token stop_;
  net::FetchSession session_;
};

}  // namespace

struct Mirror::Impl {
  Impl(MirrorOptions o, MirrorOrigin from, Logger& l)
      : options(std::move(o)),
        logger(l),
        tree(options.directory),
        origin(std::make_shared<const MirrorOrigin>(std::move(from))) {}

  /// A manifest, and what it comes to.
  struct InUse {
    Manifest manifest;
    MirrorStatus status;
  };
  using Held = std::shared_ptr<const InUse>;
  using Origin = std::shared_ptr<const MirrorOrigin>;
  [[nodiscard]] Held held() const {
    const MutexLock lock(mutex);
    return in_use;
  }
  [[nodiscard]] Origin current_origin() const {
    const MutexLock lock(mutex);
    return origin;
  }
  void use(Manifest next) {
    MirrorStatus status{next.number, next.made, next.files.size(), next.until, next.until};
    for (const auto& [name, entry] : next.files) {
      status.last_end = std::max(status.last_end, entry.next_update);
    }
    auto fresh = std::make_shared<const InUse>(InUse{std::move(next), status});
    const MutexLock lock(mutex);
    in_use.swap(fresh);
  }
  [[nodiscard]] std::string path(const char* name) const { return options.directory + "/" + name; }

  /// The manifest that lies here; number 0: there is none. Errors: kIo, kTampered.
  [[nodiscard]] Result<Manifest, MirrorError> load(const MirrorOrigin& by) const;
  Result<Unit, MirrorError> begin();
  /// Whether the file is here, octet for octet.
  [[nodiscard]] bool is_here(const ManifestEntry& entry) const;
  using Named = std::pair<const std::string, ManifestEntry>;
  /// What `next` names that is not here.
  [[nodiscard]] std::vector<const Named*> missing(const Manifest& next, const Held& before) const;
  Result<Unit, MirrorError> fetch_one(const Named& file, std::uint64_t number, Pull& pull);
  /// All of them, over several connections when they are many. Errors: the first one's.
  Result<Unit, MirrorError> fetch_all(const std::vector<const Named*>& files, std::uint64_t number,
                                      Pull& pull);

  const MirrorOptions options;
  Logger& logger;
  Tree tree;
  Mutex writing;            ///< to the tree: one at a time
  std::uint64_t floor = 0;  ///< numbers below were left behind; on disk before it is used
  mutable Mutex mutex;
  Held in_use MUSTER_GUARDED_BY(mutex) = std::make_shared<const InUse>();
  Origin origin MUSTER_GUARDED_BY(mutex);
};

Result<Manifest, MirrorError> Mirror::Impl::load(const MirrorOrigin& by) const {
  if (!std::filesystem::exists(path("manifest"))) {
    return Manifest{};
  }
  const auto text = read_file(path("manifest"), options.max_manifest_bytes);
  if (!text) {
    return io(text.error());
  }
  auto read = verify_manifest(as_text(*text), by.signers);
  if (!read) {
    return Err{
        MirrorError{MirrorErrc::kTampered,
                    path("manifest") + ": " + read.error() +
                        " (another signer than before? name both until a manifest of the new one "
                        "is in use, or begin with an empty directory)"}};
  }
  return *std::move(read);
}

Result<Unit, MirrorError> Mirror::Impl::begin() {
  if (const auto made = tree.prepare(); !made) {
    return io(made.error());
  }
  if (std::filesystem::exists(path("number"))) {
    const auto text = read_file(path("number"), 64);
    if (!text) {
      return io(text.error());
    }
    floor = std::strtoull(std::string(as_text(*text)).c_str(), nullptr, 10);
  }
  MUSTER_TRY(Manifest manifest, load(*current_origin()));
  floor = std::max(floor, manifest.number);
  use(std::move(manifest));
  return Unit{};
}

bool Mirror::Impl::is_here(const ManifestEntry& entry) const {
  const auto content = read_file(path("tree") + "/" + place_of(entry), options.max_answer_bytes);
  return content && is_content(*content, entry);
}

std::vector<const Mirror::Impl::Named*> Mirror::Impl::missing(const Manifest& next,
                                                              const Held& before) const {
  std::vector<const Named*> out;
  for (const Named& file : next.files) {
    const auto known = before->manifest.files.find(file.first);
    const bool was_named =
        known != before->manifest.files.end() && known->second.digest == file.second.digest;
    // A pull that failed, or died, may have left it: then nobody knows whether it is whole.
    const bool is_there = std::filesystem::exists(path("tree") + "/" + place_of(file.second));
    if (!is_there || (!was_named && !is_here(file.second))) {
      out.push_back(&file);
    }
  }
  return out;
}

Result<Unit, MirrorError> Mirror::Impl::fetch_one(const Named& file, std::uint64_t number,
                                                  Pull& pull) {
  // Slashes of the base64 are folders of the tree; the rest is escaped as in every URL.
  std::string target = "tree/";
  for (const char c : file_path(*http::base64_decode(file.first))) {
    target += c == '+' ? "%2B" : c == '=' ? "%3D" : std::string(1, c);
  }
  MUSTER_TRY(const Buffer content, pull.fetch(target, options.max_answer_bytes));
  if (!is_content(content, file.second)) {
    return Err{MirrorError{MirrorErrc::kTampered,
                           target + " is not what manifest " + std::to_string(number) +
                               " says (if an export is under way, the next time will do)"}};
  }
  const MutexLock lock(writing);
  if (const auto kept = tree.write(place_of(file.second), content); !kept) {
    return io(kept.error());
  }
  return Unit{};
}

Result<Unit, MirrorError> Mirror::Impl::fetch_all(const std::vector<const Named*>& files,
                                                  std::uint64_t number, Pull& pull) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> has_failed{false};
  std::optional<MirrorError> first;  // under `writing`
  const auto work = [&](Pull& by) {
    for (std::size_t i = next++; i < files.size() && !has_failed; i = next++) {
      if (auto fetched = fetch_one(*files[i], number, by); !fetched) {
        const MutexLock lock(writing);
        first = first ? first : std::optional(fetched.error());
        has_failed = true;
      }
    }
  };
  {
    std::vector<std::jthread> others;
    const std::size_t most = std::min(kMaxConnections, files.size() / kFilesAConnection);
    try {
      while (others.size() + 1 < most) {
        others.emplace_back([&work, &pull] {
          Pull own = pull.another();
          work(own);
        });
      }
    } catch (const std::system_error&) {
      // The system has no more threads: those there are do it.
    }
    work(pull);
  }
  return first ? Result<Unit, MirrorError>(Err{*std::move(first)})
               : Result<Unit, MirrorError>(Unit{});
}

Mirror::Mirror(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Mirror::~Mirror() = default;

Result<std::unique_ptr<Mirror>, MirrorError> Mirror::open(MirrorOptions options,
                                                          MirrorOrigin origin, Logger& logger) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(origin), logger);
  MUSTER_CHECK(impl->begin());
  return std::unique_ptr<Mirror>(new Mirror(std::move(impl)));
}

Result<Unit, MirrorError> Mirror::adopt(MirrorOrigin origin) {
  MUSTER_CHECK(impl_->load(origin));
  auto next = std::make_shared<const MirrorOrigin>(std::move(origin));
  const MutexLock lock(impl_->mutex);
  impl_->origin.swap(next);
  return Unit{};
}

Result<PullReport, MirrorError> Mirror::pull(std::stop_token stop) {
  Impl& impl = *impl_;
  Pull pull(impl.current_origin(), std::move(stop));
  MUSTER_TRY(const Buffer text, pull.fetch("manifest", impl.options.max_manifest_bytes));
  auto read = verify_manifest(as_text(text), pull.origin().signers);
  if (!read) {
    return Err{MirrorError{MirrorErrc::kTampered, "the manifest: " + read.error()}};
  }
  Manifest& next = *read;
  const Impl::Held before = impl.held();
  const bool is_same = next.number == before->manifest.number;
  if (next.number < impl.floor || (is_same && !(next == before->manifest))) {
    return Err{MirrorError{MirrorErrc::kRolledBack,
                           "manifest " + std::to_string(next.number) + " is older than " +
                               std::to_string(impl.floor) + ", which was accepted before"}};
  }
  const auto missing = impl.missing(next, before);
  MUSTER_CHECK(impl.fetch_all(missing, next.number, pull));
  PullReport report{next.number, next.files.size(), missing.size(), 0};
  if (is_same) {
    return report;
  }
  // All of it is on disk before it is named, and the number before what it is the number of.
  if (const auto synced = impl.tree.sync(); !synced) {
    return io(synced.error());
  }
  if (const auto kept =
          write_file_atomically(impl.path("number"), as_bytes(std::to_string(next.number) + "\n"));
      !kept) {
    return io(kept.error());
  }
  impl.floor = next.number;
  if (const auto kept = write_file_atomically(impl.path("manifest"), text); !kept) {
    return io(kept.error());
  }
  std::set<std::string> wanted;
  for (const auto& [name, entry] : next.files) {
    wanted.insert(place_of(entry));
  }
  impl.use(std::move(next));
  const auto swept =
      impl.tree.sweep([&wanted](const std::string& place) { return wanted.contains(place); });
  if (!swept) {  // only room is lost
    impl.logger.log(LogLevel::kWarning, "edge.not_swept", to_string(swept.error()));
  } else {
    report.removed = *swept;
  }
  return report;
}

Result<HeldAnswer, MissErrc> Mirror::find(Bytes request, UnixSeconds now) const {
  const std::string name = http::base64_encode(request);
  for (Impl::Held held = impl_->held();;) {
    const auto known = held->manifest.files.find(name);
    if (known == held->manifest.files.end()) {
      return Err{MissErrc::kUnknown};
    }
    const ManifestEntry& entry = known->second;
    if (now >= entry.next_update) {
      return Err{MissErrc::kOver};
    }
    const std::string file = impl_->path("tree") + "/" + place_of(entry);
    auto content = read_file(file, impl_->options.max_answer_bytes);
    if (content && is_content(*content, entry)) {
      return HeldAnswer{*std::move(content), entry.due, entry.next_update};
    }
    if (Impl::Held newer = impl_->held(); newer != held) {
      held = std::move(newer);  // a pull took its file away meanwhile
      continue;
    }
    std::remove(file.c_str());  // so that the next pull fetches it again
    return Err{MissErrc::kDamaged};
  }
}

MirrorStatus Mirror::status() const { return impl_->held()->status; }

}  // namespace muster::edge
