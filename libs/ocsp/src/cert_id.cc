#include "muster/ocsp/ocsp.h"

namespace muster::ocsp {

using der::DerErrc;
using der::DerError;
using der::DerResult;
using der::Reader;
using der::Tag;

DerResult<CertIdView> read_cert_id(Reader& in) {
  const Reader start = in;
  CertIdView id;
  MUSTER_TRY(Reader body, in.enter(Tag::kSequence, "certID"));
  MUSTER_TRY(id.hash_algorithm, der::read_algorithm(body, "hashAlgorithm"));
  MUSTER_TRY(id.issuer_name_hash, body.read(Tag::kOctetString, "issuerNameHash"));
  MUSTER_TRY(id.issuer_key_hash, body.read(Tag::kOctetString, "issuerKeyHash"));
  const std::uint32_t serial_offset = body.offset();
  MUSTER_TRY(id.serial, body.read_integer("serialNumber"));
  if (id.serial.size() > kMaxSerialOctets) {
    return Err{DerError{DerErrc::kTooLarge, serial_offset, "serialNumber"}};
  }
  MUSTER_CHECK(body.finish("certID"));
  id.raw = in.consumed_since(start);
  return id;
}

DerResult<CertIdView> parse_cert_id(Bytes octets) {
  Reader in(octets);
  MUSTER_TRY(const CertIdView id, read_cert_id(in));
  MUSTER_CHECK(in.finish("certID"));
  return id;
}

namespace {

/// Parameters with NULL taken for absent: both spellings are in use for every hash (OCSP-COD-023).
Bytes normalised_parameters(const der::AlgorithmView& algorithm) {
  constexpr std::uint8_t kNull[] = {0x05, 0x00};
  return algorithm.parameters && !equal(*algorithm.parameters, kNull) ? *algorithm.parameters
                                                                      : Bytes();
}

}  // namespace

bool matches(const CertIdView& a, const CertIdView& b) {
  return equal(a.serial, b.serial) && equal(a.issuer_key_hash, b.issuer_key_hash) &&
         equal(a.issuer_name_hash, b.issuer_name_hash) &&
         equal(a.hash_algorithm.oid, b.hash_algorithm.oid) &&
         equal(normalised_parameters(a.hash_algorithm), normalised_parameters(b.hash_algorithm));
}

CertId CertIdView::to_owned() const { return CertId(to_buffer(raw)); }

CertId CertId::make(HashAlgorithm hash, Bytes issuer_name_hash, Bytes issuer_key_hash,
                    const Serial& serial, der::HashParameters parameters) {
  MUSTER_ASSERT(issuer_name_hash.size() == digest_size(hash));
  MUSTER_ASSERT(issuer_key_hash.size() == digest_size(hash));
  der::Writer out;
  out.sequence([&] {
    out.raw(der::hash_algorithm_der(hash, parameters));
    out.octet_string(issuer_name_hash);
    out.octet_string(issuer_key_hash);
    out.integer_octets(serial.octets());
  });
  return CertId(out.take());
}

CertIdView CertId::view() const {
  const auto parsed = parse_cert_id(der_);
  MUSTER_ASSERT(parsed);  // der_ was parsed or made by us
  return *parsed;
}

}  // namespace muster::ocsp
