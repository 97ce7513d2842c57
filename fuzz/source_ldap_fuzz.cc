#include "fuzz.h"
#include "muster/source/ldap.h"

// LDAP URLs and what libcurl makes of answers: a completed URL is complete, values stay within
// their limit.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  const std::string_view text = as_text(Bytes(data, size));
  if (const auto url = source::complete_ldap_url(text)) {
    MUSTER_ASSERT(source::is_ldap_url(*url));
    MUSTER_ASSERT(source::complete_ldap_url(*url) == url);
  }
  if (const auto values = source::read_ldap_answer(text)) {
    MUSTER_ASSERT(!values->empty() && values->size() <= source::kMaxLdapValues);
  }
  return 0;
}
