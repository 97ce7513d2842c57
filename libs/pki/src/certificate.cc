#include "muster/pki/certificate.h"

#include <algorithm>

#include "certificate_impl.h"
#include "muster/pki/native.h"
#include "plain.h"

namespace muster::pki {
namespace {

using der::DerErrc;
using der::DerError;
using der::DerResult;
using der::Element;
using der::Reader;
using der::Tag;

/// Extension with one tolerance: "critical FALSE" written out, which DER forbids and certificates
/// of real CAs have (vector apple/ct-461426360); it means what it says. RFC 5280 4.1
DerResult<der::ExtensionView> read_lenient_extension(Reader& in) {
  const Reader start = in;
  der::ExtensionView extension;
  MUSTER_TRY(Reader body, in.enter(Tag::kSequence, "extension"));
  MUSTER_TRY(extension.oid, body.read_oid("extnID"));
  if (body.next_is(Tag::kBoolean)) {
    MUSTER_TRY(const der::Truth critical, body.read_boolean("critical"));
    extension.critical = critical == der::Truth::kTrue;
  }
  MUSTER_TRY(extension.value, body.read(Tag::kOctetString, "extnValue"));
  MUSTER_CHECK(body.finish("extension"));
  extension.raw = in.consumed_since(start);
  return extension;
}

const der::ExtensionView* find(const std::vector<der::ExtensionView>& list, Bytes oid) {
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&](const der::ExtensionView& e) { return equal(e.oid, oid); });
  return found == list.end() ? nullptr : &*found;
}

/// Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension, each OID once (RFC 5280 section 4.2).
DerResult<std::vector<der::ExtensionView>> read_extension_list(Reader& in) {
  const std::uint32_t start = in.offset();
  MUSTER_TRY(Reader list, in.enter(Tag::kSequence, "extensions"));
  std::vector<der::ExtensionView> all;
  while (!list.at_end()) {
    const std::uint32_t offset = list.offset();
    if (all.size() == der::kMaxExtensions) {
      return Err{DerError{DerErrc::kTooLarge, offset, "extensions"}};
    }
    MUSTER_TRY(const der::ExtensionView extension, read_lenient_extension(list));
    if (find(all, extension.oid) != nullptr) {
      return Err{DerError{DerErrc::kInconsistent, offset, "extensions"}};
    }
    all.push_back(extension);
  }
  if (all.empty()) {
    return Err{DerError{DerErrc::kBadValue, start, "extensions"}};
  }
  return all;
}

/// TBSCertificate ::= SEQUENCE { version [0] EXPLICIT INTEGER DEFAULT v1, serialNumber INTEGER,
///   signature AlgorithmIdentifier, issuer Name, validity Validity, subject Name,
///   subjectPublicKeyInfo SubjectPublicKeyInfo, issuerUniqueID [1] IMPLICIT BIT STRING OPTIONAL,
///   subjectUniqueID [2] IMPLICIT BIT STRING OPTIONAL, extensions [3] EXPLICIT Extensions OPTIONAL
///   }  RFC 5280 4.1
/// \param list  gets the extensions
DerResult<Unit> read_tbs(Reader& tbs, Certificate::Impl& to,
                         std::vector<der::ExtensionView>& list) {
  MUSTER_TRY(auto version, tbs.enter_optional(der::context_constructed(0), "version"));
  if (version) {
    MUSTER_TRY(const std::uint64_t value, version->read_unsigned("version", 2));
    MUSTER_CHECK(version->finish("version"));
    to.version = static_cast<std::uint8_t>(value + 1);
  }
  const std::uint32_t serial_offset = tbs.offset();
  MUSTER_TRY(const Bytes serial, tbs.read_integer("serialNumber"));
  MUSTER_TRY(to.serial, Serial::make(serial, serial_offset));
  MUSTER_TRY(to.signature_algorithm, der::read_algorithm(tbs, "signature"));
  MUSTER_TRY(to.issuer, der::read_name(tbs, "issuer"));
  MUSTER_TRY(Reader validity, tbs.enter(Tag::kSequence, "validity"));
  MUSTER_TRY(to.not_before, der::read_time(validity, "notBefore"));
  MUSTER_TRY(to.not_after, der::read_time(validity, "notAfter"));
  MUSTER_CHECK(validity.finish("validity"));
  MUSTER_TRY(to.subject, der::read_name(tbs, "subject"));

  MUSTER_TRY(const Element info, tbs.read_element(Tag::kSequence, "subjectPublicKeyInfo"));
  to.public_key_info = info.raw;
  Reader key(info.content, tbs.offset() - static_cast<std::uint32_t>(info.content.size()));
  MUSTER_CHECK(der::read_algorithm(key, "subjectPublicKeyInfo.algorithm"));
  MUSTER_TRY(to.public_key_bits, key.read_octet_bits("subjectPublicKey"));
  MUSTER_CHECK(key.finish("subjectPublicKeyInfo"));

  MUSTER_TRY(const auto issuer_id, tbs.read_optional(der::context_primitive(1), "issuerUniqueID"));
  MUSTER_TRY(const auto subject_id,
             tbs.read_optional(der::context_primitive(2), "subjectUniqueID"));
  to.has_unique_ids = issuer_id || subject_id;
  MUSTER_TRY(auto extensions, tbs.enter_optional(der::context_constructed(3), "extensions"));
  if (extensions) {
    const Reader start = *extensions;
    MUSTER_TRY(list, read_extension_list(*extensions));
    to.extensions = extensions->consumed_since(start);
    MUSTER_CHECK(extensions->finish("extensions"));
  }
  return tbs.finish("tbsCertificate");
}

/// Certificate ::= SEQUENCE { tbsCertificate TBSCertificate, signatureAlgorithm
/// AlgorithmIdentifier,
///                            signatureValue BIT STRING }   RFC 5280 4.1
/// \param list  gets the extensions
DerResult<Unit> read_certificate(Certificate::Impl& to, std::vector<der::ExtensionView>& list) {
  return der::read_all(to.der, Tag::kSequence, "Certificate", [&](Reader& in) -> DerResult<Unit> {
    MUSTER_TRY(const Element tbs, in.read_element(Tag::kSequence, "tbsCertificate"));
    to.tbs = tbs.raw;
    Reader tbs_reader(tbs.content, in.offset() - static_cast<std::uint32_t>(tbs.content.size()));
    MUSTER_CHECK(read_tbs(tbs_reader, to, list));
    const std::uint32_t algorithm_offset = in.offset();
    MUSTER_TRY(const auto outer, der::read_algorithm(in, "signatureAlgorithm"));
    if (!equal(outer.raw, to.signature_algorithm.raw)) {
      return Err{DerError{DerErrc::kInconsistent, algorithm_offset, "signatureAlgorithm"}};
    }
    MUSTER_TRY(to.signature, in.read_octet_bits("signatureValue"));
    return Unit{};
  });
}

openssl::X509Ptr decode(Bytes der) {
  const std::uint8_t* at = der.data();
  return openssl::X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

/// Whether `certificate` encodes to just these octets.
bool encodes_to(X509* certificate, Bytes der) {
  std::uint8_t* octets = nullptr;
  const int size = i2d_X509(certificate, &octets);
  const bool same = size > 0 && equal(Bytes(octets, static_cast<std::size_t>(size)), der);
  OPENSSL_free(octets);
  return same;
}

}  // namespace

Certificate::Impl::~Impl() { X509_free(made_.load(std::memory_order_relaxed)); }

X509* Certificate::Impl::x509() const {
  if (X509* const made = made_.load(std::memory_order_acquire); made != nullptr) {
    return made;
  }
  openssl::X509Ptr decoded = decode(der);
  if (decoded == nullptr) {  // is_plain() lets nothing such pass that we know of; a peer chose it
    decoded.reset(X509_new());
    MUSTER_ASSERT(decoded != nullptr);
  }
  openssl::drop_errors();
  X509* made = nullptr;
  if (made_.compare_exchange_strong(made, decoded.get(), std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
    return decoded.release();
  }
  return made;  // another thread was faster
}

PkiResult<Unit> Certificate::Impl::read() {
  std::vector<der::ExtensionView> list;
  if (auto read = read_certificate(*this, list); !read) {
    return Err{
        PkiError{PkiErrc::kNotACertificate, "not a certificate: " + der::to_string(read.error())}};
  }
  auto decoded = decode_facts(list);
  if (!decoded) {
    return Err{PkiError{PkiErrc::kBadExtension, "certificate of " + der::name_to_string(subject) +
                                                    ": extension " +
                                                    der::to_string(decoded.error())}};
  }
  facts = *std::move(decoded);
  digest_into(HashAlgorithm::kSha256, der, fingerprint);
  digest_into(HashAlgorithm::kSha1, public_key_bits, key_hash);
  return Unit{};
}

PkiResult<Certificate> Certificate::Impl::parse(Bytes octets, X509* decoded) {
  auto impl = std::make_shared<Impl>();
  impl->der = to_buffer(octets);
  MUSTER_CHECK(impl->read());
  openssl::X509Ptr made;
  if (decoded != nullptr && encodes_to(decoded, impl->der) && X509_up_ref(decoded) == 1) {
    made.reset(decoded);
  } else if (!is_plain(*impl)) {
    made = decode(impl->der);
    if (made == nullptr) {
      return Err{PkiError{PkiErrc::kNotACertificate,
                          "not a certificate: " + openssl::take_error("OpenSSL cannot read it")}};
    }
  }
  openssl::drop_errors();  // a key type OpenSSL does not know leaves errors without failing
  impl->made_.store(made.release(), std::memory_order_release);
  return Certificate(std::move(impl));
}

Certificate Certificate::Impl::compact() const {
  auto impl = std::make_shared<Impl>();
  impl->der = der;
  const auto read = impl->read();
  MUSTER_ASSERT(read);  // the same octets were read before
  return Certificate(std::move(impl));
}

PkiResult<Certificate> Certificate::parse(Bytes der) { return Impl::parse(der, nullptr); }
PkiResult<Certificate> parse_decoded(Bytes der, x509_st* decoded) {
  return Certificate::Impl::parse(der, decoded);
}
Certificate Certificate::compact() const { return impl_->is_decoded() ? impl_->compact() : *this; }

Bytes Certificate::der() const { return impl_->der; }
Bytes Certificate::subject() const { return impl_->subject; }
Bytes Certificate::issuer() const { return impl_->issuer; }
const Serial& Certificate::serial() const { return *impl_->serial; }
const der::AlgorithmView& Certificate::signature_algorithm() const {
  return impl_->signature_algorithm;
}
Bytes Certificate::public_key_bits() const { return impl_->public_key_bits; }
Bytes Certificate::public_key_info() const { return impl_->public_key_info; }
UnixSeconds Certificate::not_before() const { return impl_->not_before; }
UnixSeconds Certificate::not_after() const { return impl_->not_after; }
const CertificateFacts& Certificate::facts() const { return impl_->facts; }
const std::array<std::uint8_t, 32>& Certificate::fingerprint() const { return impl_->fingerprint; }
const std::array<std::uint8_t, 20>& Certificate::key_hash() const { return impl_->key_hash; }
std::string Certificate::subject_text() const { return der::name_to_string(impl_->subject); }
std::string Certificate::issuer_text() const { return der::name_to_string(impl_->issuer); }

std::optional<Bytes> Certificate::extension(Bytes oid) const {
  if (impl_->extensions.empty()) {
    return std::nullopt;
  }
  Reader in(impl_->extensions);
  const auto all = read_extension_list(in);
  MUSTER_ASSERT(all);  // read when the certificate was parsed
  const der::ExtensionView* found = find(*all, oid);
  return found != nullptr ? std::optional(found->value) : std::nullopt;
}

std::vector<crl::DistributionPoint> Certificate::distribution_points() const {
  std::vector<crl::DistributionPoint> all;
  for (const Bytes oid : {Bytes(oid::kCeCrlDistributionPoints), Bytes(oid::kCeFreshestCrl)}) {
    if (const auto value = extension(oid)) {
      auto points = crl::parse_distribution_points(*value);
      MUSTER_ASSERT(points);  // checked when the certificate was parsed
      all.insert(all.end(), points->begin(), points->end());
    }
  }
  return all;
}

x509_st* native_x509(const Certificate& certificate) { return certificate.impl().x509(); }

std::string_view to_string(PkiErrc code) {
  switch (code) {
    case PkiErrc::kUnreadable:
      return "unreadable";
    case PkiErrc::kNotACertificate:
      return "not-a-certificate";
    case PkiErrc::kNotACrl:
      return "not-a-crl";
    case PkiErrc::kNotAKey:
      return "not-a-key";
    case PkiErrc::kWrongPassphrase:
      return "wrong-passphrase";
    case PkiErrc::kKeyMismatch:
      return "key-mismatch";
    case PkiErrc::kUnsupportedAlgorithm:
      return "unsupported-algorithm";
    case PkiErrc::kWeakAlgorithm:
      return "weak-algorithm";
    case PkiErrc::kBadSignature:
      return "bad-signature";
    case PkiErrc::kSigningFailed:
      return "signing-failed";
    case PkiErrc::kUnavailable:
      return "unavailable";
    case PkiErrc::kBadExtension:
      return "bad-extension";
    case PkiErrc::kNoPath:
      return "no-path";
    case PkiErrc::kExpired:
      return "expired";
    case PkiErrc::kNotYetValid:
      return "not-yet-valid";
  }
  return "?";
}

}  // namespace muster::pki
