#include <gtest/gtest.h>

#include "sample_messages.h"

namespace muster::ocsp {
namespace {

// req: OCSP-COD-001
TEST(Response, RoundTripsInAllCombinationsOfOptionalFields) {
  for (unsigned present = 0; present < 128; ++present) {
    const auto has = [present](unsigned bit) { return (present >> bit & 1u) != 0; };
    ResponseData data = make_response_data();
    SingleResponse& single = data.responses[0];
    if (has(0)) {
      data.responder_id = hex("300f310d300b06035504030c044f435350");  // CN=OCSP
    }
    if (has(1)) {
      single.next_update.reset();
    }
    if (has(2)) {
      single.extensions.push_back(make_extension("1.3.6.1.5.5.7.48.1.3", "3000"));
    }
    if (has(3)) {
      data.extensions.push_back(make_extension("1.3.6.1.5.5.7.48.1.2", "0401aa"));
    }
    if (has(4)) {
      single.status = Revoked{kNow - Seconds(5),
                              has(5) ? std::optional(ReasonCode::kKeyCompromise) : std::nullopt};
    } else if (has(5)) {
      single.status = Unknown{};
    }
    const std::size_t certificates = has(6) ? 2 : 0;
    const Buffer octets = encode_sample(data, certificates);

    const auto view = parse_response(octets);
    ASSERT_TRUE(view && view->basic) << present << " " << outcome(view);
    EXPECT_EQ(std::holds_alternative<ResponderByName>(view->basic->responder_id), has(0));
    const SingleResponseView back = view->basic->responses.at(0);
    EXPECT_EQ(back.next_update.has_value(), !has(1));
    EXPECT_EQ(back.extensions.size(), has(2) ? 1u : 0u);
    EXPECT_EQ(view->basic->extensions.size(), has(3) ? 1u : 0u);
    EXPECT_EQ(to_string(back.status), has(4) ? "revoked" : has(5) ? "unknown" : "good");
    EXPECT_EQ(view->basic->certificates.size(), certificates);
    EXPECT_EQ(back.this_update, kNow);
    EXPECT_EQ(re_encode_response(octets), octets) << present;
  }
}

// req: OCSP-COD-002
TEST(Response, NeverWritesAVersionAndTakesOnlyV1) {
  const Buffer data = encode_response_data(make_response_data());
  EXPECT_EQ(to_hex(data).find("a003020100"), std::string::npos);
  const auto with_version = [&](std::string_view version) {
    der::Reader in{Bytes(data)};
    const auto content = in.read(der::Tag::kSequence, "data");
    der::Writer out;
    out.sequence([&] {
      out.raw(hex(version));
      out.raw(*content);
    });
    return encode_response(out.bytes(), make_signature());
  };
  EXPECT_EQ(response_outcome(with_version("a003020100")), "ok");
  EXPECT_EQ(re_encode_response(with_version("a003020100")), encode_sample(make_response_data()));
  EXPECT_EQ(response_error(with_version("a003020101")).code, der::DerErrc::kUnsupported);
  EXPECT_EQ(response_error(with_version("a003020102")).code, der::DerErrc::kUnsupported);
}

// req: OCSP-COD-007
TEST(ResponderId, IsExplicitlyTagged) {
  ResponseData data = make_response_data();
  // 30 len | A2 16 04 14 ...
  EXPECT_EQ(to_hex(encode_response_data(data)).find("a2160414"), 6u);
  data.responder_id = hex("300f310d300b06035504030c044f435350");
  EXPECT_EQ(to_hex(encode_response_data(data)).find("a111300f310d"), 6u);
}

TEST(ResponderId, RefusesOtherShapes) {
  const Buffer good = encode_sample(make_response_data());
  const auto with = [&](std::string_view id) {
    return response_error(replaced(good, "a2160414" + std::string(40, '3'), id)).code;
  };
  const std::string filler(40, '3');
  EXPECT_EQ(with("a3160414" + filler), der::DerErrc::kWrongTag);
  EXPECT_EQ(with("a2160314" + filler), der::DerErrc::kWrongTag);
  EXPECT_EQ(with("82160414" + filler), der::DerErrc::kWrongTag);
  EXPECT_EQ(with("a1160414" + filler), der::DerErrc::kWrongTag);
  // 19 octets of key hash are no SHA-1.
  EXPECT_EQ(with("a2160413" + filler), der::DerErrc::kBadValue);
  EXPECT_EQ(with("a2160412" + filler.substr(4) + "0500"), der::DerErrc::kBadValue);
}

// req: OCSP-COD-008
TEST(CertStatus, IsEncodedAsTheModuleSays) {
  const auto encoded = [](CertStatus status) {
    ResponseData data = make_response_data();
    data.responses[0].status = status;
    const std::string text = to_hex(encode_response_data(data));
    // Between the serial (02 01 01) and thisUpdate (18 0F).
    const std::size_t start = text.find("020101") + 6;
    return text.substr(start, text.find("180f", start + 8) - start);
  };
  const UnixSeconds t = unix_seconds(0);
  const std::string time = "180f" + to_hex(as_bytes("19700101000000Z"));
  EXPECT_TRUE(encoded(Good{}).starts_with("8000"));
  EXPECT_TRUE(encoded(Unknown{}).starts_with("8200"));
  EXPECT_TRUE(encoded(Revoked{t, {}}).starts_with("a111"));
  EXPECT_EQ(encoded(Revoked{t, {}}).substr(4, 34), time);
  for (const ReasonCode reason :
       {ReasonCode::kUnspecified, ReasonCode::kKeyCompromise, ReasonCode::kCertificateHold,
        ReasonCode::kRemoveFromCrl, ReasonCode::kAaCompromise}) {
    const std::uint8_t code = static_cast<std::uint8_t>(reason);
    EXPECT_EQ(encoded(Revoked{t, reason}), "a116" + time + "a0030a01" + to_hex(Bytes(&code, 1)));
  }
}

// req: OCSP-COD-008
TEST(CertStatus, RefusesOtherShapes) {
  ResponseData data = make_response_data();
  const Buffer good = encode_sample(data);
  for (const std::string_view bad : {"8000", "8200"}) {
    EXPECT_EQ(response_outcome(replaced(good, "0201018000", "020101" + std::string(bad))), "ok");
  }
  for (const std::string_view bad : {"8100", "8300", "a000", "a200", "0500", "a100"}) {
    EXPECT_EQ(response_error(replaced(good, "0201018000", "020101" + std::string(bad))).code,
              der::DerErrc::kWrongTag)
        << bad;
  }
  data.responses[0].status = Revoked{kNow, ReasonCode::kSuperseded};
  const Buffer revoked = encode_sample(data);
  for (const std::string_view bad : {"07", "0b", "ff", "80"}) {  // 7 and above 10 are not defined
    EXPECT_EQ(response_error(replaced(revoked, "a0030a0104", "a0030a01" + std::string(bad))).code,
              der::DerErrc::kBadValue)
        << bad;
  }
  EXPECT_EQ(response_error(replaced(revoked, "a0030a0104", "a003020104")).code,
            der::DerErrc::kWrongTag)
      << "the reason is ENUMERATED";
}

// req: OCSP-COD-009
TEST(ResponseStatus, IsFiveOctetsForEveryError) {
  for (const ResponseStatus status :
       {ResponseStatus::kMalformedRequest, ResponseStatus::kInternalError,
        ResponseStatus::kTryLater, ResponseStatus::kSigRequired, ResponseStatus::kUnauthorized}) {
    const Buffer octets = encode_error_response(status);
    const std::uint8_t expected[] = {0x30, 3, 0x0a, 1, static_cast<std::uint8_t>(status)};
    EXPECT_TRUE(equal(octets, expected));
    const auto back = parse_response(octets);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->status, status);
    EXPECT_FALSE(back->basic.has_value());
  }
  EXPECT_EQ(to_string(ResponseStatus::kMalformedRequest), "malformedRequest");
}

// req: OCSP-COD-009
TEST(ResponseStatus, RefusesUndefinedNumbersAndBodiesThatDoNotBelong) {
  EXPECT_EQ(response_outcome(hex("30030a0104")), "responseStatus: unsupported at octet 2");
  for (const std::string_view undefined : {"07", "08", "7f", "80", "ff"}) {
    EXPECT_EQ(response_error(hex("30030a01" + std::string(undefined))).code,
              der::DerErrc::kUnsupported);
  }
  EXPECT_EQ(response_outcome(hex("30040a020100")), "responseStatus: unsupported at octet 2");
  EXPECT_EQ(response_outcome(hex("3003020101")), "responseStatus: wrong tag at octet 2");
  EXPECT_EQ(response_outcome(hex("30020a00")), "responseStatus: bad value at octet 2");
  EXPECT_EQ(response_outcome(hex("30030a0100")), "responseBytes: inconsistent at octet 5");
  const Buffer good = encode_sample(make_response_data());
  EXPECT_EQ(response_error(replaced(good, "0a0100", "0a0103")).code, der::DerErrc::kInconsistent);
}

TEST(ResponseStatusDeathTest, SuccessIsNoErrorResponse) {
  EXPECT_DEATH(static_cast<void>(encode_error_response(ResponseStatus::kSuccessful)),
               "kSuccessful");
}

// req: OCSP-COD-010
TEST(ResponseBytes, NamesTheBasicTypeAndTellsOthersFromGarbage) {
  const Buffer good = encode_sample(make_response_data());
  EXPECT_NE(to_hex(good).find("06092b06010505073001010481"), std::string::npos);
  // A private type of the same size, its content nothing we could read.
  const der::DerError error =
      response_error(replaced(good, "06092b0601050507300101", "06092b060104018237630a"));
  EXPECT_EQ(error.code, der::DerErrc::kUnsupported);
  EXPECT_EQ(error.field, "responseType");
}

// req: OCSP-COD-011
TEST(BasicResponse, KeepsTheSignedOctetsAsReceived) {
  // An explicit version is an unusual but accepted choice: the signature covers it, a re-encoding
  // would lose it.
  const Buffer canonical = encode_response_data(make_response_data());
  der::Reader in{Bytes(canonical)};
  const auto content = in.read(der::Tag::kSequence, "data");
  der::Writer unusual;
  unusual.sequence([&] {
    unusual.raw(hex("a003020100"));
    unusual.raw(*content);
  });
  const Buffer octets = encode_response(unusual.bytes(), make_signature());
  const auto response = parse_response(octets);
  ASSERT_TRUE(response && response->basic);
  EXPECT_TRUE(equal(response->basic->tbs_raw, unusual.bytes()));
  EXPECT_FALSE(equal(response->basic->tbs_raw, encode_response_data(response->basic->to_owned())));
}

// req: OCSP-COD-012
TEST(BasicResponse, OmitsEmptyLists) {
  const std::string octets = to_hex(encode_sample(make_response_data(), 0));
  EXPECT_EQ(octets.find("3000"), std::string::npos);
  EXPECT_EQ(octets.find("a000"), std::string::npos);
  EXPECT_EQ(octets.find("a100"), std::string::npos);
}

TEST(BasicResponse, TakesEmptyExtensionListsThatRespondersSend) {
  // Written by hand, since the encoder never writes an empty list.
  const auto hand_written = [](std::string_view single_tail, std::string_view data_tail) {
    der::Writer out;
    out.sequence([&] {
      out.raw(hex("a2160414" + std::string(40, '3')));
      der::write_generalized_time(out, kNow);
      out.sequence([&] {
        out.sequence([&] {
          out.raw(make_cert_id().der());
          out.raw(hex("8000"));
          der::write_generalized_time(out, kNow);
          out.raw(hex(single_tail));
        });
      });
      out.raw(hex(data_tail));
    });
    return encode_response(out.bytes(), make_signature());
  };
  const Buffer with_empty_lists = hand_written("a1023000", "a1023000");
  const auto tolerated = parse_response(with_empty_lists);
  ASSERT_TRUE(tolerated && tolerated->basic) << outcome(tolerated);
  EXPECT_TRUE(tolerated->basic->extensions.empty());
  EXPECT_TRUE(tolerated->basic->responses.at(0).extensions.empty());
  EXPECT_NE(response_outcome(hand_written("a100", "")), "ok")
      << "no list at all is not an empty list";
  EXPECT_NE(response_outcome(hand_written("", "a100")), "ok");
  EXPECT_NE(response_outcome(hand_written("a10430023000", "")), "ok")
      << "an extension without fields";
}

// req: OCSP-COD-013
TEST(BasicResponse, WritesTimesWithSecondsAndWithoutFractions) {
  ResponseData data = make_response_data();
  // Clocks tick finer than OCSP does; UnixSeconds is where fractions end.
  const auto fine = std::chrono::sys_time<Milliseconds>(Milliseconds(1'795'000'000'999));
  data.produced_at = std::chrono::floor<Seconds>(fine);
  data.responses[0].status = Revoked{data.produced_at, {}};
  const std::string octets = to_hex(encode_response_data(data));
  std::size_t times = 0;
  for (std::size_t at = octets.find("180f32"); at != std::string::npos;
       at = octets.find("180f32", at + 1)) {
    EXPECT_EQ(octets.substr(at + 4 + 28, 2), "5a") << "ends in Z";
    ++times;
  }
  EXPECT_EQ(times, 4u) << "producedAt, revocationTime, thisUpdate, nextUpdate";
}

// req: OCSP-COD-014
TEST(BasicResponse, RefusesTimesOfAnyOtherSpelling) {
  ResponseData data = make_response_data();
  data.produced_at = data.responses[0].this_update = unix_seconds(1'700'000'000);
  data.responses[0].next_update.reset();
  const std::string profile = "20231114221320Z";
  const auto with_this_update = [&](const std::string& spelling) {
    der::Writer out;
    out.sequence([&] {
      out.raw(hex("a2160414" + std::string(40, '3')));
      der::write_generalized_time(out, data.produced_at);
      out.sequence([&] {
        out.sequence([&] {
          out.raw(make_cert_id().der());
          out.raw(hex("8000"));
          out.element(der::Tag::kGeneralizedTime, as_bytes(spelling));
        });
      });
    });
    return encode_response(out.bytes(), make_signature());
  };
  EXPECT_EQ(response_outcome(with_this_update(profile)), "ok");
  for (const char* const spelling :
       {"20231114221320.0Z", "20231114221320.5Z", "20231114231320+0100", "202311142213Z",
        "20231114221320", "2023111422Z", "20231114221320z", "20231114221320,5Z"}) {
    const der::DerError error = response_error(with_this_update(spelling));
    EXPECT_EQ(error.code, der::DerErrc::kBadValue) << spelling;
    EXPECT_EQ(error.field, "thisUpdate");
  }
}

// req: OCSP-COD-016
TEST(BasicResponse, CarriesUnknownExtensionsInBothSlots) {
  for (const bool critical : {false, true}) {
    ResponseData data = make_response_data();
    data.responses[0].extensions.push_back(make_extension("1.2.3.4", "cafe", critical));
    data.extensions.push_back(make_extension("1.2.3.5", "", critical));
    const Buffer octets = encode_sample(data);
    EXPECT_EQ(to_hex(octets).find("0101ff") != std::string::npos, critical);
    const auto response = parse_response(octets);
    ASSERT_TRUE(response && response->basic);
    EXPECT_EQ(response->basic->extensions.begin()->critical, critical);
    const SingleResponseView single = response->basic->responses.at(0);
    EXPECT_EQ(single.extensions.begin()->critical, critical);
    EXPECT_EQ(to_hex(single.extensions.begin()->value), "cafe");
  }
}

// req: OCSP-COD-034
TEST(BasicResponse, YieldsEverySingleResponseInOrderWithItsCertId) {
  ResponseData data = make_response_data();
  const CertId ids[] = {make_cert_id("0102", HashAlgorithm::kSha1),
                        make_cert_id("0102", HashAlgorithm::kSha256), make_cert_id("7f")};
  const CertStatus statuses[] = {Good{}, Revoked{kNow, {}}, Unknown{}};
  data.responses.clear();
  for (std::size_t i = 0; i < 3; ++i) {
    data.responses.push_back(make_single_response(ids[i], statuses[i]));
  }
  const Buffer octets = encode_sample(data);
  const auto response = parse_response(octets);
  ASSERT_TRUE(response && response->basic);
  ASSERT_EQ(response->basic->responses.size(), 3u);
  std::size_t i = 0;
  for (const SingleResponseView& single : response->basic->responses) {
    EXPECT_TRUE(equal(single.cert_id.raw, ids[i].der()));
    EXPECT_EQ(to_string(single.status), to_string(statuses[i]));
    EXPECT_EQ(single.to_owned().cert_id, ids[i].der());
    ++i;
  }
  EXPECT_EQ(i, 3u);
}

// req: OCSP-COD-036
TEST(BasicResponse, PassesCertificateTransparencyListsThroughUntouched) {
  const std::string list = "0406000400020a0b";  // OCTET STRING { length 4, one SCT of two octets }
  ResponseData data = make_response_data();
  data.responses[0].extensions.push_back(make_extension("1.3.6.1.4.1.11129.2.4.5", list));
  const Buffer octets = encode_sample(data);
  const Buffer again = re_encode_response(octets);
  EXPECT_EQ(again, octets);
  const auto response = parse_response(again);
  ASSERT_TRUE(response && response->basic);
  const auto sct =
      der::find_extension(response->basic->responses.at(0).extensions, oid::kCtSctListOcsp);
  ASSERT_TRUE(sct.has_value());
  EXPECT_EQ(to_hex(sct->value), list);
}

// req: OCSP-COD-029
TEST(BasicResponse, IsBoundedInSizeAndCount) {
  ResponseData data = make_response_data();
  Limits limits;
  limits.max_responses = 2;
  limits.max_certificates = 1;
  data.responses.push_back(data.responses[0]);
  EXPECT_EQ(response_outcome(encode_sample(data, 1), limits), "ok");
  EXPECT_EQ(response_error(encode_sample(data, 2), limits).code, der::DerErrc::kTooLarge);
  data.responses.push_back(data.responses[0]);
  EXPECT_EQ(response_error(encode_sample(data), limits).code, der::DerErrc::kTooLarge);
  const Buffer octets = encode_sample(data);
  limits = {};
  limits.max_message_bytes = octets.size() - 1;
  EXPECT_EQ(response_outcome(octets, limits), "ocspResponse: too large at octet 0");
}

}  // namespace
}  // namespace muster::ocsp
