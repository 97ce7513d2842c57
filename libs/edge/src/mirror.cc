#include "muster/edge/mirror.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "muster/base/mutex.h"
#include "muster/edge/paths.h"
#include "muster/http/base64.h"
#include "muster/http/get_path.h"
#include "muster/net/fetcher.h"
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

}  // namespace

struct Mirror::Impl {
  Impl(MirrorOptions o, pki::Certificate s, Logger& l)
      : options(std::move(o)), signer(std::move(s)), logger(l), tree(options.directory) {}

  using Held = std::shared_ptr<const Manifest>;
  [[nodiscard]] Held held() const {
    const MutexLock lock(mutex);
    return manifest;
  }
  void use(Manifest next) {
    auto fresh = std::make_shared<const Manifest>(std::move(next));
    const MutexLock lock(mutex);
    manifest.swap(fresh);
  }
  [[nodiscard]] std::string path(const char* name) const { return options.directory + "/" + name; }

  Result<Unit, MirrorError> load();
  Result<Buffer, MirrorError> fetch(const std::string& target, std::size_t most,
                                    const std::stop_token& stop) const;
  Result<std::size_t, MirrorError> fetch_missing(const Manifest& next, const Held& before,
                                                 const std::stop_token& stop);

  const MirrorOptions options;
  const pki::Certificate signer;
  Logger& logger;
  Tree tree;
  std::uint64_t floor = 0;  ///< numbers below were left behind; on disk before it is used
  mutable Mutex mutex;
  Held manifest MUSTER_GUARDED_BY(mutex) = std::make_shared<const Manifest>();
};

Result<Unit, MirrorError> Mirror::Impl::load() {
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
  if (!std::filesystem::exists(path("manifest"))) {
    return Unit{};
  }
  const auto text = read_file(path("manifest"), options.max_manifest_bytes);
  if (!text) {
    return io(text.error());
  }
  auto read = verify_manifest(as_text(*text), signer);
  if (!read) {
    return Err{
        MirrorError{MirrorErrc::kTampered,
                    path("manifest") + ": " + read.error() +
                        " (another signer than before? then begin with an empty directory)"}};
  }
  floor = std::max(floor, read->number);
  use(*std::move(read));
  return Unit{};
}

Result<Buffer, MirrorError> Mirror::Impl::fetch(const std::string& target, std::size_t most,
                                                const std::stop_token& stop) const {
  net::FetchRequest request;
  request.url = options.url + (options.url.ends_with('/') ? "" : "/") + target;
  request.total_timeout = options.fetch_timeout;
  request.max_body_bytes = most;
  request.max_redirects = 0;
  request.stop = stop;
  auto got = net::fetch(request);
  if (!got) {
    return Err{MirrorError{MirrorErrc::kUnreachable, request.url + ": " + got.error().detail}};
  }
  return std::move(got->body);
}

Result<std::size_t, MirrorError> Mirror::Impl::fetch_missing(const Manifest& next,
                                                             const Held& before,
                                                             const std::stop_token& stop) {
  std::size_t fetched = 0;
  for (const auto& [name, entry] : next.files) {
    const auto known = before->files.find(name);
    const std::string place = place_of(entry);
    if (known != before->files.end() && known->second.digest == entry.digest &&
        std::filesystem::exists(path("tree") + "/" + place)) {
      continue;
    }
    // Slashes of the base64 are folders of the tree; the rest is escaped as in every URL.
    std::string target = "tree/";
    for (const char c : file_path(*http::base64_decode(name))) {
      target += c == '+' ? "%2B" : c == '=' ? "%3D" : std::string(1, c);
    }
    MUSTER_TRY(const Buffer content, fetch(target, options.max_answer_bytes, stop));
    if (!is_content(content, entry)) {
      return Err{MirrorError{MirrorErrc::kTampered,
                             target + " is not what manifest " + std::to_string(next.number) +
                                 " says (if an export is under way, the next time will do)"}};
    }
    if (const auto kept = tree.write(place, content); !kept) {
      return io(kept.error());
    }
    ++fetched;
  }
  return fetched;
}

Mirror::Mirror(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Mirror::~Mirror() = default;

Result<std::unique_ptr<Mirror>, MirrorError> Mirror::open(MirrorOptions options,
                                                          pki::Certificate signer, Logger& logger) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(signer), logger);
  MUSTER_CHECK(impl->load());
  return std::unique_ptr<Mirror>(new Mirror(std::move(impl)));
}

Result<PullReport, MirrorError> Mirror::pull(std::stop_token stop) {
  Impl& impl = *impl_;
  MUSTER_TRY(const Buffer text, impl.fetch("manifest", impl.options.max_manifest_bytes, stop));
  auto read = verify_manifest(as_text(text), impl.signer);
  if (!read) {
    return Err{MirrorError{MirrorErrc::kTampered, "the manifest: " + read.error()}};
  }
  Manifest& next = *read;
  const Impl::Held before = impl.held();
  if (next.number < impl.floor || (next.number == before->number && !(next == *before))) {
    return Err{MirrorError{MirrorErrc::kRolledBack,
                           "manifest " + std::to_string(next.number) + " is older than " +
                               std::to_string(impl.floor) + ", which was accepted before"}};
  }
  PullReport report{next.number, next.files.size(), 0, 0};
  MUSTER_TRY(report.fetched, impl.fetch_missing(next, before, stop));
  if (next.number == before->number) {
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
    const auto known = held->files.find(name);
    if (known == held->files.end()) {
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

std::uint64_t Mirror::number() const { return impl_->held()->number; }
std::optional<UnixSeconds> Mirror::until() const {
  const Impl::Held held = impl_->held();
  return held->number == 0 ? std::nullopt : std::optional(held->until);
}

}  // namespace muster::edge
