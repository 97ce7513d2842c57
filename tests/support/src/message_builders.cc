#include <algorithm>

#include "muster/base/assert.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/response_builder.h"

namespace muster::testing {
namespace {

Buffer encoded_integer(std::uint64_t number) {
  der::Writer w;
  w.integer_octets(make_serial(number).octets());
  return w.take();
}

}  // namespace

EntrySpec entry_for(const pki::Certificate& certificate, const pki::Certificate& issuer,
                    ocsp::CertStatus status, HashAlgorithm hash) {
  EntrySpec entry;
  entry.cert_id = pki::make_cert_id(hash, certificate, issuer).der();
  entry.status = status;
  return entry;
}

Buffer make_raw_cert_id(Bytes hash_algorithm_element, Bytes name_hash, Bytes key_hash,
                        Bytes serial_content) {
  der::Writer w;
  w.sequence([&] {
    w.raw(hash_algorithm_element);
    w.octet_string(name_hash);
    w.octet_string(key_hash);
    w.element(der::Tag::kInteger, serial_content);
  });
  return w.take();
}

Buffer build_response(const Identity& signer, const ResponseSpec& spec) {
  ocsp::ResponseData data;
  if (spec.other_name) {
    data.responder_id = *spec.other_name;
  } else if (spec.other_key_hash) {
    data.responder_id = *spec.other_key_hash;
  } else if (spec.responder_id == ResponderIdAs::kByName) {
    data.responder_id = to_buffer(signer.certificate.subject());
  } else {
    data.responder_id = signer.certificate.key_hash();
  }
  data.produced_at = spec.produced_at;
  for (const EntrySpec& entry : spec.entries) {
    data.responses.push_back(
        {entry.cert_id, entry.status, entry.this_update, entry.next_update, entry.extensions});
  }
  if (spec.nonce) {
    data.extensions.push_back({to_buffer(oid::kOcspNonce), false, ocsp::encode_nonce(*spec.nonce)});
  }
  data.extensions.insert(data.extensions.end(), spec.extensions.begin(), spec.extensions.end());

  Buffer body = ocsp::encode_response_data(data);
  MadeSignature made = sign_as(spec.sign_as, spec.sign_with ? *spec.sign_with : signer.key, body);
  if (spec.break_signature) {
    made.signature.back() ^= 1;
  }
  if (spec.break_body) {
    // The seconds of producedAt, the first GeneralizedTime behind the responder id: "...00Z"
    // becomes another digit.
    der::Writer w;
    der::write_generalized_time(w, spec.produced_at);
    const auto at = std::search(body.begin(), body.end(), w.bytes().begin(), w.bytes().end());
    MUSTER_ASSERT(at != body.end());
    std::uint8_t& last_digit = *(at + static_cast<std::ptrdiff_t>(w.bytes().size()) - 2);
    last_digit = last_digit == '0' ? '1' : '0';
  }
  ocsp::SignaturePart part{std::move(made.algorithm), std::move(made.signature), {}};
  if (spec.certificates == Certificates::kSigner) {
    part.certificates.push_back(to_buffer(signer.certificate.der()));
  }
  part.certificates.insert(part.certificates.end(), spec.extra_certificates.begin(),
                           spec.extra_certificates.end());
  return ocsp::encode_response(body, part);
}

Buffer build_good_response(const Identity& signer, const pki::Certificate& certificate,
                           const pki::Certificate& issuer) {
  ResponseSpec spec;
  spec.entries = {entry_for(certificate, issuer)};
  return build_response(signer, spec);
}

der::Extension null_extension(Bytes oid, bool critical) {
  return {to_buffer(oid), critical, {5, 0}};
}

der::Extension unknown_extension(bool critical) {
  return {*der::oid_from_string("1.3.6.1.4.1.99999.1"), critical, {5, 0}};
}

Buffer build_crl(const Identity& issuer, const CrlSpec& spec) {
  const pki::PrivateKey& key = spec.sign_with ? *spec.sign_with : issuer.key;
  crl::Crl crl;
  crl.issuer = spec.issuer_name ? *spec.issuer_name : to_buffer(issuer.certificate.subject());
  crl.signature_algorithm = algorithm_for(spec.sign_as, key);
  crl.this_update = spec.this_update;
  crl.next_update = spec.next_update;
  crl.entries = spec.entries;
  if (spec.authority_key_id) {
    der::Writer value;
    value.sequence(
        [&] { value.element(der::context_primitive(0), issuer.certificate.key_hash()); });
    crl.extensions.push_back({to_buffer(oid::kCeAuthorityKeyId), false, value.take()});
  }
  if (spec.number) {
    crl.extensions.push_back({to_buffer(oid::kCeCrlNumber), false, encoded_integer(*spec.number)});
  }
  if (spec.delta_base) {
    crl.extensions.push_back(
        {to_buffer(oid::kCeDeltaCrlIndicator), true, encoded_integer(*spec.delta_base)});
  }
  crl.extensions.insert(crl.extensions.end(), spec.extensions.begin(), spec.extensions.end());
  const Buffer tbs = crl::encode_tbs_crl(crl);
  MadeSignature made = sign_as(spec.sign_as, key, tbs);
  if (spec.break_signature) {
    made.signature.back() ^= 1;
  }
  return crl::encode_crl(tbs, made.algorithm, made.signature);
}

crl::Entry revoked_entry(const Serial& serial, UnixSeconds at, std::optional<ReasonCode> reason) {
  return {serial, at, reason, std::nullopt, {}};
}

}  // namespace muster::testing
