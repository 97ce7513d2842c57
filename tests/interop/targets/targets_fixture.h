#pragma once

#include "../starttls/servers_fixture.h"
#include "../strict_client.h"
#include "muster/testing/fault_responder.h"

namespace muster::interop {

/// What a server's configuration is written from.
struct ServerPlace {
  std::string directory;         ///< of its own; the server's user may write there
  std::string certificate, key;  ///< PEM files: leaf and intermediate; private key
  std::string both;              ///< PEM file with all three
  std::string staple;            ///< where muster is told to write the staple
  std::string snippet;           ///< nginx
  std::uint16_t port = 0, other_port = 0;
};

/// A server of others and how muster hands it staples.
struct ServerRow {
  std::string_view name;
  std::string_view program;
  bool needs_root = false;
  probe::Protocol protocol = probe::Protocol::kTls;
  /// Writes its configuration and gives its command line.
  std::vector<std::string> (*command)(const ServerPlace&, const std::string& program);
  /// --target, without probe.
  std::string (*target)(const ServerPlace&);
  /// SIGHUP makes it read its configuration again.
  bool reloads = false;
  /// It staples nothing but "good".
  bool good_only = false;
  /// It drops a staple this long before its end.
  Seconds margin{0};
  /// What `muster stapler --cert` names.
  const std::string& (*inventory)(const ServerPlace&) = [](const ServerPlace& p) -> const auto& {
    return p.certificate;
  };
};
std::vector<ServerRow> server_rows();
inline void PrintTo(const ServerRow& row, std::ostream* out) { *out << row.name; }
std::string muster_binary();

/// muster stapler with a responder that misbehaves on demand, feeding one server.
class TargetsFixture : public ServerTest {
 protected:
  TargetsFixture();

  /// False when it is not installed or wants root: skip.
  bool prepare(const ServerRow& row);
  /// Answers are valid for so long. Before anything runs.
  void set_validity(Seconds validity);
  /// The server, which has no staple yet, and the stapler.
  void start_both();
  /// SIGKILL, or the signal; the port is free afterwards.
  void stop_server(int signal);
  void start_again();  ///< on the same port
  void start_server();
  void start_stapler();
  std::vector<std::string> stapler_command() const;

  /// What a strict client makes of a first handshake: "good", "revoked", "none", or what is wrong.
  std::string handshake();
  /// The staple that was seen last.
  [[nodiscard]] const std::optional<Buffer>& seen() const { return seen_; }
  /// `muster stapler status`.
  [[nodiscard]] testing::ProcessResult status() const;

  const ServerRow* row_ = nullptr;
  ServerPlace place_;
  std::string program_;
  std::unique_ptr<testing::FaultResponder> responder_;
  std::unique_ptr<testing::Identity> web_;
  std::unique_ptr<testing::Daemon> stapler_;
  std::optional<Buffer> seen_;
};

}  // namespace muster::interop
