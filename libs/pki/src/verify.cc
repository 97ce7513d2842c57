#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "algorithms.h"
#include "certificate_impl.h"
#include "key_impl.h"
#include "muster/pki/own_signature.h"
#include "muster/pki/tbs_digest.h"

namespace muster::pki {
namespace {

PkiError error(PkiErrc code, std::string detail) { return {code, std::move(detail)}; }

PkiResult<Unit> check_strength(const SignatureAlgorithm& algorithm, const char* digest,
                               const AlgorithmPolicy& policy) {
  const bool sha1 = algorithm.strength == Strength::kSha1 ||
                    (digest != nullptr && std::string_view(digest) == "SHA1");
  if (algorithm.strength == Strength::kBroken || (sha1 && !policy.insecurely_allow_sha1) ||
      (algorithm.family == Family::kDsa && !policy.insecurely_allow_dsa)) {
    return Err{error(PkiErrc::kWeakAlgorithm,
                     std::string(algorithm.name) + " signatures are too weak to be accepted")};
  }
  return Unit{};
}

/// Parameters that may stand beside the OID: RSA takes NULL or nothing, the others nothing
/// (OCSP-COD-030).
bool parameters_fit(const SignatureAlgorithm& algorithm, const der::AlgorithmView& view) {
  if (algorithm.family == Family::kRsaPss) {
    return view.parameters.has_value();
  }
  if (!view.parameters) {
    return true;
  }
  static constexpr std::uint8_t kNull[] = {5, 0};
  return algorithm.family == Family::kRsaPkcs1 && equal(*view.parameters, kNull);
}

bool key_fits(const SignatureAlgorithm& algorithm, const EVP_PKEY* key) {
  if (algorithm.family == Family::kRsaPss && EVP_PKEY_is_a(key, "RSA-PSS") == 1) {
    return true;
  }
  if (EVP_PKEY_is_a(key, algorithm.key_type) != 1) {
    return false;
  }
  if (algorithm.family == Family::kEcdsa) {
    // Curves spelled out by their parameters are a way to forge look-alike keys; no CA uses them.
    int explicit_curve = 0;
    EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_curve);
    return explicit_curve == 0;
  }
  return true;
}

bool use_pss(EVP_PKEY_CTX* context, const PssParameters& pss) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, pss.mgf_digest, nullptr) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, pss.salt_octets) == 1;
}

enum class KeepKey : std::uint8_t { kNo, kYes };

/// What is known of a signature before it is looked at.
struct Known {
  /// The same signature was verified under the same key before: then only what the policy says of
  /// it is judged.
  bool proven = false;
  const TbsDigest* digest = nullptr;  ///< may be of something else: then it is passed over
  /// Whether the key may be kept ready for the next signature: a public one.
  KeepKey keep = KeepKey::kNo;
};

/// Starts to verify over what `digest` makes of octets rather than over them; null: OpenSSL cannot.
/// \param digest  null: OpenSSL does not have it
openssl::KeyContextPtr start_over_digest(EVP_PKEY* key, const SignatureAlgorithm& known,
                                         const PssParameters& pss, const EVP_MD* digest) {
  if (digest == nullptr) {
    return nullptr;
  }
  openssl::KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  const bool ready = context != nullptr && EVP_PKEY_verify_init(context.get()) == 1 &&
                     EVP_PKEY_CTX_set_signature_md(context.get(), digest) == 1 &&
                     (known.family != Family::kRsaPss || use_pss(context.get(), pss));
  return ready ? std::move(context) : nullptr;
}

/// A key made ready to verify under. OpenSSL 3 looks up by name what hashes and what verifies, for
/// every signature anew; the many answers of one responder are all under one key.
struct ReadyKey {
  openssl::KeyPtr key;  ///< counted, so that no other key can have its address
  const SignatureAlgorithm* algorithm = nullptr;
  openssl::DigestPtr digest;
  openssl::KeyContextPtr context;
};
constexpr std::size_t kMostReady = 4;  // an issuer and its delegate, and those of another one
thread_local std::array<ReadyKey, kMostReady> ready_keys;
thread_local std::size_t oldest_ready = 0;

/// Null: it is not ready. Else the key is known to fit the algorithm.
const ReadyKey* find_ready(const EVP_PKEY* key, const SignatureAlgorithm& algorithm) {
  const auto found = std::find_if(ready_keys.begin(), ready_keys.end(), [&](const ReadyKey& r) {
    return r.algorithm == &algorithm && r.key.get() == key;
  });
  return found == ready_keys.end() ? nullptr : &*found;
}

/// Null: algorithms that have parameters or hash by themselves, and keys that may yet change (DSA,
/// see verify_issued_by), are verified under without.
/// \param key  fits the algorithm
const ReadyKey* make_ready(EVP_PKEY* key, const SignatureAlgorithm& algorithm) {
  if (algorithm.family != Family::kEcdsa && algorithm.family != Family::kRsaPkcs1) {
    return nullptr;
  }
  openssl::DigestPtr digest(EVP_MD_fetch(nullptr, algorithm.digest, nullptr));
  openssl::KeyContextPtr context = start_over_digest(key, algorithm, PssParameters{}, digest.get());
  if (context == nullptr || EVP_PKEY_up_ref(key) != 1) {
    openssl::drop_errors();
    return nullptr;
  }
  ReadyKey& place = ready_keys.at(oldest_ready);
  oldest_ready = (oldest_ready + 1) % kMostReady;
  place = ReadyKey{openssl::KeyPtr(key), &algorithm, std::move(digest), std::move(context)};
  return &place;
}

/// The mathematics. \return Errors: kUnsupportedAlgorithm, with OpenSSL's words; else whether it
/// holds.
PkiResult<der::Truth> holds(EVP_PKEY* key, const SignatureAlgorithm& known,
                            const PssParameters& pss, const char* digest, Bytes tbs,
                            Bytes signature, const TbsDigest* made, const ReadyKey* ready) {
  const auto truth = [](int verified) {
    openssl::drop_errors();
    return verified == 1 ? der::Truth::kTrue : der::Truth::kFalse;
  };
  const auto cannot = [&known] {
    return Err{error(PkiErrc::kUnsupportedAlgorithm, std::string("OpenSSL cannot verify ") +
                                                         known.name + ": " +
                                                         openssl::take_error("no reason given"))};
  };
  if (made != nullptr && made->is_of(tbs, digest)) {
    const openssl::DigestPtr md(EVP_MD_fetch(nullptr, digest, nullptr));
    const auto context = start_over_digest(key, known, pss, md.get());
    if (context == nullptr) {
      return cannot();
    }
    return truth(EVP_PKEY_verify(context.get(), signature.data(), signature.size(),
                                 made->octets.data(), made->octets.size()));
  }
  if (ready != nullptr) {
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> hashed{};
    unsigned size = 0;
    if (EVP_Digest(tbs.data(), tbs.size(), hashed.data(), &size, ready->digest.get(), nullptr) !=
        1) {
      return cannot();
    }
    return truth(EVP_PKEY_verify(ready->context.get(), signature.data(), signature.size(),
                                 hashed.data(), size));
  }
  const openssl::DigestContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;  // owned by context
  if (context == nullptr ||
      EVP_DigestVerifyInit_ex(context.get(), &key_context, digest, nullptr, nullptr, key,
                              nullptr) != 1 ||
      (known.family == Family::kRsaPss && !use_pss(key_context, pss))) {
    return cannot();
  }
  return truth(
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), tbs.data(), tbs.size()));
}

/// \param key    null: of a kind that OpenSSL does not know
/// \param owner  whose key it is, for messages
template <class Owner>
PkiResult<Unit> verify_under(EVP_PKEY* key, Owner owner, const der::AlgorithmView& algorithm,
                             Bytes tbs, Bytes signature, const AlgorithmPolicy& policy,
                             const Known& before = {}) {
  const SignatureAlgorithm* known = find_algorithm(algorithm.oid);
  if (known == nullptr || !parameters_fit(*known, algorithm)) {
    return Err{error(PkiErrc::kUnsupportedAlgorithm,
                     "signature algorithm " + algorithm_text(algorithm) +
                         (known == nullptr ? " is not known" : " with unusable parameters"))};
  }
  PssParameters pss;
  const char* digest = known->digest;
  if (known->family == Family::kRsaPss) {
    auto parsed = parse_pss_parameters(algorithm.parameters);
    if (!parsed) {
      return Err{
          error(PkiErrc::kUnsupportedAlgorithm, "RSA-PSS: " + der::to_string(parsed.error()))};
    }
    pss = *parsed;
    digest = pss.digest;
  }
  MUSTER_CHECK(check_strength(*known, digest, policy));

  if (key == nullptr) {
    openssl::drop_errors();
    return Err{error(PkiErrc::kUnsupportedAlgorithm,
                     "the public key of " + owner() + " is of a kind OpenSSL " +
                         OpenSSL_version(OPENSSL_VERSION_STRING) + " does not know")};
  }
  if (!is_strong_enough(key, policy)) {
    return Err{error(PkiErrc::kWeakAlgorithm, "the public key of " + owner() + " is too weak (" +
                                                  std::to_string(EVP_PKEY_get_bits(key)) +
                                                  " bits)")};
  }
  const ReadyKey* ready = before.keep == KeepKey::kYes ? find_ready(key, *known) : nullptr;
  if (ready == nullptr && !key_fits(*known, key)) {
    openssl::drop_errors();
    return Err{error(PkiErrc::kBadSignature,
                     std::string(known->name) + " does not fit the key of " + owner())};
  }
  if (before.proven) {
    return Unit{};
  }
  if (ready == nullptr && before.keep == KeepKey::kYes && before.digest == nullptr) {
    ready = make_ready(key, *known);
  }
  MUSTER_TRY(const der::Truth verified,
             holds(key, *known, pss, digest, tbs, signature, before.digest, ready));
  if (verified == der::Truth::kFalse) {
    return Err{
        error(PkiErrc::kBadSignature,
              std::string(known->name) + " signature does not verify under the key of " + owner())};
  }
  return Unit{};
}

}  // namespace

std::optional<TbsDigest> digest_tbs(const der::AlgorithmView& algorithm, Bytes tbs,
                                    const std::stop_token& stop) {
  constexpr std::size_t kStep = std::size_t{1} << 20;
  const SignatureAlgorithm* known = find_algorithm(algorithm.oid);
  const char* digest = known != nullptr ? known->digest : nullptr;
  if (known != nullptr && known->family == Family::kRsaPss) {
    const auto parsed = parse_pss_parameters(algorithm.parameters);
    digest = parsed ? parsed->digest : nullptr;
  }
  if (digest == nullptr) {
    return std::nullopt;
  }
  const openssl::DigestPtr md(EVP_MD_fetch(nullptr, digest, nullptr));
  const openssl::DigestContextPtr context(EVP_MD_CTX_new());
  bool good = md != nullptr && context != nullptr &&
              EVP_DigestInit_ex(context.get(), md.get(), nullptr) == 1;
  for (Bytes rest = tbs; good && !rest.empty() && !stop.stop_requested();) {
    const Bytes step = rest.first(std::min(kStep, rest.size()));
    good = EVP_DigestUpdate(context.get(), step.data(), step.size()) == 1;
    rest = rest.subspan(step.size());
  }
  TbsDigest made{digest, tbs, Buffer(EVP_MAX_MD_SIZE)};
  unsigned size = 0;
  good = good && !stop.stop_requested() &&
         EVP_DigestFinal_ex(context.get(), made.octets.data(), &size) == 1;
  openssl::drop_errors();
  if (!good) {
    return std::nullopt;
  }
  made.octets.resize(size);
  return made;
}

PkiResult<Unit> verify_signature(const der::AlgorithmView& algorithm, Bytes tbs, Bytes signature,
                                 const Certificate& signer, const AlgorithmPolicy& policy) {
  return verify_signature(algorithm, tbs, signature, signer, policy, nullptr);
}

PkiResult<Unit> verify_signature(const der::AlgorithmView& algorithm, Bytes tbs, Bytes signature,
                                 const Certificate& signer, const AlgorithmPolicy& policy,
                                 const TbsDigest* made) {
  return verify_under(
      X509_get0_pubkey(signer.impl().x509()), [&signer] { return signer.subject_text(); },
      algorithm, tbs, signature, policy, Known{.digest = made, .keep = KeepKey::kYes});
}

PkiResult<Unit> verify_own_signature(const der::AlgorithmView& algorithm, Bytes tbs,
                                     Bytes signature, const PrivateKey& key,
                                     const AlgorithmPolicy& policy) {
  return verify_under(
      key.impl().key.get(), [] { return std::string("ours"); }, algorithm, tbs, signature, policy);
}

PkiResult<Unit> verify_issued_by(const Certificate& certificate, const Certificate& issuer,
                                 const AlgorithmPolicy& policy) {
  const Certificate::Impl& c = certificate.impl();
  const Certificate::Impl& i = issuer.impl();
  EVP_PKEY* const key = X509_get0_pubkey(i.x509());
  auto verified = verify_under(
      key, [&issuer] { return issuer.subject_text(); }, c.signature_algorithm, c.tbs, c.signature,
      policy, Known{.proven = c.is_proven_by(i), .keep = KeepKey::kYes});
  // A DSA key may take its parameters from the certificate above (RFC 3279 section 2.3.2), and
  // OpenSSL then writes them into the object: equal octets need not be equal keys.
  if (verified && EVP_PKEY_is_a(key, "DSA") != 1) {
    c.note_proof(i);
  }
  return verified;
}

}  // namespace muster::pki
