#pragma once

#include "delta.h"
#include "files.h"

// One CRL: encoded, signed, written, read back and compared.
namespace muster::publish {

/// A CRL of ours in memory, parsed and verified.
struct HeldCrl {
  MappedFile file;
  crl::CrlView view;
};
/// Errors: kState (damaged, not by this signer).
PublishResult<HeldCrl> open_crl(const std::string& path, const Spec& spec);

/// What the extensions of partition `index` say, apart from what only complete or delta CRLs have.
crl::CrlFacts common_facts(const Spec& spec, std::size_t index, const crl::Number& number);
/// Whether a delta on `base` can be made under this spec: same scope, same key (RFC 5280
/// section 5.2.4).
bool is_base_for(const crl::CrlView& base, const Spec& spec, std::size_t index,
                 const crl::Number& number);
/// The same of a delta CRL: whether it is one of this series and partition.
bool is_delta_of(const crl::CrlView& delta, const Spec& spec, std::size_t index,
                 const crl::Number& number);

/// Name of the CRL issuer: for direct CRLs as the certificates in scope spell it.
Bytes crl_issuer_of(const Spec& spec);

/// Adds lines to an encoder, naming the certificate issuer where it changes.
class LineEncoder {
 public:
  LineEncoder(const Spec& spec, const crl::CrlEncoder::Head& head, std::size_t expected_bytes,
              std::size_t most_bytes)
      : spec_(spec), encoder_(head, expected_bytes), most_bytes_(most_bytes) {}
  /// Beyond the limit nothing is added.
  void add(const Line& line);
  [[nodiscard]] bool too_large() const { return too_large_; }
  [[nodiscard]] std::size_t most_bytes() const { return most_bytes_; }
  [[nodiscard]] const LineDigest& digest() const { return digest_; }
  crl::CrlEncoder& encoder() { return encoder_; }

 private:
  const Spec& spec_;
  crl::CrlEncoder encoder_;
  std::size_t most_bytes_;
  std::size_t subject_ = static_cast<std::size_t>(-1);
  LineDigest digest_;
  bool too_large_ = false;
};

/// Signs and writes what `lines` holds, reads it back, and checks it with the strict reader:
/// signature, extensions, times, entries. The encoder is let go of before that: the list is in
/// memory once. Errors: kSigner, kTerms, kTooLarge, kIo, kSelfCheck.
PublishResult<HeldCrl> make_crl(std::unique_ptr<LineEncoder> lines, const crl::CrlFacts& facts,
                                const crl::CrlEncoder::Head& head, const Spec& spec,
                                pki::Signer& signer, const std::string& path);

}  // namespace muster::publish
