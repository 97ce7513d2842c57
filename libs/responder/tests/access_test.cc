// Who may ask: networks, signed requests, requestors.
#include "access.h"

#include <gmock/gmock.h>

#include "fixture.h"
#include "signed_request.h"

namespace muster::responder {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;
using Status = ocsp::ResponseStatus;

Taken give(World& world, const Buffer& request, UnixSeconds now = kTestNow) {
  Taken taken = take(world.answerer.answer(request, now));
  EXPECT_TRUE(taken.parsed);
  return taken;
}

// req: OCSP-RESP-010
TEST(SignedRequests, UnsignedOnesAreToldToSign) {
  World world({signing_spec(RequestSignatures::kRequired)});
  for (int again = 0; again < 2; ++again) {
    const Taken taken = ask(world.answerer, leaf_request());
    EXPECT_EQ(taken.status(), Status::kSigRequired);
    EXPECT_EQ(taken.cause, Cause::kUnsigned);
    EXPECT_TRUE(give(world, signed_request({})).good());
  }
  EXPECT_EQ(world.counters.signatures.value(), 1U)
      << "a remembered answer is given to those who may have it, and only to them";
}

// req: OCSP-RESP-016
TEST(SignedRequests, AreVerifiedWhereTold) {
  World ignoring;
  World verifying({signing_spec(RequestSignatures::kVerified)});
  EXPECT_TRUE(ask(verifying.answerer, leaf_request()).good()) << "unsigned ones are answered";
  EXPECT_TRUE(give(verifying, signed_request({})).good());
  const Buffer forged = signed_request({.key = &standard_pki().leaf.key});
  EXPECT_TRUE(give(ignoring, forged).good());
  const Taken refused = give(verifying, forged);
  EXPECT_EQ(refused.status(), Status::kUnauthorized);
  EXPECT_EQ(refused.cause, Cause::kBadSignature);
}

// req: OCSP-RESP-011
TEST(SignedRequests, CountOnlyWithAPathToAnAnchor) {
  World world({signing_spec(RequestSignatures::kRequired)});
  EXPECT_EQ(give(world, signed_request({.who = &mallory(),
                                        .certificates = {to_buffer(mallory().certificate.der())}}))
                .cause,
            Cause::kNoPath);
  EXPECT_EQ(give(world, signed_request({.certificates = {}})).cause, Cause::kBadSignature)
      << "nobody can tell who signed";
  EXPECT_EQ(give(world, signed_request({}), alice().certificate.not_after() + Seconds(1)).cause,
            Cause::kNoPath);
  const Identity below = testing::issue(anchor(), testing::ca_spec("below"));
  const Identity bob = testing::issue(below, testing::leaf_spec("bob.example"));
  EXPECT_TRUE(give(world, signed_request({.who = &bob,
                                          .certificates = {to_buffer(bob.certificate.der()),
                                                           to_buffer(below.certificate.der())}}))
                  .good());
}

TEST(SignedRequests, AnAnchorMayNameTheRequestorItself) {
  IssuerSpec spec = signing_spec(RequestSignatures::kRequired);
  spec.requestor_anchors = {alice().certificate};
  World world({spec});
  EXPECT_TRUE(
      give(world, signed_request({.certificates = {}, .name = directory_name(alice().certificate)}))
          .good());
}

TEST(SignedRequests, TheNameGivenMustBeTheSigners) {
  World world({signing_spec(RequestSignatures::kRequired)});
  EXPECT_TRUE(give(world, signed_request({.name = directory_name(alice().certificate)})).good());
  EXPECT_EQ(
      give(world, signed_request({.name = directory_name(standard_pki().leaf.certificate)})).cause,
      Cause::kBadSignature);
}

// req: OCSP-RESP-011
TEST(SignedRequests, OnlyListedRequestorsAreAnswered) {
  const std::string fingerprint = "sha256:" + to_hex(alice().certificate.fingerprint());
  for (const std::string& listed : {fingerprint, alice().certificate.subject_text()}) {
    IssuerSpec spec = signing_spec(RequestSignatures::kRequired);
    spec.policy.requestors = {"CN=somebody else", listed};
    World world({spec});
    EXPECT_TRUE(give(world, signed_request({})).good()) << listed;
    const Identity carol = testing::issue(anchor(), testing::leaf_spec("carol.example"));
    const Taken refused =
        give(world,
             signed_request({.who = &carol, .certificates = {to_buffer(carol.certificate.der())}}));
    EXPECT_EQ(refused.status(), Status::kUnauthorized);
    EXPECT_EQ(refused.cause, Cause::kRequestorRefused);
  }
}

TEST(SignedRequests, CostNoMoreThanAllowed) {
  Policy policy;
  policy.request_checks_per_second = 3;
  World world({signing_spec(RequestSignatures::kVerified)}, policy);
  const Buffer forged = signed_request({.key = &standard_pki().leaf.key});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(give(world, forged).cause, Cause::kBadSignature);
  }
  EXPECT_EQ(give(world, forged).status(), Status::kTryLater);
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good()) << "others are served";
  EXPECT_EQ(give(world, forged, kTestNow + Seconds(1)).cause, Cause::kBadSignature);
  const std::vector<Buffer> heap(kMaxRequestorCertificates + 1,
                                 to_buffer(alice().certificate.der()));
  EXPECT_EQ(give(world, signed_request({.certificates = heap}), kTestNow + Seconds(2)).cause,
            Cause::kBadSignature);
  const std::vector<Buffer> junk = {{0x30, 0x03, 0x02, 0x01, 0x05}};
  EXPECT_EQ(give(world, signed_request({.certificates = junk}), kTestNow + Seconds(2)).cause,
            Cause::kBadSignature);
}

TEST(SignedRequests, NeedAnchorsAndAListNeedsThemRequired) {
  IssuerSpec spec = signing_spec(RequestSignatures::kVerified);
  spec.requestor_anchors.clear();
  std::vector<std::string> warnings;
  const auto made = Setup::make({spec}, {}, kTestNow, warnings);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().detail, HasSubstr("requestor_anchors"));
  IssuerPolicy policy;
  policy.requestors = {"CN=x"};
  EXPECT_FALSE(check_policy(policy));
}

// req: OCSP-RESP-011
TEST(Clients, OfOtherNetworksAreUnauthorizedEvenToRememberedAnswers) {
  IssuerSpec spec = delegated_spec();
  spec.policy.clients = {*IpNetwork::parse("192.0.2.0/24")};
  World world({spec});
  const Buffer request = ocsp::encode_request(leaf_request());
  for (int again = 0; again < 2; ++again) {
    EXPECT_TRUE(take(world.answerer.answer(request, kTestNow, from("192.0.2.9"))).good());
    const Taken refused = take(world.answerer.answer(request, kTestNow, from("198.51.100.9")));
    EXPECT_EQ(refused.status(), Status::kUnauthorized);
    EXPECT_EQ(refused.cause, Cause::kClientRefused);
  }
}

/// Whether shared caches may keep what was sent.
bool is_public(const Taken& taken) {
  EXPECT_TRUE(taken.good());
  const bool forbidden = taken.head.find("Cache-Control: no-store\r\n") != std::string::npos &&
                         taken.etag.empty() && taken.head.find("Expires") == std::string::npos &&
                         taken.head.find("ETag") == std::string::npos &&
                         taken.head.find("Last-Modified") == std::string::npos;
  const bool allowed = taken.head.find("public") != std::string::npos && !taken.etag.empty();
  EXPECT_NE(forbidden, allowed) << taken.head;
  return allowed;
}

// A shared cache would hand the answer to those who may not ask. req: OCSP-RESP-011
TEST(Clients, AnswersForSomeAloneAreKeptByNobody) {
  IssuerSpec spec = delegated_spec();
  spec.policy.clients = {*IpNetwork::parse("192.0.2.0/24")};
  World some({spec});
  ocsp::Request two = leaf_request();
  two.requests.push_back(two.requests.front());
  for (const ocsp::Request& request :
       {leaf_request(), leaf_request(), two, with_nonce(leaf_request(), 32)}) {
    EXPECT_FALSE(is_public(
        take(some.answerer.answer(ocsp::encode_request(request), kTestNow, from("192.0.2.9")))));
  }
  World signing({signing_spec(RequestSignatures::kRequired)});
  EXPECT_FALSE(is_public(give(signing, signed_request({}))));
  EXPECT_FALSE(is_public(give(signing, signed_request({}), kTestNow + Seconds(1)))) << "remembered";
  World verifying({signing_spec(RequestSignatures::kVerified)});
  EXPECT_TRUE(is_public(give(verifying, signed_request({})))) << "everybody gets it unsigned";
}

// req: OCSP-RESP-011
TEST(Clients, OneIssuersSecretsMakeTheWholeAnswerPrivate) {
  const Identity first = testing::make_self_signed(testing::ca_spec("open name"));
  testing::CertificateSpec second_spec = testing::ca_spec("closed name");
  second_spec.use_key = testing::TestKey{first.key, first.key_pem};
  const Identity second = testing::make_self_signed(second_spec);
  IssuerSpec closed = self_spec(second, kOther);
  closed.policy.clients = {*IpNetwork::parse("192.0.2.0/24")};
  World world({self_spec(first), closed});
  world.store.list_all_issued(kOther);
  ocsp::Request request;
  for (const auto& [ca, id] : {std::pair(&first, kIssuer), std::pair(&second, kOther)}) {
    world.store.set(id, testing::make_serial(5), store::Status{});
    request.requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha256, ca->certificate, testing::make_serial(5)), {}});
  }
  EXPECT_FALSE(is_public(
      take(world.answerer.answer(ocsp::encode_request(request), kTestNow, from("192.0.2.9")))));
}

/// `certificate` with an RSA key of so many octets in its place; its signature fits no more.
Buffer with_rsa_key(const pki::Certificate& certificate, std::size_t modulus_octets,
                    std::size_t exponent_octets) {
  der::Reader whole(certificate.der());
  auto outer = *whole.enter(der::Tag::kSequence, "Certificate");
  auto tbs = *outer.enter(der::Tag::kSequence, "TBSCertificate");
  der::Writer key;
  key.sequence([&] {
    for (const std::size_t octets : {modulus_octets, exponent_octets}) {
      Buffer number(octets, 0x5b);
      key.integer_octets(number);
    }
  });
  const Buffer key_octets = key.take();
  constexpr std::uint8_t kRsaEncryption[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
  der::Writer out;
  out.sequence([&] {
    out.sequence([&] {
      for (int field = 0; !tbs.at_end(); ++field) {
        const der::Element element = *tbs.read_any("field");
        if (field != 6) {
          out.raw(element.raw);
          continue;
        }
        out.sequence([&] {
          out.sequence([&] {
            out.oid(kRsaEncryption);
            out.null();
          });
          out.octet_bits(key_octets);
        });
      }
    });
    out.raw(outer.rest());
  });
  return out.take();
}

Requestor verify(const Issuer& issuer, const Buffer& octets) {
  const auto request = ocsp::parse_request(octets);
  return verify_requestor(issuer, *request, kTestNow);
}

TEST(SignedRequests, KeysThatCostTooMuchAreNotTried) {
  World world({signing_spec(RequestSignatures::kVerified)});
  const Issuer& issuer = world.setup->issuers()[0];
  for (const auto& [modulus, exponent] :
       {std::pair(513U, 3U), std::pair(1024U, 3U), std::pair(256U, 256U)}) {
    const Buffer heavy = with_rsa_key(alice().certificate, modulus, exponent);
    for (const auto& certificates :
         {std::vector<Buffer>{heavy}, {to_buffer(alice().certificate.der()), heavy}}) {
      const Requestor requestor = verify(issuer, signed_request({.certificates = certificates}));
      EXPECT_EQ(requestor.cause, Cause::kBadSignature);
      EXPECT_THAT(requestor.who, HasSubstr("4096"));
      EXPECT_EQ(requestor.signatures, 0U);
    }
  }
  const Buffer usual = with_rsa_key(alice().certificate, 512, 3);
  EXPECT_EQ(verify(issuer,
                   signed_request({.certificates = {to_buffer(alice().certificate.der()), usual}}))
                .cause,
            Cause::kNone);
}

// What is rationed is what costs: a heap of CAs of one name makes one request as dear as many.
TEST(SignedRequests, CostByTheSignaturesTheyMakeUsTry) {
  const testing::CertificateSpec one_name = testing::ca_spec("one of many");
  const Identity mallory = testing::make_self_signed(one_name);
  std::vector<Buffer> heap;
  for (int i = 0; i + 1 < static_cast<int>(kMaxRequestorCertificates); ++i) {
    heap.push_back(to_buffer(testing::issue(mallory, one_name).certificate.der()));
  }
  const Identity leaf = testing::issue(mallory, testing::leaf_spec("mallory.example"));
  heap.insert(heap.begin(), to_buffer(leaf.certificate.der()));
  const Buffer dear = signed_request({.who = &leaf, .certificates = heap});

  Policy policy;
  policy.request_checks_per_second = 7;
  World world({signing_spec(RequestSignatures::kVerified)}, policy);
  const Requestor requestor = verify(world.setup->issuers()[0], dear);
  EXPECT_EQ(requestor.cause, Cause::kNoPath);
  EXPECT_GT(requestor.signatures, 7U);
  EXPECT_EQ(give(world, dear).cause, Cause::kNoPath);
  EXPECT_EQ(give(world, signed_request({})).cause, Cause::kVerifyingLimit);
  EXPECT_TRUE(give(world, signed_request({}), kTestNow + Seconds(1)).good());
  const std::size_t usual = verify(world.setup->issuers()[0], signed_request({})).signatures;
  EXPECT_EQ(usual, 2U) << "its own, and its certificate's by our search";
}

}  // namespace
}  // namespace muster::responder
