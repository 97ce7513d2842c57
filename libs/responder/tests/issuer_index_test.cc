#include "muster/responder/issuer_index.h"

#include "fixture.h"

namespace muster::responder {
namespace {

std::optional<std::size_t> find(const IssuerIndex& index, const ocsp::CertId& id) {
  const ocsp::CertIdView view = id.view();
  return index.find(*der::find_hash(view.hash_algorithm), view.issuer_name_hash,
                    view.issuer_key_hash);
}
ocsp::CertId id_under(HashAlgorithm hash, const pki::Certificate& issuer) {
  return pki::make_cert_id(hash, issuer, testing::make_serial(7));
}

// req: OCSP-RESP-023
TEST(IssuerIndex, FindsByEverySupportedHashAndNeverBySubjectKeyId) {
  testing::CertificateSpec spec = testing::ca_spec("odd SKI");
  spec.subject_key_id = false;
  der::Writer ski;
  ski.octet_string(Buffer(20, 0x99));  // not the hash of the key
  spec.extensions.push_back({to_buffer(oid::kCeSubjectKeyId), false, ski.take()});
  const Identity ca = testing::make_self_signed(spec);
  IssuerIndex index;
  for (const HashAlgorithm hash : kAllHashAlgorithms) {
    EXPECT_EQ(index.add(hash, ca.certificate, 3), IssuerIndex::Added::kNew);
  }
  for (const HashAlgorithm hash : kAllHashAlgorithms) {
    EXPECT_EQ(find(index, id_under(hash, ca.certificate)), 3U) << to_string(hash);
  }
  EXPECT_FALSE(index.find(HashAlgorithm::kSha1,
                          pki::digest(HashAlgorithm::kSha1, ca.certificate.subject()),
                          Buffer(20, 0x99)));
}

TEST(IssuerIndex, KeepsApartSameNamesAndSameKeys) {
  const Identity first = testing::make_self_signed(testing::ca_spec("A"));
  const Identity rekeyed = testing::make_self_signed(testing::ca_spec("A"));
  testing::CertificateSpec renamed_spec = testing::ca_spec("B");
  renamed_spec.use_key = testing::TestKey{first.key, first.key_pem};
  const Identity renamed = testing::make_self_signed(renamed_spec);
  IssuerIndex index;
  const std::vector<pki::Certificate> all{first.certificate, rekeyed.certificate,
                                          renamed.certificate};
  for (const HashAlgorithm hash : kAllHashAlgorithms) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(index.add(hash, all[i], i), IssuerIndex::Added::kNew);
    }
  }
  for (const HashAlgorithm hash : kAllHashAlgorithms) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(find(index, id_under(hash, all[i])), i);
    }
  }
}

TEST(IssuerIndex, SaysWhenNameAndKeyAreThereAlready) {
  IssuerIndex index;
  const pki::Certificate& ca = standard_pki().intermediate.certificate;
  EXPECT_EQ(index.add(HashAlgorithm::kSha256, ca, 0), IssuerIndex::Added::kNew);
  EXPECT_EQ(index.add(HashAlgorithm::kSha256, ca, 1), IssuerIndex::Added::kAlreadyThere);
  EXPECT_EQ(find(index, id_under(HashAlgorithm::kSha256, ca)), 0U);
}

TEST(IssuerIndex, GrowsWithManyIssuersAndRefusesHashesOfOddLength) {
  IssuerIndex index;
  std::vector<pki::Certificate> all;
  for (int i = 0; i < 40; ++i) {
    testing::CertificateSpec spec = testing::ca_spec("CA " + std::to_string(i));
    spec.use_key = testing::cached_key(testing::KeyKind::kP256);
    all.push_back(testing::make_self_signed(spec).certificate);
    for (const HashAlgorithm hash : kAllHashAlgorithms) {
      index.add(hash, all.back(), all.size() - 1);
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(find(index, id_under(HashAlgorithm::kSha384, all[i])), i);
  }
  const Buffer name = pki::digest(HashAlgorithm::kSha1, all[0].subject());
  const Buffer key = pki::digest(HashAlgorithm::kSha1, all[0].public_key_bits());
  EXPECT_TRUE(index.find(HashAlgorithm::kSha1, name, key));
  EXPECT_FALSE(index.find(HashAlgorithm::kSha1, Bytes(name).first(19), key));
  EXPECT_FALSE(index.find(HashAlgorithm::kSha1, name, Bytes()));
  EXPECT_FALSE(index.find(HashAlgorithm::kSha256, name, key));
}

}  // namespace
}  // namespace muster::responder
