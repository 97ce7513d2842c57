#include "held_file.h"

#include <cerrno>

#include "muster/base/file.h"
#include "muster/ocsp/ocsp.h"

namespace muster::edge {
namespace {

/// More than any answer has.
constexpr std::size_t kMaxAnswerBytes = std::size_t{1} << 20;

}  // namespace

std::optional<ManifestEntry> entry_of(Bytes response, Bytes request) {
  const auto asked = ocsp::parse_request(request);
  const auto parsed = ocsp::parse_response(response);
  if (!asked || !parsed || !parsed->basic || parsed->basic->responses.size() != 1) {
    return std::nullopt;
  }
  const ocsp::SingleResponseView single = *parsed->basic->responses.begin();
  if (!single.next_update || !equal(single.cert_id.raw, (*asked->requests.begin()).cert_id.raw)) {
    return std::nullopt;
  }
  ManifestEntry entry;
  pki::digest_into(HashAlgorithm::kSha256, response, entry.digest);
  entry.status = ocsp::to_string(single.status);
  entry.next_update = entry.due = *single.next_update;
  entry.basis = "-";
  return entry;
}

HeldFile look_at(const std::string& path, Bytes request,
                 std::initializer_list<const ManifestEntry*> listed) {
  HeldFile out;
  const auto content = read_file(path, kMaxAnswerBytes);
  if (!content) {
    const FileError& error = content.error();
    const bool is_absent = error.os_error == ENOENT || error.os_error == ENOTDIR;
    out.is_there = !is_absent && error.code != FileErrc::kNotAFile;
    return out;
  }
  out.is_there = true;
  const Buffer digest = pki::digest(HashAlgorithm::kSha256, *content);
  for (const ManifestEntry* entry : listed) {
    if (entry != nullptr && equal(digest, entry->digest)) {
      out.is_known = true;
      out.entry = *entry;
      return out;
    }
  }
  out.entry = entry_of(*content, request);
  return out;
}

}  // namespace muster::edge
