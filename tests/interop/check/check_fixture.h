#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"
#include "muster/testing/temp_dir.h"

// `muster check` run as a program against programs of others. Certificates are valid around the
// real now, since those programs have no other clock.
namespace muster::interop {

using Json = nlohmann::json;

struct CheckRun {
  int exit_code;
  std::string out;
  std::string err;
  [[nodiscard]] Json json() const { return Json::parse(out, nullptr, false); }
  /// The only target of a --json run.
  [[nodiscard]] Json target() const { return json()["targets"][0]; }
  [[nodiscard]] std::vector<std::string> codes() const;
};
/// Runs `muster check <arguments>`.
CheckRun check(std::vector<std::string> arguments, const testing::ProcessOptions& options = {});

/// An answer to whatever is asked: reads one request a connection, sends the octets, closes; or
/// holds the line for ever.
class ScriptedServer {
 public:
  enum class Then : std::uint8_t { kClose, kHold };
  explicit ScriptedServer(std::string answer, Then then = Then::kClose);
  ~ScriptedServer();
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/";
  }

 private:
  void serve();
  std::string answer_;
  Then then_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};
/// "HTTP/1.1 200 OK ..." around a body.
std::string http_answer(Bytes body, const std::string& status = "200 OK",
                        const std::string& type = "application/ocsp-response");

class CheckTest : public ::testing::Test {
 protected:
  CheckTest();
  /// A leaf of the intermediate with its file name: certificate, then the intermediate.
  struct Leaf {
    testing::Identity identity;
    std::string pem;
    std::string name;
  };
  Leaf make_leaf(const std::string& name, const std::vector<std::string>& ocsp_uris = {},
                 bool must_staple = false);

  UnixSeconds now_;
  testing::TestPki pki_;
  testing::TempDir dir_;
  std::string roots_;
};

}  // namespace muster::interop
