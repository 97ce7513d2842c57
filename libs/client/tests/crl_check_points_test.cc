#include "crl_check_fixture.h"
#include "crl_scope.h"

// Partitions, scopes, reasons and indirect CRLs: RFC 5280 section 6.3.3 steps (b), (d), (e) and
// (l).
namespace muster::client::test {
namespace {

const Buffer kPartA = uri("http://crl.example/a.crl");
const Buffer kPartB = uri("http://crl.example/b.crl");

crl::DistributionPoint point(std::vector<Bytes> names) {
  return {crl::PointName{std::move(names), {}}, {}, {}};
}
crl::IssuingDistributionPoint scope(std::vector<Bytes> names) {
  crl::IssuingDistributionPoint result;
  result.name = crl::PointName{std::move(names), {}};
  return result;
}
CrlSpec revoking(const Certificate& certificate) { return {.entries = {entry_of(certificate)}}; }

// req: OCSP-CRL-027, OCSP-CRL-018
TEST(CheckCrls, ASiblingPartitionIsRefused) {
  const Certificate in_a = leaf_with_points({point({kPartA})});
  EXPECT_EQ(outcome(check_scoped(in_a, {scoped_crl(scope({kPartA}))})), "good");
  EXPECT_EQ(outcome(check_scoped(in_a, {scoped_crl(scope({kPartA}), revoking(in_a))})), "revoked");
  EXPECT_EQ(outcome(check_scoped(in_a, {scoped_crl(scope({kPartB}))})), "out-of-scope");
  EXPECT_EQ(outcome(check_scoped(in_a, {scoped_crl(scope({kPartB, kPartA}))})), "good");
  const Certificate in_both = leaf_with_points({point({kPartB, kPartA})});
  EXPECT_EQ(outcome(check_scoped(in_both, {scoped_crl(scope({kPartA}))})), "good");
  const Certificate second_point = leaf_with_points({point({kPartB}), point({kPartA})});
  EXPECT_EQ(outcome(check_scoped(second_point, {scoped_crl(scope({kPartA}))})), "good");
}

// req: OCSP-CRL-036
TEST(CheckCrls, UnlistedCompleteCrlsOfTheIssuerAreTried) {
  const Certificate in_a = leaf_with_points({point({kPartA})});
  EXPECT_EQ(outcome(check_scoped(in_a, {empty_crl(ca())})), "good");
  // The point has another issuer, whose CRL is not at hand; the issuer's own complete CRL still
  // answers.
  const Buffer elsewhere = directory(testing::make_name("Another CRL issuer"));
  const Certificate outsourced =
      leaf_with_points({{crl::PointName{{kPartA}, {}}, {}, {elsewhere}}});
  EXPECT_EQ(outcome(check_scoped(outsourced, {empty_crl(ca())})), "good");
  EXPECT_EQ(outcome(check_scoped(outsourced, {crl_revoking(ca(), outsourced)})), "revoked");
}

// req: OCSP-CRL-036
TEST(CheckCrls, APartitionNamedAfterTheIssuerCoversOnlyCertificatesWithoutPoints) {
  const Buffer own_name = directory(ca().certificate.subject());
  const Buffer crl = scoped_crl(scope({own_name}));
  EXPECT_EQ(outcome(check_leaf({crl})), "good");
  EXPECT_EQ(outcome(check_scoped(leaf_with_points({point({kPartA})}), {crl})), "out-of-scope");
  EXPECT_EQ(outcome(check_scoped(leaf_with_points({point({own_name})}), {crl})), "good");
  EXPECT_EQ(outcome(check_leaf({scoped_crl(scope({kPartA}))})), "out-of-scope");
}

// req: OCSP-CRL-028
TEST(CheckCrls, ScopesByKindOfCertificateAreKept) {
  crl::IssuingDistributionPoint users;
  users.only_user_certs = true;
  crl::IssuingDistributionPoint authorities;
  authorities.only_ca_certs = true;
  crl::IssuingDistributionPoint attributes;
  attributes.only_attribute_certs = true;
  const std::vector<Certificate> anchor{root().certificate};
  const auto of_ca = [&](const crl::IssuingDistributionPoint& s) {
    return outcome(check(ca().certificate, anchor, {scoped_crl(s, {}, root())}));
  };
  const auto of_leaf = [&](const crl::IssuingDistributionPoint& s) {
    return outcome(check_leaf({scoped_crl(s)}));
  };
  EXPECT_EQ(of_leaf(users), "good");
  EXPECT_EQ(of_leaf(authorities), "out-of-scope");
  EXPECT_EQ(of_leaf(attributes), "out-of-scope");
  EXPECT_EQ(of_ca(users), "out-of-scope");
  EXPECT_EQ(of_ca(authorities), "good");
  EXPECT_EQ(of_ca(attributes), "out-of-scope");
}

Buffer rdn(std::string_view organizational_unit) {
  der::Writer out;
  out.sequence([&] {
    out.oid(Buffer{0x55, 4, 11});
    out.element(der::Tag::kUtf8String, as_bytes(organizational_unit));
  });
  return out.take();
}
/// `name` with one more RDN behind it, as a directoryName.
Buffer below(Bytes name, Bytes rdn_content) {
  der::Reader in(name);
  auto content = in.read(der::Tag::kSequence, "Name");
  der::Writer out;
  out.element(crl::kGeneralNameDirectory, [&] {
    out.sequence([&] {
      out.raw(*content);
      out.element(der::Tag::kSet, rdn_content);
    });
  });
  return out.take();
}

// req: OCSP-CRL-023
TEST(CheckCrls, RelativeNamesAreResolvedOnBothSides) {
  const Buffer part = rdn("Part 1");
  const Buffer other = rdn("Part 2");
  const Buffer full = below(ca().certificate.subject(), part);
  const crl::DistributionPoint relative{crl::PointName{{}, part}, {}, {}};
  crl::IssuingDistributionPoint relative_scope;
  relative_scope.name = crl::PointName{{}, part};
  crl::IssuingDistributionPoint other_scope;
  other_scope.name = crl::PointName{{}, other};

  EXPECT_EQ(outcome(check_scoped(leaf_with_points({relative}), {scoped_crl(scope({full}))})),
            "good");
  EXPECT_EQ(outcome(check_scoped(leaf_with_points({point({full})}), {scoped_crl(relative_scope)})),
            "good");
  EXPECT_EQ(outcome(check_scoped(leaf_with_points({relative}), {scoped_crl(relative_scope)})),
            "good");
  EXPECT_EQ(outcome(check_scoped(leaf_with_points({relative}), {scoped_crl(other_scope)})),
            "out-of-scope");
}

// The issuer of a CRL that parses is a name. Were it none, nothing would lie below it.
TEST(CrlScope, ARelativeNameBelowWhatIsNoNameNamesNothing) {
  const Buffer part = rdn("Part 1");
  const crl::DistributionPoint relative{crl::PointName{{}, part}, {}, {}};
  const Subject subject(leaf_with_points({relative}));
  const std::vector<internal::Point> points = internal::points_of(subject);
  ASSERT_EQ(points.size(), 2u);
  crl::IssuingDistributionPoint relative_scope;
  relative_scope.name = crl::PointName{{}, part};
  const Buffer octets = scoped_crl(relative_scope);
  const auto parsed = crl::parse_crl(octets);
  ASSERT_TRUE(parsed);
  crl::CrlView view = *parsed;
  EXPECT_FALSE(internal::why_out_of_scope(view, points[0], subject).has_value());
  view.issuer = part;
  EXPECT_TRUE(internal::why_out_of_scope(view, points[0], subject).has_value());
}

TEST(CheckCrls, WhatIsDecidedIsNotLookedForInFurtherCrls) {
  const Certificate in_a = leaf_with_points({point({kPartA})});
  const Buffer part = scoped_crl(scope({kPartA}));
  // Nor for the point of CRLs that no point lists: that would refuse the part it was found in.
  const CrlVerdict alone = check_scoped(in_a, {part});
  EXPECT_EQ(outcome(alone), "good");
  EXPECT_EQ(alone.used.size(), 1u);
  EXPECT_TRUE(alone.refused.empty());
  const Buffer older = scoped_crl(scope({kPartB}), {.this_update = kTestNow - Seconds(7200)});
  const CrlVerdict newest = check_scoped(in_a, {older, part});
  EXPECT_EQ(outcome(newest), "good");
  ASSERT_EQ(newest.used.size(), 1u);
  EXPECT_EQ(newest.used[0].crl, 1u);
  EXPECT_TRUE(newest.refused.empty()) << "the older one was not looked at";
}

// Three points try each of these CRLs, and all of them would be too many signatures.
TEST(CheckCrls, ASignatureIsVerifiedOnceHoweverManyPointsTryIt) {
  const Certificate certificate = leaf_with_points({point({kPartA}), point({kPartB})});
  const Buffer forged = testing::build_crl(ca(), {.break_signature = true});
  const std::vector<Buffer> crls(kMaxCrlSignatureChecks / 2, forged);
  EXPECT_EQ(outcome(check_scoped(certificate, crls)), "bad-signature");
}

// req: OCSP-CRL-031, OCSP-CRL-036
TEST(CheckCrls, ReasonsAccumulate) {
  crl::IssuingDistributionPoint some;
  some.only_some_reasons = crl::ReasonSet{0x0006};  // keyCompromise, cACompromise
  crl::IssuingDistributionPoint rest;
  rest.only_some_reasons = static_cast<crl::ReasonSet>(crl::kAllReasons & ~0x0006);
  const Buffer first = scoped_crl(some);
  const Buffer second = scoped_crl(rest);
  EXPECT_EQ(outcome(check_leaf({first})), "reasons-not-covered");
  EXPECT_EQ(outcome(check_leaf({second})), "reasons-not-covered");
  const CrlVerdict both = check_leaf({first, second});
  EXPECT_EQ(outcome(both), "good");
  EXPECT_EQ(both.used.size(), 2u);
  EXPECT_EQ(outcome(check_leaf({first, scoped_crl(rest, revoking(leaf().certificate))})),
            "revoked");
  // Found revoked: the other half is not needed.
  EXPECT_EQ(outcome(check_leaf({scoped_crl(some, revoking(leaf().certificate))})), "revoked");
}

// req: OCSP-CRL-031
TEST(CheckCrls, TheNewestCrlForSomeReasonsDecidesAboutThose) {
  crl::IssuingDistributionPoint some;
  some.only_some_reasons = crl::ReasonSet{0x0006};
  crl::IssuingDistributionPoint rest;
  rest.only_some_reasons = static_cast<crl::ReasonSet>(crl::kAllReasons & ~0x0006);
  const Buffer newest = scoped_crl(some);
  CrlSpec before = revoking(leaf().certificate);
  before.this_update = kTestNow - Seconds(7200);
  const Buffer lifted = scoped_crl(some, before);  // listed it, as the newest does not any more
  const Buffer others = scoped_crl(rest, {.this_update = kTestNow - Seconds(10800)});
  EXPECT_EQ(outcome(check_leaf({lifted, newest})), "reasons-not-covered");
  const CrlVerdict verdict = check_leaf({lifted, others, newest});
  EXPECT_EQ(outcome(verdict), "good");
  ASSERT_EQ(verdict.used.size(), 2u);
  EXPECT_EQ(verdict.used[0].crl, 2u);
  EXPECT_EQ(verdict.used[1].crl, 1u);
}

// req: OCSP-CRL-031
TEST(CheckCrls, ReasonsOfPointAndCrlIntersect) {
  crl::DistributionPoint limited = point({kPartA});
  limited.reasons = crl::ReasonSet{0x0002};
  const Certificate certificate = leaf_with_points({limited, point({kPartB})});
  const CrlVerdict one = check_scoped(certificate, {scoped_crl(scope({kPartA}))});
  EXPECT_EQ(outcome(one), "reasons-not-covered");
  ASSERT_EQ(one.used.size(), 1u);
  EXPECT_EQ(one.used[0].reasons, 0x0002);
  EXPECT_EQ(outcome(check_scoped(certificate,
                                 {scoped_crl(scope({kPartA})), scoped_crl(scope({kPartB}))})),
            "good");
}

struct Indirect {
  Identity signer;
  Certificate certificate;
};
/// A leaf of the CA whose point names another CRL issuer, certified by the root.
Indirect make_indirect(std::optional<crl::PointName> name) {
  testing::CertificateSpec spec;
  spec.common_name = "CRL issuer";
  spec.key_usage = static_cast<std::uint16_t>(pki::KeyUsageBit::kCrlSign);
  Identity signer = testing::issue(root(), spec);
  const Buffer issuer = directory(signer.certificate.subject());
  Certificate certificate = leaf_with_points({{std::move(name), {}, {issuer}}});
  return {std::move(signer), std::move(certificate)};
}
crl::Entry attributed(crl::Entry entry, Bytes issuer) {
  der::Writer value;
  value.sequence([&] { value.raw(directory(issuer)); });
  entry.extensions.push_back({to_buffer(oid::kCeCertificateIssuer), true, value.take()});
  return entry;
}

// req: OCSP-CRL-026
TEST(CheckCrls, ACrlIssuerOfAnotherNameMustBeNamedAndSayIndirect) {
  const Indirect world = make_indirect(crl::PointName{{kPartA}, {}});
  const std::vector<Certificate> certificates{world.signer.certificate};
  const Buffer root_crl = empty_crl(root());  // vouches for the CRL issuer
  crl::IssuingDistributionPoint indirect = scope({kPartA});
  indirect.indirect = true;
  const auto judge = [&](const Certificate& certificate, const Buffer& crl) {
    return outcome(check_scoped(certificate, {crl, root_crl}, certificates));
  };
  EXPECT_EQ(judge(world.certificate, scoped_crl(indirect, {}, world.signer)), "good");
  EXPECT_EQ(judge(world.certificate, scoped_crl(scope({kPartA}), {}, world.signer)), "no-crl");
  EXPECT_EQ(judge(world.certificate, empty_crl(world.signer)), "no-crl");
  // A certificate that names no CRL issuer is not answered by one of another name.
  EXPECT_EQ(judge(leaf_with_points({point({kPartA})}), scoped_crl(indirect, {}, world.signer)),
            "no-crl");
  // The partition must fit here too.
  crl::IssuingDistributionPoint other = scope({kPartB});
  other.indirect = true;
  EXPECT_EQ(judge(world.certificate, scoped_crl(other, {}, world.signer)), "out-of-scope");
}

// req: OCSP-CRL-027
TEST(CheckCrls, APointWithoutANameIsMatchedByItsCrlIssuer) {
  const Indirect world = make_indirect(std::nullopt);
  const std::vector<Certificate> certificates{world.signer.certificate};
  const Buffer own_name = directory(world.signer.certificate.subject());
  crl::IssuingDistributionPoint indirect = scope({own_name});
  indirect.indirect = true;
  EXPECT_EQ(outcome(check_scoped(world.certificate,
                                 {scoped_crl(indirect, {}, world.signer), empty_crl(root())},
                                 certificates)),
            "good");
  indirect.name = crl::PointName{{kPartA}, {}};
  EXPECT_EQ(outcome(check_scoped(world.certificate,
                                 {scoped_crl(indirect, {}, world.signer), empty_crl(root())},
                                 certificates)),
            "out-of-scope");
}

// req: OCSP-CRL-017
TEST(CheckCrls, IndirectEntriesCountUnderTheirCertificateIssuerOnly) {
  const Indirect world = make_indirect(crl::PointName{{kPartA}, {}});
  const std::vector<Certificate> certificates{world.signer.certificate};
  crl::IssuingDistributionPoint indirect = scope({kPartA});
  indirect.indirect = true;
  const crl::Entry entry = entry_of(world.certificate);
  const auto judge = [&](std::vector<crl::Entry> entries) {
    return outcome(check_scoped(
        world.certificate,
        {scoped_crl(indirect, {.entries = std::move(entries)}, world.signer), empty_crl(root())},
        certificates));
  };
  const Buffer another = testing::make_name("Another CA");
  const crl::Entry first = testing::revoked_entry(testing::make_serial(99));
  EXPECT_EQ(judge({entry}), "good");  // belongs to the CRL issuer itself
  EXPECT_EQ(judge({attributed(entry, ca().certificate.subject())}), "revoked");
  EXPECT_EQ(judge({attributed(entry, another)}), "good");
  EXPECT_EQ(judge({attributed(first, ca().certificate.subject()), entry}), "revoked");  // inherited
  EXPECT_EQ(judge({attributed(first, another), entry}), "good");
}

// req: OCSP-CRL-025
TEST(DeltaLocations, AreThoseOfCertificateAndCrlsEachOnce) {
  const auto freshest = [](std::vector<Bytes> names) {
    return der::Extension{to_buffer(oid::kCeFreshestCrl), false,
                          crl::encode_distribution_points(std::array{point(std::move(names))})};
  };
  const Buffer ldap = uri("ldap://crl.example/x");
  testing::CertificateSpec spec = testing::leaf_spec("fresh.example");
  spec.extensions.push_back(freshest({ldap, kPartA}));
  const Certificate certificate = testing::issue(ca(), spec).certificate;
  const Buffer crl = testing::build_crl(ca(), {.extensions = {freshest({kPartA, kPartB})}});
  const Buffer junk = {0x30};
  const std::vector<Bytes> crls{junk, crl};
  EXPECT_EQ(delta_locations(certificate, crls),
            (std::vector<std::string>{"http://crl.example/a.crl", "http://crl.example/b.crl"}));
  EXPECT_TRUE(delta_locations(leaf().certificate, {}).empty());
}

}  // namespace
}  // namespace muster::client::test
