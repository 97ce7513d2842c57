#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "muster/crl/encode.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"

namespace muster::testing {

/// A CA with an index, and the muster program. Times are real: the program has no other clock.
class PublishCommand : public ::testing::Test {
 protected:
  PublishCommand() : pki_(make_pki(SystemClock().now())) {
    ca_ = pki_.intermediate.write(directory_, "ca");
    root_ = pki_.root.write(directory_, "root");
  }
  ProcessResult muster(std::vector<std::string> arguments) {
    const char* binary = std::getenv("MUSTER_BINARY");
    EXPECT_NE(binary, nullptr) << "set MUSTER_BINARY to the muster program";
    arguments.insert(arguments.begin(), binary == nullptr ? "muster" : binary);
    ProcessOptions options;
    options.directory = directory_.path();
    return run_process(arguments, options);
  }
  /// The same with the common options of `muster crl publish`.
  ProcessResult publish(const std::vector<std::string>& more) {
    std::vector<std::string> all = {"crl",      "publish", "--store", "store",
                                    "--issuer", "ca.pem",  "--key",   "ca.key"};
    all.insert(all.end(), more.begin(), more.end());
    return muster(all);
  }
  void import_index(const std::string& lines) {
    directory_.write("index.txt", lines);
    const auto done =
        muster({"store", "--store", "store", "--ca", "ca.pem", "import", "--index", "index.txt"});
    ASSERT_EQ(done.exit_code, 0) << done.describe();
  }
  ProcessResult run(std::vector<std::string> arguments) {
    ProcessOptions options;
    options.directory = directory_.path();
    return run_process(arguments, options);
  }
  /// A certificate of the CA, written to <name>.pem.
  pki::Certificate issue_leaf(const std::string& name, std::uint8_t serial,
                              std::vector<std::string> crl_uris = {},
                              std::vector<der::Extension> extensions = {}) {
    auto spec = leaf_spec(name + ".example");
    spec.at = SystemClock().now();
    spec.serial = Buffer{serial};
    spec.crl_uris = std::move(crl_uris);
    spec.extensions = std::move(extensions);
    const Identity leaf = issue(pki_.intermediate, spec);
    leaf.write(directory_, name);
    return leaf.certificate;
  }
  static UnixSeconds an_hour_ago() { return SystemClock().now() - Seconds(3600); }

  TempDir directory_;
  TestPki pki_;
  std::string ca_, root_;
};

}  // namespace muster::testing
