#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <map>

#include "muster/pki/certificate.h"
#include "peers.h"

// What the probe says in its hello, and what it answers to servers that speak of status where they
// may not. The servers are made by hand, octet for octet, TLS 1.3's with its key schedule.
namespace muster::probe {
namespace {

constexpr std::uint16_t kStatusRequest = 5, kSupportedVersions = 43, kKeyShare = 51;
constexpr std::uint16_t kX25519 = 0x1d, kP256 = 0x17;
constexpr int kAlert = 21, kHandshake = 22, kApplicationData = 23;
constexpr int kIllegalParameter = 47, kUnsupportedExtension = 110;

void put(Buffer& out, Bytes octets) { out.insert(out.end(), octets.begin(), octets.end()); }
void put_number(Buffer& out, std::size_t value, unsigned octets) {
  while (octets-- != 0) {
    out.push_back(static_cast<std::uint8_t>(value >> (8 * octets)));
  }
}
/// With a length of `octets` in front.
void put_vector(Buffer& out, Bytes content, unsigned octets) {
  put_number(out, content.size(), octets);
  put(out, content);
}
void put_extension(Buffer& out, std::uint16_t type, Bytes body) {
  put_number(out, type, 2);
  put_vector(out, body, 2);
}
std::size_t number_at(Bytes octets, std::size_t at, unsigned size) {
  std::size_t value = 0;
  for (; size-- != 0; ++at) {
    value = value << 8 | octets[at];
  }
  return value;
}

struct Record {
  int type = -1;  ///< -1: the peer is gone
  Buffer content;
};
Record read_record(int fd) {
  const auto read_whole = [fd](Buffer& into) {
    return ::recv(fd, into.data(), into.size(), MSG_WAITALL) == static_cast<ssize_t>(into.size());
  };
  Buffer head(5);
  if (!read_whole(head)) {
    return {};
  }
  Record record{head[0], Buffer(number_at(head, 3, 2))};
  return read_whole(record.content) ? record : Record{};
}
void send_record(int fd, int type, Bytes content) {
  Buffer record = {static_cast<std::uint8_t>(type), 3, 3};
  put_vector(record, content, 2);
  send_text(fd, as_text(record));
}
Buffer message(int type, Bytes body) {
  Buffer out = {static_cast<std::uint8_t>(type)};
  put_vector(out, body, 3);
  return out;
}

struct Hello {
  Buffer whole;  ///< the message
  Buffer session_id;
  std::map<std::size_t, Buffer> extensions;
};
Hello read_hello(int fd) {
  Hello hello{read_record(fd).content, {}, {}};
  const Bytes at = hello.whole;
  std::size_t i = 4 + 2 + 32;
  hello.session_id = to_buffer(at.subspan(i + 1, at[i]));
  i += 1 + number_at(at, i, 1);
  i += 2 + number_at(at, i, 2);  // cipher suites
  i += 1 + number_at(at, i, 1);  // compression methods
  for (i += 2; i < at.size();) {
    const std::size_t size = number_at(at, i + 2, 2);
    hello.extensions[number_at(at, i, 2)] = to_buffer(at.subspan(i + 4, size));
    i += 4 + size;
  }
  return hello;
}

/// The probe meets `behave`; what became of it.
template <class Behave>
Result<ProbeResult, ProbeError> meet(Behave behave, ProbeRequest request = request_to(0)) {
  FakePeer peer([&](int fd) { behave(fd); });
  request.port = peer.port;
  return probe(request);
}

// req: OCSP-TLS-001
TEST(ClientHello, AsksForOneResponseWithEmptyLists) {
  for (const auto version : {TlsVersion::kTls12, TlsVersion::kTls13}) {
    ProbeRequest request = request_to(0);
    request.version = version;
    for (const AskStatus asks : {AskStatus::kYes, AskStatus::kNo}) {
      request.ask_status = asks;
      Hello hello;
      EXPECT_FALSE(meet([&](int fd) { hello = read_hello(fd); }, request));
      ASSERT_FALSE(hello.extensions.empty());
      EXPECT_EQ(hello.extensions.contains(kStatusRequest), asks == AskStatus::kYes);
      if (asks == AskStatus::kYes) {
        // ocsp(1), no responder ids, and for no extensions no octet: not 30 00.
        EXPECT_EQ(hello.extensions[kStatusRequest], Buffer({1, 0, 0, 0, 0}));
      }
      EXPECT_FALSE(hello.extensions.contains(17)) << "status_request_v2 is not offered";
    }
  }
}

/// What the client says at the end: its alert, or -1.
int read_alert(int fd) {
  for (Record record = read_record(fd); record.type != -1; record = read_record(fd)) {
    if (record.type == kAlert && record.content.size() == 2) {
      return record.content[1];
    }
  }
  return -1;
}

/// ServerHello with these extensions. \param random  32 octets
Buffer server_hello(const Hello& hello, std::uint16_t cipher, Bytes extensions,
                    Bytes random = Buffer(32, 0x5a)) {
  Buffer body = {3, 3};
  put(body, random);
  put_vector(body, hello.session_id, 1);
  put_number(body, cipher, 2);
  body.push_back(0);
  put_vector(body, extensions, 2);
  return message(2, body);
}

// req: OCSP-TLS-021
TEST(ClientHello, RefusesAStatusThatItDidNotAskForInTls12) {
  int alert = -1;
  ProbeRequest request = request_to(0);
  request.version = TlsVersion::kTls12;
  request.ask_status = AskStatus::kNo;
  const auto result = meet(
      [&](int fd) {
        const Hello hello = read_hello(fd);
        Buffer extensions;
        put_extension(extensions, 0xff01, Buffer{0});  // renegotiation_info
        put_extension(extensions, kStatusRequest, {});
        send_record(fd, kHandshake, server_hello(hello, 0xc02b, extensions));
        alert = read_alert(fd);
      },
      request);
  EXPECT_FALSE(result);
  EXPECT_EQ(alert, kUnsupportedExtension);
}

// req: OCSP-TLS-022
TEST(ClientHello, RefusesAStatusInServerHelloAndHelloRetryRequest) {
  // SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3).
  const Buffer retry = pki::digest(HashAlgorithm::kSha256, as_bytes("HelloRetryRequest"));
  for (const bool is_retry : {false, true}) {
    int alert = -1;
    const auto result = meet([&](int fd) {
      const Hello hello = read_hello(fd);
      Buffer extensions, share;
      put_extension(extensions, kSupportedVersions, Buffer{3, 4});
      put_number(share, is_retry ? kP256 : kX25519, 2);
      if (!is_retry) {
        put_vector(share, Buffer(32, 9), 2);
      }
      put_extension(extensions, kKeyShare, share);
      put_extension(extensions, kStatusRequest, {});
      send_record(fd, kHandshake,
                  server_hello(hello, 0x1301, extensions, is_retry ? retry : Buffer(32, 0x5a)));
      alert = read_alert(fd);
    });
    EXPECT_FALSE(result);
    EXPECT_EQ(alert, kIllegalParameter) << (is_retry ? "HelloRetryRequest" : "ServerHello");
  }
}

// ---- behind ServerHello all is encrypted (RFC 8446 sections 5.2 and 7.1)

Buffer hmac(Bytes key, Bytes octets) {
  Buffer out(32);
  unsigned size = 32;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), octets.data(), octets.size(),
       out.data(), &size);
  return out;
}
Buffer expand_label(Bytes secret, std::string_view label, Bytes context, std::size_t size) {
  Buffer info;
  put_number(info, size, 2);
  put_vector(info, as_bytes("tls13 " + std::string(label)), 1);
  put_vector(info, context, 1);
  info.push_back(1);
  Buffer out = hmac(secret, info);
  out.resize(size);
  return out;
}

struct Key {
  explicit Key(Bytes secret)
      : key(expand_label(secret, "key", {}, 16)), iv(expand_label(secret, "iv", {}, 12)) {}
  Buffer key, iv;
};
using CipherPtr = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

/// The first record under `key`, protected.
Buffer seal(const Key& key, Bytes plain) {
  Buffer out(plain.size() + 16), head = {kApplicationData, 3, 3};
  put_number(head, out.size(), 2);
  const CipherPtr context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int size = 0;
  EVP_EncryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, key.key.data(), key.iv.data());
  EVP_EncryptUpdate(context.get(), nullptr, &size, head.data(), static_cast<int>(head.size()));
  EVP_EncryptUpdate(context.get(), out.data(), &size, plain.data(), static_cast<int>(plain.size()));
  EVP_EncryptFinal_ex(context.get(), out.data() + size, &size);
  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, 16, out.data() + plain.size());
  return out;
}
/// What the first record under `key` holds, its tag unread.
Buffer open(const Key& key, Bytes sealed) {
  Buffer out(sealed.size() - 16);
  const CipherPtr context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int size = 0;
  EVP_DecryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, key.key.data(), key.iv.data());
  EVP_DecryptUpdate(context.get(), out.data(), &size, sealed.data(), static_cast<int>(out.size()));
  return out;
}

using PkeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

/// A TLS 1.3 server up to its ServerHello.
class SecretServer {
 public:
  /// Reads the hello and answers it. False when the client offers no X25519.
  bool greet(int fd) {
    const Hello hello = read_hello(fd);
    const Buffer& shares = hello.extensions.at(kKeyShare);
    Bytes theirs;
    for (std::size_t i = 2; i < shares.size(); i += 4 + number_at(shares, i + 2, 2)) {
      if (number_at(shares, i, 2) == kX25519) {
        theirs = Bytes(shares).subspan(i + 4, 32);
      }
    }
    if (theirs.empty()) {
      return false;
    }
    const Buffer secret(32, 0x42);
    const PkeyPtr ours(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.data(), 32),
                       EVP_PKEY_free);
    const PkeyPtr peer(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, theirs.data(), 32),
                       EVP_PKEY_free);
    Buffer shared(32), share;
    std::size_t size = 32;
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> derive(
        EVP_PKEY_CTX_new(ours.get(), nullptr), EVP_PKEY_CTX_free);
    EVP_PKEY_derive_init(derive.get());
    EVP_PKEY_derive_set_peer(derive.get(), peer.get());
    EVP_PKEY_derive(derive.get(), shared.data(), &size);
    Buffer public_key(32);
    EVP_PKEY_get_raw_public_key(ours.get(), public_key.data(), &size);
    put_number(share, kX25519, 2);
    put_vector(share, public_key, 2);
    Buffer extensions;
    put_extension(extensions, kSupportedVersions, Buffer{3, 4});
    put_extension(extensions, kKeyShare, share);
    const Buffer answer = server_hello(hello, 0x1301, extensions);
    send_record(fd, kHandshake, answer);

    const Buffer nothing(32, 0);
    const auto hash = [](Bytes octets) { return pki::digest(HashAlgorithm::kSha256, octets); };
    const Buffer derived = expand_label(hmac(nothing, nothing), "derived", hash({}), 32);
    const Buffer handshake = hmac(derived, shared);
    Buffer transcript = hello.whole;
    put(transcript, answer);
    mine_.emplace(expand_label(handshake, "s hs traffic", hash(transcript), 32));
    theirs_.emplace(expand_label(handshake, "c hs traffic", hash(transcript), 32));
    return true;
  }
  /// Sends messages in one record and waits for the client's alert.
  int provoke(int fd, Bytes messages) const {
    Buffer plain = to_buffer(messages);
    plain.push_back(kHandshake);
    send_record(fd, kApplicationData, seal(*mine_, plain));
    for (Record record = read_record(fd); record.type != -1; record = read_record(fd)) {
      if (record.type == kApplicationData && record.content.size() > 16) {
        record.content = open(*theirs_, record.content);
        record.type = record.content.back();
        record.content.pop_back();
      }
      if (record.type == kAlert && record.content.size() == 2) {
        return record.content[1];
      }
    }
    return -1;
  }

 private:
  std::optional<Key> mine_, theirs_;
};

Buffer encrypted_extensions(Bytes extensions) {
  Buffer body;
  put_vector(body, extensions, 2);
  return message(8, body);
}

// req: OCSP-TLS-022
TEST(ClientHello, RefusesAStatusInEncryptedExtensions) {
  int alert = -1;
  bool greeted = false;
  Buffer extensions;
  put_extension(extensions, kStatusRequest, {});
  EXPECT_FALSE(meet([&](int fd) {
    SecretServer server;
    greeted = server.greet(fd);
    alert = greeted ? server.provoke(fd, encrypted_extensions(extensions)) : -1;
  }));
  ASSERT_TRUE(greeted);
  EXPECT_EQ(alert, kIllegalParameter);
}

// A staple in the Certificate message: fine where it was asked for (what comes next is missing),
// an extension out of nowhere where it was not.
// req: OCSP-TLS-021
TEST(ClientHello, RefusesAStapleThatItDidNotAskForInTls13) {
  const testing::TestPki& pki = testing::standard_pki();
  const Buffer response = testing::build_good_response(pki.ocsp_signer, pki.leaf.certificate,
                                                       pki.intermediate.certificate);
  Buffer staple = {1}, extensions, list, body = {0};
  put_vector(staple, response, 3);
  put_extension(extensions, kStatusRequest, staple);
  put_vector(list, pki.leaf.certificate.der(), 3);
  put_vector(list, extensions, 2);
  put_vector(body, list, 3);
  Buffer messages = encrypted_extensions({});
  put(messages, message(11, body));
  put(messages, message(20, Buffer(32, 0)));  // Finished, where CertificateVerify is due
  for (const AskStatus asks : {AskStatus::kYes, AskStatus::kNo}) {
    int alert = -1;
    ProbeRequest request = request_to(0);
    request.ask_status = asks;
    EXPECT_FALSE(meet(
        [&](int fd) {
          SecretServer server;
          if (server.greet(fd)) {
            alert = server.provoke(fd, messages);
          }
        },
        request));
    constexpr int kUnexpectedMessage = 10;
    EXPECT_EQ(alert, asks == AskStatus::kYes ? kUnexpectedMessage : kUnsupportedExtension);
  }
}

}  // namespace
}  // namespace muster::probe
