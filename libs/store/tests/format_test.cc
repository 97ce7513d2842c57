#include "format.h"

#include <gtest/gtest.h>

namespace muster::store {
namespace {

Status full_status() {
  Status status;
  status.state = State::kRevoked;
  status.revoked_at = unix_seconds(1'795'514'400);
  status.reason = ReasonCode::kKeyCompromise;
  status.expires = unix_seconds(1'800'000'000);
  status.invalidity_date = unix_seconds(1'700'000'000);
  return status;
}

std::vector<Status> statuses() {
  std::vector<Status> all = {Status{}, full_status()};
  all.push_back(full_status());
  all.back().state = State::kHold;
  all.back().reason = ReasonCode::kCertificateHold;
  all.back().invalidity_date.reset();
  all.push_back(Status{});
  all.back().expires = *parse_iso8601("9999-12-31T23:59:59Z");
  all.push_back(full_status());
  all.back().revoked_at = *parse_iso8601("0001-01-01T00:00:00Z");
  all.back().reason.reset();
  all.back().expires.reset();
  for (const unsigned reason : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 8u, 9u, 10u}) {
    all.push_back(full_status());
    all.back().reason = static_cast<ReasonCode>(reason);
  }
  for (std::size_t i = 0, plain = all.size(); i < plain; ++i) {
    const bool is_hold = all[i].state == State::kHold;
    if (all[i].state != State::kGood &&
        is_hold == (all[i].reason == ReasonCode::kCertificateHold)) {
      all.push_back(all[i]);
      all.back().told_by_crl = true;
    }
  }
  return all;
}

TEST(Format, StatusSurvivesEncodingExactly) {
  for (const Status& status : statuses()) {
    const auto value = encode_status(status);
    ASSERT_TRUE(value);
    EXPECT_EQ(decode_status(value->bytes()), status);
    EXPECT_EQ(is_revoked_value(value->bytes()), status.state != State::kGood);
  }
}

// The octets are a promise to later versions (docs/formats/store.md).
TEST(Format, OctetsOfAStatusAreFixed) {
  EXPECT_EQ(to_hex(encode_status(Status{})->bytes()), "00");
  EXPECT_EQ(to_hex(encode_status(full_status())->bytes()),
            "c9"
            "806b056020"
            "806b49d200"
            "806553f100");
  Status of_crl = full_status();
  of_crl.expires.reset();
  of_crl.told_by_crl = true;
  EXPECT_EQ(to_hex(encode_status(of_crl)->bytes()),
            "4b"
            "806b056020"
            "806553f100");
  of_crl.state = State::kHold;
  of_crl.reason = ReasonCode::kCertificateHold;
  EXPECT_EQ(to_hex(encode_status(of_crl)->bytes()).substr(0, 2), "5f");
}

TEST(Format, RefusesAStatusThatContradictsItself) {
  Status status;
  status.state = State::kRevoked;
  EXPECT_FALSE(encode_status(status));  // no time
  status = Status{};
  status.revoked_at = unix_seconds(0);
  EXPECT_FALSE(encode_status(status));  // good with a time
  status = Status{};
  status.reason = ReasonCode::kSuperseded;
  EXPECT_FALSE(encode_status(status));
  status = Status{};
  status.expires = unix_seconds(std::int64_t{1} << 39);
  EXPECT_FALSE(encode_status(status));  // beyond 40 bits
  status = Status{};
  status.told_by_crl = true;
  EXPECT_FALSE(encode_status(status)) << "a CRL calls nothing good";
  status = full_status();
  status.told_by_crl = true;
  status.state = State::kHold;
  EXPECT_FALSE(encode_status(status)) << "the reason tells a hold of a CRL from a revocation";
  status.state = State::kRevoked;
  status.reason = ReasonCode::kCertificateHold;
  EXPECT_FALSE(encode_status(status));
}

TEST(Format, RefusesOctetsThatAreNoStatus) {
  EXPECT_FALSE(decode_status({}));
  for (const Status& status : statuses()) {
    Buffer octets = to_buffer(encode_status(status)->bytes());
    for (std::size_t n = 0; n < octets.size(); ++n) {
      EXPECT_FALSE(decode_status(Bytes(octets).first(n)));
    }
    octets.push_back(0);
    EXPECT_FALSE(decode_status(octets));
  }
  for (const auto head : std::to_array<std::uint8_t>({0x03, 0x04, 0x40, 0x3c, 0x20})) {
    EXPECT_FALSE(decode_status(Bytes(&head, 1))) << unsigned{head};
  }
  Buffer seven = to_buffer(encode_status(full_status())->bytes());
  seven[0] = static_cast<std::uint8_t>(0xc1 | (8u << 2));  // reason code 7 does not exist
  EXPECT_FALSE(decode_status(seven));
}

TEST(Format, IssuerSurvivesEncodingAndRefusesDamage) {
  IssuerRecord record;
  record.state.key.digest.fill(7);
  record.state.label = "Test CA";
  record.state.knows_issued = KnowsIssued::kYes;
  record.state.this_update = unix_seconds(5);
  record.state.next_update = unix_seconds(6);
  record.state.crl_number = Buffer(20, 0x7f);
  record.state.not_revoked_until = unix_seconds(21);
  record.state.never_issued_until = unix_seconds(22);
  record.state.loaded_at = unix_seconds(9);
  record.state.sequence = 3;
  record.state.records = 4;
  record.state.revoked = 2;
  record.partition = static_cast<PartitionId>(11);
  record.checksum = {12, 13};
  Buffer octets = encode_issuer(record);
  const auto back = decode_issuer(octets);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->state.key, record.state.key);
  EXPECT_EQ(back->state.label, "Test CA");
  EXPECT_EQ(back->state.knows_issued, KnowsIssued::kYes);
  EXPECT_EQ(back->state.this_update, record.state.this_update);
  EXPECT_EQ(back->state.next_update, record.state.next_update);
  EXPECT_EQ(back->state.crl_number, record.state.crl_number);
  EXPECT_EQ(back->state.not_revoked_until, unix_seconds(21));
  EXPECT_EQ(back->state.never_issued_until, unix_seconds(22));
  EXPECT_EQ(back->state.loaded_at, record.state.loaded_at);
  EXPECT_EQ(back->state.sequence, 3u);
  EXPECT_EQ(back->state.records, 4u);
  EXPECT_EQ(back->state.revoked, 2u);
  EXPECT_EQ(back->partition, record.partition);
  EXPECT_EQ(back->checksum, record.checksum);
  for (std::size_t n = 0; n < octets.size(); ++n) {
    EXPECT_FALSE(decode_issuer(Bytes(octets).first(n))) << n;
  }
  octets.push_back(0);
  EXPECT_FALSE(decode_issuer(octets));
}

TEST(Format, VersionAndMagicAreRecognised) {
  EXPECT_EQ(decode_format(encode_format()), kFormatVersion);
  Buffer other = encode_format();
  other.back() = 9;
  EXPECT_EQ(decode_format(other), 9u);
  other[0] = 'X';
  EXPECT_FALSE(decode_format(other));
  EXPECT_FALSE(decode_format(Bytes(other).first(8)));
}

// Vectors of the SipHash authors (vectors_sip128, key 00..0f, messages of 0, 1 and 15 octets 00 01
// 02...).
TEST(SipHash, MatchesTheAuthorsVectors) {
  SipHash::Key key{};
  Buffer message;
  for (std::uint8_t i = 0; i < 16; ++i) {
    key[i] = i;
    message.push_back(i);
  }
  const auto hex = [&](std::size_t n) {
    SipHash hash(key);
    hash.add(Bytes(message).first(n / 2));
    hash.add(Bytes(message).subspan(n / 2, n - n / 2));
    const SipHash::Digest digest = hash.finish();
    auto low = big_endian(digest.low);
    auto high = big_endian(digest.high);
    std::reverse(low.begin(), low.end());
    std::reverse(high.begin(), high.end());
    return to_hex(low) + to_hex(high);
  };
  EXPECT_EQ(hex(0), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(hex(1), "da87c1d86b99af44347659119b22fc45");
  EXPECT_EQ(hex(15), "5493e99933b0a8117e08ec0f97cfc3d9");
}

// Pieces that begin and end anywhere in a word, against one octet at a time.
TEST(SipHash, GivesTheSameHoweverTheOctetsArrive) {
  SipHash::Key key{};
  key.fill(0x5a);
  Buffer message(40);
  for (std::size_t i = 0; i < message.size(); ++i) {
    message[i] = static_cast<std::uint8_t>(0xf0 + 7 * i);
  }
  const Bytes all(message);
  for (std::size_t size = 0; size <= all.size(); ++size) {
    SipHash octets(key);
    for (std::size_t i = 0; i < size; ++i) {
      octets.add(all.subspan(i, 1));
    }
    const SipHash::Digest expected = octets.finish();
    for (std::size_t first = 0; first <= size; ++first) {
      for (std::size_t second = first; second <= size; ++second) {
        SipHash pieces(key);
        pieces.add(all.first(first));
        pieces.add(all.subspan(first, second - first));
        pieces.add(all.subspan(second, size - second));
        ASSERT_EQ(pieces.finish(), expected) << size << ": " << first << ", " << second;
      }
    }
  }
}

// What is kept with every issuer: it must not depend on how the digest is computed.
TEST(Format, TheDigestOfARecordIsOfLengthSerialAndValue) {
  SipHash::Key key{};
  key.fill(0x31);
  for (std::size_t size = 1; size <= kMaxSerialOctets; ++size) {
    const Buffer serial(size, 0x42);
    const Buffer value{0x80, 1, 2, 3, 4, 5};
    Buffer message{static_cast<std::uint8_t>(size)};
    message.insert(message.end(), serial.begin(), serial.end());
    message.insert(message.end(), value.begin(), value.end());
    SipHash hash(key);
    hash.add(message);
    EXPECT_EQ(record_digest(key, serial, value), hash.finish()) << size;
  }
}

}  // namespace
}  // namespace muster::store
