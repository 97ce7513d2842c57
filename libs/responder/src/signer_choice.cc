#include "signer_choice.h"

namespace muster::responder {
namespace {

constexpr std::uint8_t kNull[] = {0x05, 0x00};

/// RSA identifiers come with parameters NULL or without any; both mean the same.
bool has_parameters(const der::AlgorithmView& algorithm) {
  return algorithm.parameters && !equal(*algorithm.parameters, kNull);
}

/// Whether `wanted` asks for what `offered` is: the same algorithm, and the same parameters if it
/// names any.
bool asks_for(const der::AlgorithmView& wanted, const der::AlgorithmView& offered) {
  return equal(wanted.oid, offered.oid) &&
         (!has_parameters(wanted) ||
          (offered.parameters && equal(*wanted.parameters, *offered.parameters)));
}

std::optional<der::AlgorithmView> read(Bytes algorithm) {
  der::Reader reader(algorithm);
  const auto parsed = der::read_algorithm(reader, "algorithm");
  return parsed ? std::optional(*parsed) : std::nullopt;
}

std::optional<der::AlgorithmView> key_algorithm(const pki::Certificate& certificate) {
  der::Reader reader(certificate.public_key_info());
  auto info = reader.enter(der::Tag::kSequence, "SubjectPublicKeyInfo");
  return info ? read(info->rest()) : std::nullopt;
}

bool fulfils(const IssuerSigner& signer, const der::AlgorithmView& signature,
             const std::optional<der::AlgorithmView>& key) {
  const auto own = read(signer.signing.algorithm());
  if (!own || !asks_for(signature, *own)) {
    return false;
  }
  const auto own_key = key_algorithm(signer.certificate);
  return !key || (own_key && asks_for(*key, *own_key));
}

/// The first signer that may be used for which `fits` holds.
template <class Fits>
std::optional<std::size_t> find(const Issuer& issuer, SignerMask excluded, SignerRole role,
                                UnixSeconds now, Fits fits) {
  for (std::size_t i = 0; i < issuer.signers.size(); ++i) {
    const IssuerSigner& signer = issuer.signers[i];
    if ((excluded >> i & 1U) == 0 && signer.role == role && signer.is_usable(now) && fits(signer)) {
      return i;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(ChoiceRule rule) {
  switch (rule) {
    case ChoiceRule::kPreferred:
      return "preferred by the client";
    case ChoiceRule::kCrl:
      return "algorithm of the issuer's CRL";
    case ChoiceRule::kRequest:
      return "algorithm of the signed request";
    case ChoiceRule::kOrder:
      return "first in configured order";
    case ChoiceRule::kStandby:
      return "standby: no active signer can sign";
  }
  return "";
}

std::optional<SignerChoice> choose_signer(const Issuer& issuer, const SignatureWishes& wishes,
                                          UnixSeconds now, SignerMask excluded) {
  const auto offers = [&](const der::AlgorithmView& signature,
                          const std::optional<der::AlgorithmView>& key) {
    return find(issuer, excluded, SignerRole::kActive, now,
                [&](const IssuerSigner& signer) { return fulfils(signer, signature, key); });
  };
  if (wishes.preferred) {
    if (const auto list = ocsp::parse_preferred_signatures(*wishes.preferred)) {
      for (const ocsp::PreferredSignatureView& wish : *list) {
        if (const auto found = offers(wish.signature, wish.public_key)) {
          return SignerChoice{*found, ChoiceRule::kPreferred};
        }
      }
    }
  }
  const std::pair<std::optional<Bytes>, ChoiceRule> hints[] = {
      {issuer.crl_algorithm.empty() ? std::nullopt : std::optional<Bytes>(issuer.crl_algorithm),
       ChoiceRule::kCrl},
      {wishes.request_algorithm, ChoiceRule::kRequest}};
  for (const auto& [hint, rule] : hints) {
    if (const auto algorithm = hint ? read(*hint) : std::nullopt) {
      if (const auto found = offers(*algorithm, std::nullopt)) {
        return SignerChoice{*found, rule};
      }
    }
  }
  const auto any = [](const IssuerSigner&) { return true; };
  if (const auto first = find(issuer, excluded, SignerRole::kActive, now, any)) {
    return SignerChoice{*first, ChoiceRule::kOrder};
  }
  if (const auto standby = find(issuer, excluded, SignerRole::kStandby, now, any)) {
    return SignerChoice{*standby, ChoiceRule::kStandby};
  }
  return std::nullopt;
}

}  // namespace muster::responder
