#include <gtest/gtest.h>

#include "muster/ocsp/ocsp.h"
#include "vectors.h"

namespace muster::vectors {
namespace {

// req: OCSP-COD-001
TEST(CodecVectors, DecodeAsTheirMakersExpect) {
  if (all_cases().empty()) {
    GTEST_SKIP() << kAbsent;
  }
  Judge judge(MUSTER_DIFFERENCES);
  for (const Case& c : all_cases()) {
    if (c.kind == Kind::kCrl || c.expected.parse.empty()) {
      continue;
    }
    const Buffer octets = c.read_main();
    const bool parses = c.kind == Kind::kRequest ? bool(ocsp::parse_request(octets))
                                                 : bool(ocsp::parse_response(octets));
    judge.expect(c, "parse", c.expected.parse, parses ? "ok" : "fail");
  }
  for (const std::string& problem : judge.problems()) {
    ADD_FAILURE() << problem;
  }
}

}  // namespace
}  // namespace muster::vectors
