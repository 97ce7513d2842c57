#include "fuzz.h"
#include "openssl_oracle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  const Bytes octets(data, size);
  const auto id = ocsp::parse_cert_id(octets);
  if (!id) {
    return 0;
  }
  MUSTER_ASSERT(equal(id->raw, octets));
  const ocsp::CertId owner = id->to_owned();
  MUSTER_ASSERT(equal(owner.der(), octets) && ocsp::matches(owner.view(), *id));
  const auto hash = der::find_hash(id->hash_algorithm);
  const auto serial = Serial::make(id->serial);
  MUSTER_ASSERT(serial);
  if (hash && id->issuer_name_hash.size() == digest_size(*hash) &&
      id->issuer_key_hash.size() == digest_size(*hash)) {
    const auto parameters =
        id->hash_algorithm.parameters ? der::HashParameters::kNull : der::HashParameters::kAbsent;
    const auto made =
        ocsp::CertId::make(*hash, id->issuer_name_hash, id->issuer_key_hash, *serial, parameters);
    MUSTER_ASSERT(equal(made.der(), octets));
  }
  if (fuzz::is_plain(id->hash_algorithm)) {
    const auto theirs = fuzz::decode<fuzz::OpensslCertId>(octets, d2i_OCSP_CERTID);
    MUSTER_ASSERT(theirs != nullptr);
    MUSTER_ASSERT(equal(fuzz::encode(theirs.get(), i2d_OCSP_CERTID), octets));
  }
  return 0;
}
