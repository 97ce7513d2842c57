#include <openssl/x509.h>

#include "fuzz.h"
#include "muster/crl/name_match.h"
#include "muster/der/pkix.h"
#include "openssl_oracle.h"

namespace {

using namespace muster;

using OpensslName = std::unique_ptr<X509_NAME, CDeleter<X509_NAME_free>>;

}  // namespace

// Input: two Name elements one behind the other.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  der::Reader in(Bytes(data, size));
  const auto a = der::read_name(in, "first");
  const auto b = a ? der::read_name(in, "second") : a;
  if (!a || !b) {
    return 0;
  }
  const bool same = crl::same_name(*a, *b);
  MUSTER_ASSERT(same == crl::same_name(*b, *a));
  MUSTER_ASSERT(crl::same_name(*a, *a));
  const auto normalized = crl::normalize_name(*a);
  MUSTER_ASSERT(normalized);  // well-formed, says read_name
  // OpenSSL judges the same, where it reads both names. pki builds paths with its opinion.
  const auto theirs_a = fuzz::decode<OpensslName>(*a, d2i_X509_NAME);
  const auto theirs_b = fuzz::decode<OpensslName>(*b, d2i_X509_NAME);
  if (theirs_a != nullptr && theirs_b != nullptr) {
    MUSTER_ASSERT(same == (X509_NAME_cmp(theirs_a.get(), theirs_b.get()) == 0));
  }
  return 0;
}
