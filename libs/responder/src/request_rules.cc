#include "request_rules.h"

namespace muster::responder {
namespace {

bool is(const der::ExtensionView& extension, Bytes oid) { return equal(extension.oid, oid); }

/// AcceptableResponses: we answer with the basic type whatever it lists, which only a critical list
/// without it forbids (RFC 6960 section 4.4.3).
bool accepts_basic(Bytes extension_value) {
  der::Reader reader(extension_value);
  auto list = reader.enter(der::Tag::kSequence, "AcceptableResponses");
  while (list && !list->at_end()) {
    const auto type = list->read_oid("response type");
    if (!type) {
      return false;
    }
    if (equal(*type, oid::kOcspBasic)) {
      return true;
    }
  }
  return false;
}

constexpr std::size_t kLongestOfRfc8954 = 32;

bool echoes(const ocsp::NonceView& nonce, NoncePolicy policy) {
  switch (policy) {
    case NoncePolicy::kEcho:
    case NoncePolicy::kRfc8954:
    case NoncePolicy::kRequire:
      return true;
    case NoncePolicy::kEchoStandard:
      return nonce.octets.size() >= 16 && nonce.octets.size() <= 32;
    case NoncePolicy::kIgnore:
      return false;
  }
  return false;
}

}  // namespace

RequestOptions read_options(const ocsp::RequestView& request) {
  RequestOptions out;
  for (const der::ExtensionView& extension : request.extensions) {
    if (is(extension, oid::kOcspNonce)) {
      const auto nonce = ocsp::parse_nonce(extension.value);
      if (!nonce) {
        out.cause = Cause::kBadNonce;
        return out;
      }
      out.nonce = *nonce;
    } else if (is(extension, oid::kOcspAcceptableResponses)) {
      if (extension.critical && !accepts_basic(extension.value)) {
        out.cause = Cause::kCriticalExtension;
        return out;
      }
    } else if (is(extension, oid::kOcspPreferredSignatures)) {
      // May go unheeded, critical or not: the signature says itself which algorithm it has.
      out.wishes.preferred = extension.value;
    } else if (extension.critical) {
      out.cause = Cause::kCriticalExtension;
      return out;
    }
  }
  if (request.signature) {
    out.wishes.request_algorithm = request.signature->algorithm.raw;
  }
  return out;
}

NonceChoice choose_nonce(const std::optional<ocsp::NonceView>& nonce, NoncePolicy policy) {
  if (!nonce) {
    return {policy == NoncePolicy::kRequire ? Cause::kNonceMissing : Cause::kNone, std::nullopt};
  }
  if (policy == NoncePolicy::kRfc8954 && nonce->octets.size() > kLongestOfRfc8954) {
    return {Cause::kBadNonce, std::nullopt};
  }
  return {Cause::kNone,
          echoes(*nonce, policy) ? std::optional(nonce->extension_value) : std::nullopt};
}

bool may_leave_nonce_out(NonceOverload overload, NoncePolicy policy, Cause cause) {
  return overload == NonceOverload::kWithoutNonce && policy != NoncePolicy::kRequire &&
         (cause == Cause::kSigningLimit || cause == Cause::kSigningQueueFull);
}

Cause check_entry(const ocsp::SingleRequestView& entry) {
  for (const der::ExtensionView& extension : entry.extensions) {
    if (extension.critical) {
      return Cause::kCriticalExtension;
    }
  }
  return Cause::kNone;
}

Bytes find_plain_cert_id(Bytes request) {
  using namespace std::string_view_literals;
  // OCSPRequest, TBSRequest, requestList, Request: each must fill the one around it.
  der::Reader reader(request);
  for (const std::string_view field :
       {"OCSPRequest"sv, "tbsRequest"sv, "requestList"sv, "Request"sv}) {
    const auto inner = reader.enter(der::Tag::kSequence, field);
    if (!inner || !reader.at_end()) {
      return {};
    }
    reader = *inner;
  }
  return reader.rest();
}

}  // namespace muster::responder
