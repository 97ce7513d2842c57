#include "muster/crl/crl.h"
#include "muster/testing/response_builder.h"
#include "source_fixture.h"

namespace muster::source {
namespace {

using muster::testing::build_crl;
using muster::testing::CrlSpec;
using muster::testing::make_serial;
using muster::testing::revoked_entry;
using store::State;
using ::testing::HasSubstr;
using testing::kTestNow;
using testing::SourceTest;
class LoadCrl : public SourceTest {
 protected:
  static CrlSpec spec_with(std::vector<crl::Entry> entries, std::uint64_t number = 5) {
    CrlSpec spec;
    spec.entries = std::move(entries);
    spec.number = number;
    return spec;
  }
  void expect_refused(Bytes content, SourceErrc code, const std::string& substring) {
    const auto before = contents();
    const std::uint64_t sequence = state().sequence;
    const auto loaded = load_crl(content);
    ASSERT_FALSE(loaded) << substring;
    EXPECT_EQ(loaded.error().code, code) << loaded.error().detail;
    EXPECT_THAT(loaded.error().detail, HasSubstr(substring));
    EXPECT_THAT(loaded.error().detail, HasSubstr("ca.crl"));
    EXPECT_EQ(contents(), before);
    EXPECT_EQ(state().sequence, sequence);
  }
};

// req: OCSP-RESP-013 OCSP-CRL-055 OCSP-CRL-043
TEST_F(LoadCrl, TakesEntriesAndTimesAsTheyAre) {
  const UnixSeconds when = kTestNow - Seconds(5000);
  crl::Entry with_date = revoked_entry(make_serial(0xff01), when, ReasonCode::kKeyCompromise);
  with_date.invalidity_date = kTestNow - Seconds(9000);
  const CrlSpec crl =
      spec_with({revoked_entry(make_serial(3)), with_date,
                 revoked_entry(make_serial(9), when, ReasonCode::kCertificateHold)});
  for (const bool pem : {false, true}) {
    const Buffer der = build_crl(issuer(), crl);
    const auto loaded =
        pem ? load_crl(as_bytes(muster::testing::to_pem("X509 CRL", der))) : load_crl(der);
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_EQ(state().records, 3u);
    EXPECT_EQ(find("03")->state, State::kRevoked);
    EXPECT_EQ(find("FF01")->revoked_at, when);
    EXPECT_EQ(find("FF01")->reason, ReasonCode::kKeyCompromise);
    EXPECT_EQ(find("FF01")->invalidity_date, kTestNow - Seconds(9000));
    EXPECT_EQ(find("09")->state, State::kHold);
    EXPECT_FALSE(find("04"));
    EXPECT_EQ(state().knows_issued, store::KnowsIssued::kNo)
        << "a CRL cannot tell what was never issued";
    EXPECT_EQ(state().this_update, crl.this_update);
    EXPECT_EQ(state().next_update, crl.next_update);
    EXPECT_EQ(state().crl_number, (Buffer{5}));
    EXPECT_EQ(state().loaded_at, kTestNow);
  }
}

// req: OCSP-CRL-005
TEST_F(LoadCrl, WithoutNextUpdateIsUsedForTheConfiguredAge) {
  CrlSpec crl = spec_with({});
  crl.next_update.reset();
  options_.max_age_without_next_update = Seconds(7200);
  ASSERT_TRUE(load_crl(build_crl(issuer(), crl)));
  EXPECT_EQ(state().next_update, crl.this_update + Seconds(7200));
}

// req: OCSP-CRL-012
TEST_F(LoadCrl, RefusesAnOlderOne) {
  ASSERT_TRUE(load_crl(build_crl(issuer(), spec_with({revoked_entry(make_serial(3))}, 256))));
  expect_refused(build_crl(issuer(), spec_with({}, 255)), SourceErrc::kRollback,
                 "number 00ff after 0100");
  CrlSpec earlier = spec_with({}, 257);
  earlier.this_update = kTestNow - Seconds(7200);
  expect_refused(build_crl(issuer(), earlier), SourceErrc::kRollback, "thisUpdate");
  earlier.number.reset();
  expect_refused(build_crl(issuer(), earlier), SourceErrc::kRollback, "older");
  ASSERT_TRUE(load_crl(build_crl(issuer(), spec_with({}, 256))))
      << "the same number again is no step back";
  ASSERT_TRUE(load_crl(build_crl(issuer(), spec_with({}, 257))));
}

// req: OCSP-CRL-010
TEST_F(LoadCrl, ComparesNumbersOfTwentyOctets) {
  const auto with_number = [&](Bytes content) {
    CrlSpec crl = spec_with({});
    crl.number.reset();
    der::Writer number;
    number.integer_octets(content);
    crl.extensions.push_back({to_buffer(oid::kCeCrlNumber), false, number.take()});
    return build_crl(issuer(), crl);
  };
  Buffer high(20, 0xff);
  high[0] = 0x7f;
  Buffer low = high;
  low[19] = 0xfe;
  ASSERT_TRUE(load_crl(with_number(high)));
  EXPECT_EQ(state().crl_number, high);
  expect_refused(with_number(low), SourceErrc::kRollback, "older");
  ASSERT_TRUE(load_crl(with_number(high)));
}

TEST_F(LoadCrl, RefusesWhatTheIssuerDidNotSign) {
  ASSERT_TRUE(load_crl(build_crl(issuer(), spec_with({revoked_entry(make_serial(3))}))));
  const auto& other = muster::testing::standard_pki().root;
  expect_refused(build_crl(other, spec_with({}, 6)), SourceErrc::kNotTrusted, "Test Root");
  CrlSpec forged = spec_with({}, 6);
  forged.sign_with = other.key;
  expect_refused(build_crl(issuer(), forged), SourceErrc::kNotTrusted, "(bad-signature)");
  forged = spec_with({}, 6);
  forged.break_signature = true;
  expect_refused(build_crl(issuer(), forged), SourceErrc::kNotTrusted, "(bad-signature)");
}

TEST_F(LoadCrl, RefusesAnIssuerWithoutCrlSign) {
  muster::testing::CertificateSpec no_crl_sign = muster::testing::ca_spec("No CRLs");
  no_crl_sign.key_usage = static_cast<std::uint16_t>(pki::KeyUsageBit::kKeyCertSign);
  const auto ca = muster::testing::issue(muster::testing::standard_pki().root, no_crl_sign);
  directory_.write("other.crl", build_crl(ca, spec_with({})));
  SourceSpec source = spec(SourceKind::kCrl, "other.crl");
  source.issuer = ca.certificate;
  const auto loaded = load(*store_, source, options_);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, SourceErrc::kNotTrusted);
  EXPECT_THAT(loaded.error().detail, HasSubstr("(signer-not-entitled)"));
}

TEST_F(LoadCrl, RefusesUnknownCriticalExtensions) {
  CrlSpec crl = spec_with({});
  crl.extensions.push_back(muster::testing::unknown_extension(true));
  expect_refused(build_crl(issuer(), crl), SourceErrc::kNotTrusted, "(critical-extension)");
  crl::Entry entry = revoked_entry(make_serial(3));
  entry.extensions.push_back(muster::testing::unknown_extension(true));
  expect_refused(build_crl(issuer(), spec_with({entry})), SourceErrc::kNotTrusted,
                 "(critical-extension)");
}

/// IssuingDistributionPoint with one context-tagged field.
Buffer idp(unsigned tag, Bytes content) {
  der::Writer out;
  out.sequence([&] { out.element(der::context_primitive(tag), content); });
  return out.take();
}

TEST_F(LoadCrl, RefusesWhatDoesNotCoverEveryCertificate) {
  CrlSpec delta = spec_with({});
  delta.delta_base = 4;
  expect_refused(build_crl(issuer(), delta), SourceErrc::kUnsupported, "delta");
  const Buffer yes{0xff};
  const std::vector<std::tuple<unsigned, Buffer, std::string>> scopes = {
      {1, yes, "one kind"},
      {2, yes, "one kind"},
      {3, {0x06, 0x40}, "some revocation reasons"},
      {5, yes, "attribute certificates"}};
  for (const auto& [tag, content, text] : scopes) {
    CrlSpec crl = spec_with({});
    crl.extensions.push_back(
        {to_buffer(oid::kCeIssuingDistributionPoint), true, idp(tag, content)});
    expect_refused(build_crl(issuer(), crl), SourceErrc::kUnsupported, text);
  }
}

TEST_F(LoadCrl, RefusesOneFromTheFutureAndTakesAnExpiredOneWithItsTimes) {
  CrlSpec crl = spec_with({});
  crl.this_update = kTestNow + Seconds(301);
  expect_refused(build_crl(issuer(), crl), SourceErrc::kNotYetValid, "");
  crl.this_update = kTestNow + Seconds(300);
  ASSERT_TRUE(load_crl(build_crl(issuer(), crl)));
}

TEST_F(LoadCrl, TakesAnExpiredOneSoThatItsAgeShows) {
  CrlSpec crl = spec_with({revoked_entry(make_serial(3))});
  crl.next_update = kTestNow - Seconds(1);
  ASSERT_TRUE(load_crl(build_crl(issuer(), crl)));
  EXPECT_EQ(state().next_update, kTestNow - Seconds(1))
      << "the responder must see it and refuse to answer";
}

TEST_F(LoadCrl, RefusesAFileWithSeveral) {
  const Buffer old = build_crl(issuer(), spec_with({}));
  const Buffer newer = build_crl(issuer(), spec_with({revoked_entry(make_serial(3))}, 6));
  const auto pem = [](Bytes der) { return muster::testing::to_pem("X509 CRL", der); };
  expect_refused(as_bytes(pem(old) + pem(newer)), SourceErrc::kMalformed, "2 CRLs");
  expect_refused(as_bytes(pem(old) + " " + pem(newer)), SourceErrc::kMalformed, "damaged");
}

TEST_F(LoadCrl, DamageAtEveryOctetChangesNothing) {
  ASSERT_TRUE(load_crl(build_crl(issuer(), spec_with({revoked_entry(make_serial(3))}, 5))));
  const auto before = contents();
  Buffer crl = build_crl(issuer(), spec_with({revoked_entry(make_serial(4))}, 6));
  for (std::size_t i = 0; i < crl.size(); ++i) {
    crl[i] ^= 0x01;
    EXPECT_FALSE(load_crl(crl)) << i;
    crl[i] ^= 0x01;
    EXPECT_FALSE(load_crl(Bytes(crl).first(i))) << i;
  }
  EXPECT_EQ(contents(), before);
  options_.max_crl_bytes = crl.size() - 1;
  expect_refused(crl, SourceErrc::kMalformed, "larger than");
  options_.max_crl_bytes = crl.size();
  EXPECT_TRUE(load_crl(crl));
}

// A hold is released, an expired revocation dropped, by leaving the entry out.
// req: OCSP-RESP-004
TEST_F(LoadCrl, WhatTheNextOneLeavesOutIsRevokedNoLonger) {
  ASSERT_TRUE(load_crl(build_crl(
      issuer(), spec_with({revoked_entry(make_serial(3), kTestNow, ReasonCode::kCertificateHold),
                           revoked_entry(make_serial(4))},
                          5))));
  const auto loaded = load_crl(build_crl(issuer(), spec_with({revoked_entry(make_serial(5))}, 6)));
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->changes.removed, 2u);
  EXPECT_EQ(loaded->changes.let_go, 2u);
  EXPECT_FALSE(find("03"));
  EXPECT_TRUE(find("05"));
}

// req: OCSP-CRL-056
TEST_F(LoadCrl, SaysTheSameAsAnIndexWithEqualContent) {
  ASSERT_TRUE(load_crl(build_crl(
      issuer(),
      spec_with({revoked_entry(make_serial(0xabcd), *parse_iso8601("2026-01-01T00:00:00Z"),
                               ReasonCode::kSuperseded)}))));
  store::Status from_crl = *find("ABCD");
  ASSERT_TRUE(load_index(testing::revoked_line("ABCD")));
  store::Status from_index = *find("ABCD");
  from_index.expires.reset();  // an index knows it, a CRL does not
  from_crl.told_by_crl = false;
  EXPECT_EQ(from_crl, from_index);
}

}  // namespace
}  // namespace muster::source
