#include <openssl/x509.h>

#include "fuzz.h"
#include "muster/crl/crl.h"
#include "muster/crl/entry_index.h"
#include "muster/crl/signed_part.h"
#include "openssl_oracle.h"

namespace {

using namespace muster;

using OpensslCrl = std::unique_ptr<X509_CRL, CDeleter<X509_CRL_free>>;

std::vector<der::Extension> to_owned(const der::ExtensionsView& list) {
  std::vector<der::Extension> extensions;
  for (const der::ExtensionView& extension : list) {
    extensions.push_back(
        {to_buffer(extension.oid), extension.critical, to_buffer(extension.value)});
  }
  return extensions;
}

/// The same CRL written by the encoder, every extension verbatim.
Buffer encode_again(const crl::CrlView& view) {
  crl::Crl owner;
  owner.issuer = to_buffer(view.issuer);
  owner.signature_algorithm = to_buffer(view.signature_algorithm.raw);
  owner.this_update = view.this_update;
  owner.next_update = view.next_update;
  owner.extensions = to_owned(view.extensions);
  crl::for_each_entry(view, [&](const crl::AttributedEntry& entry) {
    auto serial = Serial::make(entry.entry.serial);
    MUSTER_ASSERT(serial);
    owner.entries.push_back(
        {*serial, entry.entry.revocation_date, {}, {}, to_owned(entry.entry.extensions)});
    return crl::Walk::kContinue;
  });
  MUSTER_ASSERT(owner.entries.size() == view.entry_count);
  return crl::encode_tbs_crl(owner);
}

void check_same_meaning(const crl::CrlView& a, const crl::CrlView& b) {
  MUSTER_ASSERT(equal(a.issuer, b.issuer) && a.this_update == b.this_update &&
                a.next_update == b.next_update);
  MUSTER_ASSERT(a.entry_count == b.entry_count && a.is_delta == b.is_delta);
  MUSTER_ASSERT(a.unknown_critical_extension == b.unknown_critical_extension);
  MUSTER_ASSERT(a.unknown_critical_entry_extension == b.unknown_critical_entry_extension);
  MUSTER_ASSERT(a.defects.disqualifying() == b.defects.disqualifying());
}

/// What may be hashed ahead is what the signature covers.
void check_signed_part(Bytes der, const crl::CrlView& view) {
  const auto part = crl::find_signed_part(der);
  MUSTER_ASSERT(part && part->tbs.data() == view.tbs_raw.data() &&
                part->tbs.size() == view.tbs_raw.size() &&
                equal(part->algorithm.raw, view.signature_algorithm.raw));
}

/// Every listed serial is found under its issuer, whichever way it is looked for.
void check_lookup(const crl::CrlView& view) {
  constexpr std::size_t kMaxLookups = 20;
  std::size_t lookups = 0;
  std::optional<crl::SerialList> serials;
  std::optional<crl::EntryIndex> index;
  if (!view.is_indirect()) {
    index.emplace(serials.emplace(view));
  }
  crl::for_each_entry(view, [&](const crl::AttributedEntry& entry) {
    if (view.is_indirect() || !entry.entry.certificate_issuer) {
      const Bytes issuer = view.is_indirect() ? entry.certificate_issuer : view.issuer;
      const auto found = crl::find_entry(view, entry.entry.serial, issuer);
      MUSTER_ASSERT(found && equal(found->serial, entry.entry.serial));
      if (serials) {
        const auto listed = serials->find(entry.entry.serial, issuer);
        const auto indexed = index->find(entry.entry.serial, issuer);
        MUSTER_ASSERT(listed && indexed && listed->revocation_date == found->revocation_date &&
                      indexed->revocation_date == found->revocation_date);
      }
    }
    return ++lookups < kMaxLookups ? crl::Walk::kContinue : crl::Walk::kStop;
  });
}

/// OpenSSL must accept what we do, and count the same entries. Not compared: names (it checks their
/// values), algorithm parameters other than NULL, and extension values, which it only flags.
void compare_with_openssl(const crl::CrlView& view, Bytes octets) {
  static constexpr std::uint8_t kEmptyName[] = {0x30, 0x00};
  if (!equal(view.issuer, kEmptyName) || !fuzz::is_plain(view.signature_algorithm)) {
    return;
  }
  const auto theirs = fuzz::decode<OpensslCrl>(octets, d2i_X509_CRL);
  MUSTER_ASSERT(theirs != nullptr);
  const auto* entries = X509_CRL_get_REVOKED(theirs.get());
  MUSTER_ASSERT((entries == nullptr ? 0 : sk_X509_REVOKED_num(entries)) ==
                static_cast<int>(view.entry_count));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes octets(data, size);
  const auto view = crl::parse_crl(octets);
  if (!view) {
    MUSTER_ASSERT(view.error().offset <= size);
    return 0;
  }
  const Buffer tbs = encode_again(*view);
  if (tbs.size() == view->tbs_raw.size() && view->version == 2) {
    MUSTER_ASSERT(equal(
        tbs, view->tbs_raw));  // else: version 1, years below 2050 as GeneralizedTime, empty lists
  }
  const Buffer again = crl::encode_crl(tbs, view->signature_algorithm.raw, view->signature);
  const auto second = crl::parse_crl(again);
  MUSTER_ASSERT(second);
  check_same_meaning(*view, *second);
  check_signed_part(octets, *view);
  check_lookup(*view);
  compare_with_openssl(*view, octets);
  return 0;
}
