#pragma once

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

#include "../strict_client.h"
#include "muster/testing/eventually.h"
#include "muster/testing/fault_responder.h"
#include "muster/testing/process.h"

namespace muster::interop {

using testing::Daemon;
using testing::Fault;
using testing::FaultResponder;

/// Runs `muster stapler` on a throwaway PKI, in real time.
class StaplerFixture : public ::testing::Test {
 protected:
  StaplerFixture() : pki(testing::make_pki(SystemClock().now())) {
    ::mkdir(dir.file("certs").c_str(), 0755);
    responder = std::make_unique<FaultResponder>(pki.ocsp_signer, pki.intermediate.certificate);
    leaf = std::make_unique<testing::Identity>(issue_leaf("web.example"));
    leaf_path = leaf->write(dir, "web", {pki.intermediate.certificate});
  }

  testing::Identity issue_leaf(const std::string& name, std::vector<std::string> urls = {}) {
    testing::CertificateSpec spec = testing::leaf_spec(name);
    spec.at = SystemClock().now();
    spec.ocsp_uris = urls.empty() ? std::vector<std::string>{responder->url()} : std::move(urls);
    return testing::issue(pki.intermediate, spec);
  }

  static std::string binary() {
    const char* path = std::getenv("MUSTER_BINARY");
    return path != nullptr ? path : "muster";
  }
  [[nodiscard]] std::vector<std::string> command(std::vector<std::string> more = {}) const {
    std::vector<std::string> out = {
        binary(),        "stapler", "--shelf", dir.file("shelf"), "--out",
        dir.file("out"), "--cert",  leaf_path, "--refresh",       "1s"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  /// Starts it and waits for its first round.
  std::unique_ptr<Daemon> start(std::vector<std::string> more = {}) const {
    auto daemon = std::make_unique<Daemon>(command(std::move(more)));
    EXPECT_TRUE(daemon->wait_for("ready: ", Milliseconds(30'000))) << daemon->output();
    return daemon;
  }
  /// Octets of the staple file, empty when there is none.
  [[nodiscard]] Buffer staple_file() const {
    auto content = read_file(dir.file("out/web.ocsp"), 1 << 20);
    return content ? *content : Buffer{};
  }
  /// What a strict client makes of octets: "good", "revoked", "none", or why not.
  [[nodiscard]] std::string judge(Bytes staple) const {
    return staple.empty() ? "none"
                          : verdict_on(staple, leaf->certificate, pki.intermediate.certificate,
                                       expiry_tolerance);
  }
  [[nodiscard]] std::string judge_file() const {
    const Buffer staple = staple_file();
    return judge(staple);
  }
  static bool until(const std::function<bool()>& holds,
                    Milliseconds timeout = Milliseconds(20'000)) {
    return testing::eventually(holds, timeout, Milliseconds(20));
  }

  Seconds expiry_tolerance{0};  ///< of judge()
  testing::TempDir dir;
  testing::TestPki pki;
  std::unique_ptr<FaultResponder> responder;
  std::unique_ptr<testing::Identity> leaf;
  std::string leaf_path;
};

}  // namespace muster::interop
