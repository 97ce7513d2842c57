#include "muster/http/conditional.h"

#include <gtest/gtest.h>

namespace muster::http {
namespace {

TEST(IfNoneMatch, FindsATagInAListWeakOrNot) {
  EXPECT_TRUE(names_etag("\"a\"", "\"a\""));
  EXPECT_TRUE(names_etag("\"x\", W/\"a\" ,\"b\"", "\"a\""));
  EXPECT_TRUE(names_etag("*", "\"a\""));
  EXPECT_FALSE(names_etag("\"ab\"", "\"a\""));
  EXPECT_FALSE(names_etag("a", "\"a\""));
  EXPECT_FALSE(names_etag("", "\"a\""));
}

}  // namespace
}  // namespace muster::http
