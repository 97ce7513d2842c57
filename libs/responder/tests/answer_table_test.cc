#include "answer_table.h"

#include <gtest/gtest.h>

#include <memory>

namespace muster::responder {
namespace {

struct Kept {
  Buffer cert_id;
  std::uint32_t variant;
  [[nodiscard]] bool matches(Bytes id, std::uint32_t other) const {
    return variant == other && equal(cert_id, id);
  }
};
struct Answers : AnswerTable<std::shared_ptr<Kept>> {
  using AnswerTable::AnswerTable;
  Place claim(const Buffer& id, std::uint32_t variant) {
    return put(id, variant, std::make_shared<Kept>(Kept{id, variant}));
  }
};

Buffer id(unsigned n) {
  Buffer out(40, 0x5a);
  for (unsigned i = 0; i < 4; ++i) {
    out.push_back(static_cast<std::uint8_t>(n >> (8 * i)));
  }
  return out;
}

TEST(AnswerTable, FindsWhatWasClaimed) {
  Answers answers(1024);
  EXPECT_FALSE(answers.find(id(1), 0));
  const auto place = answers.claim(id(1), 0);
  ASSERT_TRUE(place);
  EXPECT_EQ(answers.find(id(1), 0), place);
  EXPECT_EQ(answers.claim(id(1), 0), place);
  EXPECT_FALSE(answers.find(id(2), 0));
  EXPECT_FALSE(answers.find(id(1), 1)) << "another variant is another answer";
  const auto other = answers.claim(id(1), 1);
  EXPECT_NE(other, place);
  EXPECT_EQ(answers.find(id(1), 1), other);
  EXPECT_EQ(answers.find(id(1), 0), place);
  EXPECT_EQ(answers.size(), 2U);
}

TEST(AnswerTable, EveryOctetCounts) {
  Answers answers(1024);
  answers.claim(id(7), 0);
  for (std::size_t i = 0; i < id(7).size(); ++i) {
    Buffer other = id(7);
    other[i] ^= 1U;
    EXPECT_FALSE(answers.find(other, 0)) << i;
  }
  Buffer longer = id(7);
  longer.push_back(0);
  EXPECT_FALSE(answers.find(longer, 0));
}

// req: OCSP-RESP-083
TEST(AnswerTable, AFloodOfSerialsLeavesWhatIsAskedAllTheTime) {
  Answers answers(256);
  answers.claim(id(0), 0);
  for (unsigned n = 1; n < 100'000; ++n) {
    answers.claim(id(n), 0);
    if (n % 16 == 0) {
      ASSERT_TRUE(answers.find(id(0), 0)) << n;
    }
  }
  EXPECT_LE(answers.capacity(), 256U);
}

/// The seed is drawn for each table; whatever it is, a table a quarter full must hold nearly all of
/// it. (A multiplier drawn together with the seed once sent most keys to a few sets.)
TEST(AnswerTable, SpreadsKeysUnderEverySeed) {
  for (int table = 0; table < 300; ++table) {
    Answers answers(512);
    for (unsigned n = 0; n < 128; ++n) {
      answers.claim(id(n), 0);
    }
    unsigned held = 0;
    for (unsigned n = 0; n < 128; ++n) {
      held += answers.find(id(n), 0) ? 1U : 0U;
    }
    ASSERT_GE(held, 120U) << "table " << table;
  }
}

TEST(AnswerTable, RemembersNothingWhenTold) {
  Answers answers(0);
  EXPECT_FALSE(answers.claim(id(1), 0));
  EXPECT_FALSE(answers.find(id(1), 0));
}

TEST(AnswerTable, StaysWithinItsBound) {
  EXPECT_EQ(Answers(1).capacity(), 8U);
  EXPECT_EQ(Answers(1000).capacity(), 1000U);
  EXPECT_EQ(Answers(1001).capacity(), 1008U);
  Answers few(16);
  for (unsigned n = 0; n < 1000; ++n) {
    few.claim(id(n), 0);
  }
  EXPECT_EQ(few.size(), 16U);
  std::size_t seen = 0;
  const auto count = [&seen](const auto& entry) { seen += entry != nullptr ? 1U : 0U; };
  EXPECT_EQ(few.visit(0, 10, count), 10U);
  EXPECT_EQ(few.visit(10, 10, count), 0U);
  EXPECT_EQ(seen, 16U);
}

/// What a set has no room for pushes out what was unused for longest, exactly.
TEST(AnswerTable, TheLongestUnusedMakesRoom) {
  Answers answers(8);
  for (unsigned n = 0; n < 8; ++n) {
    answers.claim(id(n), 0);
  }
  for (const unsigned used : {3U, 0U, 7U, 1U, 3U, 4U}) {
    ASSERT_TRUE(answers.find(id(used), 0));
  }
  unsigned next = 8;
  for (const unsigned goes : {2U, 5U, 6U, 0U, 7U, 1U, 3U, 4U}) {
    ASSERT_EQ(answers.size(), 8U);
    answers.claim(id(next++), 0);
    std::size_t held = 0;
    answers.visit(0, 8, [&](const auto& kept) { held += kept->cert_id == id(goes) ? 1U : 0U; });
    EXPECT_EQ(held, 0U) << goes;
  }
}

TEST(AnswerTable, KeepsWithWhichStateOfTheStoreWasCompared) {
  Answers answers(64);
  const auto place = answers.claim(id(1), 0);
  const auto other = answers.claim(id(2), 0);
  for (const std::uint64_t sequence : {1ULL, 255ULL, 256ULL, 0x12345678ULL, 0xff'ffff'fffeULL}) {
    place.set_sequence(sequence);
    EXPECT_TRUE(place.is_of(sequence));
    EXPECT_FALSE(place.is_of(sequence + 1));
    EXPECT_FALSE(other.is_of(sequence));
    EXPECT_TRUE(answers.find(id(1), 0).is_of(sequence)) << "a look does not change it";
  }
  EXPECT_FALSE(answers.claim(id(1), 0).is_of(0xff'ffff'fffeULL)) << "another answer";
}

TEST(AnswerTable, TellsShortAndLongKeysApart) {
  Answers answers(4096);
  Buffer key;
  for (unsigned size = 0; size < 200; ++size) {
    answers.claim(key, 0);
    key.push_back(static_cast<std::uint8_t>(size));
  }
  for (unsigned size = 0; size < 200; ++size) {
    EXPECT_TRUE(answers.find(Bytes(key).first(size), 0)) << size;
    Buffer other = key;
    other.resize(size + 1);
    other[size] ^= 0x80U;
    EXPECT_FALSE(answers.find(other, 0)) << size;
  }
}

}  // namespace
}  // namespace muster::responder
