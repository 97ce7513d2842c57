#include <algorithm>
#include <filesystem>
#include <iterator>

#include "muster/base/text.h"
#include "muster/client/crl_document.h"

namespace muster::client {
namespace {

namespace fs = std::filesystem;
using pki::PkiErrc, pki::PkiError, pki::PkiResult;

/// Smaller files are read: nobody can then change them under us.
constexpr std::size_t kMappedFrom = std::size_t{1} << 20;
constexpr std::size_t kMaxCrlFileBytes = std::size_t{1} << 30;
constexpr std::size_t kMaxCrlFiles = 100'000;

struct Element {
  std::uint8_t tag;
  std::size_t begin, end;  ///< of its content; the end as its length says, whatever there is
};
/// What begins at `at`, which may lie beyond the octets.
std::optional<Element> element_at(Bytes octets, std::size_t at) {
  if (octets.size() < 2 || at > octets.size() - 2) {
    return std::nullopt;
  }
  std::size_t begin = at + 2, length = octets[at + 1];
  if (length >= 0x80) {
    const std::size_t length_octets = length & 0x7fU;
    if (length_octets == 0 || length_octets > 4 || octets.size() - begin < length_octets) {
      return std::nullopt;
    }
    length = 0;
    for (std::size_t i = 0; i < length_octets; ++i) {
      length = length << 8 | octets[begin++];
    }
  }
  return Element{octets[at], begin, begin + length};
}

/// Whether these octets are a CRL or were one before something happened to them. Of DER the order
/// of the first elements tells: CertificateList ::= SEQUENCE { SEQUENCE { version INTEGER OPTIONAL,
/// signature SEQUENCE, issuer SEQUENCE, thisUpdate Time, ... }, ... } - certificates, requests and
/// keys begin otherwise.
bool begins_like_a_crl(Bytes octets) {
  constexpr std::uint8_t kInteger = 0x02, kSequence = 0x30, kUtcTime = 0x17, kTime = 0x18;
  if (octets.empty() || octets[0] != kSequence) {
    return as_text(octets).find("X509 CRL-----") != std::string_view::npos;
  }
  const auto list = element_at(octets, 0);
  const auto tbs = list ? element_at(octets, list->begin) : std::nullopt;
  if (!tbs || tbs->tag != kSequence) {
    return false;
  }
  auto element = element_at(octets, tbs->begin);
  if (element && element->tag == kInteger) {
    element = element_at(octets, element->end);
  }
  for (int i = 0; i < 2 && element; ++i) {  // signature, issuer
    element = element->tag == kSequence ? element_at(octets, element->end) : std::nullopt;
  }
  return element && (element->tag == kUtcTime || element->tag == kTime);
}

/// *.crl, and the names that `openssl rehash` gives CRLs: *.r0.
bool is_called_crl(const fs::path& path) {
  const std::string ending = path.extension().string();
  return iequals(ending, ".crl") ||
         (ending.size() > 2 && ending.starts_with(".r") &&
          ending.find_first_not_of("0123456789", 2) == std::string::npos);
}

/// *.der and *.pem: names of CRLs, and of much else.
bool may_be_called_crl(const fs::path& path) {
  const std::string ending = path.extension().string();
  return iequals(ending, ".der") || iequals(ending, ".pem");
}

struct Refused {
  PkiError error;
  bool is_meant;  ///< for CRLs, as far as its content tells; what cannot be read may be some
};

using Loaded = Result<std::vector<NamedCrl>, Refused>;

/// Every CRL of a file, or none of them: behind one that is left out may be the revocation.
Loaded load_file(const std::string& path) {
  std::vector<NamedCrl> crls;
  const auto append = [&](std::shared_ptr<const CrlDocument> crl,
                          bool is_meant) -> Result<Unit, Refused> {
    if (const auto& view = crl->view(); !view) {
      return Err{Refused{
          {PkiErrc::kNotACrl, path + ": no CRL that can be read: " + der::to_string(view.error())},
          is_meant}};
    }
    crls.emplace_back(path, std::move(crl));
    return Unit{};
  };
  if (path != "-") {
    auto mapped = MappedFile::open(path, kMaxCrlFileBytes);
    if (mapped && mapped->octets().size() >= kMappedFrom && mapped->octets()[0] == 0x30) {
      const bool is_meant = begins_like_a_crl(mapped->octets());
      MUSTER_CHECK(append(std::make_shared<const CrlDocument>(*std::move(mapped)), is_meant));
      return crls;
    }
  }
  auto octets = read_file(path, kMaxCrlFileBytes);
  if (!octets) {
    return Err{Refused{{PkiErrc::kUnreadable, to_string(octets.error())}, true}};
  }
  // A disk that was full leaves nothing of a CRL but its name.
  const bool is_meant =
      octets->empty() ? may_be_called_crl(fs::path(path)) : begins_like_a_crl(*octets);
  auto decoded = pki::decode_crls(*std::move(octets));
  if (!decoded) {
    return Err{Refused{{decoded.error().code, path + ": " + decoded.error().detail}, is_meant}};
  }
  for (Buffer& octets_of_one : *decoded) {
    MUSTER_CHECK(append(std::make_shared<const CrlDocument>(std::move(octets_of_one)), is_meant));
  }
  return crls;
}

/// Names of what is no directory, socket or device, sorted.
PkiResult<std::vector<std::string>> list_files(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code failure;
  for (fs::directory_iterator at(directory, failure), end; !failure && at != end;
       at.increment(failure)) {
    std::error_code ignored;  // what leads nowhere is told when it is read
    if (at->exists(ignored) && !at->is_regular_file(ignored)) {
      continue;
    }
    if (files.size() == kMaxCrlFiles) {
      return Err{PkiError{PkiErrc::kUnreadable,
                          directory + ": more than " + std::to_string(kMaxCrlFiles) + " files"}};
    }
    files.push_back(at->path().string());
  }
  if (failure) {
    return Err{PkiError{PkiErrc::kUnreadable, directory + ": " + failure.message()}};
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

PkiResult<std::vector<NamedCrl>> load_crls(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    auto of_file = load_file(path);
    if (!of_file) {
      return Err{of_file.error().error};
    }
    return *std::move(of_file);
  }
  std::vector<NamedCrl> crls;
  MUSTER_TRY(const std::vector<std::string> files, list_files(path));
  for (const std::string& file : files) {
    auto of_file = load_file(file);
    if (of_file) {
      std::move(of_file->begin(), of_file->end(), std::back_inserter(crls));
      continue;
    }
    const fs::path name(file);
    const bool is_unfinished = name.filename().string().starts_with('.');
    if (!is_unfinished && (of_file.error().is_meant || is_called_crl(name))) {
      PkiError error = of_file.error().error;
      error.detail += " (mend it, or take it out of the directory)";
      return Err{std::move(error)};
    }
  }
  if (crls.empty()) {
    return Err{PkiError{PkiErrc::kNotACrl, "no CRL in the directory " + path}};
  }
  return crls;
}

}  // namespace muster::client
