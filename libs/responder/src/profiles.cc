#include <array>

#include "muster/base/assert.h"
#include "muster/responder/policy.h"

// The profiles: a row of values each. What a row does not name is the general rule.
namespace muster::responder {
namespace {

using std::chrono::hours;
constexpr Seconds kDay = hours(24);
/// What 5500 characters of base64 hold, the field charging stations have for an answer.
constexpr std::size_t kStationOctets = 5500 / 4 * 3;

constexpr std::array kProfiles = {
    ProfileRow{Profile::kRfc6960, "rfc6960", "RFC 6960", {}, {}},
    ProfileRow{Profile::kRfc9919,
               "rfc9919",
               "RFC 9919",
               {.unissued = UnissuedAnswer::kUnauthorized, .nonce = NoncePolicy::kIgnore},
               {.omitted_next_update = Permitted::kNo,
                .responder_by_name = Permitted::kNo,
                .signed_without_record = Permitted::kNo}},
    ProfileRow{Profile::kCabf,
               "cabf",
               "CA/B BR 4.9.9, 4.9.10, 4.9.13, 7.1.2.8, 7.3; Mozilla policy 6",
               {.unissued = UnissuedAnswer::kUnauthorized,
                .nonce = NoncePolicy::kEchoStandard,
                .hold = HoldForm::kRevoked},
               {.shortest = hours(8),
                .longest = 10 * kDay,
                .longest_for_cas = 365 * kDay,
                .beyond_half_life = Permitted::kNo,
                .before_end = hours(8),
                .latest_refresh = 4 * kDay,
                .good_for_unlisted = Permitted::kNo,
                .revoked_for_unissued = Permitted::kNo,
                .hold = Permitted::kNo,
                .omitted_next_update = Permitted::kNo,
                .beyond_signer = Permitted::kNo,
                .long_nonces = Permitted::kNo,
                .reasonless_cas = Permitted::kNo,
                .any_signer = Permitted::kNo}},
    ProfileRow{Profile::kMicrosoft,
               "microsoft",
               "Microsoft root program 3.2.2; CA/B BR 4.9.9, 4.9.10, 4.9.13, 7.1.2.8, 7.3",
               {.unissued = UnissuedAnswer::kUnauthorized,
                .nonce = NoncePolicy::kEchoStandard,
                .hold = HoldForm::kRevoked},
               {.shortest = hours(8),
                .longest = 7 * kDay,
                .longest_for_cas = 7 * kDay,  // its text makes no exception for them
                .beyond_half_life = Permitted::kNo,
                .before_end = hours(8),
                .latest_refresh = 4 * kDay,
                .good_for_unlisted = Permitted::kNo,
                .revoked_for_unissued = Permitted::kNo,
                .hold = Permitted::kNo,
                .omitted_next_update = Permitted::kNo,
                .beyond_signer = Permitted::kNo,
                .long_nonces = Permitted::kNo,
                .reasonless_cas = Permitted::kNo,
                .any_signer = Permitted::kNo}},
    ProfileRow{Profile::kEtsi,
               "etsi",
               "EN 319 411-1 OVR-6.6.3-02; EN 319 411-2 6.3.10",
               {.validity = kDay, .archive_cutoff = ArchiveCutoff::kIssuer},
               {.good_for_unlisted = Permitted::kNo, .omitted_next_update = Permitted::kNo}},
    ProfileRow{Profile::kFpki,
               "fpki",
               "federal PKI OCSP response profile",
               {.refresh = kDay,
                .nonce = NoncePolicy::kIgnore,
                .cert_id_hashes = hash_set(HashAlgorithm::kSha1)},
               {.longest = 7 * kDay,
                .latest_refresh = kDay,
                .omitted_next_update = Permitted::kNo,
                .nonces = Permitted::kNo,
                .responder_by_name = Permitted::kNo}},
    ProfileRow{Profile::kOcpp,
               "ocpp",
               "OCPP 2.0.1 M06: 5500 characters of base64",
               {.nonce = NoncePolicy::kIgnore, .max_response_bytes = kStationOctets},
               {.omitted_next_update = Permitted::kNo, .max_response_bytes = kStationOctets}},
};

}  // namespace

std::span<const ProfileRow> profiles() { return kProfiles; }

const ProfileRow& row_of(Profile profile) {
  const ProfileRow& row = kProfiles.at(static_cast<std::size_t>(profile));
  MUSTER_ASSERT(row.profile == profile);
  return row;
}

IssuerPolicy policy_of(Profile profile) {
  IssuerPolicy out;
  static_cast<AnswerRules&>(out) = row_of(profile).rules;
  out.profile = profile;
  return out;
}

}  // namespace muster::responder
