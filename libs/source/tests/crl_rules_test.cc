#include "crl_set_fixture.h"
#include "muster/testing/allocation_counter.h"
#include "muster/testing/response_builder.h"

// What the source makes of CRLs as RFC 5280 has them: each rule seen from the store.
namespace muster::source {
namespace {

using testing::build_crl;
using testing::CrlSetTest;
using testing::CrlSpec;
using ::testing::HasSubstr;
using testing::kTestNow;
using testing::make_serial;
using testing::numbered;
using testing::revoked_entry;

class CrlRules : public CrlSetTest {
 protected:
  CrlRules() { add_files({"ca.crl"}); }

  /// A CRL written octet by octet where the builder would not.
  struct Raw {
    std::optional<std::uint8_t> version = 1;  ///< as encoded; nothing: version 1
    std::function<void(der::Writer&)> this_update, next_update;
    std::optional<std::vector<std::uint64_t>> serials{};
    bool crl_number = true;
    bool other_outer_algorithm = false;
  };
  static void utc(der::Writer& out, std::string_view text) {
    out.element(der::Tag::kUtcTime, as_bytes(text));
  }
  static void generalized(der::Writer& out, std::string_view text) {
    out.element(der::Tag::kGeneralizedTime, as_bytes(text));
  }
  static Raw raw() {
    Raw crl;
    crl.this_update = [](der::Writer& out) { utc(out, "261124090000Z"); };
    crl.next_update = [](der::Writer& out) { utc(out, "261201090000Z"); };
    return crl;
  }
  static Buffer encode(const Raw& crl) {
    const Buffer algorithm =
        muster::testing::algorithm_for(muster::testing::SignAs::kAuto, issuer().key);
    der::Writer tbs;
    tbs.sequence([&] {
      if (crl.version) {
        tbs.element(der::Tag::kInteger, Buffer{*crl.version});
      }
      tbs.raw(algorithm);
      tbs.raw(issuer().certificate.subject());
      crl.this_update(tbs);
      if (crl.next_update) {
        crl.next_update(tbs);
      }
      if (crl.serials) {
        tbs.sequence([&] {
          for (const std::uint64_t serial : *crl.serials) {
            tbs.sequence([&] {
              tbs.integer_octets(make_serial(serial).octets());
              utc(tbs, "261101000000Z");
            });
          }
        });
      }
      if (crl.crl_number) {
        der::Writer number;
        number.integer_octets(Buffer{5});
        der::Writer extensions;
        extensions.sequence(
            [&] { der::write_extension(extensions, oid::kCeCrlNumber, false, number.take()); });
        tbs.element(der::context_constructed(0), extensions.take());
      }
    });
    const Buffer octets = tbs.take();
    const auto made =
        muster::testing::sign_as(muster::testing::SignAs::kAuto, issuer().key, octets);
    const Buffer other =
        muster::testing::algorithm_for(muster::testing::SignAs::kSha384, issuer().key);
    return crl::encode_crl(octets, crl.other_outer_algorithm ? other : made.algorithm,
                           made.signature);
  }
  void offer(const Buffer& crl) {
    directory_.write("ca.crl", crl);
    look();
  }
};

// req: OCSP-CRL-001
TEST_F(CrlRules, TakesVersionsOneAndTwo) {
  Raw crl = raw();
  crl.version.reset();
  crl.crl_number = false;
  crl.serials = {{1}};
  offer(encode(crl));
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(1) && covers_everything());
  crl = raw();
  crl.serials = {{1, 2}};
  offer(encode(crl));
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(2));
}

// req: OCSP-CRL-002
TEST_F(CrlRules, RefusesAlgorithmsThatDifferAndExtensionsWithoutVersion) {
  Raw crl = raw();
  crl.serials = {{1}};
  crl.other_outer_algorithm = true;
  offer(encode(crl));
  EXPECT_EQ(error(), SourceErrc::kMalformed);
  crl.other_outer_algorithm = false;
  crl.version.reset();
  offer(encode(crl));
  EXPECT_EQ(error(), SourceErrc::kMalformed);
  EXPECT_FALSE(is_revoked(1));
  crl.version = 1;
  offer(encode(crl));
  EXPECT_FALSE(error()) << error_text();
}

// req: OCSP-CRL-003
TEST_F(CrlRules, TakesBothFormsOfTime) {
  Raw crl = raw();
  crl.this_update = [](der::Writer& out) { generalized(out, "20261124090000Z"); };
  crl.next_update = [](der::Writer& out) { generalized(out, "20500101000000Z"); };
  offer(encode(crl));
  EXPECT_FALSE(error()) << error_text();
  EXPECT_EQ(state().this_update, *parse_iso8601("2026-11-24T09:00:00Z"));
  EXPECT_EQ(state().next_update, *parse_iso8601("2050-01-01T00:00:00Z"));
  crl.this_update = [](der::Writer& out) { utc(out, "500101000000Z"); };  // 1950, not 2050
  offer(encode(crl));
  EXPECT_EQ(error(), SourceErrc::kRollback)
      << "an instant in the past, so an older CRL: " << error_text();
}

/// What somebody else than a CRL said: `muster store set`, the push API.
store::Status told(store::State state, std::optional<UnixSeconds> expires = std::nullopt) {
  store::Status status;
  status.state = state;
  status.revoked_at = kTestNow - Seconds(60);
  status.expires = expires;
  return status;
}

// Only what a CRL told is let go by a CRL: the rest was acknowledged to somebody, whose word no CRL
// has taken back.
// req: OCSP-CRL-051 OCSP-RESP-068
TEST_F(CrlRules, WhatNoCrlEverToldStaysRevokedUnderTheNext) {
  using store::State;
  offer(build_crl(issuer(), numbered(4, {1, 2, 3})));
  const std::vector<store::Change> by_hand = {
      {make_serial(3), told(State::kRevoked)},  // on the CRL before, too
      {make_serial(55), told(State::kRevoked)},
      {make_serial(56), told(State::kHold)},
      {make_serial(57), told(State::kRevoked, kTestNow - Seconds(1))},
      {make_serial(58), told(State::kRevoked, kTestNow + Seconds(86400))}};
  ASSERT_TRUE(store_->apply(id_, by_hand));
  directory_.write("ca.crl", build_crl(issuer(), numbered(5, {2})));
  auto turn = look();
  ASSERT_TRUE(turn.loaded) << error_text();
  EXPECT_TRUE(is_revoked(3) && is_revoked(55) && is_revoked(56) && is_revoked(58));
  EXPECT_FALSE(is_revoked(57)) << "it has expired";
  EXPECT_FALSE(is_revoked(1)) << "a CRL told it, and tells it no more";
  EXPECT_EQ(turn.loaded->kept_revoked(), 4u);
  EXPECT_THAT(turn.loaded->kept_text(), HasSubstr(" 37"));
  EXPECT_EQ(turn.loaded->changes.let_go, 1u);
  // Once a CRL has told it, it is a CRL's to end.
  offer(build_crl(issuer(), numbered(6, {2, 55, 56})));
  EXPECT_TRUE(is_revoked(55) && is_revoked(56));
  directory_.write("ca.crl", build_crl(issuer(), numbered(7, {2})));
  turn = look();
  ASSERT_TRUE(turn.loaded) << error_text();
  EXPECT_FALSE(is_revoked(55) || is_revoked(56));
  EXPECT_TRUE(is_revoked(3) && is_revoked(58));
  EXPECT_EQ(turn.loaded->changes.let_go, 2u);
}

// The same where a delta is written without the rest being looked at.
// req: OCSP-CRL-051
TEST_F(CrlRules, WhatNoCrlEverToldStaysRevokedUnderADelta) {
  add_files({"delta.crl"});
  write("ca.crl", numbered(4, {1}));
  CrlSpec delta = numbered(5, {2, 3});
  delta.delta_base = 4;
  write("delta.crl", delta);
  look();
  ASSERT_TRUE(is_revoked(3));
  const std::vector<store::Change> by_hand = {{make_serial(3), told(store::State::kRevoked)},
                                              {make_serial(55), told(store::State::kRevoked)}};
  ASSERT_TRUE(store_->apply(id_, by_hand));
  delta = numbered(6, {2});
  delta.delta_base = 4;
  delta.entries.push_back(testing::removal_entry(55));
  write("delta.crl", delta);
  const auto turn = look();
  ASSERT_TRUE(turn.loaded) << error_text();
  EXPECT_TRUE(is_revoked(1) && is_revoked(2) && is_revoked(3) && is_revoked(55));
  EXPECT_EQ(turn.loaded->kept_revoked(), 2u);
}

// A source that becomes a CRL: what the index listed was answered for ages.
// req: OCSP-CRL-051 OCSP-RESP-068
TEST_F(CrlRules, WhatAnIndexListedStaysRevokedUnderACrl) {
  ASSERT_TRUE(load_index(testing::revoked_line("02") + testing::valid_line("03")));
  offer(build_crl(issuer(), numbered(4, {5})));
  EXPECT_TRUE(is_revoked(2) && is_revoked(5));
  ASSERT_TRUE(load_index(testing::revoked_line("02") + testing::revoked_line("05")))
      << "and back: what a CRL told an index tells too";
  restart();
  offer(build_crl(issuer(), numbered(5)));
  EXPECT_TRUE(is_revoked(2) && is_revoked(5));
}

// req: OCSP-CRL-006
TEST_F(CrlRules, ToleratesAnEmptyListOfRevokedCertificates) {
  Raw crl = raw();
  crl.serials = std::vector<std::uint64_t>();
  offer(encode(crl));
  EXPECT_FALSE(error()) << error_text();
  EXPECT_EQ(state().records, 0u);
  EXPECT_TRUE(covers_everything());
}

// req: OCSP-CRL-007 OCSP-CRL-008
TEST_F(CrlRules, AnUnknownCriticalExtensionAnywhereMakesTheWholeCrlUseless) {
  offer(build_crl(issuer(), numbered(4, {1})));
  CrlSpec crl = numbered(5, {1, 2});
  crl.extensions.push_back(muster::testing::unknown_extension(true));
  offer(build_crl(issuer(), crl));
  EXPECT_EQ(error(), SourceErrc::kNotTrusted);
  crl = numbered(5, {1, 2});
  crl.entries[0].extensions.push_back(muster::testing::unknown_extension(true));
  offer(build_crl(issuer(), crl));
  EXPECT_EQ(error(), SourceErrc::kNotTrusted);
  EXPECT_FALSE(is_revoked(2)) << "though its own entry is in order";
  EXPECT_TRUE(is_revoked(1) && covers_everything()) << "by the one before";
  crl = numbered(5, {1, 2});
  crl.extensions.push_back(muster::testing::unknown_extension(false));
  crl.entries[0].extensions.push_back(muster::testing::unknown_extension(false));
  offer(build_crl(issuer(), crl));
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(2));
}

// req: OCSP-CRL-015
TEST_F(CrlRules, KnowsEveryReasonAndOnlyThose) {
  std::uint64_t number = 1;
  CrlSpec crl = numbered(number);
  for (const std::uint64_t code : std::initializer_list<std::uint64_t>{1, 2, 3, 4, 5, 6, 9, 10}) {
    crl.entries.push_back(revoked_entry(make_serial(code), kTestNow, make_reason_code(code)));
  }
  offer(build_crl(issuer(), crl));
  EXPECT_FALSE(error()) << error_text();
  for (const std::uint64_t code : std::initializer_list<std::uint64_t>{1, 2, 3, 4, 5, 6, 9, 10}) {
    const auto record = find(make_serial(code).to_hex());
    ASSERT_TRUE(record) << code;
    EXPECT_EQ(record->reason, make_reason_code(code));
    EXPECT_EQ(record->state, code == 6 ? store::State::kHold : store::State::kRevoked) << code;
  }
  for (const std::uint8_t code : std::initializer_list<std::uint8_t>{7, 11}) {
    CrlSpec wrong = numbered(++number);
    wrong.entries = {revoked_entry(make_serial(20))};
    wrong.entries[0].extensions.push_back(
        {to_buffer(oid::kCeReasonCode), false, Buffer{0x0a, 0x01, code}});
    offer(build_crl(issuer(), wrong));
    EXPECT_EQ(error(), SourceErrc::kNotTrusted) << unsigned{code};
  }
  CrlSpec removal = numbered(++number);
  removal.entries = {testing::removal_entry(1)};
  offer(build_crl(issuer(), removal));
  EXPECT_EQ(error(), SourceErrc::kNotTrusted) << "removeFromCRL belongs into deltas";
  EXPECT_TRUE(is_revoked(1));
}

// req: OCSP-CRL-016 OCSP-CRL-045
TEST_F(CrlRules, FollowsDatesThatMoveBack) {
  CrlSpec crl = numbered(5);
  crl.entries = {
      revoked_entry(make_serial(1), kTestNow - Seconds(1000), ReasonCode::kKeyCompromise)};
  crl.entries[0].invalidity_date = kTestNow - Seconds(9000);
  offer(build_crl(issuer(), crl));
  EXPECT_EQ(find("01")->revoked_at, kTestNow - Seconds(1000))
      << "the invalidity date does not replace it";
  EXPECT_EQ(find("01")->invalidity_date, kTestNow - Seconds(9000));
  crl = numbered(6);
  crl.entries = {
      revoked_entry(make_serial(1), kTestNow - Seconds(9000), ReasonCode::kKeyCompromise)};
  offer(build_crl(issuer(), crl));
  EXPECT_EQ(find("01")->revoked_at, kTestNow - Seconds(9000));
  EXPECT_FALSE(find("01")->invalidity_date);
}

// req: OCSP-CRL-023
TEST_F(CrlRules, APartitionNamedRelativelyIsOneThatNobodyNamed) {
  crl::IssuingDistributionPoint point;
  point.name.emplace();
  der::Writer rdn;
  rdn.sequence([&] {
    rdn.element(der::Tag::kOid, Buffer{0x55, 0x04, 0x03});
    rdn.element(der::Tag::kUtf8String, as_bytes("part 1"));
  });
  const Buffer content = rdn.take();
  point.name->relative_name = content;
  CrlSpec crl = numbered(5, {1});
  crl.extensions.push_back({to_buffer(oid::kCeIssuingDistributionPoint), true,
                            crl::encode_issuing_distribution_point(point)});
  spec_.crls.partitions = {"http://ca/1.crl"};
  offer(build_crl(issuer(), crl));
  EXPECT_EQ(error(), SourceErrc::kIncomplete);
  EXPECT_TRUE(is_revoked(1));
  EXPECT_FALSE(covers_everything());
}

// Verified and walked without memory for each entry; the rest is the store's sorting, which spills
// to disk. req: OCSP-CRL-052
TEST_F(CrlRules, MemoryDoesNotGrowWithTheEntries) {
  const auto allocations_for = [&](std::size_t entries) {
    CrlSpec crl = numbered(5);
    for (std::size_t i = 1; i <= entries; ++i) {
      crl.entries.push_back(revoked_entry(make_serial(i)));
    }
    const std::string path = directory_.write("big.crl", build_crl(issuer(), crl));
    const CrlTerms terms{
        issuer().certificate, {issuer().certificate}, kTestNow, Seconds(300), std::size_t{1} << 30};
    const std::size_t before = muster::testing::allocations_of_this_thread();
    const auto file = open_file(path);
    auto content = copy_file(*file, path, directory_.path(), terms.max_bytes, {});
    const auto held = judge_crl(*std::move(content), path, terms);
    EXPECT_TRUE(held);
    std::size_t seen = 0;
    EXPECT_TRUE(for_each_entry_of(*held, issuer().certificate, {},
                                  [&](const Serial&, const crl::EntryView&) {
                                    ++seen;
                                    return Result<Unit, SourceError>(Unit{});
                                  }));
    EXPECT_EQ(seen, entries);
    return muster::testing::allocations_of_this_thread() - before;
  };
  (void)allocations_for(1);  // what OpenSSL sets up once
  const std::size_t few = allocations_for(10);
  EXPECT_LE(allocations_for(20'000), few + 16);
}

}  // namespace
}  // namespace muster::source
