#include "muster/tls/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tls_pair.h"

namespace muster::tls {
namespace {

using muster::testing::Identity;
using muster::testing::issue;
using muster::testing::leaf_spec;
using muster::testing::standard_pki;
using ::testing::HasSubstr;

constexpr int kHandshakeFailure = 40, kProtocolVersion = 70, kUnrecognizedName = 112;

class Server : public ::testing::Test {
 protected:
  std::shared_ptr<const ServerContext> make(const std::vector<Identity>& identities,
                                            const ServerOptions& options = {}) {
    std::vector<ServerCertificate> served;
    for (const Identity& identity : identities) {
      served.push_back(to_served(identity));
    }
    auto made = ServerContext::make(served, source_, options);
    EXPECT_TRUE(made) << made.error().detail;
    return *made;
  }
  Identity leaf(const std::string& name) {
    return issue(standard_pki().intermediate, leaf_spec(name));
  }
  Buffer served_for(const std::shared_ptr<const ServerContext>& context, const std::string& name) {
    return TlsPair().run(context, {.name = name}).certificate.value_or(Buffer{});
  }
  static Buffer der(const Identity& identity) { return to_buffer(identity.certificate.der()); }
  FakeSource source_;
};

TEST_F(Server, ChoosesTheCertificateByName) {
  const Identity one = leaf("one.example"), two = leaf("Two.Example"),
                 wild = leaf("*.wild.example"), exact = leaf("exact.wild.example");
  const auto context = make({one, two, wild, exact});
  EXPECT_EQ(served_for(context, "one.example"), der(one));
  EXPECT_EQ(served_for(context, "TWO.example"), der(two));
  EXPECT_EQ(served_for(context, "any.wild.example"), der(wild));
  EXPECT_EQ(served_for(context, "exact.wild.example"), der(exact));
  // The first one: no name, unknown names, names a wildcard does not cover (RFC 6125
  // section 6.4.3).
  for (const char* name : {"", "unknown.example", "two.labels.wild.example", "wild.example"}) {
    EXPECT_EQ(served_for(context, name), der(one)) << name;
  }
}

TEST_F(Server, StaplesForTheNameAsked) {
  const Identity one = leaf("one.example"), two = leaf("two.example");
  const Buffer of_one = {0x30, 3, 10, 1, 1},
               of_two = {0x30, 3, 10, 1, 2};  // OpenSSL 3.6 parses them
  source_.set(one.certificate, of_one);
  source_.set(two.certificate, of_two);
  const auto context = make({one, two});
  EXPECT_EQ(TlsPair().run(context, {.name = "two.example"}).staple, of_two);
  EXPECT_EQ(TlsPair().run(context, {.version = TLS1_2_VERSION, .name = "two.example"}).staple,
            of_two);
  EXPECT_EQ(TlsPair().run(context, {}).staple, of_one);
}

TEST_F(Server, RefusesUnknownNamesWhenTold) {
  const auto context = make({leaf("one.example")}, {.unknown_name = UnknownName::kRefuse});
  EXPECT_TRUE(TlsPair().run(context, {.name = "one.example"}).is_done);
  EXPECT_TRUE(TlsPair().run(context, {}).is_done);
  const Outcome refused = TlsPair().run(context, {.name = "two.example"});
  EXPECT_FALSE(refused.is_done);
  EXPECT_EQ(refused.alert_received, kUnrecognizedName);
}

TEST_F(Server, TakesTheFirstOfTwoCertificatesOfAKind) {
  const Identity first = leaf("one.example"), second = leaf("one.example");
  EXPECT_EQ(served_for(make({first, second}), "one.example"), der(first));
}

TEST_F(Server, SpeaksNoOlderVersionThanTold) {
  const auto modern = make({leaf("one.example")}, {.least = TlsVersion::k13});
  EXPECT_EQ(TlsPair().run(modern, {.version = TLS1_2_VERSION}).alert_received, kProtocolVersion);
  EXPECT_TRUE(TlsPair().run(modern, {}).is_done);
}

TEST_F(Server, AgreesOnAProtocolOrOnNone) {
  const auto context = make({leaf("one.example")}, {.alpn = {"http/1.1", "http/1.0"}});
  EXPECT_EQ(TlsPair().run(context, {.alpn = {"h2", "http/1.0", "http/1.1"}}).alpn, "http/1.1");
  const Outcome other = TlsPair().run(context, {.alpn = {"h2"}});
  EXPECT_TRUE(other.is_done);
  EXPECT_EQ(other.alpn, "");
}

TEST_F(Server, SaysWhyAHandshakeFailed) {
  const auto context = make({leaf("one.example")});
  const Outcome outcome =
      TlsPair().run(context, {.version = TLS1_2_VERSION, .signature_algorithms = "RSA+SHA256"});
  EXPECT_EQ(outcome.alert_received, kHandshakeFailure);
  EXPECT_EQ(outcome.server_error, "no shared cipher");
  const TlsPair plain;
  Session session(context, plain.server_fd());
  ASSERT_EQ(session.handshake(), Io::kWantRead);
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\n\r\n";
  ASSERT_EQ(::send(plain.client_fd(), kRequest.data(), kRequest.size(), 0),
            static_cast<ssize_t>(kRequest.size()));
  EXPECT_EQ(session.handshake(), Io::kFailed);
  EXPECT_EQ(session.error(), "http request");
}

TEST_F(Server, RefusesWhatItCannotServe) {
  const auto error_of = [&](const std::vector<ServerCertificate>& certificates,
                            const ServerOptions& options = {}) {
    const auto made = ServerContext::make(certificates, source_, options);
    EXPECT_FALSE(made);
    return made ? TlsErrc::kBadOption : made.error().code;
  };
  const Identity& leaf = standard_pki().leaf;
  EXPECT_EQ(error_of({}), TlsErrc::kNoCertificate);
  EXPECT_EQ(error_of({{{}, leaf.key}}), TlsErrc::kNoCertificate);
  EXPECT_EQ(error_of({{{leaf.certificate}, standard_pki().other_leaf.key}}), TlsErrc::kKeyMismatch);
  EXPECT_EQ(error_of({to_served(leaf)}, {.ciphers12 = "NONSENSE"}), TlsErrc::kBadOption);
  EXPECT_EQ(error_of({to_served(leaf)}, {.alpn = {""}}), TlsErrc::kBadOption);
}

}  // namespace
}  // namespace muster::tls
