#include "ahead_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>

#include "muster/testing/temp_dir.h"

namespace muster::responder {
namespace {

struct Pair {
  Buffer tbs, signature;
  bool operator==(const Pair&) const = default;
};
std::vector<Pair> read_all(const std::string& path, AheadFileRead& read,
                           std::uint64_t most = 1000) {
  std::vector<Pair> out;
  read = read_ahead_file(path, most, [&out](Bytes tbs, Bytes signature) {
    out.push_back({to_buffer(tbs), to_buffer(signature)});
    return true;
  });
  return out;
}
std::vector<Pair> some() {
  return {{Buffer(300, 1), Buffer(70, 2)}, {Buffer(1, 3), Buffer(256, 4)}, {Buffer(65536, 5), {}}};
}
void write_some(const std::string& path) {
  auto file = AheadFileWriter::create(path);
  ASSERT_TRUE(file);
  AheadFileWriter writer = *std::move(file);
  for (const Pair& one : some()) {
    ASSERT_TRUE(writer.add(one.tbs, one.signature));
  }
  ASSERT_TRUE(writer.commit());
}

TEST(AheadFile, GivesBackWhatWasWritten) {
  const testing::TempDir dir;
  AheadFileRead read;
  EXPECT_TRUE(read_all(dir.file("a"), read).empty());
  EXPECT_EQ(read.problem, "") << "the first start";
  write_some(dir.file("a"));
  EXPECT_EQ(read_all(dir.file("a"), read), some());
  EXPECT_EQ(read.problem, "");
  EXPECT_EQ(read_all(dir.file("a"), read, 2).size(), 2U);
}

TEST(AheadFile, CutAnywhereItGivesWhatIsWhole) {
  const testing::TempDir dir;
  write_some(dir.file("a"));
  const Buffer whole = *read_file(dir.file("a"), 1 << 20);
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{11}, std::size_t{13},
                                 std::size_t{300}, std::size_t{388}, whole.size() - 1}) {
    ASSERT_TRUE(write_file_atomically(dir.file("b"), Bytes(whole).first(size)));
    AheadFileRead read;
    const std::vector<Pair> got = read_all(dir.file("b"), read);
    EXPECT_NE(read.problem, "") << size;
    EXPECT_LT(got.size(), some().size()) << size;
  }
}

TEST(AheadFile, LengthsBeyondTheLimitAreNotBelieved) {
  const testing::TempDir dir;
  write_some(dir.file("a"));
  Buffer whole = *read_file(dir.file("a"), 1 << 20);
  whole[12] = 0x7f;
  ASSERT_TRUE(write_file_atomically(dir.file("a"), whole));
  AheadFileRead read;
  EXPECT_TRUE(read_all(dir.file("a"), read).empty());
  EXPECT_NE(read.problem.find("64 KiB"), std::string::npos);
  whole[11] = 2;
  ASSERT_TRUE(write_file_atomically(dir.file("a"), whole));
  EXPECT_TRUE(read_all(dir.file("a"), read).empty());
  EXPECT_NE(read.problem.find("version"), std::string::npos);
}

TEST(AheadFile, WithoutCommitTheOldOneStays) {
  const testing::TempDir dir;
  write_some(dir.file("a"));
  {
    auto file = AheadFileWriter::create(dir.file("a"));
    ASSERT_TRUE(file);
    AheadFileWriter writer = *std::move(file);
    ASSERT_TRUE(writer.add(Buffer(500'000, 9), {}));
  }
  AheadFileRead read;
  EXPECT_EQ(read_all(dir.file("a"), read), some());
}

TEST(AheadFile, APipeDoesNotHangIt) {
  const testing::TempDir dir;
  ASSERT_EQ(::mkfifo(dir.file("a").c_str(), 0600), 0);
  AheadFileRead read;
  errno = ENOENT;  // of somebody else, before
  EXPECT_TRUE(read_all(dir.file("a"), read).empty());
  EXPECT_NE(read.problem, "");
}

}  // namespace
}  // namespace muster::responder
