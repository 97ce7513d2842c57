#include "octets.h"

#include <cstring>

#include "verified_response.h"

namespace muster::keeper::simulation {
namespace {

struct Wire {
  std::array<char, 8> magic;
  Fingerprint certificate;
  std::int64_t this_update, next_update;  // next_update: 0, none
  std::uint64_t number;
  std::uint32_t status, authentic;
  std::uint64_t check;
};
static_assert(std::is_trivially_copyable_v<Wire> && sizeof(Wire) == 80);
constexpr std::array<char, 8> kMagic = {'S', 'I', 'M', 'O', 'C', 'S', 'P', '1'};

std::uint64_t check_of(const Wire& wire) {
  std::uint64_t sum = 0xcbf29ce484222325U;
  std::array<std::uint64_t, offsetof(Wire, check) / 8> words;
  std::memcpy(words.data(), &wire, offsetof(Wire, check));
  for (const std::uint64_t word : words) {
    sum = (sum ^ word) * 0x100000001b3U;
    sum ^= sum >> 29;
  }
  return sum;
}

Err<client::VerifyError> refuse(client::VerifyErrc code, const char* why,
                                std::optional<client::StaleClaim> claim = {}) {
  return Err{client::VerifyError{code, why, std::nullopt, std::nullopt, std::move(claim)}};
}

ocsp::CertStatus status_of(const Content& content) {
  switch (content.status) {
    case StapleStatus::kGood:
      return ocsp::Good{};
    case StapleStatus::kOnHold:
      return ocsp::Revoked{content.this_update, ReasonCode::kCertificateHold};
    case StapleStatus::kRevoked:
      return ocsp::Revoked{content.this_update, ReasonCode::kKeyCompromise};
    case StapleStatus::kUnknown:
      break;
  }
  return ocsp::Unknown{};
}

}  // namespace

Buffer encode(const Content& content) {
  Wire wire{kMagic,
            content.certificate,
            to_int(content.this_update),
            content.next_update ? to_int(*content.next_update) : 0,
            content.number,
            static_cast<std::uint32_t>(content.status),
            content.authentic ? 1U : 0U,
            0};
  wire.check = check_of(wire);
  Buffer out(sizeof wire);
  std::memcpy(out.data(), &wire, sizeof wire);
  return out;
}

std::optional<Content> decode(Bytes octets) {
  Wire wire;
  if (octets.size() != sizeof wire) {
    return std::nullopt;
  }
  std::memcpy(&wire, octets.data(), sizeof wire);
  if (wire.magic != kMagic || wire.check != check_of(wire) || wire.status > 3) {
    return std::nullopt;
  }
  return Content{
      wire.certificate,
      static_cast<StapleStatus>(wire.status),
      unix_seconds(wire.this_update),
      wire.next_update == 0 ? std::nullopt : std::optional(unix_seconds(wire.next_update)),
      wire.authentic == 1,
      wire.number};
}

Result<client::VerifiedResponse, client::VerifyError> verify(const client::VerifyInput& input,
                                                             const client::VerifyPolicy& policy,
                                                             UnixSeconds now) {
  using client::VerifyErrc;
  const auto content = decode(input.response);
  if (!content) {
    return refuse(VerifyErrc::kMalformed, "damaged");
  }
  if (!content->authentic) {
    return refuse(VerifyErrc::kBadSignature, "forged");
  }
  const pki::Certificate* certificate = input.subject.certificate();
  if (certificate == nullptr || content->certificate != certificate->fingerprint()) {
    return refuse(VerifyErrc::kNoMatch, "about another certificate");
  }
  const client::StaleClaim claim{status_of(*content), content->this_update, content->next_update};
  if (content->this_update > now + policy.future_skew) {
    return refuse(VerifyErrc::kNotYetValid, "begins later", claim);
  }
  const UnixSeconds end =
      content->next_update.value_or(content->this_update + policy.max_age_without_next_update);
  if (end <= now) {
    return refuse(VerifyErrc::kExpired, "has ended", claim);
  }
  return client::VerifierAccess::make({.der = to_buffer(input.response),
                                       .status = claim.status,
                                       .this_update = content->this_update,
                                       .next_update = content->next_update,
                                       .produced_at = content->this_update,
                                       .authority = pki::Authority::kIssuer,
                                       .signer = input.issuer,
                                       .subject = input.subject,
                                       .nonce_matched = false,
                                       .matching_entries = 1,
                                       .archive_cutoff = std::nullopt,
                                       .effective_expiry = std::min(end, certificate->not_after()),
                                       .signature_algorithm = {}});
}

UnixSeconds end_of(const Content& content, const pki::Certificate& certificate) {
  // A day is what VerifyPolicy gives an answer without nextUpdate at the most.
  return std::min(content.next_update.value_or(content.this_update + Seconds(86400)),
                  certificate.not_after());
}

}  // namespace muster::keeper::simulation
