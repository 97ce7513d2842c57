#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "muster/testing/crl_builder.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"

// A CA's directory and `muster responder` serving from it, at the time of the machine since real
// programs have no other.
namespace muster::testing {

inline std::string muster_binary() {
  const char* binary = std::getenv("MUSTER_BINARY");
  EXPECT_NE(binary, nullptr) << "set MUSTER_BINARY to the muster program";
  return binary == nullptr ? "muster" : binary;
}

class Site {
 public:
  Site() {
    pki.root.write(dir, "root");
    pki.intermediate.write(dir, "ca");
    pki.ocsp_signer.write(dir, "ocsp");
    pki.leaf.write(dir, "leaf");
    pki.other_leaf.write(dir, "other");
    dir.write("chain.pem", to_pem({pki.intermediate.certificate, pki.root.certificate}));
    write_index(index_line(pki.leaf.certificate));
  }
  /// Replaces index.txt as `openssl ca` does: by rename.
  void write_index(const std::string& content) const {
    const std::string fresh = dir.write("index.new", content);
    ASSERT_EQ(std::rename(fresh.c_str(), dir.file("index.txt").c_str()), 0);
  }
  [[nodiscard]] std::string file(std::string_view name) const { return dir.file(name); }
  /// The one-liner with more arguments.
  [[nodiscard]] std::vector<std::string> one_liner(std::vector<std::string> more = {}) const {
    std::vector<std::string> all{muster_binary(), "responder",      "--listen", "127.0.0.1:0",
                                 "--ca",          file("ca.pem"),   "--index",  file("index.txt"),
                                 "--signer",      file("ocsp.pem"), "--key",    file("ocsp.key")};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  TempDir dir;
  TestPki pki = make_pki(SystemClock().now());
};

/// A responder that runs as long as this.
class Running {
 public:
  explicit Running(const std::vector<std::string>& command, const ProcessOptions& options = {})
      : daemon(command, options) {
    const auto port = daemon.wait_for_port("listening on ");
    EXPECT_TRUE(port) << daemon.output();
    address = "127.0.0.1:" + std::to_string(port.value_or(0));
    url = "http://" + address + "/";
  }
  Daemon daemon;
  std::string address, url;
};

/// Asks with `openssl ocsp`; `options` stand before the certificate.
inline ProcessResult openssl_ocsp(const Site& site, const Running& responder,
                                  const std::vector<std::string>& options,
                                  const std::string& certificate = "leaf.pem") {
  std::vector<std::string> command{"openssl",           "ocsp",    "-issuer",
                                   site.file("ca.pem"), "-CAfile", site.file("chain.pem")};
  command.insert(command.end(), options.begin(), options.end());
  for (const std::string& word :
       {std::string("-cert"), site.file(certificate), std::string("-url"), responder.url}) {
    command.push_back(word);
  }
  return run_process(command);
}
/// "good", "revoked", "unknown" as openssl said it of a response it verified, or everything it
/// printed.
inline std::string openssl_says(const Site& site, const Running& responder,
                                const std::vector<std::string>& options = {},
                                const std::string& certificate = "leaf.pem") {
  const ProcessResult result = openssl_ocsp(site, responder, options, certificate);
  if (result.err.find("Response verify OK") != std::string::npos) {
    for (const char* word : {"good", "revoked", "unknown"}) {
      if (result.out.find(certificate + ": " + word) != std::string::npos) {
        return word;
      }
    }
  }
  return result.describe();
}

}  // namespace muster::testing
