#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "muster/base/file.h"
#include "servers_fixture.h"

// vsftpd (ftp), slapd (ldap), Prosody (xmpp), PostgreSQL, MariaDB (mysql), HAProxy (a unix socket).
namespace muster::interop {
namespace {

using namespace muster::testing;
using probe::Protocol;
using ::testing::HasSubstr;

class Vsftpd : public ServerTest {
 protected:
  bool run(Tls tls) {
    const auto vsftpd = find_program("vsftpd");
    if (!vsftpd) {
      return false;
    }
    start(1, [&](const Ports& ports) {
      const std::string config = write(
          "vsftpd.conf",
          "listen=YES\nlisten_ipv6=NO\nlisten_address=127.0.0.1\nlisten_port=" +
              std::to_string(ports[0]) +
              "\nbackground=NO\nrun_as_launching_user=YES\nftp_username=" + user_name() +
              "\nsecure_chroot_dir=" + dir_.path() + "\nseccomp_sandbox=NO\n" +
              (tls == Tls::kOff ? ""
                                : "ssl_enable=YES\nssl_ciphers=HIGH\nrsa_cert_file=" +
                                      certificate_ + "\nrsa_private_key_file=" + key_ + "\n"));
      return std::vector<std::string>{*vsftpd, config};
    });
    return true;
  }
};
#define SKIP_WITHOUT_VSFTPD(expression)                                 \
  if (!(expression)) {                                                  \
    GTEST_SKIP() << "vsftpd is not installed (apt-get install vsftpd)"; \
  }                                                                     \
  if (HasFatalFailure()) {                                              \
    return;                                                             \
  }

TEST_F(Vsftpd, Ftp) {
  SKIP_WITHOUT_VSFTPD(run(Tls::kOn));
  expect_chain(request_to(Protocol::kFtp, port()));
  expect_good_at(Protocol::kFtp, port());
}

TEST_F(Vsftpd, SaysWhenItDoesNotOfferTls) {
  SKIP_WITHOUT_VSFTPD(run(Tls::kOff));
  expect_not_offered(request_to(Protocol::kFtp, port()), "FTP: the server refuses AUTH TLS: '530 ");
}

class Slapd : public ServerTest {
 protected:
  bool run(Tls tls, const std::string& more = {}) {
    const auto slapd = find_program("slapd");
    if (!slapd) {
      return false;
    }
    dir_.write("ldif/keep", std::string_view());
    socket_ = dir_.file("ldapi");
    std::string escaped;
    for (const char c : socket_) {
      escaped += c == '/' ? "%2f" : std::string(1, c);
    }
    const std::string config = write(
        "slapd.conf",
        "include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_ldif\n" +
            (tls == Tls::kOff ? std::string()
                              : "TLSCertificateFile " + certificate_ + "\nTLSCertificateKeyFile " +
                                    key_ + "\nTLSCACertificateFile " + ca_ + "\n" + more) +
            "database ldif\nsuffix \"o=x\"\ndirectory " + dir_.file("ldif") + "\n");
    start(1, [&](const Ports& ports) {
      return std::vector<std::string>{
          *slapd,
          "-f",
          config,
          "-h",
          "ldap://127.0.0.1:" + std::to_string(ports[0]) + " ldapi://" + escaped,
          "-d",
          "0"};
    });
    return true;
  }
  std::string socket_;
};
#define SKIP_WITHOUT_SLAPD(expression)                                \
  if (!(expression)) {                                                \
    GTEST_SKIP() << "slapd is not installed (apt-get install slapd)"; \
  }                                                                   \
  if (HasFatalFailure()) {                                            \
    return;                                                           \
  }

TEST_F(Slapd, LdapOverTcpAndAUnixSocket) {
  SKIP_WITHOUT_SLAPD(run(Tls::kOn));
  expect_chain(request_to(Protocol::kLdap, port()));
  expect_good_at(Protocol::kLdap, port());
  wait_for_socket(socket_);
  expect_chain(request_to_unix(Protocol::kLdap, socket_));
}

TEST_F(Slapd, SaysWhenItDoesNotOfferTls) {
  SKIP_WITHOUT_SLAPD(run(Tls::kOff));
  expect_not_offered(request_to(Protocol::kLdap, port()), "LDAP: the server refuses StartTLS: ");
}

TEST_F(Slapd, TellsThatItWantsAClientCertificate) {
  SKIP_WITHOUT_SLAPD(run(Tls::kOn, "TLSVerifyClient demand\n"));
  probe::ProbeRequest request = request_to(Protocol::kLdap, port());
  request.version = probe::TlsVersion::kTls13;
  const auto without = probe::probe(request);
  ASSERT_TRUE(without) << without.error().detail;
  EXPECT_TRUE(without->certificate_requested);
  ASSERT_TRUE(without->refusal) << daemon_->output();
  EXPECT_THAT(without->refusal->detail, HasSubstr("it asks for a client certificate"));

  CertificateSpec spec = leaf_spec("client");
  spec.at = now_;
  spec.extended_key_usage = {to_buffer(oid::kKpClientAuth)};
  const Identity client = issue(pki_.intermediate, spec);
  const auto loaded = probe::load_client_certificate(
      client.write(dir_, "client", {pki_.intermediate.certificate}), dir_.file("client.key"));
  ASSERT_TRUE(loaded) << loaded.error().detail;
  request.client_certificate = *loaded;
  expect_chain(request);
  expect_good("unix:" + socket_, "then unix:" + socket_,
              {"--starttls", "ldap", "--sni", "mail.example"});
  expect_good("unix:" + socket_, ", LDAP, TLS 1.3\n",
              {"--starttls", "ldap", "--sni", "mail.example", "--client-cert",
               dir_.file("client.pem"), "--client-key", dir_.file("client.key")});
}

class Prosody : public ServerTest {
 protected:
  bool run(Tls tls) {
    const auto prosody = find_program("prosody");
    if (!prosody) {
      return false;
    }
    const std::string data = open_directory("prosody");
    start(2, [&](const Ports& ports) {
      const std::string config = write(
          "prosody.cfg.lua",
          "run_as_root = true\npidfile = \"" + data + "/pid\"\ndata_path = \"" + data +
              "\"\nmodules_enabled = { " + (tls == Tls::kOn ? "\"tls\", " : "") +
              "\"saslauth\", \"dialback\" }\n" +
              (tls == Tls::kOn ? ""
                               : "modules_disabled = { \"tls\" }\nc2s_require_encryption = false\n"
                                 "allow_unencrypted_plain_auth = true\n") +
              "interfaces = { \"127.0.0.1\" }\nc2s_ports = { " + std::to_string(ports[0]) +
              " }\ns2s_ports = { " + std::to_string(ports[1]) +
              " }\nc2s_direct_tls_ports = {}\ns2s_direct_tls_ports = {}\nhttp_ports = {}\n"
              "https_ports = {}\nlog = { info = \"*console\" }\nVirtualHost \"mail.example\"\n"
              "  ssl = { certificate = \"" +
              certificate_ + "\"; key = \"" + key_ + "\" }\n");
      return std::vector<std::string>{*prosody, "-F", "--config", config};
    });
    return true;
  }
};
#define SKIP_WITHOUT_PROSODY(expression)                                  \
  if (!(expression)) {                                                    \
    GTEST_SKIP() << "Prosody is not installed (apt-get install prosody)"; \
  }                                                                       \
  if (HasFatalFailure()) {                                                \
    return;                                                               \
  }

TEST_F(Prosody, XmppForClientsAndServers) {
  SKIP_WITHOUT_PROSODY(run(Tls::kOn));
  expect_chain(request_to(Protocol::kXmpp, port(0)));
  expect_good_at(Protocol::kXmpp, port(0));
  expect_chain(request_to(Protocol::kXmppServer, port(1)));
  expect_good_at(Protocol::kXmppServer, port(1));
}

TEST_F(Prosody, SaysWhenItDoesNotOfferTlsOrNotServeTheDomain) {
  SKIP_WITHOUT_PROSODY(run(Tls::kOff));
  expect_not_offered(request_to(Protocol::kXmpp, port(0)),
                     "XMPP: the stream's features do not offer starttls");
  probe::ProbeRequest other = request_to(Protocol::kXmpp, port(0));
  other.server_name = "other.example";
  expect_not_offered(other, "ends the stream: 'host-unknown'");
}

/// PostgreSQL refuses to be root: then it becomes "postgres", the user of Debian's package.
class Postgresql : public ServerTest {
 protected:
  bool run(Tls tls) {
    std::string tools;
    std::error_code none;
    for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
      if (std::filesystem::exists(version.path() / "bin/initdb", none)) {
        tools = (version.path() / "bin/").string();
      }
    }
    const passwd* user = is_root() ? ::getpwnam("postgres") : ::getpwuid(::geteuid());
    if (tools.empty() || user == nullptr) {
      return false;
    }
    const auto as_user = [&](std::vector<std::string> command) {
      if (is_root()) {
        command.insert(command.begin(), {"setpriv", "--reuid", "postgres", "--regid", "postgres",
                                         "--clear-groups", "--pdeathsig", "KILL"});
      }
      return command;
    };
    socket_dir_ = open_directory("pg");
    const std::string key = socket_dir_ + "/server.key";
    const std::string pem = read_text(key_);
    EXPECT_TRUE(write("pg/server.key", pem) == key && ::chmod(key.c_str(), 0600) == 0 &&
                (!is_root() || ::chown(key.c_str(), user->pw_uid, user->pw_gid) == 0));
    const std::string data = socket_dir_ + "/data";
    const ProcessResult made = run_process(
        as_user({tools + "initdb", "-D", data, "-A", "trust", "-N", "--no-locale", "-E", "UTF8"}),
        {.timeout = Milliseconds(90'000)});
    EXPECT_EQ(made.exit_code, 0) << made.describe();
    start(1, [&](const Ports& ports) {
      std::vector<std::string> command = {tools + "postgres",
                                          "-D",
                                          data,
                                          "-h",
                                          "127.0.0.1",
                                          "-p",
                                          std::to_string(ports[0]),
                                          "-k",
                                          socket_dir_,
                                          "-c",
                                          "ssl=" + std::string(tls == Tls::kOn ? "on" : "off")};
      if (tls == Tls::kOn) {
        command.insert(command.end(),
                       {"-c", "ssl_cert_file=" + certificate_, "-c", "ssl_key_file=" + key});
      }
      return as_user(command);
    });
    is_17_ = tools > "/usr/lib/postgresql/17";
    return true;
  }
  std::string socket_dir_;
  bool is_17_ = false;  ///< or later: TLS from the first octet, too
};
#define SKIP_WITHOUT_POSTGRESQL(expression)                                     \
  if (!(expression)) {                                                          \
    GTEST_SKIP() << "PostgreSQL is not installed (apt-get install postgresql)"; \
  }                                                                             \
  if (HasFatalFailure()) {                                                      \
    return;                                                                     \
  }

TEST_F(Postgresql, Postgres) {
  SKIP_WITHOUT_POSTGRESQL(run(Tls::kOn));
  expect_chain(request_to(Protocol::kPostgres, port()));
  expect_good_at(Protocol::kPostgres, port());
  if (is_17_) {
    expect_chain(request_to(Protocol::kPostgresDirect, port()));
  }
  // It never speaks TLS on its unix socket.
  expect_not_offered(
      request_to_unix(Protocol::kPostgres, socket_dir_ + "/.s.PGSQL." + std::to_string(port())),
      "PostgreSQL: the server does not offer TLS here");
}

TEST_F(Postgresql, SaysWhenItDoesNotOfferTls) {
  SKIP_WITHOUT_POSTGRESQL(run(Tls::kOff));
  expect_not_offered(request_to(Protocol::kPostgres, port()),
                     "PostgreSQL: the server does not offer TLS here");
}

class Mariadb : public ServerTest {
 protected:
  bool run(Tls tls) {
    const auto mariadb = find_program("mariadbd");
    if (!mariadb) {
      return false;
    }
    const std::string data = open_directory("mysql");
    socket_ = dir_.file("mysql.sock");
    start(1, [&](const Ports& ports) {
      std::vector<std::string> command = {*mariadb,
                                          "--no-defaults",
                                          "--user=" + user_name(),
                                          "--datadir=" + data,
                                          "--skip-grant-tables",
                                          "--skip-log-bin",
                                          "--innodb=OFF",
                                          "--default-storage-engine=MyISAM",
                                          "--bind-address=127.0.0.1",
                                          "--port=" + std::to_string(ports[0]),
                                          "--socket=" + socket_,
                                          "--pid-file=" + data + "/pid"};
      if (tls == Tls::kOff) {
        command.push_back("--skip-ssl");
      } else {
        command.insert(command.end(), {"--ssl-cert=" + certificate_, "--ssl-key=" + key_});
      }
      return command;
    });
    return true;
  }
  std::string socket_;
};
#define SKIP_WITHOUT_MARIADB(expression)                                              \
  if (!(expression)) {                                                                \
    GTEST_SKIP() << "MariaDB is not installed (apt-get install mariadb-server-core)"; \
  }                                                                                   \
  if (HasFatalFailure()) {                                                            \
    return;                                                                           \
  }

TEST_F(Mariadb, MysqlOverTcpAndAUnixSocket) {
  SKIP_WITHOUT_MARIADB(run(Tls::kOn));
  expect_chain(request_to(Protocol::kMysql, port()));
  expect_good_at(Protocol::kMysql, port());
  wait_for_socket(socket_);
  expect_chain(request_to_unix(Protocol::kMysql, socket_));
  expect_good("unix:" + socket_, "unix:" + socket_ + ", MySQL, TLS 1.3",
              {"--starttls", "mysql", "--sni", "mail.example"});
}

TEST_F(Mariadb, SaysWhenItDoesNotOfferTls) {
  SKIP_WITHOUT_MARIADB(run(Tls::kOff));
  expect_not_offered(request_to(Protocol::kMysql, port()),
                     "MySQL: the greeting does not offer TLS (CLIENT_SSL)");
}

class Haproxy : public ServerTest {};

TEST_F(Haproxy, TlsOnAUnixSocketWithItsStaple) {
  const auto haproxy = find_program("haproxy");
  if (!haproxy) {
    GTEST_SKIP() << "HAProxy is not installed (apt-get install haproxy)";
  }
  const std::string both = write("both.pem", read_text(certificate_) + read_text(key_));
  dir_.write("both.pem.ocsp", staple_);
  write("both.pem.issuer", to_pem({pki_.intermediate.certificate}));
  const std::string socket = dir_.file("tls.sock");
  start(1, [&](const Ports& ports) {
    const std::string config =
        write("haproxy.cfg",
              "defaults\n  mode http\n  timeout connect 10s\n  timeout client 10s\n  timeout "
              "server 10s\nfrontend tls\n  bind unix@" +
                  socket + " ssl crt " + both + "\n  bind 127.0.0.1:" + std::to_string(ports[0]) +
                  " ssl crt " + both + "\n");
    return std::vector<std::string>{*haproxy, "-db", "-f", config};
  });
  wait_for_socket(socket);
  expect_chain(request_to_unix(Protocol::kTls, socket));
  expect_good("unix:" + socket, "unix:" + socket + ", TLS 1.3", {"--sni", "mail.example"});
  probe::ProbeRequest nameless = request_to_unix(Protocol::kTls, socket);
  nameless.host.clear();
  const auto result = probe::probe(nameless);
  ASSERT_TRUE(result) << result.error().detail << daemon_->output();
  EXPECT_EQ(result->staple, staple_);
}

}  // namespace
}  // namespace muster::interop
