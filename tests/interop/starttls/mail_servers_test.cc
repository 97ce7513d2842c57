#include "servers_fixture.h"

// Exim (smtp, submission), Dovecot (imap, pop3, sieve).
namespace muster::interop {
namespace {

using namespace muster::testing;
using probe::Protocol;

class Exim : public ServerTest {
 protected:
  /// False when it cannot be run here; the test is then skipped.
  bool run(const std::string& more) {
    const auto exim = find_program("exim4");
    if (!exim || !is_root()) {
      return false;
    }
    const std::string work = open_directory("exim");
    const std::string config =
        write("exim.conf", "pid_file_path = " + work + "/pid\nlog_file_path = " + work +
                               "/%slog\nspool_directory = " + work +
                               "\nprimary_hostname = mail.example\n"
                               "keep_environment =\nacl_smtp_rcpt = deny\n" +
                               more);
    start(1, [&](const Ports& ports) {
      return std::vector<std::string>{*exim,  "-bdf", "-C",
                                      config, "-oX",  "127.0.0.1." + std::to_string(ports[0])};
    });
    return true;
  }
  [[nodiscard]] std::string tls() const {
    return "tls_advertise_hosts = *\ntls_certificate = " + certificate_ +
           "\ntls_privatekey = " + key_ + "\n";
  }
};
#define SKIP_WITHOUT_EXIM(expression)                                                      \
  if (!(expression)) {                                                                     \
    GTEST_SKIP() << "Exim wants to be installed (apt-get install exim4-daemon-light) and " \
                    "started by root";                                                     \
  }                                                                                        \
  if (HasFatalFailure()) {                                                                 \
    return;                                                                                \
  }

TEST_F(Exim, SmtpAndSubmission) {
  SKIP_WITHOUT_EXIM(run(tls()));
  expect_chain(request_to(Protocol::kSmtp, port()));
  expect_good_at(Protocol::kSmtp, port());
  expect_chain(request_to(Protocol::kSubmission, port()));
  expect_good_at(Protocol::kSubmission, port());
}

TEST_F(Exim, TheStapleComesThroughStartTls) {
  SKIP_WITHOUT_EXIM(run(tls() + "tls_ocsp_file = " + dir_.write("staple.der", staple_) + "\n"));
  for (const auto version : {probe::TlsVersion::kTls12, probe::TlsVersion::kTls13}) {
    probe::ProbeRequest request = request_to(Protocol::kSmtp, port());
    request.version = version;
    const auto result = probe::probe(request);
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->staple, staple_);
    ASSERT_EQ(result->staples.size(), 2u);
    EXPECT_EQ(result->staples[0], staple_);
    EXPECT_EQ(result->staples[1], std::nullopt);
  }
}

TEST_F(Exim, SaysWhenItDoesNotOfferTls) {
  SKIP_WITHOUT_EXIM(run("tls_advertise_hosts =\n"));
  expect_not_offered(request_to(Protocol::kSmtp, port()),
                     "SMTP: the answer to EHLO does not offer STARTTLS");
}

TEST_F(Exim, AnswersToAnotherProtocolAreTold) {
  SKIP_WITHOUT_EXIM(run(tls()));
  for (const Protocol protocol :
       {Protocol::kImap, Protocol::kPop3, Protocol::kSieve, Protocol::kMysql}) {
    const auto result = probe::probe(request_to(protocol, port()));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, probe::ProbeErrc::kNotProtocol) << result.error().detail;
  }
}

class Dovecot : public ServerTest {
 protected:
  bool run(Tls tls) {
    const auto dovecot = find_program("dovecot");
    if (!dovecot) {
      return false;
    }
    const ProcessResult version = run_process({*dovecot, "--version"});
    const bool is_2_3 = version.out.starts_with("2.3.");
    start(3, [&](const Ports& ports) {
      const std::string config =
          write("dovecot.conf", (is_2_3 ? old_head(tls) : new_head(tls)) + services(ports));
      return std::vector<std::string>{*dovecot, "-F", "-c", config};
    });
    return true;
  }

 private:
  [[nodiscard]] std::string head() const {
    const std::string mine = is_root() ? ""
                                       : "default_internal_user = " + user_name() +
                                             "\ndefault_login_user = " + user_name() +
                                             "\ndefault_internal_group = " + group_name() + "\n";
    return "base_dir = " + dir_.file("base") + "\nstate_dir = " + dir_.file("state") +
           "\nlog_path = /dev/stderr\nlisten = 127.0.0.1\n" + mine;
  }
  [[nodiscard]] std::string old_head(Tls tls) const {
    return head() +
           "protocols = imap pop3 sieve\npassdb {\n driver = static\n args = nopassword=y\n}\n" +
           (tls == Tls::kOff
                ? "ssl = no\n"
                : "ssl = yes\nssl_cert = <" + certificate_ + "\nssl_key = <" + key_ + "\n");
  }
  /// Dovecot 2.4 (Debian 13) has other words for the same.
  [[nodiscard]] std::string new_head(Tls tls) const {
    return "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n" + head() +
           "protocols {\n imap = yes\n pop3 = yes\n sieve = yes\n}\n"
           "passdb static {\n password = x\n}\n" +
           (tls == Tls::kOff ? "ssl = no\n"
                             : "ssl = yes\nssl_server_cert_file = " + certificate_ +
                                   "\nssl_server_key_file = " + key_ + "\n");
  }
  static std::string services(const Ports& ports) {
    const auto login = [](const std::string& name, const std::string& listener,
                          std::uint16_t port) {
      const std::string tls_twin =
          listener == "sieve" ? "" : " inet_listener " + listener + "s {\n  port = 0\n }\n";
      return "service " + name + "-login {\n chroot =\n inet_listener " + listener +
             " {\n  port = " + std::to_string(port) + "\n }\n" + tls_twin + "}\n";
    };
    return login("imap", "imap", ports[0]) + login("pop3", "pop3", ports[1]) +
           login("managesieve", "sieve", ports[2]) + "service anvil {\n chroot =\n}\n";
  }
};
#define SKIP_WITHOUT_DOVECOT(expression)                                                     \
  if (!(expression)) {                                                                       \
    GTEST_SKIP() << "Dovecot is not installed (apt-get install dovecot-imapd dovecot-pop3d " \
                    "dovecot-managesieved)";                                                 \
  }                                                                                          \
  if (HasFatalFailure()) {                                                                   \
    return;                                                                                  \
  }

TEST_F(Dovecot, ImapPop3AndSieve) {
  SKIP_WITHOUT_DOVECOT(run(Tls::kOn));
  expect_chain(request_to(Protocol::kImap, port(0)));
  expect_good_at(Protocol::kImap, port(0));
  expect_chain(request_to(Protocol::kPop3, port(1)));
  expect_good_at(Protocol::kPop3, port(1));
  expect_chain(request_to(Protocol::kSieve, port(2)));
  expect_good_at(Protocol::kSieve, port(2));
}

TEST_F(Dovecot, SaysWhenItDoesNotOfferTls) {
  SKIP_WITHOUT_DOVECOT(run(Tls::kOff));
  expect_not_offered(request_to(Protocol::kImap, port(0)),
                     "IMAP: the answer to CAPABILITY does not offer STARTTLS");
  expect_not_offered(request_to(Protocol::kPop3, port(1)),
                     "POP3: the answer to CAPA does not offer STLS");
  expect_not_offered(request_to(Protocol::kSieve, port(2)),
                     "ManageSieve: the greeting does not offer STARTTLS");
}

}  // namespace
}  // namespace muster::interop
