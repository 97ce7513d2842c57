#include "muster/pki/md5.h"

#include <array>

#include "muster/base/text.h"
#include "openssl.h"

namespace muster::pki {

std::optional<std::string> md5_hex(std::string_view text) {
  // "-fips": this is no security, and may be had beside a FIPS provider.
  static const EVP_MD* const md5 = EVP_MD_fetch(nullptr, "MD5", "-fips");
  std::array<std::uint8_t, 16> out{};
  if (md5 == nullptr ||
      EVP_Digest(text.data(), text.size(), out.data(), nullptr, md5, nullptr) != 1) {
    return std::nullopt;
  }
  return to_hex(out);
}

}  // namespace muster::pki
