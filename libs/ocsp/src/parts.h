#pragma once

#include "muster/ocsp/ocsp.h"

// Parts that requests and responses share.
namespace muster::ocsp {

/// `version [0] EXPLICIT Version DEFAULT v1`: absent or v1, which DER would omit but senders write
/// (OCSP-COD-002).
der::DerResult<Unit> read_version(der::Reader& in);
/// `certs [0] EXPLICIT SEQUENCE OF Certificate OPTIONAL`; an empty list is allowed by the module.
der::DerResult<CertificateList> read_certificates(der::Reader& in, std::size_t max_count);
/// `[tag] EXPLICIT Extensions OPTIONAL`.
der::DerResult<der::ExtensionsView> read_optional_extensions(der::Reader& in, unsigned tag,
                                                             der::EmptyAllowed empty,
                                                             std::string_view field);
der::DerResult<Unit> check_message_size(Bytes message, const Limits& limits,
                                        std::string_view field);
constexpr der::Lengths framing_lengths(Framing framing) {
  return framing == Framing::kStrict ? der::Lengths::kMinimal : der::Lengths::kAnyDefinite;
}
/// A Reader like `in.enter`, whose elements are unsigned framing as well.
der::DerResult<der::Reader> enter_framing(der::Reader& in, der::Tag tag, Framing framing,
                                          std::string_view field);

}  // namespace muster::ocsp
