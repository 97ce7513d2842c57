#include "muster/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <initializer_list>

namespace muster {
namespace {

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "muster-file-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(FileTest, WritesAtomicallyReadsBackAndLeavesNothingBeside) {
  const std::string path = directory_ + "/x";
  ASSERT_TRUE(write_file_atomically(path, as_bytes("one"), 0600));
  ASSERT_TRUE(write_file_atomically(path, as_bytes("two"), 0640));
  const auto read = read_file(path, 100);
  ASSERT_TRUE(read);
  EXPECT_EQ(as_text(*read), "two");
  struct stat st {};
  ASSERT_EQ(::stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777u, 0640u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(FileTest, NamesTheFileAndTheCure) {
  const auto absent = read_file(directory_ + "/absent", 10);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, FileErrc::kOpen);
  EXPECT_NE(to_string(absent.error()).find("check the path"), std::string::npos);
  const auto directory = read_file(directory_, 10);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, FileErrc::kNotAFile);
}

TEST_F(FileTest, RefusesMoreThanTheLimitAndDoesNotHangOnAPipe) {
  const std::string path = directory_ + "/big";
  ASSERT_TRUE(write_file_atomically(path, Buffer(11, 'x')));
  const auto read = read_file(path, 10);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, FileErrc::kTooLarge);
  EXPECT_EQ(to_string(read.error()),
            "'" + path + "' has 11 octets, more than the 10 octets allowed here")
      << "judged before it is read";
  const auto pipe_like = read_file("/proc/self/status", 10);  // says that its size is zero
  ASSERT_FALSE(pipe_like);
  EXPECT_EQ(to_string(pipe_like.error()),
            "'/proc/self/status' has more than the 10 octets allowed here");
  const std::string fifo = directory_ + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_FALSE(read_file(fifo, 10));
}

TEST_F(FileTest, ReadsWholeFilesOfEverySizeUpToTheLimit) {
  for (const std::size_t size :
       std::initializer_list<std::size_t>{0, 1, 4096, 65535, 65536, 65537, 300'000}) {
    const std::string path = directory_ + "/sized";
    Buffer content(size, 'x');
    if (size != 0) {
      content.back() = 'y';
    }
    ASSERT_TRUE(write_file_atomically(path, content));
    const auto read = read_file(path, size);
    ASSERT_TRUE(read) << size;
    EXPECT_EQ(*read, content);
    if (size != 0) {
      const auto refused = read_file(path, size - 1);
      ASSERT_FALSE(refused) << size;
      EXPECT_EQ(refused.error().code, FileErrc::kTooLarge);
    }
  }
  const auto told = read_file("/proc/self/status", 1 << 20);  // says that its size is zero
  ASSERT_TRUE(told);
  EXPECT_NE(as_text(*told).find("Pid:"), std::string::npos);
}

TEST_F(FileTest, KeepsTheOldFileWhenTheDirectoryIsGone) {
  const auto written = write_file_atomically(directory_ + "/no/such/dir", as_bytes("x"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().os_error, ENOENT);
}

TEST(FullDisk, IsReportedAsSuch) {
  if (::access("/dev/full", W_OK) != 0) {
    GTEST_SKIP() << "no /dev/full here";
  }
  const FileError error{FileErrc::kWrite, ENOSPC, "/var/x"};
  EXPECT_NE(to_string(error).find("free some space"), std::string::npos);
}

}  // namespace
}  // namespace muster
