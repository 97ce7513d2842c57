#include "muster/responder/issuer_files.h"

#include <algorithm>

namespace muster::responder {
namespace {

Err<LoadError> usage(std::string detail) {
  return Err{LoadError{LoadErrc::kUsage, std::move(detail)}};
}
Err<LoadError> input(std::string detail) {
  return Err{LoadError{LoadErrc::kInput, std::move(detail)}};
}

std::string name_of(const IssuerFiles& files) {
  return !files.label.empty() ? files.label : !files.ca.empty() ? files.ca : "issuer";
}

Result<std::vector<pki::Certificate>, LoadError> load_certificates(const std::string& path,
                                                                   const char* what) {
  auto certificates = pki::load_certificates(path);
  if (!certificates) {
    return input(std::string(what) + ": " + certificates.error().detail);
  }
  return *std::move(certificates);
}

Result<pki::KeyFile, LoadError> load_key(const SignerFiles& files) {
  auto key = token::load_key(files.key, files.passphrase, files.token);
  if (!key) {
    std::string detail = "key: " + key.error().detail;
    if (key.error().code == pki::PkiErrc::kWrongPassphrase) {
      detail += "; give the passphrase by key_pass = \"file:PATH\" or \"env:NAME\" (--key-pass)";
    }
    return Err{LoadError{
        key.error().code == pki::PkiErrc::kUnavailable ? LoadErrc::kUnavailable : LoadErrc::kInput,
        std::move(detail)}};
  }
  return *std::move(key);
}

/// Of several certificates in the file the one that fits the key.
Result<SignerSpec, LoadError> load_signer(const SignerFiles& files, const pki::Certificate& ca,
                                          const std::string& issuer) {
  MUSTER_TRY(pki::KeyFile key, load_key(files));
  const auto fits = [&key](const pki::Certificate& one) { return key.key.matches(one); };
  pki::Certificate certificate = ca;
  const auto own = std::find_if(key.certificates.begin(), key.certificates.end(), fits);
  if (!files.certificate.empty()) {
    MUSTER_TRY(const std::vector<pki::Certificate> candidates,
               load_certificates(files.certificate, "signer"));
    const auto match = std::find_if(candidates.begin(), candidates.end(), fits);
    certificate = match != candidates.end() ? *match : candidates.front();
  } else if (own != key.certificates.end()) {
    certificate = *own;
  } else if (!fits(certificate)) {
    return input(issuer + ": the private key " + files.key +
                 " is not the CA's own; give the delegate's certificate with signer = "
                 "\"ocsp.pem\" (--signer)");
  }
  return SignerSpec{.label = files.label,
                    .certificate = std::move(certificate),
                    .key = std::move(key.key),
                    .scheme = files.scheme,
                    .locally_trusted = files.locally_trusted,
                    .role = files.role};
}

/// AlgorithmIdentifier the CA signs its CRLs with; empty when the first source is no file that
/// tells. A CRL that does not parse is the source's business, which says so.
Buffer crl_algorithm_of(const source::CrlSetFiles& crls) {
  constexpr std::size_t kMaxBytes = 256 << 20;
  if (crls.sources.empty()) {
    return {};
  }
  auto content = read_file(crls.sources.front(), kMaxBytes);
  if (!content) {
    return {};
  }
  const auto der = pki::decode_crl_input(*std::move(content));
  if (!der) {
    return {};
  }
  // CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signatureValue }: its entries
  // are not looked at.
  der::Reader reader(*der);
  auto list = reader.enter(der::Tag::kSequence, "CertificateList");
  if (!list || !list->read(der::Tag::kSequence, "tbsCertList")) {
    return {};
  }
  const auto algorithm = der::read_algorithm(*list, "signatureAlgorithm");
  return algorithm ? to_buffer(algorithm->raw) : Buffer();
}

std::string_view word(UnissuedAnswer answer) {
  switch (answer) {
    case UnissuedAnswer::kUnknown:
      return "unknown";
    case UnissuedAnswer::kUnauthorized:
      return "unauthorized";
    case UnissuedAnswer::kRevoked:
      return "revoked (1970, certificateHold, extended-revoked)";
  }
  return "";
}
std::string_view word(UnlistedAnswer answer) {
  switch (answer) {
    case UnlistedAnswer::kGood:
      return "good";
    case UnlistedAnswer::kUnknown:
      return "unknown";
    case UnlistedAnswer::kUnauthorized:
      return "unauthorized";
  }
  return "";
}

}  // namespace

Result<Unit, LoadError> check_options(const IssuerFiles& files, SignerKeys keys) {
  const std::string who = name_of(files);
  if (files.ca.empty()) {
    return usage(who + ": no CA certificate; give ca = \"ca.pem\" (--ca)");
  }
  const auto has_no_key = [](const SignerFiles& signer) { return signer.key.empty(); };
  const bool has_none = files.signers.empty() && files.signer_directory.empty();
  if (keys == SignerKeys::kLoaded &&
      (has_none || std::any_of(files.signers.begin(), files.signers.end(), has_no_key))) {
    return usage(who +
                 ": no private key; give key = \"ocsp.key\" (--key), and signer = \"ocsp.pem\" "
                 "(--signer) unless the CA "
                 "signs by itself; or signer_directory");
  }
  for (const SignerFiles& signer : files.signers) {
    if (keys == SignerKeys::kLeftOut || !token::is_key_uri(signer.key)) {
      continue;
    }
    if (const auto uri = token::check_key_uri(signer.key); !uri) {
      return usage(who + ": key: " + uri.error().detail);
    }
  }
  if (!files.index.empty() && !files.crls.empty()) {
    return usage(who +
                 ": both index and crl given; one issuer has one source (index.txt beside CRLs: as "
                 "issued_serials = [...] in "
                 "[responder.issuer.crls])");
  }
  if (files.crls.lists_issued() && files.crls.sources.empty()) {
    return usage(who +
                 ": a list of issued serials stands beside CRLs, which say what is revoked; give "
                 "sources = [...] in "
                 "[responder.issuer.crls]");
  }
  if (files.crls.lists_issued() && files.policy.unlisted) {
    return usage(who +
                 ": unlisted is for CRLs alone; with lists of issued serials unissued says what is "
                 "answered for others");
  }
  if (!files.crls.empty() && !files.crls.lists_issued() && !files.policy.unlisted) {
    return usage(who +
                 ": a CRL names revoked certificates only, so it cannot tell whether any other "
                 "serial was ever issued. "
                 "Decide what is answered for serials not listed: unlisted = \"good\" (all other "
                 "serials are taken "
                 "as issued and valid), \"unknown\" or \"unauthorized\" (--unlisted)");
  }
  if (!files.index.empty() && files.policy.unlisted) {
    return usage(who +
                 ": unlisted is for CRLs; index.txt lists every certificate issued, and unissued "
                 "says what is answered "
                 "for others");
  }
  if (auto policy = check_policy(files.policy); !policy) {
    return usage(who + ": " + policy.error().detail);
  }
  return Unit{};
}

Result<IssuerSpec, LoadError> load_issuer(const IssuerFiles& files,
                                          std::vector<std::string>& warnings, SignerKeys keys) {
  MUSTER_CHECK(check_options(files, keys));
  MUSTER_TRY(const std::vector<pki::Certificate> found, load_certificates(files.ca, "ca"));
  std::vector<pki::Certificate> ca = same_issuer(found);
  std::string label = files.label.empty() ? ca.front().subject_text() : files.label;
  if (ca.size() < found.size()) {
    warnings.push_back(label + ": " + files.ca + " holds " +
                       std::to_string(found.size() - ca.size()) +
                       " certificates of other CAs, which are not answered for; give each CA its "
                       "own [[responder.issuer]]");
  }
  std::vector<SignerSpec> signers;
  std::size_t missing = 0;
  for (const SignerFiles& one : files.signers) {
    if (keys == SignerKeys::kLeftOut) {
      break;
    }
    auto signer = load_signer(one, ca.front(), label);
    if (signer) {
      signers.push_back(*std::move(signer));
      continue;
    }
    const bool another_may = files.signers.size() > missing + 1 || !files.signer_directory.empty();
    if (signer.error().code != LoadErrc::kUnavailable || !another_may) {
      return Err{signer.error()};
    }
    ++missing;
    warnings.push_back(label + ": left out until it answers: " + signer.error().detail);
  }
  std::vector<pki::Certificate> anchors;
  if (!files.requestor_anchors.empty()) {
    MUSTER_TRY(anchors, load_certificates(files.requestor_anchors, "requestor_anchors"));
  }
  std::shared_ptr<const IssuedCertificates> issued;
  if (!files.issued.empty()) {
    auto loaded = IssuedCertificates::load(files.issued, ca.front(), warnings);
    if (!loaded) {
      return input("issued: " + loaded.error().detail);
    }
    issued = std::make_shared<const IssuedCertificates>(*std::move(loaded));
  }
  const bool watched = !files.index.empty() || !files.crls.empty();
  return IssuerSpec{
      .label = std::move(label),
      .certificates = std::move(ca),
      .signers = std::move(signers),
      .origin = watched ? DataOrigin::kWatchedSource : DataOrigin::kStoreItself,
      .store_id = {},
      .policy = files.policy,
      .crl_algorithm = files.signers.size() > 1 ? crl_algorithm_of(files.crls) : Buffer(),
      .requestor_anchors = std::move(anchors),
      .issued = std::move(issued),
      .missing_signers = missing};
}

Result<std::vector<Route>, LoadError> load_routes(const std::vector<RouteFiles>& files) {
  std::vector<Route> out;
  for (const RouteFiles& one : files) {
    Route route{one.url, {}, one.locator};
    if (!one.ca.empty()) {
      MUSTER_TRY(route.cas, load_certificates(one.ca, "route"));
    }
    out.push_back(std::move(route));
  }
  return out;
}

std::string describe(const Issuer& issuer, const IssuerFiles& files) {
  std::string text = "answers for " + issuer.certificates.front().subject_text();
  for (const IssuerSigner& signer : issuer.signers) {
    text += &signer == &issuer.signers.front() ? ", signed by " : ", or ";
    text += signer.role == SignerRole::kStandby ? "standby " : "";
    text +=
        signer.authority == pki::Authority::kIssuer ? "the CA itself" : "delegate " + signer.label;
    der::Reader reader(signer.signing.algorithm());
    if (const auto algorithm = der::read_algorithm(reader, "signatureAlgorithm")) {
      text += " (" + pki::algorithm_text(*algorithm) + ", until " +
              format_iso8601(signer.not_after) + ")";
    }
  }
  if (!files.index.empty()) {
    text += "; source " + files.index;
  } else if (!files.crls.empty()) {
    text += "; source " + source::describe(files.crls);
  } else {
    text += "; source: the store";
  }
  if (issuer.terms.policy.unlisted) {
    text += "; serials not listed: " + std::string(word(*issuer.terms.policy.unlisted));
  } else {
    text += "; serials never issued: " + std::string(word(issuer.terms.policy.unissued));
  }
  text += "; profile " + std::string(row_of(issuer.terms.policy.profile).name) +
          "; answers valid " + format_duration(issuer.terms.policy.validity) +
          ", signed anew after " + format_duration(refresh_age(issuer.terms.policy));
  return text;
}

}  // namespace muster::responder
