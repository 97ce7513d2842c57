#include "path_testing.h"

namespace muster::pki {
namespace {

using muster::testing::standard_pki;

TEST(FindPath, GoesFromTheLeafToTheAnchor) {
  const auto& pki = standard_pki();
  const auto path = find(pki.leaf, {pki.other_leaf.certificate, pki.intermediate.certificate},
                         {pki.root.certificate});
  ASSERT_TRUE(path) << path.error().detail;
  EXPECT_EQ(*path,
            (Path{pki.leaf.certificate, pki.intermediate.certificate, pki.root.certificate}));
}

TEST(FindPath, TrustsAnAnchorBecauseItWasGiven) {
  const auto& pki = standard_pki();
  const auto stops = find(pki.leaf, {}, {pki.intermediate.certificate});  // not self-signed
  ASSERT_TRUE(stops) << stops.error().detail;
  EXPECT_EQ(*stops, (Path{pki.leaf.certificate, pki.intermediate.certificate}));
  const auto itself = find(pki.leaf, {}, {pki.leaf.certificate});
  ASSERT_TRUE(itself) << itself.error().detail;
  EXPECT_EQ(itself->size(), 1u);
}

TEST(FindPath, AcceptsAnAnchorOfVersion1) {
  CertificateSpec spec = ca_spec("Old Root");
  spec.version_1 = true;
  const Identity root = make_self_signed(spec);
  const Identity leaf = issue(root, leaf_spec());
  const auto path = find(leaf, {}, {root.certificate});
  EXPECT_TRUE(path) << path.error().detail;
}

TEST(FindPath, NeedsEveryLink) {
  const auto& pki = standard_pki();
  EXPECT_EQ(refusal(find(pki.leaf, {}, {pki.root.certificate})), PkiErrc::kNoPath);
  EXPECT_EQ(refusal(find(pki.leaf, {pki.intermediate.certificate}, {})), PkiErrc::kNoPath);
  const Identity stranger = make_self_signed(ca_spec("Test Root"));  // same name, another key
  EXPECT_EQ(refusal(find(pki.leaf, {pki.intermediate.certificate}, {stranger.certificate})),
            PkiErrc::kNoPath);
}

TEST(FindPath, TriesAnotherIssuerOfTheSameName) {
  const auto& pki = standard_pki();
  const Identity wrong_key = issue(pki.root, ca_spec("Test Intermediate"));
  CertificateSpec expired_spec = ca_spec("Test Intermediate");
  expired_spec.use_key = TestKey{pki.intermediate.key, pki.intermediate.key_pem};
  expired_spec.not_after = kTestNow - Seconds(1);
  const Identity expired = issue(pki.root, expired_spec);
  const auto path =
      find(pki.leaf, {wrong_key.certificate, expired.certificate, pki.intermediate.certificate},
           {pki.root.certificate});
  ASSERT_TRUE(path) << path.error().detail;
  EXPECT_EQ(path->at(1), pki.intermediate.certificate);
}

TEST(FindPath, JudgesValidityOfEachCertificate) {
  const auto& pki = standard_pki();
  const Path intermediates = {pki.intermediate.certificate};
  const Path anchors = {pki.root.certificate};
  const Certificate& leaf = pki.leaf.certificate;
  EXPECT_TRUE(find(pki.leaf, intermediates, anchors, leaf.not_before()));
  EXPECT_TRUE(find(pki.leaf, intermediates, anchors, leaf.not_after()));
  EXPECT_EQ(refusal(find(pki.leaf, intermediates, anchors, leaf.not_before() - Seconds(1))),
            PkiErrc::kNotYetValid);
  EXPECT_EQ(refusal(find(pki.leaf, intermediates, anchors, leaf.not_after() + Seconds(1))),
            PkiErrc::kExpired);
  EXPECT_TRUE(find(pki.leaf, intermediates, anchors, leaf.not_after() + Seconds(1),
                   LeafValidity::kIgnored));
  const UnixSeconds ca_over = pki.intermediate.certificate.not_after() + Seconds(1);
  EXPECT_EQ(refusal(find(pki.leaf, intermediates, anchors, ca_over, LeafValidity::kIgnored)),
            PkiErrc::kExpired);
}

// Old and new key of a CA under one name, connected by a certificate of that name. The search finds
// the way; without key identifiers OpenSSL takes another one, whose signature nobody has verified.
TEST(FindPath, AWayThatTheSearchDidNotTakeIsVerifiedAnew) {
  const auto path_of = [](bool key_ids) {
    const auto with = [&](CertificateSpec spec) {
      spec.authority_key_id = spec.subject_key_id = key_ids;
      return spec;
    };
    const Identity old = make_self_signed(with(ca_spec("Renewed CA")));
    const Identity renewed = issue(old, with(ca_spec("Renewed CA")));
    return find(issue(renewed, with(leaf_spec())), {renewed.certificate}, {old.certificate});
  };
  const auto path = path_of(true);
  ASSERT_TRUE(path) << path.error().detail;
  EXPECT_EQ(path->size(), 3u);
  EXPECT_EQ(refusal(path_of(false)), PkiErrc::kNoPath);
}

TEST(FindPath, DemandsThatIssuersAreCas) {
  const auto& pki = standard_pki();
  const Identity below_a_leaf = issue(pki.leaf, leaf_spec("forged.example"));
  EXPECT_EQ(refusal(find(below_a_leaf, {pki.leaf.certificate, pki.intermediate.certificate},
                         {pki.root.certificate})),
            PkiErrc::kNoPath);
  CertificateSpec no_cert_sign = ca_spec("Tired CA");
  no_cert_sign.key_usage = 1;
  const Identity tired = issue(pki.root, no_cert_sign);
  EXPECT_EQ(refusal(find(issue(tired, leaf_spec()), {tired.certificate}, {pki.root.certificate})),
            PkiErrc::kNoPath);
}

TEST(FindPath, HonoursPathLengthAndNameConstraints) {
  const auto& root = standard_pki().root;
  CertificateSpec short_spec = ca_spec("Short CA");
  short_spec.path_length = 0;
  const Identity short_ca = issue(root, short_spec);
  const Identity sub = issue(short_ca, ca_spec("Too deep"));
  EXPECT_TRUE(find(issue(short_ca, leaf_spec()), {short_ca.certificate}, {root.certificate}));
  EXPECT_EQ(refusal(find(issue(sub, leaf_spec()), {sub.certificate, short_ca.certificate},
                         {root.certificate})),
            PkiErrc::kNoPath);

  CertificateSpec narrow_spec = ca_spec("Narrow CA");
  // NameConstraints { permittedSubtrees { dNSName "inside.example" } }, critical
  narrow_spec.extensions = {{{0x55, 0x1d, 0x1e},
                             true,
                             *from_hex("3014a0123010820e"
                                       "696e736964652e6578616d706c65")}};
  const Identity narrow = issue(root, narrow_spec);
  EXPECT_TRUE(find(issue(narrow, leaf_spec("www.inside.example")), {narrow.certificate},
                   {root.certificate}));
  EXPECT_EQ(refusal(find(issue(narrow, leaf_spec("www.outside.example")), {narrow.certificate},
                         {root.certificate})),
            PkiErrc::kNoPath);
}

TEST(FindPath, RefusesCriticalExtensionsNobodyKnowsButNotTlsFeature) {
  const auto& pki = standard_pki();
  CertificateSpec spec = leaf_spec();
  spec.extensions = {{to_buffer(oid::kPeTlsFeature), true, *from_hex("3003020105")}};
  const auto path =
      find(issue(pki.intermediate, spec), {pki.intermediate.certificate}, {pki.root.certificate});
  EXPECT_TRUE(path) << path.error().detail;
  spec.extensions = {{*der::oid_from_string("1.3.6.1.4.1.99999.1"), true, {5, 0}}};
  EXPECT_EQ(refusal(find(issue(pki.intermediate, spec), {pki.intermediate.certificate},
                         {pki.root.certificate})),
            PkiErrc::kNoPath);
}

TEST(FindPath, RefusesWeakLinks) {
  const auto& pki = standard_pki();
  CertificateSpec spec = leaf_spec();
  spec.sign_as = muster::testing::SignAs::kSha1;
  const Identity leaf = issue(pki.intermediate, spec);
  EXPECT_EQ(refusal(find(leaf, {pki.intermediate.certificate}, {pki.root.certificate})),
            PkiErrc::kWeakAlgorithm);
  AlgorithmPolicy legacy;
  legacy.insecurely_allow_sha1 = true;
  const Path intermediates = {pki.intermediate.certificate};
  const Path anchors = {pki.root.certificate};
  EXPECT_TRUE(find_path(leaf.certificate, intermediates, anchors, kTestNow, LeafValidity::kChecked,
                        legacy));
}

TEST(FindPath, EndsOnLoops) {
  // Two CAs that certify each other, and one that certifies itself, none of them trusted.
  const Identity a = make_self_signed(ca_spec("A"));
  const Identity b = issue(a, ca_spec("B"));
  CertificateSpec a_by_b_spec = ca_spec("A");
  a_by_b_spec.use_key = TestKey{a.key, a.key_pem};
  const Identity a_by_b = issue(b, a_by_b_spec);
  const Identity leaf = issue(a, leaf_spec());
  EXPECT_EQ(refusal(find(leaf, {a.certificate, b.certificate, a_by_b.certificate},
                         {standard_pki().root.certificate})),
            PkiErrc::kNoPath);
}

TEST(FindPath, IsBoundedInDepth) {
  const auto chain_of = [](int intermediates) {
    std::vector<Identity> chain = {make_self_signed(ca_spec("Deep 0"))};
    for (int i = 1; i <= intermediates; ++i) {
      chain.push_back(issue(chain.back(), ca_spec("Deep " + std::to_string(i))));
    }
    chain.push_back(issue(chain.back(), leaf_spec()));
    return chain;
  };
  for (const int intermediates : {8, 9}) {  // ten certificates in all, or eleven
    const auto chain = chain_of(intermediates);
    Path between;
    for (const Identity& identity : chain) {
      between.push_back(identity.certificate);
    }
    const auto path = find(chain.back(), between, {chain.front().certificate});
    EXPECT_EQ(static_cast<bool>(path), intermediates == 8);
  }
}

TEST(FindPath, IsBoundedInSignatureChecks) {
  // A heap of CAs of the right name and wrong keys before the right one.
  const auto& pki = standard_pki();
  Path heap;
  CertificateSpec spec = ca_spec("Test Intermediate");
  spec.subject_key_id = false;  // so that no hint puts the right one first
  const Identity right = [&] {
    CertificateSpec s = spec;
    s.use_key = TestKey{pki.intermediate.key, pki.intermediate.key_pem};
    return issue(pki.root, s);
  }();
  for (int i = 0; i < 100; ++i) {
    heap.push_back(issue(pki.root, spec).certificate);
  }
  heap.push_back(right.certificate);
  EXPECT_EQ(refusal(find(pki.leaf, heap, {pki.root.certificate})), PkiErrc::kNoPath);
  heap.erase(heap.begin(), heap.begin() + 2);
  EXPECT_TRUE(find(pki.leaf, heap, {pki.root.certificate}));
}

TEST(FindPath, ComparesNamesByRfc5280) {
  CertificateSpec ca = ca_spec("Spelling CA");
  ca.subject = muster::testing::make_name("Spelling CA", der::Tag::kPrintableString);
  const Identity root = make_self_signed(ca);
  CertificateSpec spec = leaf_spec();
  spec.issuer_name = muster::testing::make_name("spelling ca");
  const auto path = find(issue(root, spec), {}, {root.certificate});
  EXPECT_TRUE(path) << path.error().detail;
}

}  // namespace
}  // namespace muster::pki
