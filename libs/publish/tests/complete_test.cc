#include "muster/testing/process.h"
#include "publish_fixture.h"

namespace muster::publish {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Seconds kDay{86400};

class Complete : public PublishTest {};

// req: OCSP-CRL-006, OCSP-CRL-019
TEST_F(Complete, WithoutRevocationsHasNoListAndNoScope) {
  set(1, good());
  publish(spec());
  const ReadCrl crl = read(out());
  EXPECT_EQ(crl.view.entry_count, 0u);
  EXPECT_TRUE(crl.view.entries.empty());
  EXPECT_FALSE(crl.view.defects.has(crl::Defect::kEmptyRevokedList));
  EXPECT_FALSE(crl.view.issuing_distribution_point);
}

// req: OCSP-CRL-009, OCSP-CRL-011
TEST_F(Complete, CarriesKeyIdentifierAndRisingNumbers) {
  const auto publisher = open(spec());
  crl::Number last;
  for (int i = 0; i < 5; ++i) {
    must(publisher->publish(What::kComplete, kTestNow + Seconds(i / 2)));  // within one second, too
    const ReadCrl crl = read(out());
    EXPECT_GT(crl.number(), last);
    last = crl.number();
    EXPECT_TRUE(equal(*crl.view.authority_key_id, *ca().certificate.facts().subject_key_id));
    EXPECT_TRUE(equal(crl.view.issuer, ca().certificate.subject()));
  }
}

// A CA's own CRLs feed the store, and we sign with its key: no number twice.
// req: OCSP-CRL-011
TEST_F(Complete, NumbersGoOnBehindTheSourceThatTheSameKeySigned) {
  set(1, revoked());
  come_from_a_crl(id_, Buffer{0x12, 0x34});
  const auto publisher = open(spec());
  const Published first = must(publisher->publish(What::kComplete, kTestNow));
  EXPECT_EQ(read(out()).number(), crl::Number(0x1235));
  EXPECT_THAT(first.warnings, Contains(HasSubstr("1234")));
  EXPECT_THAT(must(publisher->publish(What::kComplete, kTestNow)).warnings,
              Not(Contains(HasSubstr("same key"))));
  EXPECT_EQ(read(out()).number(), crl::Number(0x1236));
  come_from_a_crl(id_, Buffer{0x20, 0x00});
  must(publisher->publish(What::kComplete, kTestNow));
  EXPECT_EQ(read(out()).number(), crl::Number(0x2001));
}

// req: OCSP-CRL-009
TEST_F(Complete, EndsWithTheLastNumberBelowTwoToThe159) {
  Spec near_end = spec();
  near_end.first_number = *crl::Number::from_hex("7fffffffffffffffffffffffffffffffffffffff");
  const auto publisher = open(near_end);
  must(publisher->publish(What::kComplete, kTestNow));
  EXPECT_EQ(read(out()).view.crl_number->size(), 20u);
  const auto refused = publisher->publish(What::kComplete, kTestNow + kDay);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, PublishErrc::kNumbers);
  EXPECT_EQ(read(out()).view.this_update, kTestNow) << "the old one stays";
}

// req: OCSP-CRL-014, OCSP-CRL-046, OCSP-CRL-016
TEST_F(Complete, SaysReasonsAndInvalidityDatesAndLeavesUnspecifiedOut) {
  std::uint64_t serial = 1;
  for (const auto reason :
       {ReasonCode::kKeyCompromise, ReasonCode::kAffiliationChanged, ReasonCode::kSuperseded,
        ReasonCode::kCessationOfOperation, ReasonCode::kPrivilegeWithdrawn}) {
    set(serial++, revoked(reason));
  }
  set(serial++, revoked());
  set(serial++, revoked(ReasonCode::kUnspecified));
  auto earlier = revoked(ReasonCode::kKeyCompromise);
  earlier.invalidity_date = kTestNow - 30 * kDay;
  set(serial++, earlier);
  set(serial++, hold());
  set(serial++, good());
  publish(spec());
  const ReadCrl crl = read(out());
  const auto entries = crl.entries();
  ASSERT_EQ(entries.size(), 9u);
  const std::vector<std::optional<ReasonCode>> reasons = {ReasonCode::kKeyCompromise,
                                                          ReasonCode::kAffiliationChanged,
                                                          ReasonCode::kSuperseded,
                                                          ReasonCode::kCessationOfOperation,
                                                          ReasonCode::kPrivilegeWithdrawn,
                                                          std::nullopt,
                                                          std::nullopt,
                                                          ReasonCode::kKeyCompromise,
                                                          ReasonCode::kCertificateHold};
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    EXPECT_EQ(entries.at("0" + std::to_string(i + 1)).reason, reasons[i]) << i;
  }
  const auto unspecified = crl::find_entry(crl.view, make_serial(7).octets(), crl.view.issuer);
  EXPECT_FALSE(unspecified->has_extensions) << "omitted, not written as 0";
  EXPECT_EQ(entries.at("08").invalidity_date, kTestNow - 30 * kDay);
  EXPECT_EQ(entries.at("08").date, kTestNow - Seconds(3600)) << "not replaced by it";
  const auto entry = crl::find_entry(crl.view, make_serial(8).octets(), crl.view.issuer);
  const auto date = der::find_extension(entry->extensions, oid::kCeInvalidityDate);
  ASSERT_TRUE(date);
  EXPECT_EQ(date->value[0], static_cast<std::uint8_t>(der::Tag::kGeneralizedTime));
}

// req: OCSP-CRL-043
TEST_F(Complete, ListsSerialsOctetByOctet) {
  const std::vector<Buffer> serials = {{0x00}, {0x00, 0xff},       {0x7f},
                                       {0xff}, {0x00, 0x80, 0x00}, Buffer(20, 0x42)};
  for (const Buffer& serial : serials) {
    set(*Serial::make(serial), revoked());
  }
  publish(spec());
  const ReadCrl crl = read(out());
  EXPECT_EQ(crl.view.entry_count, serials.size());
  for (const Buffer& serial : serials) {
    EXPECT_TRUE(crl::find_entry(crl.view, serial, crl.view.issuer)) << to_hex(serial);
  }
}

// req: OCSP-CRL-045
TEST_F(Complete, FollowsABackdatedRevocation) {
  set(1, revoked(ReasonCode::kKeyCompromise, kTestNow - kDay));
  publish(spec());
  EXPECT_EQ(read(out()).entries().at("01").date, kTestNow - kDay);
  set(1, revoked(ReasonCode::kKeyCompromise, kTestNow - 20 * kDay));
  publish(spec(), kTestNow + kDay);
  EXPECT_EQ(read(out()).entries().at("01").date, kTestNow - 20 * kDay);
}

// req: OCSP-CRL-004
TEST_F(Complete, WritesNextUpdateAsUtcTimeUpTo2049) {
  auto long_lived = muster::testing::ca_spec("long");
  long_lived.not_after = unix_seconds(2600000000);
  const Identity root = muster::testing::make_self_signed(long_lived);
  store::IssuerState facts;
  facts.loaded_at = kTestNow;
  facts.knows_issued = store::KnowsIssued::kYes;
  const auto id = *store_->ensure_issuer(key_of(root.certificate), "long");
  ASSERT_TRUE(store_->touch(id, facts));
  constexpr UnixSeconds kLastOf2049 = unix_seconds(2524607999);
  for (const int beyond : {0, 1}) {
    Spec s = spec();
    s.subjects = {{root.certificate, id, {}, std::nullopt}};
    s.signer = root.certificate;
    s.key = root.key;
    s.state_directory += std::to_string(beyond);
    s.partitions[0].out = out(std::to_string(beyond));
    publish(s, kLastOf2049 - 7 * kDay + Seconds(beyond));
    const ReadCrl crl = read(out(std::to_string(beyond)), root.certificate);
    EXPECT_EQ(*crl.view.next_update, kLastOf2049 + Seconds(beyond));
    const std::string text(as_text(crl.view.tbs_raw));
    EXPECT_EQ(text.find("20500101000000Z") != std::string::npos, beyond == 1);
    EXPECT_EQ(text.find("\x17\x0d"
                        "491231235959Z") != std::string::npos,
              beyond == 0);
  }
}

// req: OCSP-CRL-004
TEST_F(Complete, NeverEndsBeforeTheOneBefore) {
  Spec s = spec();
  s.terms.interval = kDay;
  s.terms.overlap = 9 * kDay;
  publish(s);
  s.terms.overlap = kDay;  // the operator wants shorter ones from now on
  publish(s, kTestNow + kDay);
  EXPECT_EQ(*read(out()).view.next_update, kTestNow + 10 * kDay);
  publish(s, kTestNow + 9 * kDay);
  EXPECT_EQ(*read(out()).view.next_update, kTestNow + 11 * kDay);
}

// req: OCSP-CRL-013
TEST_F(Complete, KeepsExpiredEntriesUntilTheyWereOnOneRegularCrl) {
  set(1, revoked(std::nullopt, kTestNow, kTestNow + kDay / 2));
  set(2, revoked(std::nullopt, kTestNow, std::nullopt));  // expiry not known: stays
  const auto publisher = open(spec());
  must(publisher->publish(What::kComplete, kTestNow));
  EXPECT_THAT(read(out()).serials(), ElementsAre("01", "02"));
  must(publisher->publish(What::kComplete, kTestNow + kDay, Regular::kNo));
  EXPECT_THAT(read(out()).serials(), ElementsAre("01", "02"));
  must(publisher->publish(What::kComplete, kTestNow + kDay + Seconds(1), Regular::kNo));
  EXPECT_THAT(read(out()).serials(), ElementsAre("01", "02")) << "not on a regular one yet";
  must(publisher->publish(What::kComplete, kTestNow + kDay + Seconds(2)));
  EXPECT_THAT(read(out()).serials(), ElementsAre("01", "02")) << "the regular one behind the end";
  must(publisher->publish(What::kComplete, kTestNow + 2 * kDay));
  EXPECT_THAT(read(out()).serials(), ElementsAre("02"));
}

// req: OCSP-CRL-013
TEST_F(Complete, KeepsAnEntryWhoseCertificateEndsAtThisUpdate) {
  set(1, revoked(std::nullopt, kTestNow - kDay, kTestNow));
  const auto publisher = open(spec());
  must(publisher->publish(What::kComplete, kTestNow));  // still valid in this second
  must(publisher->publish(What::kComplete, kTestNow + kDay));
  EXPECT_THAT(read(out()).serials(), ElementsAre("01"));
  must(publisher->publish(What::kComplete, kTestNow + 2 * kDay));
  EXPECT_THAT(read(out()).serials(), IsEmpty());
}

// req: OCSP-CRL-050
TEST_F(Complete, SaysSoExactlyWhenItKeepsExpiredEntries) {
  set(1, revoked(std::nullopt, kTestNow - 40 * kDay, kTestNow - 30 * kDay));
  set(2, revoked(std::nullopt, kTestNow - 40 * kDay, kTestNow - 20 * kDay));
  const auto has_extension = [this] {
    return der::find_extension(read(out()).view.extensions, oid::kCeExpiredCertsOnCrl).has_value();
  };
  publish(spec());
  publish(spec(), kTestNow + kDay);
  EXPECT_FALSE(has_extension());
  EXPECT_THAT(read(out()).serials(), IsEmpty());
  Spec keeping = spec();
  keeping.terms.keep_expired_since = kTestNow - 25 * kDay;
  publish(keeping, kTestNow + 2 * kDay);
  EXPECT_TRUE(has_extension());
  EXPECT_THAT(read(out()).serials(), ElementsAre("02"));
}

TEST_F(Complete, IsWrittenAsPemWhereThatIsWanted) {
  set(5, revoked());
  Spec pem = spec();
  pem.format = FileFormat::kPem;
  publish(pem);
  const auto said = muster::testing::run_process(
      {"openssl", "crl", "-in", out(), "-inform", "PEM", "-noout", "-text"});
  EXPECT_EQ(said.exit_code, 0) << said.describe();
  EXPECT_THAT(said.out, HasSubstr("Serial Number: 05"));
  publish(pem, kTestNow + kDay);  // over its own file
  const auto again = muster::testing::run_process(
      {"openssl", "crl", "-in", out(), "-inform", "PEM", "-noout", "-crlnumber"});
  EXPECT_THAT(again.out, HasSubstr("02"));
  publish(spec(), kTestNow + 2 * kDay);  // and back
  EXPECT_THAT(read(out()).serials(), ElementsAre("05"));
}

TEST_F(Complete, OfALostCaListsEveryCertificate) {
  set(1, good());
  set(2, revoked(ReasonCode::kSuperseded));
  Spec lost = spec();
  lost.subjects[0].states.compromised_at = kTestNow - 2 * kDay;
  publish(lost);
  const auto entries = read(out()).entries();
  EXPECT_EQ(entries.at("01"), (Said{kTestNow - 2 * kDay, ReasonCode::kCaCompromise, std::nullopt}));
  EXPECT_EQ(entries.at("02").reason, ReasonCode::kSuperseded);
}

// req: OCSP-CRL-042
TEST_F(Complete, UnderCabfHasNoHolds) {
  Spec cabf = spec();
  cabf.terms.profile = find_profile("cabf");
  publish(cabf);
  set(7, hold());
  EXPECT_EQ(failure(cabf, kTestNow + kDay), PublishErrc::kForbidden);
  EXPECT_THAT(last_detail_, HasSubstr("07 is on hold"));
  EXPECT_EQ(read(out()).view.this_update, kTestNow) << "the old one stays";
  set(7, revoked(ReasonCode::kKeyCompromise));
  publish(cabf, kTestNow + kDay);
  EXPECT_THAT(read(out()).serials(), ElementsAre("07"));
}

/// As the responder answers them with hold = "revoked": the CRL is none the worse for it.
TEST_F(Complete, HoldsThatAreShownAsRevokedAreNoHoldsOnTheCrl) {
  Spec cabf = spec();
  cabf.terms.profile = find_profile("cabf");
  cabf.subjects[0].states = {store::HoldForm::kRevoked, ReasonCode::kSuperseded, {}};
  set(7, hold());
  set(8, revoked());
  publish(cabf);
  const auto entries = read(out()).entries();
  EXPECT_EQ(entries.at("07").reason, ReasonCode::kSuperseded);
  EXPECT_EQ(entries.at("08").reason, ReasonCode::kSuperseded);
  set(7, revoked());
  publish(cabf, kTestNow + kDay);
  EXPECT_EQ(read(out()).entries().at("07").reason, ReasonCode::kSuperseded);
}

// req: OCSP-CRL-047
TEST_F(Complete, WithoutOcspStaysBelowTenMegabytesAndSaysWhenTheNextComes) {
  Spec cabf = spec();
  cabf.terms.profile = find_profile("cabf");
  cabf.terms.ocsp_pointers = false;
  set(1, revoked());
  publish(cabf);
  const ReadCrl crl = read(out());
  const auto next =
      der::find_extension(crl.view.extensions, *der::oid_from_string("1.3.6.1.4.1.311.21.4"));
  ASSERT_TRUE(next);
  der::Reader in(next->value);
  EXPECT_EQ(*der::read_time(in, "nextPublish"), kTestNow + kDay);
  for (std::uint64_t i = 0; i < 400; ++i) {
    set(1000 + i, revoked());
  }
  cabf.terms.most_bytes = 8000;  // instead of 10 MB, for speed
  EXPECT_EQ(failure(cabf, kTestNow + kDay), PublishErrc::kTooLarge);
  EXPECT_THAT(last_detail_, HasSubstr("more partitions"));
}

// req: OCSP-CRL-049
TEST_F(Complete, LastCrlNeedsEveryCertificateToBeOver) {
  Spec etsi = spec();
  etsi.terms.profile = find_profile("etsi");
  set(1, revoked(ReasonCode::kSuperseded, kTestNow - 30 * kDay, kTestNow - kDay));
  set(2, good(kTestNow + kDay));
  EXPECT_EQ(failure(etsi, kTestNow, What::kLast), PublishErrc::kTooEarly);
  EXPECT_THAT(last_detail_, HasSubstr("02 expires only at"));
  set(2, hold());
  EXPECT_EQ(failure(etsi, kTestNow, What::kLast), PublishErrc::kTooEarly);
  set(2, good());
  EXPECT_EQ(failure(etsi, kTestNow, What::kLast), PublishErrc::kTooEarly) << "expiry not known";
  set(2, good(kTestNow));
  EXPECT_EQ(failure(etsi, kTestNow, What::kLast), PublishErrc::kTooEarly) << "valid in this second";
  EXPECT_FALSE(exists(out()));
  publish(etsi, kTestNow + Seconds(1), What::kLast);
  const ReadCrl crl = read(out());
  EXPECT_EQ(format_iso8601(*crl.view.next_update), "9999-12-31T23:59:59Z");
  EXPECT_NE(as_text(crl.view.tbs_raw).find("99991231235959Z"), std::string_view::npos);
  EXPECT_THAT(crl.serials(), ElementsAre("01")) << "expired entries stay on it";
  EXPECT_TRUE(der::find_extension(crl.view.extensions, oid::kCeExpiredCertsOnCrl));
  EXPECT_EQ(failure(etsi, kTestNow + kDay), PublishErrc::kEnded);
  EXPECT_EQ(read(out()).number(), crl.number());
}

// req: OCSP-CRL-049
TEST_F(Complete, LastCrlNeedsAListOfAllIssuedAndAProfileThatKnowsIt) {
  Spec s = spec();
  declare(store::KnowsIssued::kNo);
  set(1, revoked());
  EXPECT_EQ(failure(s, kTestNow, What::kLast), PublishErrc::kTooEarly);
  declare(store::KnowsIssued::kYes);
  s.terms.profile = find_profile("cabf");
  EXPECT_EQ(failure(s, kTestNow, What::kLast), PublishErrc::kTerms);
}

TEST_F(Complete, IsNotLedByACrlThatAnotherKeySigned) {
  auto description = muster::testing::ca_spec("unused");
  description.subject = to_buffer(ca().certificate.subject());
  const Identity impostor = muster::testing::make_self_signed(description);
  Spec forged = spec();
  forged.signer = impostor.certificate;
  forged.key = impostor.key;
  forged.state_directory = directory_.file("of the impostor");
  forged.first_number = *crl::Number::from_hex("7fffffffffffffffffffffffffffffffffffffff");
  set(1, revoked());
  publish(forged, kTestNow + kDay);
  set(1, good());
  const auto publisher = open(spec(), kTestNow);
  EXPECT_THAT(publisher->warnings(), ElementsAre(HasSubstr("our key did not sign it")));
  must(publisher->publish(What::kComplete, kTestNow));
  EXPECT_EQ(read(out()).number(), crl::Number(1));
}

// req: OCSP-CRL-047
TEST_F(Complete, IsMeasuredAsAWhole) {
  for (std::uint64_t i = 0; i < 50; ++i) {
    set(i, revoked());
  }
  publish(spec());
  const Buffer before = read(out()).octets;
  Spec limited = spec();
  limited.terms.most_bytes = before.size() - 20;  // entries alone would fit
  EXPECT_EQ(failure(limited, kTestNow + kDay), PublishErrc::kTooLarge);
  EXPECT_EQ(read(out()).octets, before);
  limited.terms.most_bytes = before.size() + 20;
  publish(limited, kTestNow + kDay);
}

TEST_F(Complete, NeedsASignerThatMaySignCrls) {
  Spec s = spec();
  s.key = standard_pki().root.key;
  EXPECT_EQ(failure(s), PublishErrc::kSigner);
  EXPECT_THAT(last_detail_, HasSubstr("not that of the certificate"));

  auto without = muster::testing::ca_spec("no cRLSign");
  without.key_usage = static_cast<std::uint16_t>(pki::KeyUsageBit::kKeyCertSign);
  const Identity no_crl_sign = muster::testing::make_self_signed(without);
  s = spec();
  s.subjects[0].ca = no_crl_sign.certificate;
  s.signer = no_crl_sign.certificate;
  s.key = no_crl_sign.key;
  EXPECT_EQ(failure(s), PublishErrc::kSigner);
  EXPECT_THAT(last_detail_, HasSubstr("cRLSign"));

  EXPECT_EQ(failure(spec(), ca().certificate.not_after() + Seconds(1)), PublishErrc::kSigner);
}

TEST_F(Complete, IsNotMadeBeforeTheOneBefore) {
  publish(spec());
  EXPECT_EQ(failure(spec(), kTestNow - Seconds(1)), PublishErrc::kClock);
  EXPECT_THAT(last_detail_, HasSubstr("correct the clock"));
}

// req: OCSP-CRL-019
TEST_F(Complete, SaysTruthfullyWhoseCertificatesItIsAbout) {
  Spec s = spec();
  s.partitions = {{.name = "users",
                   .uris = {"http://x/users"},
                   .only = crl::Scope::Only::kUsers,
                   .delta_uris = {},
                   .out = out("users"),
                   .delta_out = ""},
                  {.name = "cas",
                   .uris = {"http://x/cas"},
                   .only = crl::Scope::Only::kCas,
                   .delta_uris = {},
                   .out = out("cas"),
                   .delta_out = ""}};
  s.assignment = *Assignment::listed("01 cas\n", "kinds", s.partitions, "users");
  set(1, revoked());
  set(2, revoked());
  publish(s);
  const ReadCrl users = read(out("users"));
  const ReadCrl cas = read(out("cas"));
  EXPECT_TRUE(users.view.issuing_distribution_point->only_user_certs);
  EXPECT_FALSE(users.view.issuing_distribution_point->only_ca_certs);
  EXPECT_TRUE(cas.view.issuing_distribution_point->only_ca_certs);
  EXPECT_THAT(users.serials(), ElementsAre("02"));
  EXPECT_THAT(cas.serials(), ElementsAre("01"));
}

}  // namespace
}  // namespace muster::publish
