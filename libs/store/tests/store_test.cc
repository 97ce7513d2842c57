#include "muster/store/store.h"

#include <algorithm>
#include <random>

#include "muster/store/walk.h"
#include "store_fixture.h"

namespace muster::store {
namespace {

using muster::testing::kTestNow;
using testing::contents;
using testing::good;
using testing::key_of;
using testing::Model;
using testing::must;
using testing::must_open;
using testing::revoked;
using testing::serial_of;
using testing::StoreTest;

// req: OCSP-RESP-004 OCSP-RESP-013
TEST_F(StoreTest, RecordsEveryStepOfALife) {
  const auto store = must_open(path());
  const IssuerId issuer = must(store->ensure_issuer(key_of(1), "CA"));
  const Serial serial = serial_of(0x4a19c2);
  EXPECT_FALSE(look_up(*store, issuer, serial)) << "never heard of";
  must(store->apply(issuer, std::vector{Change{serial, good(kTestNow)}}));
  EXPECT_EQ(look_up(*store, issuer, serial), good(kTestNow));
  const Status hold = revoked(kTestNow, ReasonCode::kCertificateHold, State::kHold);
  must(store->apply(issuer, std::vector{Change{serial, hold}}));
  EXPECT_EQ(look_up(*store, issuer, serial), hold);
  must(store->apply(issuer, std::vector{Change{serial, good()}}));
  EXPECT_EQ(look_up(*store, issuer, serial), good());
  const Status final = revoked(kTestNow + Seconds(1), ReasonCode::kKeyCompromise);
  must(store->apply(issuer, std::vector{Change{serial, final}}));
  EXPECT_EQ(look_up(*store, issuer, serial), final) << "revocation time and reason as recorded";
  must(store->apply(issuer, std::vector{Change{serial, std::nullopt}}));
  EXPECT_FALSE(look_up(*store, issuer, serial));
  EXPECT_TRUE(store->verify(issuer));
}

// req: OCSP-CRL-043
TEST_F(StoreTest, SerialsAreToldApartOctetForOctet) {
  const auto store = must_open(path());
  const IssuerId issuer = must(store->ensure_issuer(key_of(1), "CA"));
  const std::vector<Buffer> serials = {
      {0x00},           {0x7f},           {0x00, 0x80},
      {0x80},           {0xff},           {0x01, 0x00},
      Buffer(20, 0x55), Buffer(21, 0x55), Buffer(kMaxSerialOctets, 0x55)};
  std::vector<Change> changes;
  for (std::size_t i = 0; i < serials.size(); ++i) {
    changes.push_back(
        {*Serial::make(serials[i]), revoked(kTestNow + Seconds(static_cast<int>(i)))});
  }
  must(store->apply(issuer, changes));
  for (std::size_t i = 0; i < serials.size(); ++i) {
    EXPECT_EQ(look_up(*store, issuer, changes[i].serial), changes[i].status);
  }
  auto reader = store->reader();
  reader->renew();
  EXPECT_FALSE(must(reader->find(issuer, Buffer{0x00, 0x7f})))
      << "a leading zero makes another serial";
  EXPECT_FALSE(must(reader->find(issuer, {})));
  EXPECT_FALSE(must(reader->find(issuer, Buffer(600, 0x55))));
}

TEST_F(StoreTest, WalksBeginAndEndAnywhere) {
  const auto store = must_open(path());
  const IssuerId issuer = must(store->ensure_issuer(key_of(1), "CA"));
  const IssuerId other = must(store->ensure_issuer(key_of(2), "other CA"));
  std::vector<Change> changes;
  for (std::uint64_t n = 1; n <= 3000; ++n) {  // some pages full, of one, two and three octets
    changes.push_back({serial_of(n * 7), good(kTestNow + Seconds(static_cast<int>(n)))});
  }
  must(store->apply(issuer, changes));
  must(store->apply(other, std::vector{Change{serial_of(8), good()}}));
  std::vector<Serial> all;
  must(
      store->for_each(issuer, [&](const Serial& serial, const Status&) { all.push_back(serial); }));
  ASSERT_EQ(all.size(), changes.size());
  const auto walk = [&](const std::optional<Serial>& after, std::size_t most) {
    std::vector<Serial> seen;
    must(for_each_after(*store, issuer, after, [&](const Serial& serial, const Status& status) {
      EXPECT_EQ(look_up(*store, issuer, serial), status);
      seen.push_back(serial);
      return seen.size() == most ? Walk::kEnd : Walk::kOn;
    }));
    return seen;
  };
  EXPECT_EQ(walk({}, 5000), all);
  for (std::size_t i = 0; i < all.size(); i += 97) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(i) + 1;
    const std::size_t most = std::min<std::size_t>(all.size() - i - 1, 3);
    EXPECT_EQ(walk(all[i], 3), std::vector(first, first + static_cast<std::ptrdiff_t>(most))) << i;
  }
  EXPECT_EQ(walk(all.back(), 3), std::vector<Serial>());
  const Serial absent = serial_of(8);  // here: it is another CA's
  EXPECT_EQ(walk(absent, 1), std::vector{*std::find_if(all.begin(), all.end(), [&](const auto& s) {
              return std::ranges::lexicographical_compare(absent.octets(), s.octets());
            })});
  must(store->apply(issuer, std::vector{Change{all[10], std::nullopt}}));
  EXPECT_EQ(walk(all[10], 1), std::vector{all[11]}) << "where it was";
}

TEST_F(StoreTest, IssuersAreApartAndCounted) {
  const auto store = must_open(path());
  const IssuerId a = must(store->ensure_issuer(key_of(1), "A"));
  const IssuerId b = must(store->ensure_issuer(key_of(2), "B"));
  EXPECT_NE(a, b);
  EXPECT_EQ(must(store->ensure_issuer(key_of(1), "other label")), a);
  EXPECT_EQ(store->find_issuer(key_of(2)), b);
  EXPECT_FALSE(store->find_issuer(key_of(3)));
  must(store->apply(
      a, std::vector{Change{serial_of(1), revoked(kTestNow)}, Change{serial_of(2), good()}}));
  EXPECT_FALSE(look_up(*store, b, serial_of(1)));
  auto reader = store->reader();
  const std::uint64_t sequence = reader->renew();
  ASSERT_NE(reader->issuer_state(a), nullptr);
  EXPECT_EQ(reader->issuer_state(a)->records, 2u);
  EXPECT_EQ(reader->issuer_state(a)->revoked, 1u);
  EXPECT_EQ(reader->issuer_state(a)->sequence, sequence);
  EXPECT_LT(reader->issuer_state(b)->sequence, sequence);
  EXPECT_EQ(reader->issuer_state(b)->label, "B");
  EXPECT_EQ(reader->issuer_state(IssuerId{9}), nullptr);
  EXPECT_FALSE(must(reader->find(IssuerId{9}, serial_of(1).octets())));
  EXPECT_EQ(store->issuers().size(), 2u);
  const auto lost = store->apply(IssuerId{9}, {});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, StoreErrc::kNoSuchIssuer);
}

TEST_F(StoreTest, ReaderKeepsItsStateUntilRenewed) {
  const auto store = must_open(path());
  const IssuerId issuer = must(store->ensure_issuer(key_of(1), "CA"));
  const auto reader = store->reader();
  EXPECT_FALSE(reader->find(issuer, serial_of(1).octets())) << "an error before the first renew()";
  const std::uint64_t before = reader->renew();
  const std::uint64_t epoch = store->epoch();
  const std::uint64_t sequence =
      must(store->apply(issuer, std::vector{Change{serial_of(1), good()}}));
  EXPECT_GT(sequence, before);
  EXPECT_GT(store->epoch(), epoch);
  EXPECT_FALSE(must(reader->find(issuer, serial_of(1).octets())));
  EXPECT_EQ(reader->renew(), sequence);
  EXPECT_EQ(reader->renew(), sequence);
  EXPECT_TRUE(must(reader->find(issuer, serial_of(1).octets())));
  reader->release();
  EXPECT_FALSE(reader->find(issuer, serial_of(1).octets()));
  EXPECT_EQ(reader->renew(), sequence);
}

TEST_F(StoreTest, ABadChangeLeavesTheWholeSetOut) {
  const auto store = must_open(path());
  const IssuerId issuer = must(store->ensure_issuer(key_of(1), "CA"));
  Status broken;
  broken.state = State::kRevoked;
  const auto applied =
      store->apply(issuer, std::vector{Change{serial_of(1), good()}, Change{serial_of(2), broken}});
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, StoreErrc::kBadChange);
  EXPECT_NE(applied.error().detail.find("serial 02"), std::string::npos);
  EXPECT_TRUE(contents(*store, issuer).empty());
}

TEST_F(StoreTest, TouchChangesFactsAndTheSequenceOnly) {
  const auto store = must_open(path());
  const IssuerId issuer = must(store->ensure_issuer(key_of(1), "CA"));
  must(store->apply(issuer, std::vector{Change{serial_of(1), revoked(kTestNow)}}));
  IssuerState facts;
  facts.label = "renamed";
  facts.knows_issued = KnowsIssued::kYes;
  facts.this_update = kTestNow;
  facts.next_update = kTestNow + Seconds(60);
  facts.crl_number = Buffer(20, 0x11);
  facts.loaded_at = kTestNow;
  const std::uint64_t sequence = must(store->touch(issuer, facts));
  const auto all = store->issuers();
  ASSERT_EQ(all.size(), 1u);
  const IssuerState& state = all[0].second;
  EXPECT_EQ(state.key, key_of(1));
  EXPECT_EQ(state.label, "renamed");
  EXPECT_EQ(state.knows_issued, KnowsIssued::kYes);
  EXPECT_EQ(state.this_update, facts.this_update);
  EXPECT_EQ(state.next_update, facts.next_update);
  EXPECT_EQ(state.crl_number, facts.crl_number);
  EXPECT_EQ(state.loaded_at, facts.loaded_at);
  EXPECT_EQ(state.sequence, sequence);
  EXPECT_EQ(state.records, 1u);
  EXPECT_EQ(state.revoked, 1u);
  EXPECT_TRUE(store->verify(issuer));
}

TEST_F(StoreTest, ChangesAndFactsComeTogether) {
  const auto store = must_open(path());
  const IssuerId issuer = must(store->ensure_issuer(key_of(1), "CA"));
  IssuerState facts;
  facts.label = "CA";
  facts.next_update = kTestNow + Seconds(60);
  const std::uint64_t sequence =
      must(store->apply(issuer, std::vector{Change{serial_of(1), revoked(kTestNow)}}, facts));
  const IssuerState state = store->issuers().at(0).second;
  EXPECT_EQ(state.key, key_of(1));
  EXPECT_EQ(state.next_update, facts.next_update);
  EXPECT_EQ(state.sequence, sequence);
  EXPECT_EQ(state.revoked, 1u);
  Status broken;
  broken.state = State::kRevoked;
  facts.next_update.reset();
  ASSERT_FALSE(store->apply(issuer, std::vector{Change{serial_of(2), broken}}, facts));
  EXPECT_TRUE(store->issuers().at(0).second.next_update) << "neither or both";
  EXPECT_TRUE(store->verify(issuer));
}

/// Applies random operations to the store and to a std::map, reopening now and then.
class ModelTest : public StoreTest, public ::testing::WithParamInterface<unsigned> {};

TEST_P(ModelTest, AgreesWithAMapThroughReopening) {
  std::minstd_rand engine(GetParam());
  const auto random = [&engine] { return static_cast<unsigned>(engine()); };
  const auto random_status = [&] {
    Status status;
    status.state = static_cast<State>(random() % 3);
    if (status.state != State::kGood) {
      status.revoked_at = unix_seconds(static_cast<std::int64_t>(random()));
      if (random() % 2 != 0) {
        status.reason = ReasonCode::kSuperseded;
      }
      if (random() % 4 == 0) {
        status.invalidity_date = unix_seconds(static_cast<std::int64_t>(random()));
      }
    }
    if (random() % 2 != 0) {
      status.expires = unix_seconds(static_cast<std::int64_t>(random()));
    }
    return status;
  };
  auto store = must_open(path());
  std::map<IssuerId, Model> model;
  std::vector<IssuerId> issuers;
  for (std::uint8_t i = 1; i <= 3; ++i) {
    issuers.push_back(must(store->ensure_issuer(key_of(i), "CA")));
    model[issuers.back()];
  }
  std::uint64_t sequence = 0;
  for (int step = 0; step < 150; ++step) {
    const IssuerId issuer = issuers[random() % issuers.size()];
    Model& expected = model[issuer];
    const unsigned kind = random() % 10;
    if (kind < 6) {
      std::vector<Change> changes;
      for (unsigned n = random() % 20; n > 0; --n) {
        Change change{serial_of(random() % 200), std::nullopt};
        if (random() % 4 != 0) {
          change.status = random_status();
          expected[change.serial] = *change.status;
        } else {
          expected.erase(change.serial);
        }
        changes.push_back(change);
      }
      const std::uint64_t next = must(store->apply(issuer, changes));
      EXPECT_GT(next, sequence);
      sequence = next;
    } else if (kind < 9) {
      ReplacementOptions options;
      options.sort_memory_bytes = random() % 2 != 0 ? 400 : 1u << 20;
      const bool keep_revoked = random() % 2 != 0;
      if (keep_revoked) {
        options.take = [](const Serial&, const Status& old, const std::optional<Status>&) {
          return old.state == State::kRevoked ? Take::kOld : Take::kNew;
        };
      }
      auto replacement = must(store->begin_replacement(issuer, options));
      Model fresh;
      for (unsigned n = random() % 2 != 0 ? random() % 300u : 3u; n > 0; --n) {
        const Serial serial = serial_of(random() % 400);
        const Status status = random_status();
        fresh[serial] = status;
        must(replacement->put(serial, status));
      }
      std::uint64_t kept = 0;
      if (keep_revoked) {
        for (const auto& [serial, status] : expected) {
          if (status.state == State::kRevoked &&
              (!fresh.contains(serial) || fresh.at(serial) != status)) {
            fresh[serial] = status;
            ++kept;
          }
        }
      }
      if (random() % 5 != 0) {  // else dropped: nothing happened
        sequence = must(replacement->commit({}));
        EXPECT_EQ(replacement->report().kept, kept);
        expected = fresh;
      }
    } else {
      store.reset();
      store = must_open(path());
    }
    ASSERT_EQ(contents(*store, issuer), expected) << "step " << step;
    ASSERT_TRUE(store->verify(issuer)) << "step " << step;
  }
  auto reader = store->reader();
  reader->renew();
  for (const IssuerId issuer : issuers) {
    EXPECT_EQ(reader->issuer_state(issuer)->records, model[issuer].size());
    for (std::uint64_t n = 0; n < 400; ++n) {
      const auto entry = model[issuer].find(serial_of(n));
      const auto found = must(reader->find(issuer, serial_of(n).octets()));
      EXPECT_EQ(found, entry == model[issuer].end() ? std::optional<Status>() : entry->second);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, ::testing::Range(1u, 7u));

}  // namespace
}  // namespace muster::store
