#include "request_rules.h"

#include <gtest/gtest.h>

namespace muster::responder {
namespace {

ocsp::Request request() {
  const auto serial = Serial::from_hex("4A19C2");
  const Buffer hash(20, 0x11);
  ocsp::Request out;
  out.requests.push_back({ocsp::CertId::make(HashAlgorithm::kSha1, hash, hash, *serial), {}});
  return out;
}

/// Rules applied to the request; the echo is copied, since the request is gone afterwards.
struct Outcome {
  Cause cause;
  std::optional<Buffer> nonce;
};
Outcome apply(const ocsp::Request& made, NoncePolicy policy = NoncePolicy::kEcho) {
  const Buffer octets = ocsp::encode_request(made);
  const auto parsed = ocsp::parse_request(octets);
  EXPECT_TRUE(parsed);
  const RequestOptions options = read_options(*parsed);
  for (const ocsp::SingleRequestView& entry : parsed->requests) {
    if (const Cause cause = check_entry(entry); cause != Cause::kNone) {
      return {cause, std::nullopt};
    }
  }
  const NonceChoice choice = choose_nonce(options.nonce, policy);
  return {options.cause != Cause::kNone ? options.cause : choice.cause,
          choice.echo ? std::optional(to_buffer(*choice.echo)) : std::nullopt};
}

ocsp::Request with_nonce(Buffer extension_value) {
  ocsp::Request out = request();
  out.extensions.push_back({to_buffer(oid::kOcspNonce), false, std::move(extension_value)});
  return out;
}
/// An OCTET STRING of `n` octets, also of lengths that our encoder refuses to make.
Buffer wrapped(std::size_t n) {
  der::Writer out;
  out.octet_string(Buffer(n, 0x6e));
  return out.take();
}

// req: OCSP-RESP-054
TEST(ReadOptions, EchoesStandardNoncesUnlessTold) {
  for (const std::size_t n : {16U, 24U, 32U}) {
    for (const NoncePolicy policy : {NoncePolicy::kEcho, NoncePolicy::kEchoStandard}) {
      EXPECT_EQ(apply(with_nonce(wrapped(n)), policy).nonce, wrapped(n)) << n;
    }
    EXPECT_FALSE(apply(with_nonce(wrapped(n)), NoncePolicy::kIgnore).nonce);
  }
}

// req: OCSP-RESP-055
TEST(ReadOptions, EchoesOtherNoncesByPolicy) {
  for (const std::size_t n : {1U, 15U, 33U, 128U}) {
    EXPECT_EQ(apply(with_nonce(wrapped(n)), NoncePolicy::kEcho).nonce, wrapped(n)) << n;
    const Outcome standard = apply(with_nonce(wrapped(n)), NoncePolicy::kEchoStandard);
    EXPECT_FALSE(standard.nonce) << n;
    EXPECT_EQ(standard.cause, Cause::kNone) << n;
  }
}

// req: OCSP-OPS-026
TEST(ReadOptions, KeepsToRfc8954WhereTold) {
  for (const std::size_t n : {1U, 15U, 16U, 32U}) {
    EXPECT_EQ(apply(with_nonce(wrapped(n)), NoncePolicy::kRfc8954).nonce, wrapped(n)) << n;
  }
  for (const std::size_t n : {33U, 128U}) {
    EXPECT_EQ(apply(with_nonce(wrapped(n)), NoncePolicy::kRfc8954).cause, Cause::kBadNonce) << n;
  }
}

// req: OCSP-RESP-056
TEST(ReadOptions, RefusesNoncesOutsideTheStandardUnderEveryPolicy) {
  for (const std::size_t n : {0U, 129U, 4096U}) {
    for (const NoncePolicy policy :
         {NoncePolicy::kEcho, NoncePolicy::kEchoStandard, NoncePolicy::kRfc8954,
          NoncePolicy::kIgnore, NoncePolicy::kRequire}) {
      EXPECT_EQ(apply(with_nonce(wrapped(n)), policy).cause, Cause::kBadNonce) << n;
    }
  }
  EXPECT_EQ(status_for(Cause::kBadNonce), ocsp::ResponseStatus::kMalformedRequest);
}

TEST(ReadOptions, RequiresANonceWhereTold) {
  const Outcome without = apply(request(), NoncePolicy::kRequire);
  EXPECT_EQ(without.cause, Cause::kNonceMissing);
  EXPECT_EQ(status_for(without.cause), ocsp::ResponseStatus::kUnauthorized);
  EXPECT_EQ(apply(with_nonce(wrapped(1)), NoncePolicy::kRequire).nonce, wrapped(1));
  EXPECT_EQ(apply(request(), NoncePolicy::kEcho).cause, Cause::kNone);
}

TEST(ReadOptions, EchoesALegacyRawNonceAsReceived) {
  const Buffer raw(20, 0xa7);
  EXPECT_EQ(apply(with_nonce(raw)).nonce, raw);
}

TEST(ReadOptions, ANonceInTheWrongPlaceIsIgnored) {
  ocsp::Request made = request();
  made.requests[0].extensions.push_back({to_buffer(oid::kOcspNonce), false, wrapped(32)});
  const Outcome outcome = apply(made);
  EXPECT_EQ(outcome.cause, Cause::kNone);
  EXPECT_FALSE(outcome.nonce);
}

// req: OCSP-RESP-015
TEST(ReadOptions, UnknownExtensionsCountOnlyWhenCritical) {
  for (const bool critical : {false, true}) {
    const der::Extension strange{{0x2a, 0x03, 0x04}, critical, {0x05, 0x00}};
    ocsp::Request outer = request();
    outer.extensions.push_back(strange);
    ocsp::Request inner = request();
    inner.requests[0].extensions.push_back(strange);
    const Cause expected = critical ? Cause::kCriticalExtension : Cause::kNone;
    EXPECT_EQ(apply(outer).cause, expected);
    EXPECT_EQ(apply(inner).cause, expected);
  }
  EXPECT_EQ(status_for(Cause::kCriticalExtension), ocsp::ResponseStatus::kMalformedRequest);
}

// req: OCSP-RESP-025
TEST(ReadOptions, OffersTheBasicTypeWhateverElseIsAcceptable) {
  const Buffer basic = to_buffer(oid::kOcspBasic);
  const Buffer other{0x2a, 0x03};
  for (const bool critical : {false, true}) {
    for (const auto& list : {std::vector<Buffer>{basic, other}, {other, basic}, {other}}) {
      ocsp::Request made = request();
      made.extensions.push_back({to_buffer(oid::kOcspAcceptableResponses), critical,
                                 ocsp::encode_acceptable_responses(list)});
      const bool refused = critical && list.size() == 1;
      EXPECT_EQ(apply(made).cause, refused ? Cause::kCriticalExtension : Cause::kNone);
    }
  }
}

TEST(FindPlainCertId, FindsWhatTheParserFindsInPlainRequestsOnly) {
  const ocsp::Request plain = request();
  const Buffer octets = ocsp::encode_request(plain);
  EXPECT_TRUE(equal(find_plain_cert_id(octets), plain.requests[0].cert_id.der()));

  std::vector<ocsp::Request> others(4, plain);
  others[0].extensions.push_back({to_buffer(oid::kOcspNonce), false, wrapped(16)});
  others[1].requestor_name = Buffer{0x82, 0x01, 'x'};
  others[2].requests.push_back(plain.requests[0]);
  others[3].requests[0].extensions.push_back({{0x2a, 0x03}, true, {0x05, 0x00}});
  for (const ocsp::Request& other : others) {
    const Buffer made = ocsp::encode_request(other);
    EXPECT_FALSE(equal(find_plain_cert_id(made), plain.requests[0].cert_id.der()));
  }
}

/// The shortcut and the parser must agree: whatever a damaged frame yields as that CertID, the
/// parser yields too.
TEST(FindPlainCertId, NeverFindsACertIdInARequestThatDoesNotParse) {
  const ocsp::Request plain = request();
  const Buffer octets = ocsp::encode_request(plain);
  for (std::size_t i = 0; i < octets.size(); ++i) {
    for (unsigned value = 0; value < 256; ++value) {
      Buffer damaged = octets;
      damaged[i] = static_cast<std::uint8_t>(value);
      if (equal(find_plain_cert_id(damaged), plain.requests[0].cert_id.der())) {
        const auto parsed = ocsp::parse_request(damaged);
        ASSERT_TRUE(parsed) << i << ' ' << value;
        EXPECT_TRUE(equal(parsed->requests.at(0).cert_id.raw, plain.requests[0].cert_id.der()));
      }
    }
    EXPECT_TRUE(find_plain_cert_id(Bytes(octets).first(i)).empty());
  }
  Buffer longer = octets;
  longer.push_back(0);
  EXPECT_TRUE(find_plain_cert_id(longer).empty());
}

}  // namespace
}  // namespace muster::responder
