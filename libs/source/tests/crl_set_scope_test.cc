#include "crl_set_fixture.h"

namespace muster::source {
namespace {

using testing::build_crl;
using testing::CrlSetTest;
using testing::CrlSpec;
using ::testing::HasSubstr;
using testing::kTestNow;
using testing::make_serial;
using testing::numbered;
using testing::revoked_entry;
using testing::Scope;
using testing::scope_extension;

class CrlSetScope : public CrlSetTest {
 protected:
  static CrlSpec scoped(const Scope& scope, const std::vector<std::uint64_t>& serials,
                        std::uint64_t number = 5) {
    CrlSpec spec = numbered(number, serials);
    spec.extensions.push_back(scope_extension(scope));
    return spec;
  }
};

// req: OCSP-CRL-027 OCSP-CRL-018
TEST_F(CrlSetScope, PartitionsAreCompleteOnlyWhenAllThatWereNamedAreThere) {
  add_files({"1.crl", "2.crl"});
  write("1.crl", scoped({.uri = "http://ca/1.crl"}, {1}));
  ASSERT_TRUE(look().loaded);
  EXPECT_EQ(error(), SourceErrc::kUnreadable) << "2.crl is missing";
  EXPECT_TRUE(is_revoked(1));
  EXPECT_FALSE(covers_everything()) << "nobody said that one partition is all";
  restart();
  spec_.crls.partitions = {"http://ca/1.crl", "http://ca/2.crl"};
  look();
  EXPECT_FALSE(covers_everything());
  write("2.crl", scoped({.uri = "http://ca/3.crl"}, {3}));
  look();
  EXPECT_FALSE(covers_everything()) << "a sibling does not cover partition 2";
  EXPECT_EQ(error(), SourceErrc::kIncomplete);
  EXPECT_THAT(error_text(), HasSubstr("http://ca/2.crl"));
  write("2.crl", scoped({.uri = "http://ca/2.crl"}, {2}));
  ASSERT_TRUE(look().loaded);
  EXPECT_TRUE(covers_everything());
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(1) && is_revoked(2) && is_revoked(3));
}

TEST_F(CrlSetScope, AStalePartitionLeavesRevocationsKnownAndNothingElse) {
  add_files({"1.crl", "2.crl"});
  spec_.crls.partitions = {"http://ca/1.crl", "http://ca/2.crl"};
  CrlSpec first = scoped({.uri = "http://ca/1.crl"}, {1});
  first.next_update = kTestNow + Seconds(100);
  write("1.crl", first);
  write("2.crl", scoped({.uri = "http://ca/2.crl"}, {2}));
  look();
  ASSERT_TRUE(covers_everything());
  EXPECT_EQ(state().next_update, first.next_update) << "no answer outlives the CRL that ends first";
  clock_.advance(Seconds(100));
  look();
  EXPECT_FALSE(covers_everything());
  EXPECT_EQ(error(), SourceErrc::kIncomplete);
  EXPECT_GT(*state().next_update, clock_.now()) << "what is revoked can be told";
  EXPECT_LE(*state().not_revoked_until, clock_.now());
  EXPECT_EQ(status().lag(clock_.now() + Seconds(40)), Seconds(40));
  EXPECT_FALSE(status().is_usable(clock_.now()));
  CrlSpec again = scoped({.uri = "http://ca/1.crl"}, {1, 4}, 6);
  again.this_update = clock_.now();
  write("1.crl", again);
  look();
  EXPECT_TRUE(covers_everything()) << error_text();
  EXPECT_TRUE(status().is_usable(clock_.now()));
}

// Several CRLs are one source: readers see all of them or none.
TEST_F(CrlSetScope, TheWholeSetComesInOneTransaction) {
  add_files({"1.crl", "2.crl", "3.crl"});
  spec_.crls.partitions = {"http://ca/1.crl", "http://ca/2.crl", "http://ca/3.crl"};
  for (int i = 1; i <= 3; ++i) {
    write(std::to_string(i) + ".crl", scoped({.uri = "http://ca/" + std::to_string(i) + ".crl"},
                                             {static_cast<std::uint64_t>(i)}));
  }
  const std::uint64_t before = state().sequence;
  ASSERT_TRUE(look().loaded);
  EXPECT_EQ(state().records, 3u);
  EXPECT_EQ(store_->reader()->renew(), state().sequence);
  EXPECT_NE(state().sequence, before);
  const std::uint64_t after = state().sequence;
  EXPECT_FALSE(look().loaded) << "nothing changed";
  EXPECT_EQ(state().sequence, after);
}

// req: OCSP-CRL-028
TEST_F(CrlSetScope, KindsOfCertificatesAddUp) {
  add_files({"user.crl", "ca.crl"});
  write("user.crl", scoped({.user_only = true}, {1}));
  look();
  EXPECT_FALSE(covers_everything());
  write("ca.crl", scoped({.ca_only = true}, {2}));
  look();
  EXPECT_TRUE(covers_everything()) << error_text();
  EXPECT_TRUE(is_revoked(1) && is_revoked(2));
}

TEST_F(CrlSetScope, OneKindIsEnoughWhereTheCaIssuesNoOther) {
  add_files({"user.crl"});
  spec_.crls.kinds = CertificateKinds::kUserOnly;
  write("user.crl", scoped({.user_only = true}, {1}));
  look();
  EXPECT_TRUE(covers_everything()) << error_text();
  restart();
  spec_.crls.kinds = CertificateKinds::kCaOnly;
  look();
  EXPECT_FALSE(covers_everything());
  EXPECT_THAT(error_text(), HasSubstr("not CA certificates"));
}

TEST_F(CrlSetScope, AttributeCertificatesAreNotOurs) {
  add_files({"attribute.crl"});
  write("attribute.crl", scoped({.attribute_only = true}, {1}));
  look();
  EXPECT_EQ(error(), SourceErrc::kUnsupported);
  EXPECT_FALSE(is_revoked(1));
}

// req: OCSP-CRL-031 OCSP-CRL-036
TEST_F(CrlSetScope, ReasonsAddUp) {
  add_files({"some.crl", "others.crl"});
  const crl::ReasonSet compromise = 0x0006;
  write("some.crl", scoped({.reasons = compromise}, {1}));
  look();
  EXPECT_TRUE(is_revoked(1));
  EXPECT_FALSE(covers_everything()) << "revoked for another reason, perhaps";
  EXPECT_EQ(error(), SourceErrc::kUnreadable);
  CrlSpec others =
      scoped({.reasons = static_cast<crl::ReasonSet>(crl::kAllReasons & ~compromise)}, {2});
  others.entries.push_back(revoked_entry(make_serial(1), kTestNow, ReasonCode::kCertificateHold));
  write("others.crl", others);
  look();
  EXPECT_TRUE(covers_everything()) << error_text();
  EXPECT_TRUE(is_revoked(2));
  EXPECT_EQ(find("01")->state, store::State::kRevoked)
      << "a revocation outweighs a hold on another CRL";
  restart();
  std::remove(directory_.file("some.crl").c_str());
  look();
  EXPECT_TRUE(covers_everything()) << "kept: it is current";
}

/// An indirect CRL issuer certified by the CA under examination.
class CrlSetIndirect : public CrlSetScope {
 protected:
  CrlSetIndirect() {
    add_files({"indirect.crl"});
    spec_.crls.signers = {crl_issuer_.certificate};
  }
  static muster::testing::Identity make_crl_issuer(const muster::testing::Identity& by) {
    auto spec = muster::testing::leaf_spec("crl.example");
    spec.common_name = "CRL issuer";
    spec.key_usage = static_cast<std::uint16_t>(pki::KeyUsageBit::kCrlSign);
    return muster::testing::issue(by, spec);
  }
  static crl::Entry of(const pki::Certificate& ca, std::uint64_t serial) {
    crl::Entry entry = revoked_entry(make_serial(serial));
    der::Writer names;
    names.sequence([&] { names.element(der::context_constructed(4), ca.subject()); });
    entry.extensions.push_back({to_buffer(oid::kCeCertificateIssuer), true, names.take()});
    return entry;
  }
  static CrlSpec indirect(std::uint64_t number = 5) {
    return scoped({.indirect = true}, {}, number);
  }
  const muster::testing::Identity crl_issuer_ = make_crl_issuer(issuer());
};

// req: OCSP-CRL-017 OCSP-CRL-026 OCSP-CRL-055
TEST_F(CrlSetIndirect, EntriesGoToTheIssuerTheyName) {
  const auto& other = muster::testing::standard_pki().root.certificate;
  CrlSpec crl = indirect();
  crl.entries.push_back(revoked_entry(make_serial(1)));  // of the CRL issuer itself, which is no CA
  crl.entries.push_back(of(issuer().certificate, 2));
  crl.entries.push_back(revoked_entry(make_serial(3)));  // inherits
  crl.entries.push_back(of(other, 4));
  crl.entries.push_back(revoked_entry(make_serial(5)));
  directory_.write("indirect.crl", build_crl(crl_issuer_, crl));
  ASSERT_TRUE(look().loaded) << error_text();
  EXPECT_TRUE(is_revoked(2) && is_revoked(3));
  EXPECT_FALSE(is_revoked(1) || is_revoked(4) || is_revoked(5));
  EXPECT_TRUE(covers_everything()) << error_text();
  // The same file for the other CA.
  const auto other_id = *store_->ensure_issuer(make_issuer_key(other), "root");
  SourceSpec others = spec_;
  others.issuer = other;
  others.id = other_id;
  others.crls.signer_chain = {issuer().certificate};
  CrlSetKeeper second(*store_, others, watch_, clock_, null_logger(), nullptr);
  ASSERT_TRUE(second.look({}, {}).loaded);
  const auto reader = store_->reader();
  reader->renew();
  EXPECT_TRUE(*reader->find(other_id, make_serial(4).octets()));
  EXPECT_TRUE(*reader->find(other_id, make_serial(5).octets()));
  EXPECT_FALSE(*reader->find(other_id, make_serial(2).octets()));
}

// req: OCSP-CRL-026
TEST_F(CrlSetIndirect, WithoutTheFlagAnotherNameSaysNothing) {
  directory_.write("indirect.crl", build_crl(crl_issuer_, numbered(5, {1})));
  look();
  EXPECT_EQ(error(), SourceErrc::kNotTrusted);
  EXPECT_FALSE(is_revoked(1));
}

// req: OCSP-CRL-032
TEST_F(CrlSetIndirect, ItsIssuerMustLeadToTheCaOrToTheSameAnchor) {
  CrlSpec crl = indirect();
  crl.entries.push_back(of(issuer().certificate, 2));
  const auto stranger_root =
      muster::testing::make_self_signed(muster::testing::ca_spec("Stranger"));
  const auto stranger = make_crl_issuer(stranger_root);
  spec_.crls.signers = {stranger.certificate};
  spec_.crls.signer_chain = {stranger_root.certificate};
  directory_.write("indirect.crl", build_crl(stranger, crl));
  look();
  EXPECT_EQ(error(), SourceErrc::kNotTrusted);
  EXPECT_FALSE(is_revoked(2));
  restart();
  const auto& root = muster::testing::standard_pki().root;
  const auto sibling = make_crl_issuer(root);
  spec_.crls.signers = {sibling.certificate};
  spec_.crls.signer_chain.clear();
  directory_.write("indirect.crl", build_crl(sibling, crl));
  look();
  EXPECT_EQ(error(), SourceErrc::kNotTrusted) << "its anchor was not given";
  restart();
  spec_.crls.signer_chain = {root.certificate};
  look();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(2));
}

// req: OCSP-CRL-033
TEST_F(CrlSetIndirect, ItsIssuerNeedsCrlSign) {
  auto spec = muster::testing::leaf_spec("crl.example");
  spec.key_usage = static_cast<std::uint16_t>(pki::KeyUsageBit::kDigitalSignature);
  const auto unfit = muster::testing::issue(issuer(), spec);
  spec_.crls.signers = {unfit.certificate};
  CrlSpec crl = indirect();
  crl.entries.push_back(of(issuer().certificate, 2));
  directory_.write("indirect.crl", build_crl(unfit, crl));
  look();
  EXPECT_EQ(error(), SourceErrc::kNotTrusted);
  EXPECT_FALSE(is_revoked(2));
}

TEST_F(CrlSetIndirect, ARevokedCrlIssuerIsNotBelieved) {
  add_files({"ca.crl"});
  CrlSpec own = numbered(5);
  own.entries.push_back(revoked_entry(crl_issuer_.certificate.serial()));
  directory_.write("ca.crl", build_crl(issuer(), own));
  CrlSpec crl = indirect();
  crl.entries.push_back(of(issuer().certificate, 2));
  directory_.write("indirect.crl", build_crl(crl_issuer_, crl));
  look();
  EXPECT_EQ(error(), SourceErrc::kNotTrusted);
  EXPECT_THAT(error_text(), HasSubstr("is revoked"));
  EXPECT_FALSE(is_revoked(2));
  EXPECT_TRUE(covers_everything()) << "by the CA's own CRL";
}

// What it revoked while it was believed is not good now that it is not.
TEST_F(CrlSetIndirect, WhatARevokedCrlIssuerRevokedStaysRevoked) {
  add_files({"ca.crl"});
  write("ca.crl", numbered(5));
  CrlSpec crl = indirect();
  crl.entries.push_back(of(issuer().certificate, 2));
  directory_.write("indirect.crl", build_crl(crl_issuer_, crl));
  look();
  ASSERT_TRUE(is_revoked(2) && covers_everything()) << error_text();
  CrlSpec own = numbered(6);
  own.entries.push_back(revoked_entry(crl_issuer_.certificate.serial()));
  write("ca.crl", own);
  look();
  EXPECT_EQ(error(), SourceErrc::kNotTrusted);
  EXPECT_TRUE(is_revoked(2));
}

// A backup put back into place is a rollback, whatever key identifier it lacks.
// req: OCSP-CRL-012
TEST_F(CrlSetScope, AKeyIdentifierThatGoesIsNoWayBack) {
  add_files({"ca.crl"});
  CrlSpec old = numbered(5, {1});
  old.authority_key_id = false;
  old.next_update = kTestNow + Seconds(365 * 86400);
  write("ca.crl", old);
  ASSERT_TRUE(look().loaded);
  CrlSpec next = numbered(6, {1, 7});
  next.next_update = kTestNow + Seconds(7 * 86400);
  write("ca.crl", next);
  ASSERT_TRUE(look().loaded);
  ASSERT_TRUE(is_revoked(7));
  write("ca.crl", old);
  look();
  EXPECT_EQ(error(), SourceErrc::kRollback);
  EXPECT_EQ(state().next_update, next.next_update);
  restart();
  look();
  EXPECT_EQ(error(), SourceErrc::kRollback) << "after a restart too";
  clock_.advance(Seconds(7 * 86400));
  look();
  EXPECT_TRUE(is_revoked(7));
  EXPECT_FALSE(covers_everything()) << "the newest is over; the old one does not stand in for it";
}

TEST_F(CrlSetScope, AnOlderCrlOfLongerLifeDoesNotStandInForTheNewest) {
  add_files({"1.crl", "2.crl"});
  CrlSpec old = numbered(5, {1});
  old.next_update = kTestNow + Seconds(365 * 86400);
  write("1.crl", old);
  CrlSpec next = scoped({.user_only = true}, {1, 7}, 6);
  next.next_update = kTestNow + Seconds(3600);
  write("2.crl", next);
  look();
  ASSERT_TRUE(covers_everything());
  clock_.advance(Seconds(3600));
  look();
  EXPECT_FALSE(covers_everything());
  EXPECT_TRUE(is_revoked(7));
}

}  // namespace
}  // namespace muster::source
