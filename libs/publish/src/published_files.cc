#include "published_files.h"

#include <cerrno>
#include <filesystem>

#include "making.h"
#include "muster/pki/verified_crl.h"

namespace muster::publish {

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

PublishResult<Unit> install_file(const std::string& from, const std::string& path) {
  const auto made = MappedFile::open(from);
  if (!made) {
    return Err{
        PublishError{PublishErrc::kState, to_string(made.error()) +
                                              ": a CRL that was published is gone from the state "
                                              "directory"}};
  }
  // Read, not mapped: whoever writes there could cut it short under us.
  std::error_code none;
  if (std::filesystem::file_size(path, none) == made->octets().size()) {
    if (const auto there = read_file(path, made->octets().size());
        there && equal(*there, made->octets())) {
      return Unit{};
    }
  }
  if (const auto written = write_file_atomically(path, made->octets()); !written) {
    return Err{io_error(written.error())};
  }
  return Unit{};
}

}  // namespace muster::publish
