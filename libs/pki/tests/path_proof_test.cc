#include <atomic>
#include <latch>
#include <thread>

#include "muster/pki/path_search.h"
#include "path_testing.h"

// A certificate remembers under whose key it was verified, and OpenSSL does not look at the
// signatures of a path that the search has verified. Nothing that full verification refuses may
// pass for that, the first time or any other.
namespace muster::pki {
namespace {

using muster::testing::KeyKind;
using muster::testing::make_key;

void expect_no_path(const Certificate& leaf, const Path& intermediates, const Path& anchors) {
  EXPECT_EQ(refusal(find(leaf, intermediates, anchors)), PkiErrc::kNoPath);
}

/// The same statement of the same issuer about the same key, signed well and signed badly.
struct Twins {
  Identity good, broken;
};
Twins make_twins(const Identity& issuer, CertificateSpec spec, std::uint8_t serial) {
  spec.use_key = make_key(KeyKind::kP256);
  spec.serial = Buffer{serial};
  const Identity good = issue(issuer, spec);
  spec.break_signature = true;
  return {good, issue(issuer, spec)};
}

struct World {
  Identity root = make_self_signed(ca_spec("Proof Root"));
  Twins first = make_twins(root, ca_spec("Proof CA 1"), 1);
  Twins second = make_twins(first.good, ca_spec("Proof CA 2"), 2);
  Twins leaf = make_twins(second.good, leaf_spec(), 3);

  [[nodiscard]] const Certificate& at(const Twins& twins, int link, int broken) const {
    return (link == broken ? twins.broken : twins.good).certificate;
  }
  /// With the broken one in the place of this link; none: -1.
  [[nodiscard]] PkiResult<Path> find_with(int broken) const {
    return find(at(leaf, 0, broken), {at(first, 2, broken), at(second, 1, broken)},
                {root.certificate});
  }
};

TEST(ProvenPath, ABrokenLinkIsRefusedEachTime) {
  const World world;
  for (int round = 0; round < 3; ++round) {
    for (int broken = 0; broken < 3; ++broken) {
      const auto found = world.find_with(broken);
      ASSERT_FALSE(found) << "link " << broken << ", round " << round;
      EXPECT_EQ(found.error().code, PkiErrc::kNoPath);
    }
    EXPECT_TRUE(world.find_with(-1));  // from the second round on nothing is verified anew
  }
}

TEST(ProvenPath, ABrokenTwinBesideTheGoodOneDoesNoHarm) {
  const World world;
  for (int round = 0; round < 2; ++round) {
    const auto found = find(world.leaf.good.certificate,
                            {world.second.broken.certificate, world.first.broken.certificate,
                             world.second.good.certificate, world.first.good.certificate},
                            {world.root.certificate});
    ASSERT_TRUE(found) << found.error().detail;
    EXPECT_EQ(found->at(1), world.second.good.certificate);
    EXPECT_EQ(found->at(2), world.first.good.certificate);
  }
}

// A root's signature over itself proves nothing: it is trusted because it was given.
TEST(ProvenPath, AnAnchorsOwnSignatureIsNotLookedAt) {
  CertificateSpec spec = ca_spec("Proof Root");
  spec.break_signature = true;
  const Identity root = make_self_signed(spec);
  const Identity leaf = issue(root, leaf_spec());
  EXPECT_TRUE(find(leaf.certificate, {}, {root.certificate}));
  EXPECT_FALSE(verify_issued_by(root.certificate, root.certificate));
  EXPECT_TRUE(find(leaf.certificate, {}, {root.certificate}));
  EXPECT_FALSE(verify_issued_by(root.certificate, root.certificate));
}

TEST(ProvenPath, AnotherKeyUnderTheSameNameAndKeyIdentifierIsAnotherIssuer) {
  const Identity root = make_self_signed(ca_spec("Proof Root"));
  const Identity real = issue(root, ca_spec("Proof CA"));
  CertificateSpec spec = ca_spec("Proof CA");
  spec.subject_key_id = false;
  der::Writer key_id;
  key_id.octet_string(*real.certificate.facts().subject_key_id);
  spec.extensions = {{to_buffer(oid::kCeSubjectKeyId), false, key_id.bytes()}};
  const Identity other = issue(root, spec);
  ASSERT_EQ(other.certificate.facts().subject_key_id, real.certificate.facts().subject_key_id);
  const Identity leaf = issue(real, leaf_spec());
  for (int round = 0; round < 2; ++round) {
    expect_no_path(leaf.certificate, {other.certificate}, {root.certificate});
    expect_no_path(leaf.certificate, {}, {other.certificate});
    const auto found =
        find(leaf.certificate, {other.certificate, real.certificate}, {root.certificate});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->at(1), real.certificate);
  }
}

// Those that ration strangers' signatures go by this number.
TEST(ProvenPath, CostsNoSignatureMoreThanItsSearch) {
  const World world;
  const Path between = {world.first.good.certificate, world.second.good.certificate};
  const Path anchors = {world.root.certificate};
  for (int round = 0; round < 2; ++round) {
    const PathSearch search = search_path(world.leaf.good.certificate, between, anchors, kTestNow);
    EXPECT_TRUE(search.path);
    EXPECT_EQ(search.signatures, 3u);
  }
  // OpenSSL takes another way (see FindPath.AWayThatTheSearchDidNotTakeIsVerifiedAnew): three
  // tries, and both signatures of the path once more.
  const auto renewed_spec = [] {
    CertificateSpec spec = ca_spec("Renewed CA");
    spec.authority_key_id = spec.subject_key_id = false;
    return spec;
  };
  const Identity old = make_self_signed(renewed_spec());
  const Identity renewed = issue(old, renewed_spec());
  CertificateSpec spec = leaf_spec();
  spec.authority_key_id = spec.subject_key_id = false;
  const PathSearch search = search_path(issue(renewed, spec).certificate, Path{renewed.certificate},
                                        Path{old.certificate}, kTestNow);
  EXPECT_FALSE(search.path);
  EXPECT_EQ(search.signatures, 5u);
}

// One key, certified by two roots: what was proven on the way to one says nothing about the other.
TEST(ProvenPath, EachWayOfACrossCertifiedCaIsItsOwn) {
  const Identity a = make_self_signed(ca_spec("Root A"));
  const Identity b = make_self_signed(ca_spec("Root B"));
  CertificateSpec spec = ca_spec("Crossed CA");
  spec.use_key = make_key(KeyKind::kP256);
  const Identity by_a = issue(a, spec);
  const Identity by_b = issue(b, spec);
  spec.break_signature = true;
  const Identity by_b_broken = issue(b, spec);
  const Identity leaf = issue(by_a, leaf_spec());
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(find(leaf.certificate, {by_a.certificate}, {a.certificate}));
    EXPECT_TRUE(find(leaf.certificate, {by_a.certificate, by_b.certificate}, {b.certificate}));
    expect_no_path(leaf.certificate, {by_a.certificate}, {b.certificate});
    expect_no_path(leaf.certificate, {by_a.certificate, by_b_broken.certificate}, {b.certificate});
  }
}

/// The same certificate without its version, signed anew: one of version 1 that has extensions
/// nonetheless.
Certificate as_version_1(const Identity& self) {
  der::Reader message(self.certificate.der());
  auto outer = message.enter(der::Tag::kSequence, "Certificate");
  auto inside = outer->enter(der::Tag::kSequence, "tbsCertificate");
  MUSTER_ASSERT(inside->read(der::context_constructed(0), "version"));
  der::Writer tbs;
  tbs.sequence([&] { tbs.raw(inside->rest()); });
  const auto made = sign_as(muster::testing::SignAs::kAuto, self.key, tbs.bytes());
  der::Writer out;
  out.sequence([&] {
    out.raw(tbs.bytes());
    out.raw(made.algorithm);
    out.octet_bits(made.signature);
  });
  auto parsed = Certificate::parse(out.bytes());
  MUSTER_ASSERT(parsed);
  return *parsed;
}

// OpenSSL asks this while it verifies signatures, which it does not do here.
TEST(ProvenPath, AnAnchorOfVersion1WhoseKeyUsageForbidsItVouchesForNobody) {
  for (const bool may_sign : {true, false}) {
    CertificateSpec spec = ca_spec("Old Root");
    spec.key_usage = static_cast<std::uint16_t>(KeyUsageBit::kDigitalSignature);
    if (may_sign) {
      *spec.key_usage |= static_cast<std::uint16_t>(KeyUsageBit::kKeyCertSign);
    }
    const Identity root = make_self_signed(spec);
    const Certificate anchor = as_version_1(root);
    const Identity leaf = issue(root, leaf_spec());
    for (int round = 0; round < 2; ++round) {
      const auto found = find(leaf.certificate, {}, {anchor});
      EXPECT_EQ(static_cast<bool>(found), may_sign);
    }
    EXPECT_TRUE(find(anchor, {}, {anchor})) << "it is trusted itself";
  }
}

TEST(ProvenPath, IsJudgedAlikeByAllWhoShareItsCertificates) {
  const World world;
  constexpr int kThreads = 4, kRounds = 20;
  std::atomic<int> wrong{0};
  std::latch start(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int mine = 0; mine < kThreads; ++mine) {
      threads.emplace_back([&, mine] {
        start.arrive_and_wait();
        for (int round = 0; round < kRounds; ++round) {
          const int broken = (mine + round) % 4 - 1;
          wrong += static_cast<bool>(world.find_with(broken)) == (broken == -1) ? 0 : 1;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

// DSA keys may lack parameters and get them from above: such proofs are not remembered.
TEST(ProvenPath, IsVerifiedEachTimeUnderKeysThatMayBorrow) {
  AlgorithmPolicy legacy;
  legacy.insecurely_allow_dsa = true;
  CertificateSpec spec = ca_spec("DSA CA");
  spec.key = KeyKind::kDsa2048;
  spec.use_key = muster::testing::cached_key(KeyKind::kDsa2048);
  const Identity ca = make_self_signed(spec);
  const Twins leaf = make_twins(ca, leaf_spec(), 9);
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(verify_issued_by(leaf.good.certificate, ca.certificate, legacy));
    EXPECT_FALSE(verify_issued_by(leaf.broken.certificate, ca.certificate, legacy));
    EXPECT_FALSE(verify_issued_by(leaf.good.certificate, ca.certificate));
  }
}

}  // namespace
}  // namespace muster::pki
