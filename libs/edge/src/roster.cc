#include "roster.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "muster/base/file.h"

namespace muster::edge {
namespace {

bool exists(const std::string& path) {
  struct ::stat ignored {};
  return ::stat(path.c_str(), &ignored) == 0;
}

const ManifestEntry* find(const Manifest& manifest, const std::string& name) {
  const auto at = manifest.files.find(name);
  return at == manifest.files.end() ? nullptr : &at->second;
}

}  // namespace

Result<Unit, ExportError> Roster::load(bool is_new, UnixSeconds now,
                                       const std::optional<pki::PrivateKey>& key, Logger& logger) {
  has_strangers_ = exists(unfinished_path_);
  if (!exists(manifest_path_)) {
    has_strangers_ = has_strangers_ || !is_new;
  } else {
    const auto text = read_file(manifest_path_, max_manifest_bytes_);
    if (!text) {
      return Err{ExportError{ExportErrc::kIo, to_string(text.error())}};
    }
    auto read = key ? verify_own_manifest(as_text(*text), *key) : parse_manifest(as_text(*text));
    if (read) {
      before_ = *std::move(read);
    } else {
      logger.log(LogLevel::kWarning, "export.manifest_refused",
                 "the manifest is damaged, or manifest_key did not sign it (is the key new?); "
                 "everything is made anew",
                 {{"file", manifest_path_}, {"why", read.error()}});
      has_strangers_ = true;
    }
  }
  now_.made = now;
  if (before_.number == std::numeric_limits<std::uint64_t>::max()) {
    return Err{ExportError{ExportErrc::kInput,
                           manifest_path_ + ": its number cannot rise any more (remove it, and "
                                            "have those who follow it begin anew)"}};
  }
  now_.number = std::max(before_.number + 1,
                         static_cast<std::uint64_t>(std::max<std::int64_t>(0, to_int(now))));
  return Unit{};
}

Result<Unit, FileError> Roster::begin() { return write_file_atomically(unfinished_path_, {}); }

const ManifestEntry* Roster::find_before(const std::string& name) const {
  return find(before_, name);
}
const ManifestEntry* Roster::find_now(const std::string& name) const { return find(now_, name); }

Result<std::string, ExportError> Roster::seal(pki::Signer* signer) {
  now_.until = now_.made;
  for (const auto& [name, entry] : now_.files) {
    now_.until =
        now_.until == now_.made ? entry.next_update : std::min(now_.until, entry.next_update);
  }
  auto text = seal_manifest(now_, signer);
  if (!text) {
    return Err{ExportError{ExportErrc::kAnswers, "manifest key: " + text.error().detail}};
  }
  if (text->size() > max_manifest_bytes_) {
    return Err{ExportError{ExportErrc::kInput,
                           manifest_path_ + " would have more than " +
                               std::to_string(max_manifest_bytes_) +
                               " octets (export fewer issuers or hashes to this directory)"}};
  }
  return *std::move(text);
}

Result<Unit, FileError> Roster::write(const std::string& text) {
  return write_file_atomically(manifest_path_, as_bytes(text));
}

void Roster::finish() {
  ::unlink(unfinished_path_.c_str());  // if it stays, the next run looks through the tree
}

}  // namespace muster::edge
