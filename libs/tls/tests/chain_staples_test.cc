#include "chain_staples.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <algorithm>

#include "tls_pair.h"

// Staples of a whole chain. Whether they are sent depends on the library that is found; everything
// up to handing them over is tested with any.
namespace muster::tls {
namespace {

using muster::testing::ca_spec;
using muster::testing::Identity;
using muster::testing::issue;
using muster::testing::leaf_spec;
using muster::testing::standard_pki;

/// Responses without content, as OpenSSL parses them: malformedRequest, tryLater, sigRequired.
const Buffer kOwn = {0x30, 0x03, 0x0a, 0x01, 0x01};
const Buffer kAbove = {0x30, 0x03, 0x0a, 0x01, 0x03};
const Buffer kTop = {0x30, 0x03, 0x0a, 0x01, 0x05};

OfferedStaple offer(const Buffer& der) {
  const auto owner = std::make_shared<const Buffer>(der);
  return {*owner, owner};
}
std::vector<Buffer> octets_of(std::span<const OfferedStaple> staples) {
  std::vector<Buffer> out;
  for (const OfferedStaple& staple : staples) {
    out.push_back(to_buffer(staple.der));
  }
  return out;
}
Fingerprint fingerprint(std::uint8_t first) {
  Fingerprint out{};
  out[0] = first;
  return out;
}

TEST(ChainStaples, AreForLibrariesThatCanSendThem) {
  EXPECT_EQ(chain_stapling_of(1, 1, 1), ChainStapling::kNone);
  EXPECT_EQ(chain_stapling_of(3, 0, 19), ChainStapling::kNone);
  EXPECT_EQ(chain_stapling_of(3, 5, 4), ChainStapling::kNone);
  EXPECT_EQ(chain_stapling_of(3, 6, 0), ChainStapling::kMalformed);
  EXPECT_EQ(chain_stapling_of(3, 6, 1), ChainStapling::kWhole);
  EXPECT_EQ(chain_stapling_of(3, 7, 0), ChainStapling::kWhole);
  EXPECT_EQ(chain_stapling_of(4, 0, 0), ChainStapling::kWhole);
  EXPECT_TRUE(library_name().starts_with("OpenSSL ")) << library_name();
}

TEST(ChainStaples, EndAtTheFirstCertificateThatHasNone) {
  FakeSource source;
  source.set(fingerprint(1), kAbove);
  source.set(fingerprint(2), kTop);
  const Fingerprint all[] = {fingerprint(1), fingerprint(2)};
  const Fingerprint gap[] = {fingerprint(9), fingerprint(2)};
  EXPECT_EQ(octets_of(choose_chain(offer(kOwn), all, source)),
            (std::vector<Buffer>{kOwn, kAbove, kTop}));
  EXPECT_EQ(octets_of(choose_chain(offer(kOwn), gap, source)), std::vector<Buffer>{kOwn});
  EXPECT_EQ(octets_of(choose_chain(offer(kOwn), {}, source)), std::vector<Buffer>{kOwn});
}

TEST(ChainStaples, AreBoundedInNumberAndOctets) {
  FakeSource source;
  source.set(fingerprint(1), kAbove);
  const std::vector<Fingerprint> many(kMaxChainStaples + 3, fingerprint(1));
  EXPECT_EQ(choose_chain(offer(kOwn), many, source).size(), kMaxChainStaples + 1);
  EXPECT_EQ(source.asked(), static_cast<int>(kMaxChainStaples));
  source.set(fingerprint(1), Buffer(kMaxChainStapleBytes - kOwn.size(), 0));
  source.set(fingerprint(2), kAbove);
  const Fingerprint two[] = {fingerprint(1), fingerprint(2)};
  EXPECT_EQ(choose_chain(offer(kOwn), two, source).size(), 2U);
  source.set(fingerprint(1), Buffer(kMaxChainStapleBytes - kOwn.size() + 1, 0));
  EXPECT_EQ(choose_chain(offer(kOwn), two, source).size(), 1U);
}

/// What a library that takes responses was given.
std::vector<Buffer> given;
bool take(SSL*, OPENSSL_STACK* responses) {
  for (int i = 0; i < OPENSSL_sk_num(responses); ++i) {
    auto* const response = static_cast<OCSP_RESPONSE*>(OPENSSL_sk_value(responses, i));
    Buffer der(static_cast<std::size_t>(i2d_OCSP_RESPONSE(response, nullptr)));
    unsigned char* out = der.data();
    i2d_OCSP_RESPONSE(response, &out);
    given.push_back(std::move(der));
    OCSP_RESPONSE_free(response);
  }
  OPENSSL_sk_free(responses);
  return true;
}
bool refuse(SSL*, OPENSSL_STACK*) { return false; }

TEST(ChainStaples, AreGivenToTheLibraryAsTheyAre) {
  given.clear();
  const OfferedStaple staples[] = {offer(kOwn), offer(kAbove), offer(kTop)};
  EXPECT_TRUE(set_chain_staples(nullptr, staples, take));
  EXPECT_EQ(given, (std::vector<Buffer>{kOwn, kAbove, kTop}));
  EXPECT_FALSE(set_chain_staples(nullptr, staples, refuse)) << "and nothing leaks";
}

TEST(ChainStaples, ThatWouldNotBeSentOctetByOctetAreNotGiven) {
  given.clear();
  const Buffer long_form = {0x30, 0x81, 0x03, 0x0a, 0x01, 0x00};
  const Buffer junk = {0x30, 0x03, 0x01};
  for (const Buffer& bad : {long_form, junk}) {
    const OfferedStaple staples[] = {offer(kOwn), offer(bad)};
    EXPECT_FALSE(set_chain_staples(nullptr, staples, take));
  }
  EXPECT_TRUE(given.empty());
  EXPECT_EQ(ERR_peek_error(), 0U) << "an error left behind would be taken for the handshake's";
}

class ChainHandshake : public ::testing::Test {
 protected:
  /// The server believes that the library can.
  Outcome connect(int version) {
    ServerOptions options;
    options.staple.stats = &stats_;
    options.staple.chain = ChainStapling::kWhole;
    const auto context =
        ServerContext::make({to_served(leaf_, {ca_.certificate})}, source_, options);
    EXPECT_TRUE(context);
    return TlsPair().run(*context, {.version = version});
  }
  /// Whether the Certificate message has these octets.
  static bool has_in_certificate_message(const Outcome& outcome, const Buffer& octets) {
    constexpr int kCertificate = 11;
    return std::any_of(outcome.received.begin(), outcome.received.end(), [&](const auto& m) {
      return m.type == kCertificate && std::search(m.body.begin(), m.body.end(), octets.begin(),
                                                   octets.end()) != m.body.end();
    });
  }
  const Identity ca_ = issue(standard_pki().root, ca_spec("Chain CA"));
  const Identity leaf_ = issue(ca_, leaf_spec("chain.example"));
  FakeSource source_;
  StapleStats stats_;
};

TEST_F(ChainHandshake, SendsThemInTls13WhereTheLibraryCanAndTheOwnOneAnyway) {
  source_.set(leaf_.certificate, kOwn);
  source_.set(ca_.certificate, kAbove);
  const Outcome outcome = connect(TLS1_3_VERSION);
  EXPECT_TRUE(outcome.is_done) << outcome.server_error;
  EXPECT_EQ(outcome.staple, kOwn);
  EXPECT_EQ(source_.asked(), 2);
  const bool can = chain_stapling() != ChainStapling::kNone;
  EXPECT_EQ(has_in_certificate_message(outcome, kAbove), can) << library_name();
  EXPECT_EQ(stats_.stapled, 1U);
}

TEST_F(ChainHandshake, HasOneStapleInTls12) {
  source_.set(leaf_.certificate, kOwn);
  source_.set(ca_.certificate, kAbove);
  const Outcome outcome = connect(TLS1_2_VERSION);
  EXPECT_TRUE(outcome.is_done) << outcome.server_error;
  EXPECT_EQ(outcome.staple, kOwn);
  EXPECT_EQ(source_.asked(), 1);
}

TEST_F(ChainHandshake, DoesWithoutWhatIntermediatesLack) {
  source_.set(leaf_.certificate, kOwn);
  const Outcome outcome = connect(TLS1_3_VERSION);
  EXPECT_TRUE(outcome.is_done) << outcome.server_error;
  EXPECT_EQ(outcome.staple, kOwn);
  EXPECT_EQ(stats_.stapled, 1U);
}

}  // namespace
}  // namespace muster::tls
