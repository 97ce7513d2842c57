#include "muster/signers/directory.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "muster/base/text.h"
#include "muster/token/bare_uri.h"

namespace muster::signers {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;

/// What belongs to one delegate; empty: not there.
struct Parts {
  std::string name;         ///< of the file it is called by
  std::string certificate;  ///< or the PKCS#12 file
  std::string key, uri;
  bool is_pkcs12 = false;
};

/// What may change while the directory stays as it is passes: the passphrase or PIN is corrected
/// where key_pass points, and a token gets its key later than the URI that names it.
Err<DelegateError> fail(const pki::PkiError& error, const std::string& name, bool is_in_token) {
  using pki::PkiErrc;
  const bool passes = error.code == PkiErrc::kUnavailable || error.code == PkiErrc::kUnreadable ||
                      error.code == PkiErrc::kWrongPassphrase ||
                      (is_in_token && error.code == PkiErrc::kNotAKey);
  return Err{
      DelegateError{passes ? Refusal::kForNow : Refusal::kForGood, name + ": " + error.detail}};
}
Err<DelegateError> fail(const std::string& why) {
  return Err{DelegateError{Refusal::kForGood, why}};
}

Result<std::string, DelegateError> read_uri(const std::string& path) {
  auto content = read_file(path, kMaxFileBytes);
  if (!content) {
    return Err{DelegateError{Refusal::kForNow, to_string(content.error())}};
  }
  const std::string_view all = as_text(*content);
  const std::string uri(trim(all.substr(0, all.find_first_of("\r\n"))));
  if (!token::is_key_uri(uri)) {
    return fail(path + ": its first line is no pkcs11: URI");
  }
  // Whoever can write here must not choose what code the responder loads, nor which file's first
  // line a token gets as its PIN.
  if (const auto bare = token::check_bare_key_uri(uri); !bare) {
    return fail(path + ": " + bare.error().detail);
  }
  return uri;
}

/// The certificate that the key belongs to.
Result<Delegate, DelegateError> pair_up(const std::string& name, pki::KeyFile key,
                                        const std::vector<pki::Certificate>& candidates) {
  const auto fits = std::find_if(candidates.begin(), candidates.end(),
                                 [&](const pki::Certificate& c) { return key.key.matches(c); });
  if (fits == candidates.end()) {
    return Err{DelegateError{
        key.key.remote() != nullptr ? Refusal::kForNow : Refusal::kForGood,
        name + ": the private key belongs to none of the certificates there" +
            (candidates.empty() ? ""
                                : " (the first is " + candidates.front().subject_text() + ")") +
            "; put the key that was certified beside it"}};
  }
  return Delegate{name, *fits, std::move(key.key)};
}

Result<Delegate, DelegateError> load(const Parts& parts, const DirectoryOptions& options) {
  const std::string& file = parts.certificate;
  std::string key_source = !parts.key.empty() ? parts.key : file;
  if (!parts.uri.empty()) {
    MUSTER_TRY(key_source, read_uri(parts.uri));
  }
  auto key = token::load_key(key_source, options.passphrase, options.token);
  if (!key && key.error().code == pki::PkiErrc::kNotAKey && !parts.is_pkcs12 && parts.key.empty() &&
      parts.uri.empty() && pki::load_certificates(file)) {
    const std::string stem = fs::path(parts.name).stem().string();
    return Err{DelegateError{Refusal::kIncomplete,
                             parts.name + ": a certificate without its key (" + stem + ".key, or " +
                                 stem + ".uri where a token has it)"}};
  }
  if (!key) {
    return fail(key.error(), parts.name, !parts.uri.empty());
  }
  std::vector<pki::Certificate> candidates = key->certificates;
  if (key_source != file) {
    auto certificates = pki::load_certificates(file);
    if (!certificates) {
      return fail(certificates.error(), parts.name, false);
    }
    candidates = *std::move(certificates);
  }
  return pair_up(parts.name, *std::move(key), candidates);
}

}  // namespace

/// Null for a file that is not there or cannot be read.
const std::array<std::uint8_t, 32>* DelegateDirectory::digest_of(const std::string& path) {
  struct stat seen {};
  if (::stat(path.c_str(), &seen) != 0 || !S_ISREG(seen.st_mode)) {
    files_.erase(path);
    return nullptr;
  }
  const auto ns = [](const timespec& t) {
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  };
  const Stamp stamp{seen.st_dev, seen.st_ino, static_cast<std::uint64_t>(seen.st_size),
                    ns(seen.st_mtim), ns(seen.st_ctim)};
  if (const auto known = files_.find(path); known != files_.end() && known->second.stamp == stamp) {
    return &known->second.digest;
  }
  File file{stamp, {}};
  const auto content = read_file(path, kMaxFileBytes);
  // One that cannot be read has a fingerprint too: it is told once, and looked at again when
  // something about it changes.
  const Buffer hashed =
      pki::digest(HashAlgorithm::kSha256, content ? Bytes(*content) : as_bytes("unreadable"));
  std::copy(hashed.begin(), hashed.end(), file.digest.begin());
  return &(files_[path] = file).digest;
}

Result<std::vector<Found>, std::string> DelegateDirectory::read() {
  std::error_code error;
  std::set<std::string> names;
  for (fs::directory_iterator at(options_.path, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.front() != '.') {
      names.insert(name);
    }
    if (names.size() > options_.max_delegates * 4) {
      return Err{options_.path + ": more than " + std::to_string(options_.max_delegates * 4) +
                 " files; it is to hold the delegates of one CA and nothing else"};
    }
  }
  if (error) {
    return Err{options_.path + ": cannot be read: " + error.message()};
  }
  std::erase_if(files_, [&](const auto& file) {
    return !names.contains(fs::path(file.first).filename().string());
  });
  std::vector<Found> out;
  for (const std::string& name : names) {
    const fs::path file(name);
    const std::string extension = to_lower(file.extension().string());
    const bool is_pkcs12 = extension == ".p12" || extension == ".pfx";
    if (!is_pkcs12 && extension != ".pem" && extension != ".crt" && extension != ".cer") {
      continue;
    }
    Parts parts{name, (fs::path(options_.path) / name).string(), {}, {}, is_pkcs12};
    const auto beside = [&](const char* ending) {
      const std::string other = file.stem().string() + ending;
      return !is_pkcs12 && names.contains(other) ? (fs::path(options_.path) / other).string()
                                                 : std::string();
    };
    parts.key = beside(".key");
    parts.uri = beside(".uri");
    Buffer all;
    for (const std::string& path : {parts.certificate, parts.key, parts.uri}) {
      const auto* digest = path.empty() ? nullptr : digest_of(path);
      all.push_back(digest == nullptr ? 0 : 1);
      if (digest != nullptr) {
        all.insert(all.end(), digest->begin(), digest->end());
      }
    }
    Found found{name, {}, [parts, options = options_] { return load(parts, options); }};
    const Buffer fingerprint = pki::digest(HashAlgorithm::kSha256, all);
    std::copy(fingerprint.begin(), fingerprint.end(), found.fingerprint.begin());
    out.push_back(std::move(found));
    if (out.size() > options_.max_delegates) {
      return Err{options_.path + ": more than " + std::to_string(options_.max_delegates) +
                 " certificates; remove those that have ended"};
    }
  }
  return out;
}

}  // namespace muster::signers
