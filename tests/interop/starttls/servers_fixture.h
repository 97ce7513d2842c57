#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "muster/probe/probe.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"
#include "muster/testing/response_builder.h"
#include "muster/testing/temp_dir.h"

// Servers of others, in the foreground, in a directory of their own, on loopback. What they have as
// clock is the real one, so certificates are valid around the real now. Most are easiest run by
// root, as in CI; those that cannot be run otherwise are skipped with a word.
namespace muster::interop {

/// Whether the server is given a certificate, or none and so does not offer TLS.
enum class Tls : std::uint8_t { kOn, kOff };

class ServerTest : public ::testing::Test {
 protected:
  ServerTest();

  static bool is_root();
  static std::string user_name();  ///< whose process this is
  static std::string group_name();

  /// Ports that nobody had a moment ago.
  using Ports = std::vector<std::uint16_t>;
  /// Starts what `command` gives for so many ports and waits until it listens on all of them; again
  /// with others when somebody was faster. Fails the test when it does not come up.
  void start(std::size_t ports,
             const std::function<std::vector<std::string>(const Ports&)>& command);
  /// Looks again and again at what another process does; false when it does not come to hold.
  static bool until(const std::function<bool()>& holds, Seconds patience = Seconds(30));
  /// Waits until somebody listens on a unix socket, which may come after the ports.
  static void wait_for_socket(const std::string& path);
  [[nodiscard]] std::uint16_t port(std::size_t i = 0) const { return ports_.at(i); }

  [[nodiscard]] static probe::ProbeRequest request_to(probe::Protocol protocol, std::uint16_t port);
  [[nodiscard]] static probe::ProbeRequest request_to_unix(probe::Protocol protocol,
                                                           const std::string& path);
  /// What the examples in docs/operating/check.md do: `muster check <target>` with the roots and a
  /// CRL of the issuer says GOOD, and how it was told. The target's name is that of the server.
  void expect_good(const std::string& target, const std::string& peer,
                   std::vector<std::string> more = {}) const;
  /// "smtp://mail.example:2525", which is found at 127.0.0.1.
  void expect_good_at(probe::Protocol protocol, std::uint16_t port) const;
  /// Handshakes of TLS 1.2 and 1.3 bring leaf and intermediate as the server was given them.
  void expect_chain(probe::ProbeRequest request) const;
  /// The server does not offer TLS, and the error says so.
  void expect_not_offered(const probe::ProbeRequest& request, const std::string& says) const;
  /// A file in the directory that servers with a user of their own may reach, too.
  std::string write(std::string_view name, const std::string& content) const {
    return dir_.write(name, std::string_view(content));
  }
  /// A directory in which whoever the server becomes may write.
  [[nodiscard]] std::string open_directory(std::string_view name) const;

  UnixSeconds now_;
  testing::TestPki pki_;
  testing::TempDir dir_;
  testing::Identity leaf_;
  Buffer staple_;
  std::string certificate_;  ///< PEM file: leaf and intermediate
  std::string key_;          ///< PEM file, readable for all: nothing depends on it
  std::string crl_;          ///< DER file: of the intermediate, with nothing revoked
  std::string ca_;           ///< PEM file: the intermediate, then the root
  std::unique_ptr<testing::Daemon> daemon_;

 private:
  Ports ports_;
};

}  // namespace muster::interop
