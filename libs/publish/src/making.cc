#include "making.h"

#include <cerrno>

#include "muster/crl/name_match.h"
#include "muster/pki/verified_crl.h"

namespace muster::publish {
namespace {

Err<PublishError> bad(PublishErrc code, std::string detail) {
  return Err{PublishError{code, std::move(detail)}};
}

Bytes key_id_of(const pki::Certificate& signer) {
  const auto& own = signer.facts().subject_key_id;
  return own ? Bytes(*own) : Bytes(signer.key_hash());
}

std::optional<der::Extension> find(const std::vector<der::Extension>& extensions, Bytes oid) {
  for (const der::Extension& extension : extensions) {
    if (equal(extension.oid, oid)) {
      return extension;
    }
  }
  return std::nullopt;
}

bool same_extension(const crl::CrlView& crl, const std::vector<der::Extension>& extensions,
                    Bytes oid) {
  const auto there = der::find_extension(crl.extensions, oid);
  const auto wanted = find(extensions, oid);
  return there.has_value() == wanted.has_value() &&
         (!there || (equal(there->value, wanted->value) && there->critical == wanted->critical));
}

/// What of the CRL is not as meant; empty: all is.
std::string find_difference(const crl::CrlView& crl, const std::vector<der::Extension>& extensions,
                            const crl::CrlEncoder::Head& head, const LineDigest& lines,
                            const Spec& spec) {
  if (!crl.defects.none()) {
    return "the encoding has defects";
  }
  if (crl.version != 2 || !equal(crl.issuer, head.issuer) || crl.this_update != head.this_update ||
      crl.next_update != head.next_update) {
    return "version, issuer or times differ";
  }
  if (crl.extensions.size() != extensions.size()) {
    return "the number of extensions differs";
  }
  for (const der::Extension& extension : extensions) {
    if (!same_extension(crl, extensions, extension.oid)) {
      return "extension " + der::oid_to_string(extension.oid) + " differs";
    }
  }
  if (digest_of(crl, spec) != lines) {
    return "the entries are not those of the store";
  }
  return "";
}

}  // namespace

Bytes crl_issuer_of(const Spec& spec) {
  return spec.is_indirect() ? spec.signer.subject() : spec.subjects.front().ca.subject();
}

crl::CrlFacts common_facts(const Spec& spec, std::size_t index, const crl::Number& number) {
  crl::CrlFacts facts;
  facts.authority_key_id = key_id_of(spec.signer);
  facts.number = number;
  facts.scope = {spec.partitions[index].uris, spec.partitions[index].only, spec.is_indirect()};
  facts.expired_certs_since = spec.terms.keep_expired_since;
  return facts;
}

namespace {

bool is_of_partition(const crl::CrlView& crl, const Spec& spec, std::size_t index,
                     const crl::Number& number) {
  const auto wanted = crl::make_extensions(common_facts(spec, index, number));
  return wanted && crl.crl_number && crl::Number::make(*crl.crl_number) == number &&
         equal(crl.issuer, crl_issuer_of(spec)) &&
         same_extension(crl, *wanted, oid::kCeIssuingDistributionPoint) &&
         same_extension(crl, *wanted, oid::kCeAuthorityKeyId);
}

}  // namespace

bool is_base_for(const crl::CrlView& base, const Spec& spec, std::size_t index,
                 const crl::Number& number) {
  return !base.is_delta && is_of_partition(base, spec, index, number);
}
bool is_delta_of(const crl::CrlView& delta, const Spec& spec, std::size_t index,
                 const crl::Number& number) {
  return delta.is_delta && is_of_partition(delta, spec, index, number);
}

PublishResult<HeldCrl> open_crl(const std::string& path, const Spec& spec) {
  auto file = MappedFile::open(path);
  if (!file) {
    return bad(file.error().os_error == ENOENT ? PublishErrc::kState : PublishErrc::kIo,
               to_string(file.error()));
  }
  auto view = crl::parse_crl(file->octets());
  if (!view) {
    return bad(PublishErrc::kState, path + " is damaged: " + der::to_string(view.error()));
  }
  if (const auto verified = pki::verify_crl(*view, std::span(&spec.signer, 1)); !verified) {
    return bad(PublishErrc::kState, path + ": " + verified.error().detail);
  }
  return HeldCrl{*std::move(file), *std::move(view)};
}

void LineEncoder::add(const Line& line) {
  digest_.add(line);
  too_large_ = too_large_ || encoder_.bytes() > most_bytes_;
  if (too_large_) {
    return;
  }
  Bytes certificate_issuer;
  if (spec_.is_indirect() && line.subject != subject_) {
    certificate_issuer = spec_.subjects[line.subject].ca.subject();
    subject_ = line.subject;
  }
  encoder_.add({line.serial, line.date, line.reason, line.invalidity_date, certificate_issuer});
}

PublishResult<HeldCrl> make_crl(std::unique_ptr<LineEncoder> lines, const crl::CrlFacts& facts,
                                const crl::CrlEncoder::Head& head, const Spec& spec,
                                pki::Signer& signer, const std::string& path) {
  const auto extensions = crl::make_extensions(facts);
  if (!extensions) {
    return bad(PublishErrc::kTerms,
               spec.label + ": " + std::string(crl::to_string(extensions.error())));
  }
  Buffer signature;
  if (const auto made = signer.sign(lines->encoder().finish_tbs(*extensions), signature); !made) {
    return bad(PublishErrc::kSigner, spec.label + ": " + made.error().detail);
  }
  const Bytes octets = lines->encoder().finish(signature);
  if (octets.size() > lines->most_bytes()) {  // entries alone fitted
    return bad(PublishErrc::kTooLarge, spec.label + ": a CRL of " + std::to_string(octets.size()) +
                                           " octets is larger than " +
                                           std::to_string(lines->most_bytes()) +
                                           " (use more partitions)");
  }
  if (const auto written = write_file_atomically(path, octets); !written) {
    return Err{io_error(written.error())};
  }
  const LineDigest digest = lines->digest();
  lines.reset();
  auto held = open_crl(path, spec);
  if (!held) {
    return bad(PublishErrc::kSelfCheck,
               "what was just written does not stand: " + held.error().detail);
  }
  if (const std::string difference = find_difference(held->view, *extensions, head, digest, spec);
      !difference.empty()) {
    return bad(PublishErrc::kSelfCheck, path + " is not what was meant: " + difference +
                                            " (it was not published; report this)");
  }
  return *std::move(held);
}

}  // namespace muster::publish
