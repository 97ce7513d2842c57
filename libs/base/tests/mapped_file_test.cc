#include "muster/base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

namespace muster {
namespace {

class MappedFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "muster-mapped-XXXXXX";
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { EXPECT_EQ(std::system(("rm -r " + directory_).c_str()), 0); }
  std::string file(const std::string& content) {
    const std::string path = directory_ + "/file";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::string directory_;
};

TEST_F(MappedFiles, HoldTheOctetsOfTheFile) {
  auto mapped = MappedFile::open(file("octets"));
  ASSERT_TRUE(mapped);
  EXPECT_EQ(as_text(mapped->octets()), "octets");
  const std::uint8_t* const at = mapped->octets().data();
  const MappedFile moved = *std::move(mapped);
  EXPECT_EQ(moved.octets().data(), at);
}

TEST_F(MappedFiles, OutliveTheNameOfTheFile) {
  const std::string path = file("octets");
  const auto mapped = MappedFile::open(path);
  ASSERT_TRUE(mapped);
  ASSERT_EQ(std::remove(path.c_str()), 0);
  EXPECT_EQ(as_text(mapped->octets()), "octets");
}

TEST_F(MappedFiles, MayBeEmpty) {
  const auto mapped = MappedFile::open(file(""));
  ASSERT_TRUE(mapped);
  EXPECT_TRUE(mapped->octets().empty());
}

TEST_F(MappedFiles, AreRegularAndNotTooLarge) {
  EXPECT_EQ(MappedFile::open(directory_).error().code, FileErrc::kNotAFile);
  EXPECT_EQ(MappedFile::open(directory_ + "/absent").error().code, FileErrc::kOpen);
  EXPECT_EQ(MappedFile::open(file("octets"), 5).error().code, FileErrc::kTooLarge);
  EXPECT_NE(
      to_string(MappedFile::open(file("octets"), 5).error()).find("has 6 octets, more than the 5 "),
      std::string::npos);
  EXPECT_TRUE(MappedFile::open(file("octets"), 6));
  const std::string fifo = directory_ + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(fifo).error().code, FileErrc::kNotAFile) << "and does not hang";
}

}  // namespace
}  // namespace muster
