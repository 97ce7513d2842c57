#include <gtest/gtest.h>

#include "sample_messages.h"

namespace muster::ocsp {
namespace {

std::string nonce_outcome(const Buffer& value) {
  const auto nonce = parse_nonce(value);
  if (!nonce) {
    return to_string(nonce.error());
  }
  return nonce->form == NonceForm::kWrapped ? "wrapped" : "legacy";
}

// req: OCSP-COD-017
TEST(Nonce, EncodesTheExampleOfTheRfc) {
  // RFC 9654 section 2.1 shows a 32-octet nonce in an extension of 49 octets.
  const Buffer nonce(32, 0xd4);
  der::Writer out;
  der::write_extension(out, oid::kOcspNonce, false, encode_nonce(nonce));
  EXPECT_EQ(to_hex(out.bytes()), "302f06092b060105050730010204220420" + to_hex(nonce));
  EXPECT_EQ(out.bytes().size(), 49u);
}

// req: OCSP-COD-017
TEST(Nonce, HasOneTo128Octets) {
  for (const std::size_t size : std::initializer_list<std::size_t>{1, 16, 32, 127, 128}) {
    const Buffer octets(size, 0x5a);
    const Buffer value = encode_nonce(octets);
    const auto nonce = parse_nonce(value);
    ASSERT_TRUE(nonce) << size;
    EXPECT_EQ(nonce->form, NonceForm::kWrapped);
    EXPECT_TRUE(equal(nonce->octets, octets));
    EXPECT_TRUE(equal(nonce->extension_value, value));
  }
  EXPECT_EQ(nonce_outcome(hex("0400")), "nonce: bad value at octet 0");
  EXPECT_EQ(nonce_outcome(hex("048181" + std::string(2 * 129, '1'))),
            "nonce: too large at octet 0");
}

TEST(NonceDeathTest, CannotBeMadeOfAnotherSize) {
  EXPECT_DEATH(static_cast<void>(encode_nonce(Bytes())), "nonce");
  EXPECT_DEATH(static_cast<void>(encode_nonce(Buffer(129))), "nonce");
}

// req: OCSP-COD-018
TEST(Nonce, OfAnOldClientIsTheRawValue) {
  const Buffer raw = hex("0102030405060708090a0b0c0d0e0f10");
  const auto nonce = parse_nonce(raw);
  ASSERT_TRUE(nonce);
  EXPECT_EQ(nonce->form, NonceForm::kLegacyRaw);
  EXPECT_TRUE(equal(nonce->octets, raw));
  EXPECT_TRUE(equal(nonce->extension_value, raw)) << "what a responder echoes";
  // Looks wrapped, but does not fill the value or has a length that DER forbids.
  EXPECT_EQ(nonce_outcome(hex("0402aabbcc")), "legacy");
  EXPECT_EQ(nonce_outcome(hex("0410aabb")), "legacy");
  EXPECT_EQ(nonce_outcome(hex("048102aabb")), "legacy");
  EXPECT_EQ(nonce_outcome(hex("0202aabb")), "legacy");
  EXPECT_EQ(nonce_outcome(Buffer()), "nonce: bad value at octet 0");
  EXPECT_EQ(nonce_outcome(Buffer(128, 0x01)), "legacy");
  EXPECT_EQ(nonce_outcome(Buffer(129, 0x01)), "nonce: too large at octet 0");
}

// req: OCSP-COD-019
TEST(CrlId, RoundTripsInAllCombinations) {
  const std::string_view url = "http://crl.example/a.crl";
  const Buffer number = hex("00ff");
  for (unsigned present = 0; present < 8; ++present) {
    CrlIdView id;
    if ((present & 1u) != 0) {
      id.url = as_bytes(url);
    }
    if ((present & 2u) != 0) {
      id.number = number;
    }
    if ((present & 4u) != 0) {
      id.time = kNow;
    }
    const Buffer value = encode_crl_id(id);
    const auto back = parse_crl_id(value);
    ASSERT_TRUE(back) << present;
    EXPECT_EQ(back->url.has_value(), id.url.has_value());
    EXPECT_EQ(back->number.has_value(), id.number.has_value());
    EXPECT_EQ(back->time, id.time);
    EXPECT_EQ(encode_crl_id(*back), value);
  }
  EXPECT_EQ(to_hex(encode_crl_id({as_bytes("a"), Bytes(number), {}})),
            "300ba003160161a104020200ff");
}

// req: OCSP-COD-019
TEST(CrlId, RefusesOtherShapes) {
  const auto outcome_of = [](std::string_view text) {
    const Buffer value = hex(text);
    return outcome(parse_crl_id(value));
  };
  EXPECT_EQ(outcome_of("3000"), "ok");
  EXPECT_EQ(outcome_of("3005a0030c0161"), "crlUrl: wrong tag at octet 4");
  EXPECT_EQ(outcome_of("3007a0051601610500"), "crlUrl: trailing data at octet 7");
  EXPECT_EQ(outcome_of("3006a10402020001"), "crlNum: bad value at octet 4");
  EXPECT_EQ(outcome_of("3007a1050201010500"), "crlNum: trailing data at octet 7");
  EXPECT_EQ(outcome_of("3004a2021800"), "crlTime: bad value at octet 4");
  EXPECT_EQ(outcome_of("300aa103020101a003160161"), "crlID: trailing data at octet 7") << "order";
  EXPECT_EQ(outcome_of("30003000"), "crlID: trailing data at octet 2");
}

// req: OCSP-COD-019
TEST(AcceptableResponses, RoundTrip) {
  const Buffer basic = to_buffer(oid::kOcspBasic);
  const Buffer other = hex("2a03");
  for (const std::vector<Buffer>& list :
       {std::vector<Buffer>{}, std::vector<Buffer>{basic}, std::vector<Buffer>{basic, other}}) {
    const Buffer value = encode_acceptable_responses(list);
    const auto back = parse_acceptable_responses(value);
    ASSERT_TRUE(back);
    ASSERT_EQ(back->size(), list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      EXPECT_TRUE(equal((*back)[i], list[i]));
    }
  }
  const Buffer not_an_oid = hex("3003020101");
  EXPECT_EQ(outcome(parse_acceptable_responses(not_an_oid)),
            "acceptableResponses: wrong tag at octet 2");
}

// req: OCSP-COD-029
TEST(AcceptableResponses, AreBounded) {
  std::vector<Buffer> list(kMaxListedAlgorithms, hex("2a"));
  Buffer value = encode_acceptable_responses(list);
  EXPECT_EQ(outcome(parse_acceptable_responses(value)), "ok");
  list.push_back(hex("2a"));
  value = encode_acceptable_responses(list);
  EXPECT_EQ(parse_acceptable_responses(value).error().code, der::DerErrc::kTooLarge);
}

// req: OCSP-COD-019
TEST(ArchiveCutoff, IsOneGeneralizedTime) {
  const Buffer value = encode_archive_cutoff(kNow);
  EXPECT_EQ(value.size(), 17u);
  const auto back = parse_archive_cutoff(value);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, kNow);
  Buffer longer = value;
  longer.push_back(0);
  EXPECT_EQ(outcome(parse_archive_cutoff(longer)), "archiveCutoff: trailing data at octet 17");
  const Buffer utc = hex("170d3233313131343232313332305a");
  EXPECT_EQ(outcome(parse_archive_cutoff(utc)), "archiveCutoff: wrong tag at octet 0");
}

// req: OCSP-COD-020
TEST(ServiceLocator, DecodesWithAndWithoutLocator) {
  const Buffer name = hex("300d310b3009060355040613025858");  // C=XX
  // AccessDescription { id-ad-ocsp, uniformResourceIdentifier "http://a" }
  const Buffer access = hex("3016301406082b060105050730018608687474703a2f2f61");
  for (const bool has_locator : {false, true}) {
    ServiceLocatorView view{name, has_locator ? std::optional<Bytes>(access) : std::nullopt};
    const Buffer value = encode_service_locator(view);
    const auto back = parse_service_locator(value);
    ASSERT_TRUE(back) << to_string(back.error());
    EXPECT_TRUE(equal(back->issuer, name));
    ASSERT_EQ(back->locator.has_value(), has_locator);
    EXPECT_EQ(encode_service_locator(*back), value);
  }
  const Buffer broken = encode_service_locator({name, Bytes(hex("3000"))});
  EXPECT_EQ(outcome(parse_service_locator(broken)), "locator: bad value at octet 17");
}

// req: OCSP-COD-021
TEST(PreferredSignatures, RoundTripWithAndWithoutPublicKeyAlgorithm) {
  // ecdsa-with-SHA256 for id-ecPublicKey with prime256v1; sha256WithRSAEncryption with NULL, any
  // key.
  const Buffer value =
      hex("3030"
          "301f 300a06082a8648ce3d040302 301106072a8648ce3d0201 0606 2b8104002201"
          "300d 300b06092a864886f70d01010b");
  const auto list = parse_preferred_signatures(value);
  ASSERT_TRUE(list) << to_string(list.error());
  ASSERT_EQ(list->size(), 2u);
  ASSERT_TRUE((*list)[0].public_key.has_value());
  EXPECT_TRUE((*list)[0].public_key->parameters.has_value());
  EXPECT_FALSE((*list)[1].public_key.has_value());
  EXPECT_EQ(encode_preferred_signatures(*list), value);
}

// req: OCSP-COD-021
TEST(PreferredSignatures, RefusesOtherShapesAndTooMany) {
  const Buffer three = hex("3017 3015 300506032a0304 300506032a0304 300506032a0304");
  EXPECT_EQ(outcome(parse_preferred_signatures(three)),
            "preferredSignatureAlgorithm: trailing data at octet 18");
  der::Writer out;
  out.sequence([&] {
    for (std::size_t i = 0; i <= kMaxListedAlgorithms; ++i) {
      out.raw(hex("3006300406022a03"));
    }
  });
  EXPECT_EQ(parse_preferred_signatures(out.bytes()).error().code, der::DerErrc::kTooLarge);
}

// req: OCSP-COD-022
TEST(NullValue, IsTheTwoOctetsAndReportsDeviations) {
  const auto outcome_of = [](std::string_view text) {
    const Buffer value = hex(text);
    return outcome(parse_null_value(value, "noCheck"));
  };
  EXPECT_EQ(outcome_of("0500"), "ok");
  EXPECT_EQ(outcome_of(""), "noCheck: truncated at octet 0");
  EXPECT_EQ(outcome_of("0400"), "noCheck: wrong tag at octet 0");
  EXPECT_EQ(outcome_of("050100"), "noCheck: bad value at octet 0");
  EXPECT_EQ(outcome_of("05000500"), "noCheck: trailing data at octet 2");
}

}  // namespace
}  // namespace muster::ocsp
