#include <gtest/gtest.h>

#include "sample_messages.h"

namespace muster::ocsp {
namespace {

Request make_request() {
  Request request;
  request.requests.push_back({make_cert_id(), {}});
  return request;
}

// req: OCSP-COD-001
TEST(Request, RoundTripsInAllCombinationsOfOptionalFields) {
  for (unsigned present = 0; present < 64; ++present) {
    Request request = make_request();
    if ((present & 1u) != 0) {
      request.requestor_name = hex("820b6578616d706c652e6f7267");  // dNSName
    }
    if ((present & 2u) != 0) {
      request.requests[0].extensions.push_back(make_extension("1.3.6.1.5.5.7.48.1.7", "3000"));
    }
    if ((present & 4u) != 0) {
      request.extensions.push_back(make_extension("1.3.6.1.5.5.7.48.1.2", "0401aa"));
      request.extensions.push_back(make_extension("1.3.6.1.5.5.7.48.1.4", "3000", true));
    }
    if ((present & 8u) != 0) {
      request.requests.push_back({make_cert_id("02", HashAlgorithm::kSha1), {}});
    }
    const SignaturePart signature = make_signature((present & 32u) != 0 ? 2 : 0);
    const Buffer tbs = encode_tbs_request(request);
    const Buffer octets = encode_request(tbs, (present & 16u) != 0 ? &signature : nullptr);

    const auto view = parse_request(octets);
    ASSERT_TRUE(view) << present << " " << to_string(view.error());
    EXPECT_EQ(view->requestor_name.has_value(), (present & 1u) != 0);
    EXPECT_EQ(view->requests.at(0).extensions.size(), (present & 2u) != 0 ? 1u : 0u);
    EXPECT_EQ(view->extensions.size(), (present & 4u) != 0 ? 2u : 0u);
    EXPECT_EQ(view->requests.size(), (present & 8u) != 0 ? 2u : 1u);
    EXPECT_EQ(view->signature.has_value(), (present & 16u) != 0);
    EXPECT_TRUE(equal(view->tbs_raw, tbs));
    if (view->signature) {
      EXPECT_TRUE(equal(view->signature->signature, signature.signature));
      EXPECT_EQ(view->signature->certificates.size(), signature.certificates.size());
    }
    EXPECT_EQ(re_encode_request(octets), octets) << present;
  }
}

// req: OCSP-COD-001
TEST(Request, WritesTheRequestorNameWithAnExplicitTag) {
  Request request = make_request();
  request.requestor_name = hex("820161");
  const std::string octets = to_hex(encode_request(request));
  EXPECT_NE(octets.find("a103820161"), std::string::npos) << octets;
}

// req: OCSP-COD-002
TEST(Request, NeverWritesAVersionAndTakesOnlyV1) {
  const Buffer octets = encode_request(make_request());
  EXPECT_EQ(to_hex(octets).find("a003020100"), std::string::npos);
  // 30 len 30 len-2 30 ...: put a version in front of the requestList.
  const auto with_version = [&](std::string_view version) {
    der::Writer out;
    out.sequence([&] {
      out.sequence([&] {
        out.raw(hex(version));
        out.raw(Bytes(octets).subspan(4));
      });
    });
    return out.take();
  };
  const Buffer v1 = with_version("a003020100");
  EXPECT_EQ(request_outcome(v1), "ok");
  EXPECT_EQ(re_encode_request(v1), octets) << "what we write has no version";
  EXPECT_EQ(request_outcome(with_version("a003020101")), "version: unsupported at octet 6");
  EXPECT_EQ(request_outcome(with_version("a003020102")), "version: unsupported at octet 6");
  EXPECT_EQ(request_outcome(with_version("a00402020000")), "version: bad value at octet 6");
  EXPECT_EQ(request_outcome(with_version("a00502010005 00")), "version: trailing data at octet 9");
  EXPECT_EQ(request_outcome(with_version("a000")), "version: wrong tag at octet 6");
}

// req: OCSP-COD-003
TEST(Request, RefusesAnEmptyRequestList) {
  EXPECT_EQ(request_outcome(hex("300430023000")), "requestList: bad value at octet 4");
}

TEST(RequestDeathTest, CannotBeMadeEmpty) {
  EXPECT_DEATH(static_cast<void>(encode_tbs_request(Request())), "requests.empty");
}

// req: OCSP-COD-012
TEST(Request, OmitsEmptyLists) {
  Request request = make_request();
  request.extensions.clear();
  const SignaturePart signature = make_signature(0);
  const std::string octets = to_hex(encode_request(encode_tbs_request(request), &signature));
  EXPECT_EQ(octets.find("3000"), std::string::npos) << octets;
  EXPECT_EQ(octets.find("a200"), std::string::npos) << octets;
}

// req: OCSP-COD-015
TEST(Request, TakesEmptyExtensionListsThatMonitorsSend) {
  der::Writer out;
  out.sequence([&] {
    out.sequence([&] {
      out.sequence([&] {
        out.sequence([&] {
          out.raw(make_cert_id().der());
          out.raw(hex("a0023000"));
        });
      });
      out.raw(hex("a2023000"));
    });
  });
  const auto request = parse_request(out.bytes());
  ASSERT_TRUE(request) << to_string(request.error());
  EXPECT_TRUE(request->extensions.empty());
  EXPECT_TRUE(request->requests.at(0).extensions.empty());
  EXPECT_EQ(re_encode_request(out.bytes()), encode_request(make_request()));
  // The wrapper without the list inside it is broken, not empty.
  der::Writer broken;
  broken.sequence([&] {
    broken.sequence([&] {
      broken.sequence([&] { broken.sequence([&] { broken.raw(make_cert_id().der()); }); });
      broken.raw(hex("a200"));
    });
  });
  EXPECT_EQ(request_error(broken.bytes()).code, der::DerErrc::kWrongTag);
}

// req: OCSP-COD-016
TEST(Request, CarriesUnknownExtensionsInBothSlots) {
  for (const bool critical : {false, true}) {
    Request request = make_request();
    request.requests[0].extensions.push_back(make_extension("1.2.3.4.5", "deadbeef", critical));
    request.extensions.push_back(make_extension("1.2.3.4.6", "", critical));
    const Buffer octets = encode_request(request);
    EXPECT_EQ(to_hex(octets).find("0101ff") != std::string::npos, critical)
        << "FALSE is the DEFAULT and not written";
    const auto view = parse_request(octets);
    ASSERT_TRUE(view);
    const auto single =
        der::find_extension(view->requests.at(0).extensions, *der::oid_from_string("1.2.3.4.5"));
    ASSERT_TRUE(single.has_value());
    EXPECT_EQ(single->critical, critical);
    EXPECT_EQ(to_hex(single->value), "deadbeef");
    ASSERT_EQ(view->extensions.size(), 1u);
    EXPECT_EQ(view->extensions.begin()->critical, critical);
  }
}

TEST(Request, RefusesTheSameExtensionTwice) {
  Request request = make_request();
  request.extensions.push_back(make_extension("1.2.3", "00"));
  request.extensions.push_back(make_extension("1.2.4", "00"));
  EXPECT_EQ(request_outcome(encode_request(request)), "ok");
  request.extensions.push_back(make_extension("1.2.3", "01"));
  EXPECT_EQ(request_error(encode_request(request)).code, der::DerErrc::kInconsistent);
}

TEST(Request, RefusesARequestorNameThatIsNoGeneralName) {
  for (const std::string_view bad : {"0c0161", "890161", "a20161", "8400"}) {
    Request request = make_request();
    request.requestor_name = hex(bad);
    EXPECT_EQ(request_error(encode_request(request)).code, der::DerErrc::kWrongTag) << bad;
  }
}

// req: OCSP-COD-035
TEST(Request, KeepsTheSignedOctetsAndTheSignersCertificates) {
  const Buffer tbs = encode_tbs_request(make_request());
  const SignaturePart signature = make_signature(2);
  Buffer octets = encode_request(tbs, &signature);
  const auto request = parse_request(octets);
  ASSERT_TRUE(request && request->signature);
  EXPECT_TRUE(equal(request->tbs_raw, tbs));
  EXPECT_EQ(to_hex(request->signature->algorithm.raw), "300a06082a8648ce3d040302");
  EXPECT_EQ(to_hex(request->signature->certificates.at(1)), "3003020100");
  // A flipped bit is in the octets that the signature is checked against.
  octets[20] ^= 1;
  const auto changed = parse_request(octets);
  ASSERT_TRUE(changed);
  EXPECT_FALSE(equal(changed->tbs_raw, tbs));
}

// req: OCSP-COD-029
TEST(Request, IsBoundedInSizeAndCount) {
  Request request;
  const Limits limits;
  for (std::size_t i = 0; i < limits.max_requests; ++i) {
    request.requests.push_back({make_cert_id(), {}});
  }
  EXPECT_EQ(request_outcome(encode_request(request)), "ok");
  request.requests.push_back({make_cert_id(), {}});
  EXPECT_EQ(request_error(encode_request(request)).code, der::DerErrc::kTooLarge);

  const Buffer small = encode_request(make_request());
  Limits tight;
  tight.max_message_bytes = small.size();
  EXPECT_EQ(request_outcome(small, tight), "ok");
  tight.max_message_bytes = small.size() - 1;
  EXPECT_EQ(request_outcome(small, tight), "ocspRequest: too large at octet 0");

  const SignaturePart many = make_signature(limits.max_certificates + 1);
  EXPECT_EQ(request_error(encode_request(encode_tbs_request(make_request()), &many)).code,
            der::DerErrc::kTooLarge);

  Request extensions = make_request();
  for (std::size_t i = 0; i <= der::kMaxExtensions; ++i) {
    extensions.extensions.push_back(make_extension("1.2." + std::to_string(i), "00"));
  }
  EXPECT_EQ(request_error(encode_request(extensions)).code, der::DerErrc::kTooLarge);
  extensions.extensions.pop_back();
  EXPECT_EQ(request_outcome(encode_request(extensions)), "ok");
}

// req: OCSP-COD-031
TEST(MediaTypes, AreThoseOfTheRegistry) {
  EXPECT_EQ(kRequestMediaType, "application/ocsp-request");
  EXPECT_EQ(kResponseMediaType, "application/ocsp-response");
  EXPECT_EQ(kRequestFileSuffix, ".ORQ");
  EXPECT_EQ(kResponseFileSuffix, ".ORS");
}

}  // namespace
}  // namespace muster::ocsp
