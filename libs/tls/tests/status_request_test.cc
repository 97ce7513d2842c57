#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/ocsp/ocsp.h"
#include "tls_pair.h"

// What our servers make of status_request, whatever a client writes into it (RFC 6066 section 8).
// The hello is made by hand, since OpenSSL's client writes none of the odd ones; TLS 1.2, for there
// the answer can be read.
namespace muster::tls {
namespace {

using muster::testing::standard_pki;

constexpr int kCertificateStatus = 22, kDecodeError = 50;
const Buffer kStaple = {0x30, 0x03, 0x0a, 0x01, 0x00};

void put(Buffer& out, Bytes octets) { out.insert(out.end(), octets.begin(), octets.end()); }
void put_vector(Buffer& out, Bytes content, unsigned octets) {
  for (unsigned left = octets; left-- != 0;) {
    out.push_back(static_cast<std::uint8_t>(content.size() >> (8 * left)));
  }
  put(out, content);
}
Buffer vector(Bytes content, unsigned octets) {
  Buffer out;
  put_vector(out, content, octets);
  return out;
}

/// A record with a ClientHello of TLS 1.2.
Buffer client_hello(Bytes status_request) {
  Buffer extensions;
  const auto extend = [&extensions](std::uint8_t type, Bytes body) {
    put(extensions, Buffer{0, type});
    put_vector(extensions, body, 2);
  };
  extend(10, Buffer{0, 2, 0, 23});  // supported_groups: P-256
  extend(11, Buffer{1, 0});         // ec_point_formats: uncompressed
  extend(13, Buffer{0, 2, 4, 3});   // signature_algorithms: ecdsa_secp256r1_sha256
  extend(5, status_request);
  Buffer body = {3, 3};
  put(body, Buffer(32, 0x5a));
  put(body, Buffer{0, 0, 2, 0xc0, 0x2b, 1, 0});  // no session, ECDHE-ECDSA-AES128-GCM-SHA256
  put_vector(body, extensions, 2);
  Buffer message = {1};
  put_vector(message, body, 3);
  Buffer record = {22, 3, 1};
  put_vector(record, message, 2);
  return record;
}

struct Answer {
  std::vector<int> messages;  ///< types
  std::optional<Buffer> status;
  int alert = -1;
};
Answer answer_to(const std::shared_ptr<const ServerContext>& context, Bytes hello) {
  TlsPair pair;
  MUSTER_ASSERT(::send(pair.client_fd(), hello.data(), hello.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(hello.size()));
  Session session(context, pair.server_fd());
  static_cast<void>(session.handshake());  // all it has to say to this
  Buffer octets(65536), handshake;
  const ssize_t size = ::recv(pair.client_fd(), octets.data(), octets.size(), MSG_DONTWAIT);
  octets.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  Answer answer;
  for (Bytes rest = octets; rest.size() >= 5;) {
    const std::size_t length = static_cast<std::size_t>(rest[3]) << 8 | rest[4];
    const Bytes content = rest.subspan(5, length);
    if (rest[0] == 21) {
      answer.alert = content[1];
    } else {
      put(handshake, content);
    }
    rest = rest.subspan(5 + length);
  }
  for (Bytes rest = handshake; rest.size() >= 4;) {
    const std::size_t length =
        static_cast<std::size_t>(rest[1]) << 16 | static_cast<std::size_t>(rest[2]) << 8 | rest[3];
    answer.messages.push_back(rest[0]);
    if (rest[0] == kCertificateStatus) {
      answer.status = to_buffer(rest.subspan(4, length));
    }
    rest = rest.subspan(4 + length);
  }
  return answer;
}

/// CertificateStatusRequest: type, responder ids, extensions.
Buffer request_of(std::uint8_t type, Bytes responder_ids, Bytes extensions) {
  Buffer out = {type};
  put_vector(out, responder_ids, 2);
  put_vector(out, extensions, 2);
  return out;
}

Buffer responder_by_key() {
  der::Writer out;
  out.element(der::context_constructed(2), [&] { out.octet_string(Buffer(20, 7)); });
  return out.take();
}
Buffer responder_by_name() {
  der::Writer out;
  out.element(der::context_constructed(1),
              [&] { out.raw(standard_pki().ocsp_signer.certificate.subject()); });
  return out.take();
}
/// Extensions with a nonce, as the requests of OCSP have it: wrapped twice.
Buffer nonce_extension() {
  der::Writer out;
  out.sequence([&] {
    out.sequence([&] {
      out.oid(oid::kOcspNonce);
      out.octet_string(ocsp::encode_nonce(Buffer(32, 1)));
    });
  });
  return out.take();
}

enum class Met : std::uint8_t { kStapled, kNotStapled, kRefused };
struct Row {
  const char* what;
  Buffer status_request;
  Met met;
};

// req: OCSP-TLS-001 OCSP-TLS-002
TEST(StatusRequest, OfEveryFormIsMetAsTheStandardWants) {
  FakeSource source;
  const auto& leaf = standard_pki().leaf;
  source.set(leaf.certificate, kStaple);
  const auto context = ServerContext::make({to_served(leaf)}, source, {});
  ASSERT_TRUE(context);
  const Buffer by_key = vector(responder_by_key(), 2);
  const Buffer by_name = vector(responder_by_name(), 2);
  Buffer both = by_key;
  put(both, by_name);
  Buffer cut = request_of(1, by_key, {});
  cut.resize(cut.size() - 3);
  for (const Row& row : std::vector<Row>{
           {"nothing asked for in particular", {1, 0, 0, 0, 0}, Met::kStapled},
           {"a responder by key", request_of(1, by_key, {}), Met::kStapled},
           {"a responder by name", request_of(1, by_name, {}), Met::kStapled},
           {"two responders and a nonce", request_of(1, both, nonce_extension()), Met::kStapled},
           {"an empty SEQUENCE of extensions", request_of(1, {}, Buffer{0x30, 0}), Met::kStapled},
           {"a type that nobody knows", request_of(9, {}, {}), Met::kNotStapled},
           {"a responder id of no octets", request_of(1, Buffer{0, 0}, {}), Met::kRefused},
           {"a responder id that is none", request_of(1, vector(Buffer{0x30, 1}, 2), {}),
            Met::kRefused},
           {"extensions that are none", request_of(1, {}, Buffer{4, 0}), Met::kRefused},
           {"octets behind the extensions", request_of(1, {}, Buffer{0x30, 0, 0}), Met::kRefused},
           {"cut short", cut, Met::kRefused}}) {
    SCOPED_TRACE(row.what);
    const Answer answer = answer_to(*context, client_hello(row.status_request));
    EXPECT_EQ(answer.alert, row.met == Met::kRefused ? kDecodeError : -1);
    EXPECT_EQ(answer.messages.empty(), row.met == Met::kRefused);
    EXPECT_EQ(answer.status.has_value(), row.met == Met::kStapled);
    if (answer.status) {
      EXPECT_EQ(Bytes(*answer.status).subspan(4).size(), kStaple.size());
    }
  }
}

}  // namespace
}  // namespace muster::tls
