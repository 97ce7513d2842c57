#include "push_fixture.h"

namespace muster::push {
namespace {

using ::testing::HasSubstr;

struct BulkResult {
  unsigned status = 0;
  std::vector<nlohmann::json> lines;  ///< without the summary
  nlohmann::json summary;
  bool is_over = false;
};

/// Sends `body` in pieces of `piece` octets.
BulkResult send(World& world, const std::string& body, const std::string& query = "",
                std::size_t piece = 7) {
  BulkResult out;
  auto bulk = world.api->begin_bulk(world.client, "/v1/issuers/ca%20one/bulk" + query, kTestNow);
  if (!bulk) {
    out.status = bulk.error().status;
    out.summary = nlohmann::json::parse(bulk.error().body);
    return out;
  }
  std::string text;
  for (std::size_t at = 0; at < body.size() && !(*bulk)->is_over(); at += piece) {
    text += (*bulk)->feed(as_bytes(body).subspan(at, std::min(piece, body.size() - at)), kTestNow);
  }
  out.is_over = (*bulk)->is_over();
  const Reply last = (*bulk)->finish(kTestNow);
  out.status = last.status;
  text += last.body;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    out.lines.push_back(nlohmann::json::parse(line));
  }
  EXPECT_TRUE(!out.lines.empty() && out.lines.back().contains("summary")) << text;
  out.summary = out.lines.back()["summary"];
  out.lines.pop_back();
  return out;
}
std::string issue_lines(int count) {
  std::string body;
  for (int i = 1; i <= count; ++i) {
    body += R"({"op":"issue","serial":")" + std::to_string(i) + "\"}\n";
  }
  return body;
}

TEST(Bulk, AnswersEachLineInOrder) {
  World world;
  const BulkResult result = send(world, R"({"op":"issue","serial":"01"})"
                                        "\n"
                                        R"({"op":"revoke","serial":"02","reason":"superseded"})"
                                        "\n"
                                        "\n"
                                        "rubbish\n"
                                        R"({"op":"unhold","serial":"03"})"
                                        "\n"
                                        R"({"op":"revoke","serial":"01"})"
                                        "\n"
                                        R"({"op":"issue","serial":"02"})");
  ASSERT_EQ(result.lines.size(), 6U);
  EXPECT_EQ(result.lines[0]["result"], "changed");
  EXPECT_EQ(result.lines[1]["certificate"]["reason"], "superseded");
  EXPECT_EQ(result.lines[2]["line"], 4);
  EXPECT_EQ(result.lines[2]["error"], "bad_request");
  EXPECT_EQ(result.lines[3]["error"], "not_found");
  EXPECT_EQ(result.lines[4]["certificate"]["state"], "revoked")
      << "a line sees what those before it did";
  EXPECT_EQ(result.lines[5]["error"], "conflict") << "the last line needs no line feed";
  EXPECT_EQ(result.lines[5]["line"], 7);
  EXPECT_EQ(result.summary["changed"], 3);
  EXPECT_EQ(result.summary["failed"], 3);
  EXPECT_EQ(world.record("1")->state, store::State::kRevoked);
}

TEST(Bulk, CommitsInBatches) {
  Limits limits;
  limits.batch_lines = 10;
  World world(limits);
  const std::uint64_t before = world.store->figures()->sequence;
  const BulkResult result = send(world, issue_lines(25), "?results=failed", 4096);
  EXPECT_TRUE(result.lines.empty());
  EXPECT_EQ(result.summary["changed"], 25);
  EXPECT_EQ(world.store->figures()->sequence, before + 3) << "three transactions";
  EXPECT_EQ(result.summary["sequence"], before + 3);
  const BulkResult again = send(world, issue_lines(25), "?results=failed");
  EXPECT_EQ(again.summary["unchanged"], 25) << "an interrupted request is simply sent again";
}

TEST(Bulk, ResultsComeWhileTheBodyIsOnItsWay) {
  Limits limits;
  limits.batch_lines = 2;
  World world(limits);
  auto bulk = world.api->begin_bulk(world.client, "/v1/issuers/ca%20one/bulk", kTestNow);
  ASSERT_TRUE(bulk);
  EXPECT_EQ((*bulk)->feed(as_bytes(issue_lines(1)), kTestNow), "");
  EXPECT_THAT((*bulk)->feed(as_bytes(issue_lines(1)), kTestNow), HasSubstr("\"line\":2"));
  EXPECT_TRUE(world.record("1"));
}

TEST(Bulk, AllOrNothing) {
  World world;
  const std::string good = issue_lines(3);
  BulkResult result = send(world,
                           good + R"({"op":"unhold","serial":"77"})"
                                  "\n",
                           "?atomic=true");
  EXPECT_EQ(result.status, 409U);
  EXPECT_EQ(result.summary["error"], "nothing_done");
  ASSERT_EQ(result.lines.size(), 1U) << "only what stands in the way is told";
  EXPECT_EQ(result.lines[0]["line"], 4);
  EXPECT_FALSE(world.record("1"));
  result = send(world, "rubbish\n" + good, "?atomic=true");
  EXPECT_EQ(result.status, 409U);
  EXPECT_FALSE(world.record("1"));
  result = send(world, good, "?atomic=true");
  EXPECT_EQ(result.status, 200U);
  EXPECT_EQ(result.summary["changed"], 3);
  EXPECT_TRUE(world.record("1"));
}

TEST(Bulk, AllOrNothingSaysNothingBeforeTheEnd) {
  World world;
  auto bulk =
      world.api->begin_bulk(world.client, "/v1/issuers/ca%20one/bulk?atomic=true", kTestNow);
  ASSERT_TRUE(bulk);
  for (const std::string& piece : {std::string("rubbish\n"), issue_lines(3), std::string("{}\n")}) {
    EXPECT_EQ((*bulk)->feed(as_bytes(piece), kTestNow), "") << "the status line is not known yet";
  }
  const Reply last = (*bulk)->finish(kTestNow);
  EXPECT_EQ(last.status, 409U);
  EXPECT_THAT(last.body, ::testing::StartsWith(R"({"line":1,"error":"bad_request")"));
  EXPECT_THAT(last.body, HasSubstr(R"({"line":5,"error":"bad_request")"));
}

TEST(Bulk, AllOrNothingIsBoundedForRubbishToo) {
  Limits limits;
  limits.max_atomic_lines = 5;
  World world(limits);
  std::string rubbish;
  for (int i = 0; i < 100; ++i) {
    rubbish += "rubbish\n";
  }
  const BulkResult result = send(world, rubbish, "?atomic=true");
  EXPECT_TRUE(result.is_over);
  EXPECT_EQ(result.status, 413U);
  EXPECT_EQ(result.lines.size(), 5U);
  limits.max_atomic_lines = 100;
  limits.max_atomic_bytes = 20;
  World small(limits);
  EXPECT_EQ(send(small, rubbish, "?atomic=true").status, 413U);
}

TEST(Bulk, IsBounded) {
  Limits limits;
  limits.max_body_bytes = 64;
  limits.max_atomic_lines = 5;
  World world(limits);
  BulkResult result = send(world, issue_lines(2) + std::string(65, 'x'));
  EXPECT_TRUE(result.is_over);
  EXPECT_EQ(result.summary["error"], "too_large");
  EXPECT_EQ(result.summary["changed"], 2) << "the lines before count";
  result = send(world, issue_lines(6), "?atomic=true");
  EXPECT_TRUE(result.is_over);
  EXPECT_EQ(result.status, 413U);
  EXPECT_FALSE(world.record("3"));
  limits.max_atomic_lines = 100;
  limits.max_atomic_bytes = 100;
  World small(limits);
  EXPECT_EQ(send(small, issue_lines(6), "?atomic=true").status, 413U);
}

TEST(Bulk, KnowsItsOptionsAndClients) {
  World world;
  EXPECT_EQ(send(world, "", "?atmic=true").status, 400U);
  EXPECT_TRUE(Api::is_bulk("POST", "/v1/issuers/ca%20one/bulk?atomic=true"));
  EXPECT_FALSE(Api::is_bulk("GET", "/v1/issuers/ca%20one/bulk"));
  EXPECT_FALSE(Api::is_bulk("POST", "/v1/issuers/ca%20one/issue"));
  world.client.may = {OperationKind::kIssue};
  const BulkResult result = send(world, R"({"op":"revoke","serial":"01"})"
                                        "\n");
  EXPECT_EQ(result.lines[0]["error"], "forbidden");
  world.client.issuers = {};
  EXPECT_EQ(send(world, issue_lines(1)).status, 404U);
}

}  // namespace
}  // namespace muster::push
