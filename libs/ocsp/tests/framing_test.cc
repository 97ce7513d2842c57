#include <gtest/gtest.h>

#include "guard_buffer.h"
#include "sample_messages.h"

// What strict DER forbids, and the one mode that tolerates a part of it.
namespace muster::ocsp {
namespace {

Buffer sample_request() {
  Request request;
  request.requests.push_back({make_cert_id(), {make_extension("1.2.3", "00")}});
  request.requestor_name = hex("820161");
  request.extensions.push_back(make_extension("1.3.6.1.5.5.7.48.1.2", "0401aa", true));
  const SignaturePart signature = make_signature(1);
  return encode_request(encode_tbs_request(request), &signature);
}

Buffer sample_response() {
  ResponseData data = make_response_data();
  data.responses[0].extensions.push_back(make_extension("1.2.3", "00", true));
  data.responses.push_back(
      make_single_response(make_cert_id("00ff"), Revoked{kNow, ReasonCode::kCertificateHold}));
  data.responses.push_back(make_single_response(make_cert_id("9a"), Unknown{}));
  data.extensions.push_back(make_extension("1.3.6.1.5.5.7.48.1.2", "0401aa"));
  return encode_sample(data, 1);
}

// A view of a temporary would dangle: every entry takes octets that live on, and none takes them
// away.
template <class Octets>
constexpr bool kGivesViews = requires(Octets&& octets) {
  parse_request(std::forward<Octets>(octets));
}
|| requires(Octets&& octets) { parse_response(std::forward<Octets>(octets)); }
|| requires(Octets&& octets) { parse_cert_id(std::forward<Octets>(octets)); }
|| requires(Octets&& octets) { parse_nonce(std::forward<Octets>(octets)); }
|| requires(Octets&& octets) { parse_crl_id(std::forward<Octets>(octets)); }
|| requires(Octets&& octets) { parse_acceptable_responses(std::forward<Octets>(octets)); }
|| requires(Octets&& octets) { parse_service_locator(std::forward<Octets>(octets)); }
|| requires(Octets&& octets) { parse_preferred_signatures(std::forward<Octets>(octets)); }
|| std::is_constructible_v<der::Reader, Octets>;
static_assert(kGivesViews<const Buffer&>);
static_assert(!kGivesViews<Buffer>);

// req: OCSP-COD-027
TEST(StrictFraming, RefusesTrailingOctets) {
  for (Buffer octets : {sample_response(), encode_error_response(ResponseStatus::kTryLater)}) {
    const std::string at = std::to_string(octets.size());
    octets.push_back(0);
    EXPECT_EQ(response_outcome(octets), "ocspResponse: trailing data at octet " + at);
  }
  Buffer request = sample_request();
  request.push_back(0x30);
  EXPECT_EQ(request_error(request).code, der::DerErrc::kTrailingData);
}

// req: OCSP-COD-027
TEST(StrictFraming, RefusesUnusedBitsInSignatures) {
  const std::string bits = "0309003006020101020102";
  const std::string one_unused = "0309013006020101020102";
  EXPECT_EQ(response_error(replaced(sample_response(), bits, one_unused)).field, "signature");
  EXPECT_EQ(request_error(replaced(sample_request(), bits, one_unused)).field, "signature");
}

/// `octets` with the length of the element at `offset` written with one more octet than needed
/// (short form only), and the lengths of the elements around it, at `parents`, corrected. All of
/// them must be in short form.
Buffer with_long_length(Buffer octets, std::size_t offset,
                        std::initializer_list<std::size_t> parents) {
  MUSTER_ASSERT(octets[offset + 1] < 0x80);
  for (const std::size_t parent : parents) {
    MUSTER_ASSERT(octets[parent + 1] < 0x7f);
    ++octets[parent + 1];
  }
  octets.insert(octets.begin() + static_cast<std::ptrdiff_t>(offset) + 1, 0x81);
  return octets;
}

// A small request: every length in short form, so that each can be stretched.
//   0 OCSPRequest, 2 tbsRequest, 4 requestList, 6 Request, 8 CertID, 10 hashAlgorithm
const std::string_view kSmallRequest =
    "301c 301a 3018 3016 3014 300706052b0e03021a 0402aaaa 0402bbbb 020105";

// req: OCSP-COD-028
TEST(Framing, ToleratesLongLengthsOnlyOutsideSignedOctetsAndOnlyWhenAsked) {
  const Buffer plain = hex(kSmallRequest);
  ASSERT_EQ(request_outcome(plain), "ok");
  struct Case {
    std::string_view name;
    Buffer octets;
    bool is_tolerated;
  };
  const Case cases[] = {
      {"OCSPRequest", with_long_length(plain, 0, {}), true},
      {"tbsRequest", with_long_length(plain, 2, {0}), false},
      {"requestList", with_long_length(plain, 4, {0, 2}), false},
      {"Request", with_long_length(plain, 6, {0, 2, 4}), false},
      {"CertID", with_long_length(plain, 8, {0, 2, 4, 6}), false},
      {"hashAlgorithm", with_long_length(plain, 10, {0, 2, 4, 6, 8}), false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(request_error(c.octets).code, der::DerErrc::kBadLength) << c.name;
    const auto lenient = parse_request(c.octets, {}, Framing::kLenient);
    EXPECT_EQ(outcome(lenient) == "ok", c.is_tolerated) << c.name;
    if (lenient) {
      EXPECT_TRUE(equal(lenient->tbs_raw, Bytes(plain).subspan(2)));
    }
  }
}

/// A response whose framing writes lengths with `octets` length octets.
Buffer framed_response(const Buffer& data, std::size_t length_octets) {
  const auto wrap = [length_octets](std::string_view identifier, const Buffer& content) {
    Buffer out = hex(identifier);
    out.push_back(static_cast<std::uint8_t>(0x80u | length_octets));
    for (std::size_t i = length_octets; i-- > 0;) {
      out.push_back(static_cast<std::uint8_t>(content.size() >> (8 * i)));
    }
    out.insert(out.end(), content.begin(), content.end());
    return out;
  };
  der::Writer tail;
  tail.raw(data);
  tail.raw(make_signature().algorithm);
  tail.octet_bits(make_signature().signature);
  Buffer type = hex("06092b0601050507300101");
  const Buffer response = wrap("04", wrap("30", tail.bytes()));
  type.insert(type.end(), response.begin(), response.end());
  Buffer body = hex("0a0100");
  const Buffer wrapped = wrap("a0", wrap("30", type));
  body.insert(body.end(), wrapped.begin(), wrapped.end());
  return wrap("30", body);
}

// req: OCSP-COD-028
TEST(Framing, TreatsResponsesTheSameWay) {
  const Buffer data = encode_response_data(make_response_data());
  for (const std::size_t octets : {std::size_t{3}, std::size_t{4}}) {
    const Buffer stretched = framed_response(data, octets);
    EXPECT_EQ(response_outcome(stretched), "ocspResponse: bad length at octet 0");
    const auto lenient = parse_response(stretched, {}, Framing::kLenient);
    ASSERT_TRUE(lenient && lenient->basic) << outcome(lenient);
    EXPECT_TRUE(equal(lenient->basic->tbs_raw, data));
  }
  const Buffer five = framed_response(data, 5);
  EXPECT_FALSE(parse_response(five, {}, Framing::kLenient))
      << "five length octets are beyond any message";
  // Signed octets stay strict: ResponseData with a length octet too many.
  Buffer loose = hex("308200");
  loose.insert(loose.end(), data.begin() + 2, data.end());
  ASSERT_EQ(data[1], 0x81);
  const Buffer signed_part = framed_response(loose, 3);
  const auto refused = parse_response(signed_part, {}, Framing::kLenient);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "tbsResponseData");
  EXPECT_EQ(refused.error().code, der::DerErrc::kBadLength);
}

// req: OCSP-COD-028
TEST(Framing, NeverToleratesIndefiniteLengthsOrConstructedStrings) {
  const std::string_view variants[] = {
      // OCSPRequest of indefinite length
      "3080 301a 3018 3016 3014 300706052b0e03021a 0402aaaa 0402bbbb 020105 0000",
      // tbsRequest of indefinite length
      "301e 3080 3018 3016 3014 300706052b0e03021a 0402aaaa 0402bbbb 020105 0000",
      // issuerNameHash as constructed OCTET STRING { aa, aa }
      "3020 301e 301c 301a 3018 300706052b0e03021a 2406 0401aa0401aa 0402bbbb 020105",
  };
  for (const std::string_view variant : variants) {
    const Buffer octets = hex(variant);
    EXPECT_NE(request_outcome(octets), "ok") << variant;
    EXPECT_FALSE(parse_request(octets, {}, Framing::kLenient)) << variant;
  }
}

// req: OCSP-COD-029
TEST(Framing, BoundsMemoryAndTimeForHugeClaimsAndDeepNesting) {
  // Every element claims 4 GiB - 1.
  EXPECT_EQ(request_error(hex("3084ffffffff 3084ffffffff")).code, der::DerErrc::kTruncated);
  EXPECT_EQ(response_error(hex("3084ffffffff 0a84ffffffff")).code, der::DerErrc::kTruncated);
  // A megabyte of nested SEQUENCEs: the schema, not the input, decides how deep we look.
  Buffer nested(1 << 20, 0x30);
  for (std::size_t i = 1; i < nested.size(); i += 2) {
    nested[i] = 0x80;
  }
  EXPECT_NE(request_outcome(nested), "ok");
  der::Writer deep;
  const auto nest = [&deep](auto&& self, int depth) -> void {
    deep.sequence([&] {
      if (depth > 0) {
        self(self, depth - 1);
      }
    });
  };
  nest(nest, 5000);
  EXPECT_NE(request_outcome(deep.bytes()), "ok");
  EXPECT_NE(response_outcome(deep.bytes()), "ok");
}

// req: OCSP-COD-029
TEST(ParserDuty, EveryCutIsRefusedAndEveryFlipIsHarmless) {
  testing::for_each_cut_and_flip(
      sample_request(), [](Bytes cut) { EXPECT_FALSE(parse_request(cut)) << cut.size(); },
      [](Bytes flipped) {
        if (parse_request(flipped)) {
          EXPECT_TRUE(equal(re_encode_request(flipped), flipped)) << to_hex(flipped);
        }
      });
  testing::for_each_cut_and_flip(
      sample_response(), [](Bytes cut) { EXPECT_FALSE(parse_response(cut)) << cut.size(); },
      [](Bytes flipped) {
        if (parse_response(flipped)) {
          EXPECT_TRUE(equal(re_encode_response(flipped), flipped)) << to_hex(flipped);
        }
      });
}

TEST(ParserDuty, CoversTheValuesOfExtensions) {
  const Buffer name = hex("300d310b3009060355040613025858");
  const Buffer access = hex("3016301406082b060105050730018608687474703a2f2f61");
  const Buffer values[] = {
      encode_nonce(Buffer(32, 7)),
      encode_crl_id({as_bytes("http://a"), Bytes(name).first(1), kNow}),
      encode_acceptable_responses({to_buffer(oid::kOcspBasic)}),
      encode_archive_cutoff(kNow),
      encode_service_locator({name, Bytes(access)}),
      hex("3011 300f 300606042a030405 300506032a0304"),
  };
  const auto parse_all = [](Bytes value) {
    static_cast<void>(parse_nonce(value));
    static_cast<void>(parse_crl_id(value));
    static_cast<void>(parse_acceptable_responses(value));
    static_cast<void>(parse_archive_cutoff(value));
    static_cast<void>(parse_service_locator(value));
    static_cast<void>(parse_preferred_signatures(value));
    static_cast<void>(parse_null_value(value, "x"));
  };
  for (const Buffer& value : values) {
    testing::for_each_cut_and_flip(value, parse_all, parse_all);
  }
}

}  // namespace
}  // namespace muster::ocsp
