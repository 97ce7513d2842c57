#include "published_files.h"

#include <cerrno>

#include "files.h"
#include "muster/pki/certificate.h"

namespace muster::publish {

PublishResult<std::optional<FoundCrl>> look_at_published(const std::string& path, Bytes issuer) {
  const auto file = MappedFile::open(path);
  if (!file && file.error().os_error == ENOENT) {
    return std::optional<FoundCrl>();
  }
  if (!file) {
    return Err{io_error(file.error())};
  }
  const Err<PublishError> foreign{PublishError{PublishErrc::kState, path + " exists and is no CRL of this issuer: it is not "
                                               "overwritten (remove it, or name another file)"}};
  Bytes octets = file->octets();
  Buffer decoded;
  if (!octets.empty() && octets[0] != static_cast<std::uint8_t>(der::Tag::kSequence)) {  // PEM of another program
    auto der = pki::decode_crl_input(to_buffer(octets));
    if (!der) {
      return foreign;
    }
    decoded = *std::move(der);
    octets = decoded;
  }
  const auto crl = crl::parse_crl(octets);
  if (!crl || !crl::same_name(crl->issuer, issuer)) {
    return foreign;
  }
  return std::optional(FoundCrl{crl->crl_number ? crl::Number::make(*crl->crl_number) : std::nullopt, crl->this_update});
}

PublishResult<Unit> install_file(const std::string& from, const std::string& path) {
  const auto made = MappedFile::open(from);
  if (!made) {
    return Err{PublishError{PublishErrc::kState, to_string(made.error()) + ": a CRL that was published is gone from the state "
                                                                          "directory"}};
  }
  if (const auto there = MappedFile::open(path); there && equal(there->octets(), made->octets())) {
    return Unit{};
  }
  if (const auto written = write_file_atomically(path, made->octets()); !written) {
    return Err{io_error(written.error())};
  }
  return Unit{};
}

}  // namespace muster::publish
