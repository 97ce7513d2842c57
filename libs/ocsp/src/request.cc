#include "parts.h"

namespace muster::ocsp {

using der::context_constructed;
using der::DerErrc;
using der::DerError;
using der::DerResult;
using der::EmptyAllowed;
using der::Reader;
using der::Tag;

DerResult<Unit> read_version(Reader& in) {
  MUSTER_TRY(std::optional<Reader> version, in.enter_optional(context_constructed(0), "version"));
  if (!version) {
    return Unit{};
  }
  const std::uint32_t offset = version->offset();
  MUSTER_TRY(const Bytes value, version->read_integer("version"));
  if (value.size() != 1 || value[0] != 0) {
    return Err{DerError{DerErrc::kUnsupported, offset, "version"}};
  }
  return version->finish("version");
}

DerResult<CertificateList> read_certificates(Reader& in, std::size_t max_count) {
  MUSTER_TRY(std::optional<Reader> certs, in.enter_optional(context_constructed(0), "certs"));
  if (!certs) {
    return CertificateList();
  }
  MUSTER_TRY(const Reader list, certs->enter(Tag::kSequence, "certs"));
  MUSTER_CHECK(certs->finish("certs"));
  return der::read_list<Bytes, read_certificate_raw>(list, max_count, "certs");
}

DerResult<der::ExtensionsView> read_optional_extensions(Reader& in, unsigned tag,
                                                        EmptyAllowed empty,
                                                        std::string_view field) {
  MUSTER_TRY(std::optional<Reader> wrapper, in.enter_optional(context_constructed(tag), field));
  if (!wrapper) {
    return der::ExtensionsView();
  }
  MUSTER_TRY(const der::ExtensionsView extensions, der::read_extensions(*wrapper, empty, field));
  MUSTER_CHECK(wrapper->finish(field));
  return extensions;
}

DerResult<Unit> check_message_size(Bytes message, const Limits& limits, std::string_view field) {
  if (message.size() > limits.max_message_bytes) {
    return Err{DerError{DerErrc::kTooLarge, 0, field}};
  }
  return Unit{};
}

DerResult<Reader> enter_framing(Reader& in, Tag tag, Framing framing, std::string_view field) {
  MUSTER_TRY(Reader inner, in.enter(tag, field));
  inner.set_lengths(framing_lengths(framing));
  return inner;
}

DerResult<Bytes> read_certificate_raw(Reader& in) {
  MUSTER_TRY(const der::Element certificate, in.read_element(Tag::kSequence, "certificate"));
  return certificate.raw;
}

DerResult<SingleRequestView> read_single_request(Reader& in) {
  SingleRequestView request;
  MUSTER_TRY(Reader body, in.enter(Tag::kSequence, "request"));
  MUSTER_TRY(request.cert_id, read_cert_id(body));
  MUSTER_TRY(request.extensions,
             read_optional_extensions(body, 0, EmptyAllowed::kYes, "singleRequestExtensions"));
  MUSTER_CHECK(body.finish("request"));
  return request;
}

namespace {

DerResult<SignatureView> read_signature(Reader& in, const Limits& limits) {
  SignatureView signature;
  MUSTER_TRY(Reader body, in.enter(Tag::kSequence, "optionalSignature"));
  MUSTER_TRY(signature.algorithm, der::read_algorithm(body, "signatureAlgorithm"));
  MUSTER_TRY(signature.signature, body.read_octet_bits("signature"));
  MUSTER_TRY(signature.certificates, read_certificates(body, limits.max_certificates));
  MUSTER_CHECK(body.finish("optionalSignature"));
  return signature;
}

/// Fills everything but the signature from the content of TBSRequest.
DerResult<Unit> read_tbs_request(Reader& tbs, const Limits& limits, RequestView& request) {
  MUSTER_CHECK(read_version(tbs));
  MUSTER_TRY(std::optional<Reader> name,
             tbs.enter_optional(context_constructed(1), "requestorName"));
  if (name) {
    MUSTER_TRY(const der::Element general_name, der::read_general_name(*name, "requestorName"));
    MUSTER_CHECK(name->finish("requestorName"));
    request.requestor_name = general_name.raw;
  }
  const std::uint32_t list_offset = tbs.offset();
  MUSTER_TRY(const Reader list, tbs.enter(Tag::kSequence, "requestList"));
  if (list.at_end()) {  // OCSP-COD-003
    return Err{DerError{DerErrc::kBadValue, list_offset, "requestList"}};
  }
  MUSTER_TRY(request.requests, (der::read_list<SingleRequestView, read_single_request>(
                                   list, limits.max_requests, "requestList")));
  MUSTER_TRY(request.extensions,
             read_optional_extensions(tbs, 2, EmptyAllowed::kYes, "requestExtensions"));
  return tbs.finish("tbsRequest");
}

}  // namespace

DerResult<RequestView> parse_request(Bytes octets, const Limits& limits, Framing framing) {
  constexpr std::string_view kField = "ocspRequest";
  MUSTER_CHECK(check_message_size(octets, limits, kField));
  RequestView request;
  Reader outer(octets);
  outer.set_lengths(framing_lengths(framing));
  MUSTER_TRY(Reader in, outer.enter(Tag::kSequence, kField));
  MUSTER_CHECK(outer.finish(kField));
  const Reader start = in;
  MUSTER_TRY(Reader tbs, in.enter(Tag::kSequence, "tbsRequest"));
  request.tbs_raw = in.consumed_since(start);
  MUSTER_CHECK(read_tbs_request(tbs, limits, request));
  in.set_lengths(framing_lengths(framing));
  MUSTER_TRY(std::optional<Reader> wrapper,
             in.enter_optional(context_constructed(0), "optionalSignature"));
  if (wrapper) {
    MUSTER_TRY(request.signature, read_signature(*wrapper, limits));
    MUSTER_CHECK(wrapper->finish("optionalSignature"));
  }
  MUSTER_CHECK(in.finish(kField));
  return request;
}

}  // namespace muster::ocsp
