#include "fault_answers.h"

namespace muster::testing {

Buffer FaultAnswers::respond(Fault f, Bytes request) const {
  switch (f) {
    case Fault::kTryLater:
      return ocsp::encode_error_response(ocsp::ResponseStatus::kTryLater);
    case Fault::kUnauthorized:
      return ocsp::encode_error_response(ocsp::ResponseStatus::kUnauthorized);
    case Fault::kInternalError:
      return ocsp::encode_error_response(ocsp::ResponseStatus::kInternalError);
    case Fault::kGarbage:
      return Buffer(500, 0xa5);
    default:
      break;
  }
  const auto parsed = ocsp::parse_request(request);
  if (!parsed) {
    return ocsp::encode_error_response(ocsp::ResponseStatus::kMalformedRequest);
  }
  const UnixSeconds now = SystemClock().now();
  ResponseSpec spec;
  spec.produced_at = now;
  for (const auto& single : parsed->requests) {
    if (!pki::names_issuer(single.cert_id, issuer_)) {
      return ocsp::encode_error_response(ocsp::ResponseStatus::kUnauthorized);
    }
    EntrySpec entry;
    entry.cert_id = to_buffer(single.cert_id.raw);
    entry.this_update = now;
    switch (f) {
      case Fault::kExpired:
        entry.this_update = now - validity_ - Seconds(60);
        break;
      case Fault::kOlder:
        entry.this_update = now - Seconds(86400);
        break;
      case Fault::kFuture:
        entry.this_update = now + Seconds(7200);
        break;
      case Fault::kUnknown:
        entry.status = ocsp::Unknown{};
        break;
      case Fault::kRevoked:
        entry.status = ocsp::Revoked{now - Seconds(60), ReasonCode::kKeyCompromise};
        break;
      case Fault::kForeign:
        entry.cert_id = pki::make_cert_id(HashAlgorithm::kSha256, issuer_, make_serial(4711)).der();
        break;
      default:
        break;
    }
    entry.next_update = entry.this_update + validity_;
    if (f == Fault::kOlder) {
      entry.next_update = now + validity_;
    } else if (f == Fault::kNoNextUpdate) {
      entry.next_update.reset();
    }
    spec.entries.push_back(std::move(entry));
  }
  spec.break_signature = f == Fault::kBadSignature;
  Buffer out = build_response(f == Fault::kStranger ? stranger_ : signer_, spec);
  if (f == Fault::kCutDer) {
    out.resize(out.size() / 2);
  }
  return out;
}

}  // namespace muster::testing
