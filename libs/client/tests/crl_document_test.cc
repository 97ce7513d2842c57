#include "muster/client/crl_document.h"

#include <algorithm>
#include <atomic>
#include <latch>

#include "crl_check_fixture.h"

// Large CRLs are hashed by another thread while they are parsed, and indexed at once: what comes of
// it must be what small ones get.
namespace muster::client::test {
namespace {

using testing::KeyKind;

constexpr std::uint64_t kEntries = 50'000;  // some 34 octets each

std::vector<crl::Entry> many_entries() {
  std::vector<crl::Entry> entries;
  entries.reserve(kEntries);
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    entries.push_back(testing::revoked_entry(testing::make_serial(0x0102030405060000 + 2 * i)));
  }
  return entries;
}
CrlSpec large_spec() {
  static const std::vector<crl::Entry> entries = many_entries();
  CrlSpec spec;
  spec.entries = entries;
  return spec;
}
std::shared_ptr<const CrlDocument> document_of(const Buffer& der) {
  auto document = std::make_shared<const CrlDocument>(to_buffer(der));
  EXPECT_GE(document->der().size(), CrlDocument::kLargeFrom);
  return document;
}
Buffer large_crl(const CrlSpec& spec = large_spec()) { return testing::build_crl(ca(), spec); }

TEST(LargeCrl, TellsWhatItsListTells) {
  const auto document = document_of(large_crl());
  const auto& view = document->view();
  ASSERT_TRUE(view);
  EXPECT_EQ(view->entry_count, kEntries);
  ASSERT_TRUE(document->verify(ca().certificate, {}));
  for (const std::uint64_t offset : {std::uint64_t{0}, kEntries, 2 * kEntries - 2}) {
    for (const std::uint64_t beside : {0U, 1U}) {
      const Serial serial = testing::make_serial(0x0102030405060000 + offset + beside);
      const auto found = document->find(serial.octets(), view->issuer);
      EXPECT_EQ(found.has_value(), beside == 0);
      EXPECT_EQ(found.has_value(),
                crl::find_entry(*view, serial.octets(), view->issuer).has_value());
    }
  }
  for (std::uint64_t i = 0; i < 2 * CrlDocument::kLargeIndexedFrom; ++i) {  // later by an index
    const Serial serial = testing::make_serial(0x0102030405060000 + i);
    EXPECT_EQ(document->find(serial.octets(), view->issuer).has_value(), i % 2 == 0) << i;
  }
  EXPECT_FALSE(document->find(Buffer{1}, view->issuer));
  EXPECT_FALSE(document->find(testing::make_serial(0x0102030405060000).octets(),
                              root().certificate.subject()));
}

TEST(LargeCrl, IsBelievedUnderItsSignersKeyOnly) {
  const auto document = document_of(large_crl());
  ASSERT_TRUE(document->view());
  CrlSpec by_other = large_spec();
  by_other.sign_with = leaf().key;
  const auto forged = document_of(large_crl(by_other));
  ASSERT_TRUE(forged->view());
  CrlSpec broken = large_spec();
  broken.break_signature = true;
  const auto damaged = document_of(large_crl(broken));
  ASSERT_TRUE(damaged->view());
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(document->verify(ca().certificate, {}));
    for (const auto& bad : {forged, damaged}) {
      const auto verified = bad->verify(ca().certificate, {});
      ASSERT_FALSE(verified);
      EXPECT_EQ(verified.error().code, CrlErrc::kBadSignature);
    }
    EXPECT_FALSE(document->verify(root().certificate, {}));
  }
}

TEST(LargeCrl, ASerialChangedIsABadSignature) {
  Buffer der = large_crl();
  const Serial serial = testing::make_serial(0x0102030405060000 + kEntries);
  const Bytes octets = serial.octets();
  const auto at = std::search(der.begin(), der.end(), octets.begin(), octets.end());
  ASSERT_NE(at, der.end());
  *(at + std::ssize(octets) - 1) ^= 1;
  const auto document = document_of(der);
  ASSERT_TRUE(document->view()) << "well-formed, and another list";
  const auto verified = document->verify(ca().certificate, {});
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code, CrlErrc::kBadSignature);
}

TEST(LargeCrl, OfEachKindOfSignatureIsVerified) {
  struct Case {
    KeyKind key;
    testing::SignAs how;
  };
  using testing::SignAs;
  for (const auto& [key, how] :
       {Case{KeyKind::kRsa2048, SignAs::kSha256}, Case{KeyKind::kRsa2048, SignAs::kPssSha384},
        Case{KeyKind::kRsaPss2048, SignAs::kAuto}, Case{KeyKind::kP384, SignAs::kAuto},
        Case{KeyKind::kEd25519, SignAs::kAuto}}) {
    testing::CertificateSpec spec = testing::ca_spec("Large CA");
    spec.use_key = testing::cached_key(key);
    const Identity issuer = testing::make_self_signed(spec);
    for (const bool is_broken : {false, true}) {
      CrlSpec crl = large_spec();
      crl.sign_as = how;
      crl.break_signature = is_broken;
      const auto document = document_of(testing::build_crl(issuer, crl));
      ASSERT_TRUE(document->view());
      EXPECT_EQ(static_cast<bool>(document->verify(issuer.certificate, {})), !is_broken)
          << static_cast<int>(key) << " " << static_cast<int>(how);
    }
  }
}

TEST(LargeCrl, ThatDoesNotParseSaysWhereAndEnds) {
  Buffer der = large_crl();
  der.resize(der.size() - 1);
  const auto document = document_of(der);
  ASSERT_FALSE(document->view());
  EXPECT_EQ(document->view().error().code, der::DerErrc::kTruncated);
  const auto junk = document_of(Buffer(CrlDocument::kLargeFrom, 0x30));
  EXPECT_FALSE(junk->view());
}

TEST(LargeCrl, ThatNobodyVerifiesEndsAllTheSame) {
  for (int round = 0; round < 8; ++round) {
    const auto document = document_of(large_crl());
    if (round % 2 == 0) {
      EXPECT_TRUE(document->view());
    }
  }
}

TEST(LargeCrl, ServesManyAtOnce) {
  const auto document = document_of(large_crl());
  constexpr int kThreads = 4;
  std::atomic<int> right{0};
  std::latch start(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        const auto& view = document->view();
        right +=
            view && document->verify(ca().certificate, {}) &&
                    document->find(testing::make_serial(0x0102030405060002).octets(), view->issuer)
                ? 1
                : 0;
      });
    }
  }
  EXPECT_EQ(right, kThreads);
}

TEST(LargeCrl, JudgesACertificate) {
  CrlSpec spec = large_spec();
  EXPECT_EQ(outcome(check_leaf({large_crl(spec)})), "good");
  spec.entries.push_back(entry_of(leaf().certificate));
  EXPECT_EQ(outcome(check_leaf({large_crl(spec)})), "revoked");
  spec.break_signature = true;
  EXPECT_EQ(outcome(check_leaf({large_crl(spec)})), "bad-signature");
}

}  // namespace
}  // namespace muster::client::test
