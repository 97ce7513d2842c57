#include "muster/tls/staple.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/pki/native.h"
#include "muster/testing/memory_logger.h"
#include "tls_pair.h"

namespace muster::tls {
namespace {

using muster::testing::Identity;
using muster::testing::issue;
using muster::testing::KeyKind;
using muster::testing::leaf_spec;
using muster::testing::standard_pki;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSubsetOf;
using ::testing::Not;

constexpr int kCertificate = 11, kServerKeyExchange = 12, kCertificateRequest = 13,
              kServerHelloDone = 14, kServerHello = 2, kCertificateStatus = 22;
constexpr int kStatusRequest = 5, kStatusRequestV2 = 17;
constexpr int kInternalError = 80;
const Buffer kStaple = {0x30, 0x03, 0x0a, 0x01, 0x00};

/// A well-formed response of so many octets, a few hundred at least: OpenSSL 3.6 parses them.
Buffer response_of(std::size_t size) {
  Buffer out;
  const auto put = [&out](const Buffer& octets) {
    out.insert(out.end(), octets.begin(), octets.end());
  };
  const auto begin = [&](std::uint8_t tag) {  // of what reaches to the end
    const std::size_t content = size - out.size() - 4;
    put({tag, 0x82, static_cast<std::uint8_t>(content >> 8U), static_cast<std::uint8_t>(content)});
  };
  begin(0x30);
  put({0x0a, 1, 0});  // successful
  begin(0xa0);
  begin(0x30);
  put({6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1});  // id-pkix-ocsp-basic
  begin(4);
  out.resize(size, 0x30);
  return out;
}

Identity must_staple_leaf() {
  auto spec = leaf_spec("must.example");
  spec.tls_features = {5};
  return issue(standard_pki().intermediate, spec);
}

class Staple : public ::testing::TestWithParam<int> {
 protected:
  std::shared_ptr<const ServerContext> serve(const Identity& identity,
                                             MustStaplePolicy policy = MustStaplePolicy::kServe) {
    ServerOptions options;
    options.staple = {.must_staple = policy, .logger = &logger_, .stats = &stats_};
    auto made = ServerContext::make(
        {to_served(identity, {standard_pki().intermediate.certificate})}, source_, options);
    EXPECT_TRUE(made);
    return *made;
  }
  Outcome connect(const std::shared_ptr<const ServerContext>& context, ClientOptions options = {}) {
    options.version = GetParam();
    return TlsPair().run(context, options);
  }
  const Identity& leaf() { return standard_pki().leaf; }
  FakeSource source_;
  muster::testing::MemoryLogger logger_;
  StapleStats stats_;
};
INSTANTIATE_TEST_SUITE_P(Versions, Staple, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& c) {
                           return c.param == TLS1_2_VERSION ? "Tls12" : "Tls13";
                         });

// req: OCSP-TLS-003
// req: OCSP-TLS-021
// req: OCSP-TLS-035
TEST_P(Staple, GoesToWhoAsksAndToNobodyElse) {
  source_.set(leaf().certificate, kStaple);
  const auto context = serve(leaf());
  const Outcome asked = connect(context);
  EXPECT_TRUE(asked.is_done);
  EXPECT_EQ(asked.staple, kStaple);
  const Outcome silent = connect(context, {.asks_status = false});
  EXPECT_TRUE(silent.is_done);
  EXPECT_EQ(silent.staple, std::nullopt);
  EXPECT_THAT(silent.extensions_received, Not(Contains(kStatusRequest)));
  EXPECT_THAT(types_of(silent), Not(Contains(kCertificateStatus)));
  EXPECT_EQ(source_.asked(), 1);
  EXPECT_EQ(stats_.asked, 1U);
  EXPECT_EQ(stats_.stapled, 1U);
}

// req: OCSP-TLS-003
// req: OCSP-TLS-004
TEST_P(Staple, IsNotAcknowledgedWhenThereIsNone) {
  const Outcome outcome = connect(serve(leaf()));
  EXPECT_TRUE(outcome.is_done);
  EXPECT_EQ(outcome.staple, std::nullopt);
  EXPECT_THAT(outcome.extensions_received, Not(Contains(kStatusRequest)));
  EXPECT_THAT(types_of(outcome), Not(Contains(kCertificateStatus)));
  EXPECT_EQ(stats_.missing, 1U);
  EXPECT_THAT(logger_.events(), ElementsAre())
      << "a certificate without the feature may do without";
}

// req: OCSP-TLS-006
TEST_P(Staple, IsNeverEmpty) {
  source_.set(leaf().certificate, {});
  const Outcome outcome = connect(serve(leaf()));
  EXPECT_TRUE(outcome.is_done);
  EXPECT_THAT(types_of(outcome), Not(Contains(kCertificateStatus)));
  EXPECT_THAT(outcome.extensions_received, Not(Contains(kStatusRequest)));
}

// req: OCSP-TLS-009
// req: OCSP-TLS-024
TEST_P(Staple, IsNotSentWhenASessionIsResumed) {
  const Identity must = must_staple_leaf();
  source_.set(must.certificate, kStaple);
  const auto context = serve(must, MustStaplePolicy::kHold);
  const Outcome first = connect(context);
  ASSERT_TRUE(first.is_done);
  source_.clear();  // hold judges the original handshake, not this one
  const Outcome resumed = connect(context, {.resume = first.session.get()});
  EXPECT_TRUE(resumed.is_done);
  EXPECT_TRUE(resumed.is_reused);
  EXPECT_EQ(resumed.staple, std::nullopt);
  EXPECT_THAT(types_of(resumed),
              AllOf(Not(Contains(kCertificateStatus)), Not(Contains(kCertificate))));
  EXPECT_THAT(resumed.extensions_received, Not(Contains(kStatusRequest)));
  EXPECT_EQ(source_.asked(), 1);
}

// req: OCSP-TLS-019
TEST_P(Staple, IgnoresTheOfferOfSeveral) {
  source_.set(leaf().certificate, kStaple);
  const auto context = serve(leaf());
  const Outcome both = connect(context, {.offers_status_v2 = true});
  EXPECT_EQ(both.staple, kStaple);
  EXPECT_THAT(both.extensions_received, Not(Contains(kStatusRequestV2)));
  const Outcome only_v2 = connect(context, {.asks_status = false, .offers_status_v2 = true});
  EXPECT_TRUE(only_v2.is_done);
  EXPECT_EQ(only_v2.staple, std::nullopt);
  EXPECT_THAT(only_v2.extensions_received,
              AllOf(Not(Contains(kStatusRequestV2)), Not(Contains(kStatusRequest))));
}

// req: OCSP-TLS-023
TEST_P(Staple, IsSentUpToTheSizeThatFits) {
  const std::size_t most = GetParam() == TLS1_2_VERSION ? 16380 : 65527;
  const Identity fresh = issue(standard_pki().intermediate, leaf_spec());  // not reported yet
  source_.set(fresh.certificate, response_of(most));
  const auto context = serve(fresh);
  const Outcome fits = connect(context);
  ASSERT_TRUE(fits.staple);
  EXPECT_EQ(fits.staple->size(), most);
  EXPECT_THAT(logger_.events(), ElementsAre());
  source_.set(fresh.certificate, response_of(most + 1));
  const Outcome outcome = connect(context);
  EXPECT_TRUE(outcome.is_done);
  EXPECT_FALSE(outcome.staple);
  EXPECT_EQ(stats_.too_large, 1U);
  EXPECT_THAT(logger_.events(), ElementsAre("tls.staple_too_large"));
}

// req: OCSP-TLS-028
TEST_P(Staple, OfAMustStapleCertificateSatisfiesTheFeature) {
  const Identity must = must_staple_leaf();
  source_.set(must.certificate, kStaple);
  EXPECT_EQ(connect(serve(must, MustStaplePolicy::kHold)).staple, kStaple);
}

// req: OCSP-TLS-028
TEST_P(Staple, MissingOnHoldRefusesWhoAsksAndNobodyElse) {
  const Identity must = must_staple_leaf();
  const auto context = serve(must, MustStaplePolicy::kHold);
  const Outcome asked = connect(context);
  EXPECT_FALSE(asked.is_done);
  EXPECT_EQ(asked.alert_received, kInternalError);
  EXPECT_EQ(stats_.held, 1U);
  EXPECT_TRUE(connect(context, {.asks_status = false}).is_done)
      << "a feature not offered is not enforced";
  EXPECT_FALSE(connect(context).is_done);
  EXPECT_THAT(logger_.events(), ElementsAre("tls.held")) << "once a minute";
  source_.set(must.certificate, kStaple);
  EXPECT_TRUE(connect(context).is_done);
}

TEST_P(Staple, MissingIsServedAndReportedWhenPolicySaysSo) {
  const auto context = serve(must_staple_leaf(), MustStaplePolicy::kServe);
  EXPECT_TRUE(connect(context).is_done);
  EXPECT_THAT(logger_.events(), ElementsAre("tls.staple_missing"));
}

TEST_P(Staple, MissingForAnOrdinaryCertificateIsServedEvenOnHold) {
  EXPECT_TRUE(connect(serve(leaf(), MustStaplePolicy::kHold)).is_done);
  EXPECT_EQ(stats_.held, 0U);
}

// req: OCSP-TLS-030
TEST_P(Staple, IsThatOfTheCertificateSelected) {
  const Identity ecdsa = issue(standard_pki().intermediate, leaf_spec("both.example"));
  auto spec = leaf_spec("both.example");
  spec.use_key = muster::testing::cached_key(KeyKind::kRsa2048);
  const Identity rsa = issue(standard_pki().intermediate, spec);
  source_.set(ecdsa.certificate, {0x30, 0x03, 0x0a, 0x01, 0x01});
  source_.set(rsa.certificate, {0x30, 0x03, 0x0a, 0x01, 0x02});
  const auto context = ServerContext::make({to_served(ecdsa), to_served(rsa)}, source_, {});
  ASSERT_TRUE(context);
  const std::string rsa_only =
      GetParam() == TLS1_2_VERSION ? "RSA+SHA256" : "rsa_pss_rsae_sha256:RSA+SHA256";
  const Outcome with_ecdsa =
      connect(*context, {.name = "both.example", .signature_algorithms = "ECDSA+SHA256"});
  EXPECT_EQ(with_ecdsa.certificate, to_buffer(ecdsa.certificate.der()));
  EXPECT_EQ(with_ecdsa.staple, Buffer({0x30, 0x03, 0x0a, 0x01, 0x01}));
  const Outcome with_rsa =
      connect(*context, {.name = "both.example", .signature_algorithms = rsa_only});
  EXPECT_EQ(with_rsa.certificate, to_buffer(rsa.certificate.der()));
  EXPECT_EQ(with_rsa.staple, Buffer({0x30, 0x03, 0x0a, 0x01, 0x02}));
}

// req: OCSP-TLS-005
TEST(StapleOnTheWire, FollowsTheCertificateAtOnceInTls12) {
  FakeSource source;
  const Identity& leaf = standard_pki().leaf;
  source.set(leaf.certificate, kStaple);
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_server_method()),
                                                             SSL_CTX_free);
  SSL_CTX_use_certificate(context.get(), pki::native_x509(leaf.certificate));
  SSL_CTX_use_PrivateKey(context.get(), pki::native_key(leaf.key));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);  // brings a CertificateRequest
  attach(context.get(), source);
  const Outcome outcome = TlsPair().run(context.get(), {.version = TLS1_2_VERSION});
  ASSERT_TRUE(outcome.is_done);
  ASSERT_GE(outcome.received.size(), 6U);
  std::vector<int> types = types_of(outcome);
  types.resize(6);
  EXPECT_THAT(types, ElementsAre(kServerHello, kCertificate, kCertificateStatus, kServerKeyExchange,
                                 kCertificateRequest, kServerHelloDone));
  // CertificateStatus: ocsp(1), 24-bit length, the response (RFC 6066 section 8). req: OCSP-TLS-006
  Buffer expected = {1, 0, 0, static_cast<std::uint8_t>(kStaple.size())};
  expected.insert(expected.end(), kStaple.begin(), kStaple.end());
  EXPECT_EQ(outcome.received[2].body, expected);
  EXPECT_THAT(outcome.extensions_received, Contains(kStatusRequest));  // req: OCSP-TLS-004
}

// req: OCSP-TLS-018
TEST(StapleOnTheWire, LiesInTheEntryOfItsCertificateInTls13) {
  FakeSource source;
  const muster::testing::TestPki& pki = standard_pki();
  source.set(pki.leaf.certificate, kStaple);
  source.set(pki.intermediate.certificate, {0x30, 0x00});
  const auto context =
      ServerContext::make({to_served(pki.leaf, {pki.intermediate.certificate})}, source, {});
  ASSERT_TRUE(context);
  const Outcome outcome = TlsPair().run(*context, {});
  ASSERT_TRUE(outcome.is_done);
  // certificate_request_context (empty), length of the list, then per entry: length, certificate,
  // length, extensions.
  Buffer expected = {0};
  const auto append_length = [](Buffer& out, std::size_t value, unsigned octets) {
    while (octets-- != 0) {
      out.push_back(static_cast<std::uint8_t>(value >> (8 * octets)));
    }
  };
  const auto append = [](Buffer& out, Bytes octets) {
    out.insert(out.end(), octets.begin(), octets.end());
  };
  Buffer list;
  append_length(list, pki.leaf.certificate.der().size(), 3);
  append(list, pki.leaf.certificate.der());
  append_length(list, 4 + 4 + kStaple.size(), 2);
  append(list, Buffer{0, 5});  // status_request
  append_length(list, 4 + kStaple.size(), 2);
  append(list, Buffer{1});
  append_length(list, kStaple.size(), 3);
  append(list, kStaple);
  append_length(list, pki.intermediate.certificate.der().size(), 3);
  append(list, pki.intermediate.certificate.der());
  append_length(list, 0, 2);
  append_length(expected, list.size(), 3);
  append(expected, list);
  const auto message =
      std::find_if(outcome.received.begin(), outcome.received.end(),
                   [](const HandshakeMessage& m) { return m.type == kCertificate; });
  ASSERT_NE(message, outcome.received.end());
  EXPECT_EQ(to_hex(message->body), to_hex(expected));
}

// req: OCSP-TLS-009
TEST(StapleOnTheWire, IsNotSentWhenASessionIsResumedById) {
  FakeSource source;
  const Identity& leaf = standard_pki().leaf;
  source.set(leaf.certificate, kStaple);
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_server_method()),
                                                             SSL_CTX_free);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  SSL_CTX_use_certificate(context.get(), pki::native_x509(leaf.certificate));
  SSL_CTX_use_PrivateKey(context.get(), pki::native_key(leaf.key));
  attach(context.get(), source);
  const Outcome first = TlsPair().run(context.get(), {.version = TLS1_2_VERSION});
  ASSERT_EQ(first.staple, kStaple);
  const Outcome resumed =
      TlsPair().run(context.get(), {.version = TLS1_2_VERSION, .resume = first.session.get()});
  ASSERT_TRUE(resumed.is_reused);
  EXPECT_EQ(resumed.staple, std::nullopt);
  EXPECT_THAT(resumed.extensions_received, Not(Contains(kStatusRequest)));
  EXPECT_THAT(types_of(resumed), Not(Contains(kCertificateStatus)));
}

// req: OCSP-TLS-030
TEST(Attach, ServesCertificatesThatCameLater) {
  FakeSource source;
  const Identity& later = standard_pki().other_leaf;
  source.set(later.certificate, kStaple);
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_server_method()),
                                                             SSL_CTX_free);
  attach(context.get(), source);
  SSL_CTX_use_certificate(context.get(), pki::native_x509(later.certificate));
  SSL_CTX_use_PrivateKey(context.get(), pki::native_key(later.key));
  EXPECT_EQ(TlsPair().run(context.get(), {}).staple, kStaple);
}

}  // namespace
}  // namespace muster::tls
