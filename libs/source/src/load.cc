#include "muster/source/load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "load_parts.h"

namespace muster::source {
namespace {

std::int64_t nanoseconds(const timespec& t) {
  return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

FileStamp make_stamp(const struct stat& info) {
  return {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size),
          nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
}

SourceError unreadable(FileErrc code, int os_error, const std::string& path) {
  return {SourceErrc::kUnreadable, to_string(FileError{code, os_error, path})};
}

}  // namespace

std::string_view to_string(SourceErrc code) {
  switch (code) {
    case SourceErrc::kUnreadable:
      return "unreadable";
    case SourceErrc::kChanging:
      return "changing";
    case SourceErrc::kMalformed:
      return "malformed";
    case SourceErrc::kConflict:
      return "conflict";
    case SourceErrc::kEmptied:
      return "emptied";
    case SourceErrc::kNotTrusted:
      return "not-trusted";
    case SourceErrc::kUnsupported:
      return "unsupported";
    case SourceErrc::kRollback:
      return "rollback";
    case SourceErrc::kNotYetValid:
      return "not-yet-valid";
    case SourceErrc::kStore:
      return "store";
    case SourceErrc::kStopped:
      return "stopped";
    case SourceErrc::kNoBase:
      return "no-base";
    case SourceErrc::kIncomplete:
      return "incomplete";
    case SourceErrc::kUnreachable:
      return "unreachable";
  }
  return "unknown";
}

std::string_view to_string(SourceKind kind) {
  switch (kind) {
    case SourceKind::kIndexTxt:
      return "index.txt";
    case SourceKind::kCrl:
      return "CRL";
    case SourceKind::kCrlSet:
      return "CRL set";
  }
  return "unknown";
}

namespace {

/// " 01 02 ..." for the first of `count` serials.
std::string list_text(const std::vector<Serial>& serials, std::uint64_t count) {
  std::string text;
  for (const Serial& serial : serials) {
    text += " " + serial.to_hex();
  }
  return text + (count > serials.size() ? " ..." : "");
}

}  // namespace

std::string LoadReport::kept_text() const {
  std::string text = std::to_string(kept_revoked()) +
                     " revoked certificates are missing or no longer revoked there, although "
                     "nothing says that they have expired; they stay revoked:";
  return text + list_text(changes.kept_examples, kept_revoked()) +
         " (restore the entries; to give up a revocation on purpose use 'muster store set SERIAL "
         "good "
         "--force', or 'muster store forget SERIAL --force' if the certificate was never issued)";
}

std::string LoadReport::kept_good_text() const {
  return std::to_string(kept_good()) +
         " certificates are missing there although they have not expired; they stay known, not "
         "revoked:" +
         list_text(changes.kept_good_examples, kept_good()) +
         " (was the file cut, or is it an old copy? restore the entries; to give certificates up "
         "on purpose use 'muster store forget SERIAL', or 'muster store import --allow-missing' "
         "for all that the index lacks)";
}

Result<OpenFile, SourceError> open_file(const std::string& path) {
  OpenFile file;
  file.fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!file.fd || ::fstat(file.fd.get(), &info) != 0) {
    return Err{unreadable(FileErrc::kOpen, errno, path)};
  }
  if (!S_ISREG(info.st_mode)) {
    return Err{unreadable(FileErrc::kNotAFile, 0, path)};
  }
  file.stamp = make_stamp(info);
  return file;
}

UnixSeconds written_at(const FileStamp& stamp) {
  return unix_seconds(stamp.modified_ns / 1'000'000'000);
}

std::optional<FileStamp> stamp_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return std::nullopt;
  }
  return make_stamp(info);
}

SourceError missing_error(const std::string& path, InForce in_force) {
  struct stat info {};
  const int error = ::stat(path.c_str(), &info) == 0 ? 0 : errno;
  const std::string what = error != 0              ? std::strerror(error)
                           : S_ISDIR(info.st_mode) ? "a directory, not a file"
                           : S_ISREG(info.st_mode) ? "it was not there a moment ago"
                                                   : "a pipe, socket or device, not a file";
  return source_error(
      SourceErrc::kUnreadable, path,
      what + (in_force == InForce::kEarlier ? " (what was loaded before stays in force; restore it)"
                                            : " (check the path)"));
}

Result<std::size_t, SourceError> read_piece(const OpenFile& file, const std::string& path,
                                            std::uint64_t at, std::span<std::uint8_t> into,
                                            const std::stop_token& stop) {
  for (;;) {
    if (stop.stop_requested()) {
      return Err{source_error(SourceErrc::kStopped, path, "stopped")};
    }
    const ssize_t got = ::pread(file.fd.get(), into.data(), into.size(), static_cast<off_t>(at));
    if (got >= 0) {
      return static_cast<std::size_t>(got);
    }
    if (errno != EINTR) {
      return Err{unreadable(FileErrc::kRead, errno, path)};
    }
  }
}

Result<Unit, SourceError> check_unchanged(const OpenFile& file, const std::string& path) {
  struct stat info {};
  if (::fstat(file.fd.get(), &info) != 0) {
    return Err{unreadable(FileErrc::kRead, errno, path)};
  }
  // The name may meanwhile stand for another file: then that one is to be read, not this one.
  if (make_stamp(info) != file.stamp || stamp_of(path) != file.stamp) {
    return Err{source_error(SourceErrc::kChanging, path,
                            "it changed while it was read; it will be read again")};
  }
  return Unit{};
}

SourceError store_error(const store::StoreError& error) {
  return {SourceErrc::kStore, error.detail};
}

SourceError source_error(SourceErrc code, const std::string& path, std::string_view what) {
  return {code, path + ": " + std::string(what)};
}

Result<store::IssuerState, SourceError> known_facts(const store::Store& store, store::IssuerId id) {
  const auto reader = store.reader();
  if (reader->renew() == 0) {
    const auto why = reader->find(id, {});
    return Err{store_error(
        why ? store::StoreError{store::StoreErrc::kIo, "the store cannot be read"} : why.error())};
  }
  const store::IssuerState* state = reader->issuer_state(id);
  if (state == nullptr) {
    return Err{SourceError{SourceErrc::kStore, "the store does not know the issuer"}};
  }
  return *state;
}

store::TakePolicy keep_records(UnixSeconds now, Silence silence) {
  return [now, silence](const Serial&, const store::Status& old,
                        const std::optional<store::Status>& next) {
    if (old.state == store::State::kGood) {
      const bool is_lost = silence == Silence::kSaysNothing && !next;
      return is_lost && old.expires && *old.expires >= now ? store::Take::kOld : store::Take::kNew;
    }
    // The new record may know the expiry that the old one did not: a CRL beside a list of issued
    // serials.
    const std::optional<UnixSeconds> expires = old.expires || !next ? old.expires : next->expires;
    const bool may_end = silence == Silence::kEndsOwnEntries && old.told_by_crl;
    const bool alive = expires ? *expires >= now : !may_end;
    // A CRL lifts a hold of its own by leaving the entry out, an index by stating the certificate
    // good; the good of a list of issued serials beside CRLs says nothing of holds.
    const bool is_said =
        next && (silence != Silence::kEndsOwnEntries || next->state != store::State::kGood);
    const bool lifted = old.state == store::State::kHold && (is_said || may_end);
    const bool still_revoked = next && next->state == store::State::kRevoked;
    return alive && !lifted && !still_revoked ? store::Take::kOld : store::Take::kNew;
  };
}

Result<LoadReport, SourceError> load(store::Store& store, const SourceSpec& spec,
                                     const LoadOptions& options) {
  switch (spec.kind) {
    case SourceKind::kIndexTxt:
      return load_index(store, spec, options);
    case SourceKind::kCrl:
      return load_crl(store, spec, options);
    case SourceKind::kCrlSet:
      break;
  }
  return Err{source_error(SourceErrc::kUnsupported, spec.path,
                          "a set of CRLs is watched, not loaded once")};
}

Result<Unit, SourceError> confirm(store::Store& store, store::IssuerId id, UnixSeconds now) {
  MUSTER_TRY(store::IssuerState facts, known_facts(store, id));
  facts.loaded_at = now;
  if (const auto touched = store.touch(id, facts); !touched) {
    return Err{store_error(touched.error())};
  }
  return Unit{};
}

store::IssuerKey make_issuer_key(const pki::Certificate& issuer) {
  Buffer identity = to_buffer(issuer.subject());
  const Bytes key_info = issuer.public_key_info();
  identity.insert(identity.end(), key_info.begin(), key_info.end());
  store::IssuerKey key;
  pki::digest_into(HashAlgorithm::kSha256, identity, key.digest);
  return key;
}

}  // namespace muster::source
