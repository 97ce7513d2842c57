#include "muster/store/mark.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "error.h"
#include "siphash.h"

namespace muster::store {
namespace {

constexpr std::string_view kMagic = "muster-mark 1 ";
constexpr std::size_t kSequenceDigits = 20;
constexpr std::size_t kDigestDigits = 32;
/// Within one sector: written as a whole or not at all.
constexpr std::size_t kFileOctets =
    kMagic.size() + 2 * StoreIdentity{}.size() + 1 + kSequenceDigits + 1 + kDigestDigits + 1;
static_assert(kFileOctets < 512);

/// No proof against anybody, but damage shows.
std::string digest_of(std::string_view text) {
  SipHash hash(SipHash::Key{});
  hash.add(as_bytes(text));
  const SipHash::Digest digest = hash.finish();
  char out[kDigestDigits + 1];
  std::snprintf(out, sizeof out, "%016llx%016llx", static_cast<unsigned long long>(digest.low),
                static_cast<unsigned long long>(digest.high));
  return out;
}

StoreError error_of(FileErrc code, const std::string& path, int error) {
  const StoreErrc kind = lmdb_error(error, "", path).code;
  return {kind == StoreErrc::kIo && code == FileErrc::kOpen ? StoreErrc::kOpen : kind,
          "the store's mark: " + to_string(FileError{code, error, path})};
}

StoreIdentity identity_of(const Store& store) {
  const auto* const identified = dynamic_cast<const Identified*>(&store);
  MUSTER_ASSERT(identified != nullptr);
  return identified->identity();
}

/// Long past, and no other rule writes it: an end of what may be said that means this one thing.
constexpr UnixSeconds kBehind{Seconds{1}};

}  // namespace

std::string Mark::encode(const Noted& noted) {
  std::string digits = std::to_string(noted.sequence);
  digits.insert(0, kSequenceDigits - digits.size(), '0');
  const std::string text = std::string(kMagic) + to_hex(noted.store) + " " + digits;
  return text + " " + digest_of(text) + "\n";
}

std::optional<Mark::Noted> Mark::decode(std::string_view text) {
  if (text.size() != kFileOctets || !text.starts_with(kMagic)) {
    return std::nullopt;
  }
  const auto store = from_hex(text.substr(kMagic.size(), 2 * StoreIdentity{}.size()));
  const std::string_view digits =
      text.substr(kMagic.size() + 2 * StoreIdentity{}.size() + 1, kSequenceDigits);
  Noted noted;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), noted.sequence);
  if (!store || store->size() != noted.store.size() || error != std::errc{} ||
      end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  std::copy(store->begin(), store->end(), noted.store.begin());
  return encode(noted) == text ? std::optional(noted) : std::nullopt;
}

StoreResult<std::unique_ptr<Mark>> Mark::open(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) {
    return Err{error_of(FileErrc::kOpen, path, errno)};
  }
  std::string text(kFileOctets + 1, '\0');
  const ssize_t got = S_ISREG(info.st_mode) ? ::pread(file.get(), text.data(), text.size(), 0) : 1;
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  std::unique_ptr<Mark> mark(new Mark(path, std::move(file)));
  mark->noted_ = decode(text);
  if (got < 0 || (got > 0 && !mark->noted_)) {
    return Err{StoreError{StoreErrc::kNotAStore,
                          "mark " + path +
                              ": not what muster wrote there (name another file; if it is the "
                              "store's mark and the store is known to be up to date, remove it)"}};
  }
  return mark;
}

Mark::Standing Mark::compare(const Store& store) const {
  const std::lock_guard lock(mutex_);
  if (!noted_) {
    return Standing::kNew;
  }
  if (noted_->store != identity_of(store)) {
    return Standing::kAnother;
  }
  return store.reader()->renew() < noted_->sequence ? Standing::kBehind : Standing::kHolds;
}

StoreResult<Unit> Mark::note(const Store& store, std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  const Noted next{identity_of(store), sequence};
  const bool is_older = noted_ && noted_->store == next.store && sequence <= noted_->sequence;
  return is_older ? StoreResult<Unit>(Unit{}) : save(next);
}

StoreResult<Unit> Mark::save(const Noted& next) {
  const std::string text = encode(next);
  const ssize_t put = ::pwrite(file_.get(), text.data(), text.size(), 0);
  if (put != static_cast<ssize_t>(text.size())) {
    return Err{error_of(FileErrc::kWrite, path_, put < 0 ? errno : ENOSPC)};
  }
  if (::fdatasync(file_.get()) != 0) {
    return Err{error_of(FileErrc::kSync, path_, errno)};
  }
  noted_ = next;
  return Unit{};
}

void set_behind(IssuerState& facts) {
  facts.not_revoked_until = kBehind;
  facts.never_issued_until = kBehind;
}
bool is_behind(const IssuerState& facts) {
  return facts.not_revoked_until == kBehind && facts.never_issued_until == kBehind;
}
void set_complete(IssuerState& facts) {
  facts.not_revoked_until.reset();
  facts.never_issued_until.reset();
}

}  // namespace muster::store
