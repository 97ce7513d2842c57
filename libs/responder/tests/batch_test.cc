#include "muster/responder/batch.h"

#include <gmock/gmock.h>

#include "fixture.h"

namespace muster::responder {
namespace {

using ::testing::HasSubstr;

Buffer item_of(const Buffer& cert_id, const Buffer& have = {}) {
  Buffer out;
  append_batch_item(out, *ocsp::parse_cert_id(cert_id), have);
  return out;
}
Buffer leaf_id(HashAlgorithm hash = HashAlgorithm::kSha256) {
  return pki::make_cert_id(hash, standard_pki().leaf.certificate,
                           standard_pki().intermediate.certificate)
      .der();
}
Buffer joined(const std::vector<Buffer>& parts) {
  Buffer out;
  for (const Buffer& part : parts) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

TEST(Batch, ItemsAreReadAsTheyWereWritten) {
  const Buffer tag(kBatchTagBytes, 7);
  const Buffer body =
      joined({item_of(leaf_id()), item_of(leaf_id(HashAlgorithm::kSha1), tag), item_of(leaf_id())});
  const auto items = parse_batch(body, 3);
  ASSERT_TRUE(items) << to_string(items.error());
  ASSERT_EQ(items->size(), 3U);
  EXPECT_EQ(to_buffer((*items)[0].cert_id.raw), leaf_id());
  EXPECT_TRUE((*items)[0].have.empty());
  EXPECT_EQ(to_buffer((*items)[1].cert_id.raw), leaf_id(HashAlgorithm::kSha1));
  EXPECT_EQ(to_buffer((*items)[1].have), tag);
}

TEST(Batch, AsksAsARequestOfItsOwnWould) {
  const Buffer body = item_of(leaf_id());
  const auto items = parse_batch(body, 1);
  ASSERT_TRUE(items);
  EXPECT_EQ(question_of(items->front()).request, ocsp::encode_request(leaf_request()));
}

TEST(Batch, SaysWhichItemIsWrongAndWhere) {
  const auto error = [](const Buffer& body, std::size_t most = 10) {
    const auto parsed = parse_batch(body, most);
    EXPECT_FALSE(parsed);
    return parsed ? std::string() : to_string(parsed.error());
  };
  EXPECT_THAT(error({}), HasSubstr("empty"));
  EXPECT_THAT(error(joined({item_of(leaf_id()), item_of(leaf_id())}), 1),
              HasSubstr("item 1: more than"));
  EXPECT_THAT(error(joined({item_of(leaf_id()), Buffer{0x04, 0x00}})),
              HasSubstr("item 1: BatchItem"));
  EXPECT_THAT(error(leaf_id()), HasSubstr("item 0"));  // a CertID without the item around it
  EXPECT_THAT(error(item_of(leaf_id(), Buffer(31, 7))), HasSubstr("have"));
  Buffer more = item_of(leaf_id(), Buffer(32, 7));
  more[1] = static_cast<std::uint8_t>(more[1] + 2);
  more.insert(more.end(), {0x05, 0x00});  // inside the item, behind what belongs there
  EXPECT_THAT(error(more), HasSubstr("item 0"));
  // A CertID may be long (its hashes are anybody's), an item may not.
  der::Writer writer;
  writer.sequence([&] {
    writer.sequence([&] {
      writer.sequence([&] { writer.oid(oid::kSha256); });
      writer.octet_string(Buffer(600, 1));
      writer.octet_string(Buffer(32, 1));
      writer.integer(5);
    });
  });
  EXPECT_THAT(error(writer.bytes()), HasSubstr("longer than 512"));
}

TEST(Batch, ABodyCutAnywhereIsRefusedOrEndsBetweenItems) {
  const Buffer one = item_of(leaf_id(), Buffer(32, 7));
  const Buffer body = joined({one, one, one});
  for (std::size_t size = 0; size < body.size(); ++size) {
    const Buffer cut(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size));
    const auto parsed = parse_batch(cut, 10);
    EXPECT_EQ(static_cast<bool>(parsed), size != 0 && size % one.size() == 0) << size;
  }
}

TEST(Batch, AnswersAreReadAsTheyWereWritten) {
  Buffer body;
  append_batch_answer(body, 0, Buffer{1, 2});
  append_batch_answer(body, 2, Buffer(300, 3));
  append_batch_end(body, {2, 1, 4});
  const auto answers = parse_batch_answers(body, 7);
  ASSERT_TRUE(answers) << der::to_string(answers.error());
  EXPECT_EQ(answers->replies[0], (Buffer{1, 2}));
  EXPECT_FALSE(answers->replies[1]);
  EXPECT_EQ(answers->replies[2], Buffer(300, 3));
  EXPECT_EQ(answers->end, (BatchEnd{2, 1, 4}));
  for (std::size_t size = 0; size < body.size(); ++size) {
    const Buffer cut(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(parse_batch_answers(cut, 7)) << size;
  }
}

TEST(Batch, AnswersThatDoNotAddUpAreRefused) {
  const auto parses = [](std::vector<std::size_t> indexes, const BatchEnd& end, std::size_t asked) {
    Buffer body;
    for (const std::size_t index : indexes) {
      append_batch_answer(body, index, Buffer{1});
    }
    append_batch_end(body, end);
    return static_cast<bool>(parse_batch_answers(body, asked));
  };
  EXPECT_TRUE(parses({0, 1}, {2, 0, 0}, 2));
  EXPECT_FALSE(parses({0, 2}, {2, 0, 0}, 2));  // nobody asked
  EXPECT_FALSE(parses({0, 0}, {2, 0, 0}, 2));  // twice
  EXPECT_FALSE(parses({0}, {2, 0, 0}, 2));     // one is missing
  EXPECT_FALSE(parses({0}, {1, 0, 0}, 2));     // nobody says what became of the other
  EXPECT_FALSE(parses({1}, {1, 0, 1}, 2));     // it was left, and is there
}

}  // namespace
}  // namespace muster::responder
