#include "openssl.h"

#include <openssl/err.h>

#include "muster/base/assert.h"

namespace muster::pki::openssl {

std::string take_error(std::string_view fallback) {
  const unsigned long first = ERR_get_error();
  drop_errors();
  const char* reason = first == 0 ? nullptr : ERR_reason_error_string(first);
  return reason != nullptr ? std::string(reason) : std::string(fallback);
}

void drop_errors() noexcept { ERR_clear_error(); }

BioPtr memory_bio(Bytes octets) {
  MUSTER_ASSERT(octets.size() <= 0x7fffffff);
  BioPtr bio(BIO_new_mem_buf(octets.data(), static_cast<int>(octets.size())));
  MUSTER_ASSERT(bio != nullptr);  // only memory could be missing
  return bio;
}

}  // namespace muster::pki::openssl
