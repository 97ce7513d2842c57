#include "muster/http/list_header.h"

#include <gmock/gmock.h>

namespace muster::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> members(std::string_view header_block) {
  RequestView request;
  request.header_block = header_block;
  ListFromRight list(request, "X-List");
  std::vector<std::string> out;
  while (const auto member = list.next()) {
    out.emplace_back(*member);
  }
  return out;
}

TEST(ListFromRight, TakesAllLinesForOneList) {
  EXPECT_THAT(members("X-List: a, b\r\nHost: x\r\nx-LIST:c ,d\r\nX-List2: no\r\n"),
              ElementsAre("d", "c", "b", "a"));
  EXPECT_THAT(members("Host: x\r\nX-List: a\r\n"), ElementsAre("a"));
}

TEST(ListFromRight, ShowsEmptyMembersAndEnds) {
  EXPECT_THAT(members("X-List: a,,b\r\nX-List:\r\n"), ElementsAre("", "b", "", "a"));
  EXPECT_THAT(members(""), IsEmpty());
  EXPECT_THAT(members("Host: x\r\n"), IsEmpty());
}

}  // namespace
}  // namespace muster::http
