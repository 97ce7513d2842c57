// What rides in singleExtensions, and what must not.
#include <gmock/gmock.h>

#include "fixture.h"
#include "muster/testing/temp_dir.h"

namespace muster::responder {
namespace {

using std::chrono::hours;
using ::testing::Contains;
using ::testing::HasSubstr;

const pki::Certificate& leaf() { return standard_pki().leaf.certificate; }
std::optional<Buffer> extension(const Taken& taken, Bytes oid) {
  const auto found = der::find_extension(taken.single().extensions, oid);
  EXPECT_FALSE(found && found->critical);
  return found ? std::optional(to_buffer(found->value)) : std::nullopt;
}
constexpr std::uint8_t kCertHash[] = {0x2b, 0x24, 0x08, 0x03, 0x0d};

/// Everything optional switched on, over a CRL.
IssuerSpec full_spec() {
  IssuerSpec spec = delegated_spec();
  spec.policy.unlisted = UnlistedAnswer::kGood;
  spec.policy.crl_reference = Shown::kYes;
  spec.policy.crl_url = "http://crl.example/ca.crl";
  spec.policy.invalidity_date = Shown::kYes;
  spec.policy.retain_expired = hours(24 * 365 * 7);
  return spec;
}
void use_crl(World& world) {
  store::IssuerState& state = world.store.states[kIssuer];
  state.knows_issued = store::KnowsIssued::kNo;
  state.this_update = kTestNow - hours(1);
  state.next_update = kTestNow + hours(24 * 30);
  state.crl_number = Buffer{0x01, 0x1f};
  ++world.store.sequence;
}

// req: OCSP-RESP-024
TEST(SingleExtensions, NameTheCrlBehindTheAnswer) {
  World world({full_spec()});
  use_crl(world);
  const auto value = extension(ask(world.answerer, leaf_request()), oid::kOcspCrlReference);
  ASSERT_TRUE(value);
  const auto reference = ocsp::parse_crl_id(*value);
  ASSERT_TRUE(reference);
  EXPECT_EQ(as_text(*reference->url), "http://crl.example/ca.crl");
  EXPECT_TRUE(equal(*reference->number, Buffer{0x01, 0x1f}));
  EXPECT_EQ(reference->time, kTestNow - hours(1));
}

// req: OCSP-RESP-024 OCSP-RESP-067
TEST(SingleExtensions, CopyTheInvalidityDateButNeverTheReason) {
  IssuerSpec spec = full_spec();
  for (const Profile profile : {Profile::kRfc6960, Profile::kCabf}) {
    spec.policy.profile = profile;
    spec.policy.nonce = policy_of(profile).nonce;
    spec.policy.unlisted =
        profile == Profile::kCabf ? UnlistedAnswer::kUnknown : UnlistedAnswer::kGood;
    spec.policy.hold = HoldForm::kRevoked;
    World world({spec});
    use_crl(world);
    store::Status record = revoked_at(kTestNow - hours(2), ReasonCode::kKeyCompromise);
    record.invalidity_date = kTestNow - hours(50);
    world.store.set(kIssuer, leaf().serial(), record);
    const Taken taken = ask(world.answerer, leaf_request());
    ASSERT_TRUE(taken.revoked());
    EXPECT_TRUE(extension(taken, oid::kCeInvalidityDate));
    EXPECT_FALSE(extension(taken, oid::kCeReasonCode));
    EXPECT_EQ(std::get<ocsp::Revoked>(taken.single().status).reason, ReasonCode::kKeyCompromise);
    record.invalidity_date = kTestNow - hours(60);
    world.store.set(kIssuer, leaf().serial(), record);
    EXPECT_NE(extension(ask(world.answerer, leaf_request()), oid::kCeInvalidityDate),
              extension(taken, oid::kCeInvalidityDate))
        << "a remembered answer must not keep the old date";
  }
}

// req: OCSP-RESP-026
TEST(SingleExtensions, CutTheArchiveOffByTheRetention) {
  World world({full_spec()});
  const Taken taken = ask(world.answerer, leaf_request(), kTestNow + Seconds(7));
  const auto value = extension(taken, oid::kOcspArchiveCutoff);
  ASSERT_TRUE(value);
  EXPECT_EQ(taken.parsed->basic->produced_at - *ocsp::parse_archive_cutoff(*value),
            hours(24 * 365 * 7));
  World plain;
  EXPECT_FALSE(extension(ask(plain.answerer, leaf_request()), oid::kOcspArchiveCutoff))
      << "nothing is dropped, so there is no cutoff";
}

// CRLs drop the revocations of certificates that expired (RFC 5280 section 3.3): nothing is
// retained that a cutoff could promise. req: OCSP-RESP-026
TEST(SingleExtensions, NoCutoffForWhatCrlsDrop) {
  IssuerSpec etsi = full_spec();
  etsi.policy.archive_cutoff = ArchiveCutoff::kIssuer;
  IssuerSpec no_promise = full_spec();
  no_promise.policy.archive_cutoff = ArchiveCutoff::kNone;
  for (const IssuerSpec& spec : {full_spec(), etsi, no_promise}) {
    World world({spec});
    use_crl(world);
    store::Status record = revoked_at(kTestNow - hours(3));
    record.expires = kTestNow - hours(2);
    world.store.set(kIssuer, leaf().serial(), record);
    const Taken revoked = ask(world.answerer, leaf_request());
    EXPECT_TRUE(revoked.revoked());
    EXPECT_FALSE(extension(revoked, oid::kOcspArchiveCutoff));
    // The next CRL is without it; a list of issued serials beside the CRL still has it.
    world.store.states[kIssuer].knows_issued = store::KnowsIssued::kYes;
    record = store::Status{};
    record.expires = kTestNow - hours(2);
    world.store.set(kIssuer, leaf().serial(), record);
    const Taken dropped = ask(world.answerer, leaf_request());
    if (spec.policy.archive_cutoff == ArchiveCutoff::kNone) {
      EXPECT_TRUE(dropped.good()) << "says nothing of certificates that expired";
    } else {
      EXPECT_EQ(dropped.cause, Cause::kRetired) << "retention is promised, but nobody knows";
      EXPECT_EQ(dropped.status(), ocsp::ResponseStatus::kUnauthorized);
    }
    record.expires = kTestNow - hours(1);  // the CRL's thisUpdate: it had to be on it
    world.store.set(kIssuer, leaf().serial(), record);
    const Taken good = ask(world.answerer, leaf_request());
    EXPECT_TRUE(good.good());
    EXPECT_FALSE(extension(good, oid::kOcspArchiveCutoff));
  }
}

// req: OCSP-RESP-007 OCSP-RESP-008
TEST(SingleExtensions, AreAbsentForSerialsNeverIssued) {
  IssuerSpec spec = full_spec();
  spec.policy.unlisted.reset();
  spec.policy.unissued = UnissuedAnswer::kRevoked;
  World world({spec});
  use_crl(world);
  world.store.states[kIssuer].knows_issued = store::KnowsIssued::kYes;
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, standard_pki().intermediate.certificate,
                         testing::make_serial(42)),
       {}});
  const Taken taken = ask(world.answerer, request);
  ASSERT_TRUE(taken.revoked());
  EXPECT_TRUE(taken.single().extensions.empty());
  const auto marker =
      der::find_extension(taken.parsed->basic->extensions, oid::kOcspExtendedRevoked);
  ASSERT_TRUE(marker);
  EXPECT_FALSE(marker->critical);
}

// req: OCSP-RESP-008
TEST(SingleExtensions, TheMarkerMayBeAdvertisedOnOrdinaryAnswers) {
  IssuerSpec spec = delegated_spec();
  spec.policy.extended_revoked = Shown::kYes;
  World world({spec});
  const Taken taken = ask(world.answerer, leaf_request());
  EXPECT_TRUE(taken.good());
  const auto marker =
      der::find_extension(taken.parsed->basic->extensions, oid::kOcspExtendedRevoked);
  ASSERT_TRUE(marker);
  EXPECT_FALSE(marker->critical);
  EXPECT_FALSE(extension(taken, oid::kOcspExtendedRevoked));
}

TEST(SingleExtensions, CarryTheHashOfCertificatesThatAreKnown) {
  testing::TempDir dir;
  standard_pki().leaf.write(dir, "leaf");
  const Identity foreign = testing::make_self_signed(testing::leaf_spec("foreign.example"));
  foreign.write(dir, "foreign");
  std::vector<std::string> warnings;
  auto issued =
      IssuedCertificates::load(dir.path(), standard_pki().intermediate.certificate, warnings);
  ASSERT_TRUE(issued) << issued.error().detail;
  EXPECT_EQ(issued->size(), 1U) << "certificates of others do not count";
  EXPECT_THAT(warnings, Contains(HasSubstr("leaf.key")));
  IssuerSpec spec = delegated_spec();
  spec.issued = std::make_shared<const IssuedCertificates>(*std::move(issued));
  World world({spec});
  const auto value = extension(ask(world.answerer, leaf_request()), kCertHash);
  ASSERT_TRUE(value);
  EXPECT_THAT(to_hex(*value), HasSubstr(to_hex(leaf().fingerprint())));
  const pki::Certificate& other = standard_pki().other_leaf.certificate;
  world.store.set(kIssuer, other.serial(), store::Status{});
  EXPECT_FALSE(extension(
      ask(world.answerer, request_for(other, standard_pki().intermediate.certificate)), kCertHash));
}

TEST(IssuedCertificates, AMissingDirectoryIsAnError) {
  std::vector<std::string> warnings;
  const auto issued = IssuedCertificates::load("/nowhere/at/all",
                                               standard_pki().intermediate.certificate, warnings);
  ASSERT_FALSE(issued);
  EXPECT_THAT(issued.error().detail, HasSubstr("/nowhere/at/all"));
}

}  // namespace
}  // namespace muster::responder
