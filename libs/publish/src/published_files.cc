#include "published_files.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "making.h"
#include "muster/http/base64.h"
#include "muster/pki/verified_crl.h"

namespace muster::publish {
namespace {

/// RFC 7468 section 6.
Buffer to_pem(Bytes der) {
  constexpr std::size_t kLine = 48;  // octets: 64 characters
  constexpr std::string_view kBegin = "-----BEGIN X509 CRL-----\n";
  constexpr std::string_view kEnd = "-----END X509 CRL-----\n";
  Buffer out;
  out.reserve(kBegin.size() + kEnd.size() + der.size() / 3 * 4 + der.size() / kLine + 8);
  const auto append = [&out](std::string_view text) {
    out.insert(out.end(), text.begin(), text.end());
  };
  append(kBegin);
  for (Bytes rest = der; !rest.empty(); rest = rest.subspan(std::min(kLine, rest.size()))) {
    append(http::base64_encode(rest.first(std::min(kLine, rest.size()))));
    append("\n");
  }
  append(kEnd);
  return out;
}

}  // namespace

PublishResult<std::optional<FoundCrl>> look_at_published(const std::string& path,
                                                         const Spec& spec) {
  auto content = read_file(path == "-" ? "./-" : path, crl::Limits{}.max_message_bytes);
  if (!content && content.error().os_error == ENOENT) {
    return std::optional<FoundCrl>();
  }
  if (!content) {
    return Err{io_error(content.error())};
  }
  const Err<PublishError> foreign{
      PublishError{PublishErrc::kState, path + " exists and is no CRL of this issuer: it is not "
                                               "overwritten (remove it, or name another file)"}};
  auto octets = pki::decode_crl_input(*std::move(content));  // PEM of another program, perhaps
  if (!octets) {
    return foreign;
  }
  FoundCrl found{*std::move(octets), {}};
  auto view = crl::parse_crl(found.octets);
  if (!view || !crl::same_name(view->issuer, crl_issuer_of(spec))) {
    return foreign;
  }
  found.view = *std::move(view);
  found.is_ours = static_cast<bool>(pki::verify_crl(found.view, std::span(&spec.signer, 1)));
  return std::optional(std::move(found));
}

PublishResult<Unit> install_file(const std::string& from, const std::string& path,
                                 FileFormat format) {
  const auto made = MappedFile::open(from);
  if (!made) {
    return Err{
        PublishError{PublishErrc::kState, to_string(made.error()) +
                                              ": a CRL that was published is gone from the state "
                                              "directory"}};
  }
  const Buffer armored = format == FileFormat::kPem ? to_pem(made->octets()) : Buffer();
  const Bytes wanted = format == FileFormat::kPem ? Bytes(armored) : made->octets();
  // Read, not mapped: whoever writes there could cut it short under us.
  std::error_code none;
  if (std::filesystem::file_size(path, none) == wanted.size()) {
    if (const auto there = read_file(path, wanted.size()); there && equal(*there, wanted)) {
      return Unit{};
    }
  }
  if (const auto written = write_file_atomically(path, wanted); !written) {
    return Err{io_error(written.error())};
  }
  return Unit{};
}

}  // namespace muster::publish
