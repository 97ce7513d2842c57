#include "muster/testing/softhsm.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "muster/testing/process.h"

namespace muster::testing {
namespace {

/// One configuration for the process: the library reads it once.
const TempDir& token_directory() {
  static const TempDir dir;
  static const bool is_set = [] {
    std::filesystem::create_directory(dir.file("tokens"));
    dir.write("softhsm2.conf", "directories.tokendir = " + dir.file("tokens") +
                                   "\nobjectstore.backend = file\nlog.level = ERROR\n");
    return ::setenv("SOFTHSM2_CONF", dir.file("softhsm2.conf").c_str(), 1) == 0;
  }();
  EXPECT_TRUE(is_set);
  return dir;
}

void must_run(const std::vector<std::string>& command) {
  const auto r = run_process(command);
  EXPECT_EQ(r.exit_code, 0) << r.describe();
}

}  // namespace

std::unique_ptr<SoftHsm> SoftHsm::make(const std::string& label) {
  std::string module;
  for (const char* path : {"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so",
                           "/usr/local/lib/softhsm/libsofthsm2.so"}) {
    if (std::filesystem::exists(path)) {
      module = path;
      break;
    }
  }
  if (module.empty()) {
    return nullptr;
  }
  token_directory();
  std::unique_ptr<SoftHsm> out(new SoftHsm(module, label));
  out->pin_file_ = out->dir_.write("pin", "1234\n");
  must_run({"softhsm2-util", "--init-token", "--free", "--label", label, "--pin", "1234",
            "--so-pin", "123456"});
  return out;
}

SoftHsm::~SoftHsm() { run_process({"softhsm2-util", "--delete-token", "--token", label_}); }

void SoftHsm::import(const std::string& pem, const std::string& label, const std::string& id) {
  const std::string path = dir_.write("import.pem", pem);
  must_run({"softhsm2-util", "--import", path, "--token", label_, "--label", label, "--id", id,
            "--pin", "1234"});
  std::filesystem::remove(path);
}

std::string SoftHsm::uri(const std::string& object) const {
  return "pkcs11:token=" + label_ + ";object=" + object + "?module-path=" + module_ +
         "&pin-source=file:" + pin_file_;
}

}  // namespace muster::testing
