#include "openssl.h"

#include <openssl/err.h>
#include <openssl/evperr.h>
#include <openssl/pemerr.h>

#include "muster/base/assert.h"

namespace muster::pki::openssl {

std::string take_error(std::string_view fallback) {
  const unsigned long first = ERR_get_error();
  drop_errors();
  const char* reason = first == 0 ? nullptr : ERR_reason_error_string(first);
  return reason != nullptr ? std::string(reason) : std::string(fallback);
}

bool has_unsupported() noexcept {
  // The queue has no reader that leaves it; what is read is put back, reason and library, the rest
  // does not matter.
  bool found = false;
  unsigned long kept[16];
  std::size_t count = 0;
  while (const unsigned long code = ERR_get_error()) {
    // "Unsupported" of the decoders only says that octets are no key they know, which is what a
    // wrong passphrase makes of one.
    found =
        found ||
        (ERR_GET_LIB(code) == ERR_LIB_EVP &&
         (ERR_GET_REASON(code) == ERR_R_UNSUPPORTED ||
          ERR_GET_REASON(code) == EVP_R_UNSUPPORTED_CIPHER ||
          ERR_GET_REASON(code) == EVP_R_UNSUPPORTED_ALGORITHM)) ||
        (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_UNSUPPORTED_ENCRYPTION);
    if (count < std::size(kept)) {
      kept[count++] = code;
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    ERR_raise(ERR_GET_LIB(kept[i]), ERR_GET_REASON(kept[i]));
  }
  return found;
}

void drop_errors() noexcept { ERR_clear_error(); }

BioPtr memory_bio(Bytes octets) {
  MUSTER_ASSERT(octets.size() <= 0x7fffffff);
  BioPtr bio(BIO_new_mem_buf(octets.data(), static_cast<int>(octets.size())));
  MUSTER_ASSERT(bio != nullptr);  // only memory could be missing
  return bio;
}

}  // namespace muster::pki::openssl
