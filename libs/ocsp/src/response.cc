#include "parts.h"

namespace muster::ocsp {

using der::context_constructed;
using der::context_primitive;
using der::DerErrc;
using der::DerError;
using der::DerResult;
using der::EmptyAllowed;
using der::Reader;
using der::Tag;

std::string_view to_string(ResponseStatus status) {
  switch (status) {
    case ResponseStatus::kSuccessful:
      return "successful";
    case ResponseStatus::kMalformedRequest:
      return "malformedRequest";
    case ResponseStatus::kInternalError:
      return "internalError";
    case ResponseStatus::kTryLater:
      return "tryLater";
    case ResponseStatus::kSigRequired:
      return "sigRequired";
    case ResponseStatus::kUnauthorized:
      return "unauthorized";
  }
  return "undefined status";
}

std::string_view to_string(const CertStatus& status) {
  constexpr std::array<std::string_view, std::variant_size_v<CertStatus>> kNames = {
      "good", "revoked", "unknown"};
  return kNames.at(status.index());
}

namespace {

DerResult<Revoked> read_revoked_info(Reader& in) {
  Revoked revoked;
  MUSTER_TRY(revoked.time, der::read_generalized_time(in, "revocationTime"));
  MUSTER_TRY(std::optional<Reader> reason,
             in.enter_optional(context_constructed(0), "revocationReason"));
  if (reason) {
    const std::uint32_t offset = reason->offset();
    MUSTER_TRY(const Bytes value, reason->read_integer("revocationReason", Tag::kEnumerated));
    MUSTER_CHECK(reason->finish("revocationReason"));
    revoked.reason = value.size() == 1 ? make_reason_code(value[0]) : std::nullopt;
    if (!revoked.reason) {
      return Err{DerError{DerErrc::kBadValue, offset, "revocationReason"}};
    }
  }
  MUSTER_CHECK(in.finish("revokedInfo"));
  return revoked;
}

DerResult<CertStatus> read_cert_status(Reader& in) {
  if (in.next_is(context_primitive(0))) {
    MUSTER_CHECK(in.read_null("good", context_primitive(0)));
    return CertStatus(Good{});
  }
  if (in.next_is(context_primitive(2))) {
    MUSTER_CHECK(in.read_null("unknown", context_primitive(2)));
    return CertStatus(Unknown{});
  }
  MUSTER_TRY(Reader info, in.enter(context_constructed(1), "certStatus"));
  MUSTER_TRY(const Revoked revoked, read_revoked_info(info));
  return CertStatus(revoked);
}

DerResult<ResponderIdView> read_responder_id(Reader& in) {
  MUSTER_TRY(std::optional<Reader> by_name,
             in.enter_optional(context_constructed(1), "responderID"));
  if (by_name) {
    MUSTER_TRY(const Bytes name, der::read_name(*by_name, "byName"));
    MUSTER_CHECK(by_name->finish("responderID"));
    return ResponderIdView(ResponderByName{name});
  }
  MUSTER_TRY(Reader by_key, in.enter(context_constructed(2), "responderID"));
  const std::uint32_t offset = by_key.offset();
  MUSTER_TRY(const Bytes key_hash, by_key.read(Tag::kOctetString, "byKey"));
  if (key_hash.size() != digest_size(HashAlgorithm::kSha1)) {
    return Err{DerError{DerErrc::kBadValue, offset, "byKey"}};
  }
  MUSTER_CHECK(by_key.finish("responderID"));
  return ResponderIdView(ResponderByKey{key_hash});
}

/// Content of ResponseData.
DerResult<Unit> read_response_data(Reader& in, const Limits& limits, BasicResponseView& basic) {
  MUSTER_CHECK(read_version(in));
  MUSTER_TRY(basic.responder_id, read_responder_id(in));
  MUSTER_TRY(basic.produced_at, der::read_generalized_time(in, "producedAt"));
  MUSTER_TRY(const Reader list, in.enter(Tag::kSequence, "responses"));
  MUSTER_TRY(basic.responses, (der::read_list<SingleResponseView, read_single_response>(
                                  list, limits.max_responses, "responses")));
  MUSTER_TRY(basic.extensions,
             read_optional_extensions(in, 1, EmptyAllowed::kYes, "responseExtensions"));
  return in.finish("tbsResponseData");
}

DerResult<BasicResponseView> read_basic_response(Reader& in, const Limits& limits) {
  BasicResponseView basic;
  MUSTER_TRY(Reader body, in.enter(Tag::kSequence, "basicOCSPResponse"));
  const Reader start = body;
  MUSTER_TRY(Reader data, body.enter(Tag::kSequence, "tbsResponseData"));
  basic.tbs_raw = body.consumed_since(start);
  MUSTER_CHECK(read_response_data(data, limits, basic));
  MUSTER_TRY(basic.signature_algorithm, der::read_algorithm(body, "signatureAlgorithm"));
  MUSTER_TRY(basic.signature, body.read_octet_bits("signature"));
  MUSTER_TRY(basic.certificates, read_certificates(body, limits.max_certificates));
  MUSTER_CHECK(body.finish("basicOCSPResponse"));
  return basic;
}

/// ResponseBytes, of which only the basic type is implemented.
DerResult<BasicResponseView> read_response_bytes(Reader& in, const Limits& limits,
                                                 Framing framing) {
  MUSTER_TRY(Reader body, enter_framing(in, Tag::kSequence, framing, "responseBytes"));
  const std::uint32_t type_offset = body.offset();
  MUSTER_TRY(const Bytes type, body.read_oid("responseType"));
  if (!equal(type, oid::kOcspBasic)) {
    return Err{DerError{DerErrc::kUnsupported, type_offset, "responseType"}};
  }
  MUSTER_TRY(Reader response, enter_framing(body, Tag::kOctetString, framing, "response"));
  MUSTER_CHECK(body.finish("responseBytes"));
  MUSTER_TRY(const BasicResponseView basic, read_basic_response(response, limits));
  MUSTER_CHECK(response.finish("response"));
  return basic;
}

DerResult<ResponseStatus> read_response_status(Reader& in) {
  const std::uint32_t offset = in.offset();
  MUSTER_TRY(const Bytes value, in.read_integer("responseStatus", Tag::kEnumerated));
  const bool is_defined = value.size() == 1 && value[0] <= 6 && value[0] != 4;
  if (!is_defined) {
    return Err{DerError{DerErrc::kUnsupported, offset, "responseStatus"}};
  }
  return static_cast<ResponseStatus>(value[0]);
}

}  // namespace

DerResult<SingleResponseView> read_single_response(Reader& in) {
  const Reader start = in;
  SingleResponseView single;
  MUSTER_TRY(Reader body, in.enter(Tag::kSequence, "singleResponse"));
  MUSTER_TRY(single.cert_id, read_cert_id(body));
  MUSTER_TRY(single.status, read_cert_status(body));
  MUSTER_TRY(single.this_update, der::read_generalized_time(body, "thisUpdate"));
  MUSTER_TRY(std::optional<Reader> next_update,
             body.enter_optional(context_constructed(0), "nextUpdate"));
  if (next_update) {
    MUSTER_TRY(single.next_update, der::read_generalized_time(*next_update, "nextUpdate"));
    MUSTER_CHECK(next_update->finish("nextUpdate"));
  }
  MUSTER_TRY(single.extensions,
             read_optional_extensions(body, 1, EmptyAllowed::kYes, "singleExtensions"));
  MUSTER_CHECK(body.finish("singleResponse"));
  single.raw = in.consumed_since(start);
  return single;
}

DerResult<ResponseView> parse_response(Bytes octets, const Limits& limits, Framing framing) {
  constexpr std::string_view kField = "ocspResponse";
  MUSTER_CHECK(check_message_size(octets, limits, kField));
  ResponseView response;
  response.raw = octets;
  Reader outer(octets);
  outer.set_lengths(framing_lengths(framing));
  MUSTER_TRY(Reader in, enter_framing(outer, Tag::kSequence, framing, kField));
  MUSTER_CHECK(outer.finish(kField));
  MUSTER_TRY(response.status, read_response_status(in));
  const std::uint32_t body_offset = in.offset();
  MUSTER_TRY(std::optional<Reader> wrapper,
             in.enter_optional(context_constructed(0), "responseBytes"));
  const bool has_body = wrapper.has_value();
  if (has_body != (response.status == ResponseStatus::kSuccessful)) {
    return Err{DerError{DerErrc::kInconsistent, body_offset, "responseBytes"}};
  }
  if (has_body) {
    wrapper->set_lengths(framing_lengths(framing));
    MUSTER_TRY(response.basic, read_response_bytes(*wrapper, limits, framing));
    MUSTER_CHECK(wrapper->finish("responseBytes"));
  }
  MUSTER_CHECK(in.finish(kField));
  return response;
}

}  // namespace muster::ocsp
