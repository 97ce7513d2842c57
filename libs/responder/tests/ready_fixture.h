#pragma once

#include "muster/testing/pki_builder.h"
#include "ready_answer.h"

// Answers to remember, made without an Answerer. The signature is none.
namespace muster::responder {

struct MadeAnswer {
  ocsp::CertId id;
  Resolved basis;
  HttpMessage message;
  AnswerFacts facts;
  [[nodiscard]] Bytes body() const { return Bytes(message.octets).subspan(message.head_bytes); }
};

struct MadeOptions {
  UnixSeconds signed_at = testing::kTestNow;
  std::size_t signature_bytes = 71;
  std::vector<der::Extension> extensions{};
  bool cacheable = true;
};

inline Resolved resolved_as(const ocsp::CertStatus& status) {
  Resolved out;
  out.status = status;
  out.this_update = testing::kTestNow - Seconds(60);
  out.next_update = testing::kTestNow + std::chrono::hours(24);
  return out;
}

inline MadeAnswer made_answer(const Serial& serial, const Resolved& basis,
                              const MadeOptions& options = {}) {
  const testing::TestPki& pki = testing::standard_pki();
  MadeAnswer out{pki::make_cert_id(HashAlgorithm::kSha256, pki.intermediate.certificate, serial),
                 basis,
                 {},
                 {{},
                  HashAlgorithm::kSha256,
                  0,
                  basis,
                  options.signed_at,
                  options.signed_at + std::chrono::hours(1),
                  options.cacheable ? HeadKind::kCacheable : HeadKind::kUnstored}};
  ocsp::ResponseData data;
  data.responder_id = pki.ocsp_signer.certificate.key_hash();
  data.produced_at = options.signed_at;
  data.responses.push_back({to_buffer(out.id.der()), basis.status, basis.this_update,
                            basis.next_update, options.extensions});
  ocsp::SignaturePart part;
  const std::uint8_t algorithm[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                    0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
  part.algorithm.assign(std::begin(algorithm), std::end(algorithm));
  part.signature = pki::digest(HashAlgorithm::kSha512, serial.octets());
  part.signature.resize(options.signature_bytes, 0x5a);
  part.certificates.push_back(to_buffer(pki.ocsp_signer.certificate.der()));
  const Buffer body = ocsp::encode_response(ocsp::encode_response_data(data), part);
  HttpDate date;
  if (options.cacheable) {
    render_cacheable(out.message, body,
                     {basis.this_update, basis.next_update, out.facts.replace_at},
                     options.signed_at, date);
  } else {
    render_unstored(out.message, body, options.signed_at, date);
  }
  return out;
}

}  // namespace muster::responder
