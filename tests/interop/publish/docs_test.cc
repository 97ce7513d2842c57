#include <filesystem>

#include "publish_command.h"

// The commands of docs/operating/crl-publication.md, run as they stand there.
namespace muster::testing {
namespace {

class PublicationGuide : public PublishCommand {};

TEST_F(PublicationGuide, ItsCommandsWork) {
  const char* source = std::getenv("MUSTER_SOURCE_DIR");
  const char* binary = std::getenv("MUSTER_BINARY");
  ASSERT_TRUE(source != nullptr && binary != nullptr);
  const std::string text = read_text(std::string(source) + "/docs/operating/crl-publication.md");
  directory_.write("index.txt", index_line(issue_leaf("good", 5)) +
                                    index_line(issue_leaf("gone", 6), an_hour_ago()));
  std::filesystem::create_symlink(binary, directory_.file("muster"));
  std::size_t blocks = 0;
  for (std::size_t at = 0; (at = text.find("```sh\n", at)) != std::string::npos; ++blocks) {
    at += 6;
    const std::size_t end = text.find("```", at);
    const std::string script = "PATH=\"$PWD:$PATH\"\n" + text.substr(at, end - at);
    const auto done = run({"bash", "-euo", "pipefail", "-c", script});
    EXPECT_EQ(done.exit_code, 0) << script << done.describe();
    at = end + 3;
  }
  EXPECT_GE(blocks, 4u);
  for (const char* file : {"ca.crl", "delta.crl", "shard-3.crl"}) {
    EXPECT_TRUE(std::filesystem::exists(directory_.file(file))) << file;
  }
}

}  // namespace
}  // namespace muster::testing
