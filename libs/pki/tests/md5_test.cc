#include "muster/pki/md5.h"

#include <gtest/gtest.h>

namespace muster::pki {
namespace {

// RFC 1321 appendix A.5.
TEST(Md5, KnowsTheVectorsOfTheRfc) {
  EXPECT_EQ(md5_hex(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5_hex("abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(md5_hex("/tmp/tgt/web.pem"), "a85d7131353300bc434dca99c0de9bd9");  // hitch 1.7.2
}

}  // namespace
}  // namespace muster::pki
