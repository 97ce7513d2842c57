#include <poll.h>
#include <sys/socket.h>

#include <condition_variable>
#include <thread>

#include "crl_set_fixture.h"
#include "muster/net/address.h"
#include "muster/source/ldap.h"
#include "muster/testing/process.h"

namespace muster::source {
namespace {

using testing::build_crl;
using testing::CrlSetTest;
using testing::CrlSpec;
using ::testing::HasSubstr;
using testing::kTestNow;
using testing::numbered;

constexpr Milliseconds kPatience{20'000};

TEST(LdapUrl, NamesOneAttributeWithCrls) {
  EXPECT_EQ(complete_ldap_url("ldap://host/cn=CA,o=x"),
            "ldap://host/cn=CA,o=x?certificateRevocationList;binary");
  EXPECT_EQ(complete_ldap_url("LDAPS://host:636/cn=CA??base?(objectClass=*)"),
            "LDAPS://host:636/cn=CA?certificateRevocationList;binary?base?(objectClass=*)");
  for (const char* whole :
       {"ldap://host/cn=CA?certificateRevocationList?base?objectClass=cRLDistributionPoint",
        "ldap://host/cn=CA?deltaRevocationList;binary",
        "ldap://host/cn=CA?authorityrevocationlist;binary"}) {
    EXPECT_EQ(complete_ldap_url(whole), whole);
  }
  for (const char* bad :
       {"http://host/x", "ldap:///cn=CA", "ldap://host", "ldap://host/", "ldap://me@host/cn=CA",
        "ldap://host/cn=C A", "ldap://host/cn=CA?userPassword",
        "ldap://host/cn=CA?certificateRevocationList,cn", "ldap://host/cn=CA?a?b?c?d?e", "ldap",
        ""}) {
    EXPECT_FALSE(complete_ldap_url(bad)) << bad;
  }
  EXPECT_TRUE(is_ldap_url("ldaps://x"));
  EXPECT_FALSE(is_ldap_url("ldapx://x"));
}

TEST(LdapAnswer, GivesValuesOfCrlAttributes) {
  const auto one =
      read_ldap_answer("DN: cn=CA\n\tcertificateRevocationList;binary:: MAA=\n\tcn: x\n\n");
  ASSERT_TRUE(one);
  EXPECT_EQ(*one, (std::vector<Buffer>{{0x30, 0x00}}));
  const auto two = read_ldap_answer(
      "DN: a\n\tdeltaRevocationList;binary: MAA=\n\tCertificateRevocationList:: MAE=\r\n");
  ASSERT_TRUE(two);
  EXPECT_EQ(two->size(), 2u);
  EXPECT_FALSE(read_ldap_answer(""));
  EXPECT_FALSE(read_ldap_answer("DN: cn=CA\n\n"));
  EXPECT_FALSE(read_ldap_answer("\tcertificateRevocationList;binary:: !!\n"));
  EXPECT_FALSE(read_ldap_answer("\tcertificateRevocationList: plain text\n"));
  std::string many;
  for (std::size_t i = 0; i < kMaxLdapValues; ++i) {
    many += "\tcertificateRevocationList;binary:: MAA=\n";
  }
  EXPECT_TRUE(read_ldap_answer(many));
  EXPECT_FALSE(read_ldap_answer(many + "\tcertificateRevocationList;binary:: MAA=\n"));
}

/// As much of an LDAP server as libcurl's client needs: every bind succeeds, every search finds one
/// entry. Our own idea of the protocol: SlapdDirectory below asks somebody else's.
class SmallDirectory {
 public:
  /// \param values  of certificateRevocationList;binary; none: the entry is not found
  explicit SmallDirectory(std::vector<Buffer> values, bool hang = false)
      : listener_(*net::Listener::open("127.0.0.1:0", 16)),
        values_(std::move(values)),
        hang_(hang),
        thread_([this](const std::stop_token& stop) { serve(stop); }) {}
  [[nodiscard]] std::string url() const {
    return "ldap://" + listener_.address() + "/cn=CA,o=Muster";
  }
  void set(std::vector<Buffer> values) {
    const std::lock_guard lock(mutex_);
    values_ = std::move(values);
  }

 private:
  static der::Tag application(unsigned number) { return static_cast<der::Tag>(0x60u + number); }
  static Buffer message(Bytes id, der::Tag tag, const std::function<void(der::Writer&)>& body) {
    der::Writer out;
    out.sequence([&] {
      out.element(der::Tag::kInteger, id);
      der::Writer content;
      body(content);
      out.element(tag, content.take());
    });
    return out.take();
  }
  static void result(der::Writer& out, std::uint8_t code) {
    out.element(der::Tag::kEnumerated, Buffer{code});
    out.element(der::Tag::kOctetString, Bytes());
    out.element(der::Tag::kOctetString, Bytes());
  }
  static bool read_exactly(int fd, std::uint8_t* to, std::size_t count) {
    while (count > 0) {
      pollfd entry{fd, POLLIN, 0};
      const ssize_t got = ::poll(&entry, 1, static_cast<int>(kPatience.count())) == 1
                              ? ::recv(fd, to, count, 0)
                              : 0;
      if (got <= 0) {
        return false;
      }
      to += got;
      count -= static_cast<std::size_t>(got);
    }
    return true;
  }
  /// Content of one LDAPMessage; empty at the end.
  static Buffer read_message(int fd) {
    std::uint8_t head[2];
    if (!read_exactly(fd, head, 2)) {
      return {};
    }
    std::size_t length = head[1];
    if (length >= 0x80) {
      Buffer more(length - 0x80);
      if (!read_exactly(fd, more.data(), more.size())) {
        return {};
      }
      length = 0;
      for (const std::uint8_t octet : more) {
        length = length << 8 | octet;
      }
    }
    Buffer content(length);
    return read_exactly(fd, content.data(), length) ? content : Buffer();
  }
  void talk(int fd) {
    for (;;) {
      const Buffer request = read_message(fd);
      if (request.size() < 3 || hang_) {
        return;
      }
      const Bytes id = Bytes(request).subspan(2, request[1]);
      const std::uint8_t operation = request[2 + request[1]];
      Buffer reply;
      if (operation == 0x60) {
        reply = message(id, application(1), [](der::Writer& out) { result(out, 0); });
      } else if (operation == 0x63) {
        const std::lock_guard lock(mutex_);
        if (!values_.empty()) {
          reply = message(id, application(4), [this](der::Writer& out) {
            out.element(der::Tag::kOctetString, as_bytes("cn=CA,o=Muster"));
            out.sequence([&] {
              out.sequence([&] {
                out.element(der::Tag::kOctetString, as_bytes("certificateRevocationList;binary"));
                der::Writer set;
                for (const Buffer& value : values_) {
                  set.element(der::Tag::kOctetString, value);
                }
                out.element(der::Tag::kSet, set.take());
              });
            });
          });
        }
        const Buffer done = message(id, application(5), [this](der::Writer& out) {
          result(out, values_.empty() ? 32 : 0);
        });
        reply.insert(reply.end(), done.begin(), done.end());
      } else {
        return;  // unbind
      }
      for (Bytes rest = reply; !rest.empty();) {
        const ssize_t put = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (put <= 0) {
          return;
        }
        rest = rest.subspan(static_cast<std::size_t>(put));
      }
    }
  }
  void serve(const std::stop_token& stop) {
    std::vector<UniqueFd> hanging;
    while (!stop.stop_requested()) {
      pollfd entry{listener_.fd(), POLLIN, 0};
      if (::poll(&entry, 1, 10) == 1) {
        UniqueFd peer(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
        talk(peer.get());
        if (hang_) {
          hanging.push_back(std::move(peer));
        }
      }
    }
  }
  net::Listener listener_;
  std::mutex mutex_;
  std::vector<Buffer> values_;
  const bool hang_;
  std::jthread thread_;
};

class CrlLdap : public CrlSetTest {
 protected:
  CrlLdap() {
    spec_.crls.time_limit = Milliseconds(20'000);
    downloads_ = std::make_unique<Downloads>([this] {
      const std::lock_guard lock(mutex_);
      is_ended_ = true;
      changed_.notify_all();
    });
  }
  ~CrlLdap() override {
    keeper_.reset();
    downloads_.reset();
  }
  void fetch() {
    look();
    {
      std::unique_lock lock(mutex_);
      ASSERT_TRUE(
          changed_.wait_for(lock, kPatience, [this] { return std::exchange(is_ended_, false); }));
    }
    auto ended = downloads_->take_ended();
    keeper().receive(ended, {});
    look();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_ended_ = false;
};

TEST_F(CrlLdap, FetchesFromADirectory) {
  SmallDirectory directory({build_crl(issuer(), numbered(5, {1}))});
  spec_.crls.locations = {{directory.url()}};
  fetch();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(1) && covers_everything());
  directory.set({});
  clock_.advance(std::chrono::hours(2));
  fetch();
  EXPECT_TRUE(error()) << "no such entry";
  EXPECT_TRUE(is_revoked(1) && covers_everything());
  directory.set({Buffer{0x30, 0x00}});
  keeper().hurry();
  fetch();
  EXPECT_EQ(error(), SourceErrc::kMalformed) << error_text();
  EXPECT_TRUE(is_revoked(1) && covers_everything());
  CrlSpec half = numbered(6, {2});
  half.extensions.push_back(testing::scope_extension({.user_only = true}));
  CrlSpec other = numbered(6, {3});
  other.extensions.push_back(testing::scope_extension({.ca_only = true}));
  directory.set({build_crl(issuer(), half), build_crl(issuer(), other)});
  keeper().hurry();
  fetch();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(2) && is_revoked(3)) << "several values of one entry";
}

TEST_F(CrlLdap, OneBadValueIsToldAndHoldsUpNoOther) {
  CrlSpec forged = numbered(5, {9});
  forged.break_signature = true;
  forged.extensions.push_back(testing::scope_extension({.uri = "http://ca/1.crl"}));
  SmallDirectory directory({build_crl(issuer(), forged), build_crl(issuer(), numbered(5, {1}))});
  spec_.crls.locations = {{directory.url()}};
  fetch();
  EXPECT_TRUE(is_revoked(1) && !is_revoked(9) && covers_everything());
  EXPECT_EQ(error(), SourceErrc::kNotTrusted);
  EXPECT_THAT(error_text(), HasSubstr(directory.url()));
  CrlSpec news = numbered(7, {1, 2});
  news.delta_base = 6;
  directory.set({build_crl(issuer(), news), build_crl(issuer(), numbered(6, {1}))});
  keeper().hurry();
  fetch();
  EXPECT_FALSE(error()) << "a delta before its base: " << error_text();
  EXPECT_TRUE(is_revoked(1) && is_revoked(2));
}

TEST_F(CrlLdap, AHangingDirectoryEndsAtTheDeadline) {
  SmallDirectory directory({}, true);
  spec_.crls.locations = {{directory.url()}};
  spec_.crls.time_limit = Milliseconds(500);
  fetch();
  EXPECT_EQ(error(), SourceErrc::kUnreachable) << error_text();
}

TEST_F(CrlLdap, NobodyThereIsAnErrorAndTakesNothingAway) {
  std::optional<SmallDirectory> directory(
      std::in_place, std::vector<Buffer>{build_crl(issuer(), numbered(5, {1}))});
  spec_.crls.locations = {{directory->url()}};
  const std::string url = directory->url();
  fetch();
  ASSERT_TRUE(is_revoked(1) && covers_everything()) << error_text();
  directory.reset();
  for (const bool restarted : {false, true}) {
    restarted ? restart() : keeper().hurry();
    fetch();
    EXPECT_EQ(error(), SourceErrc::kUnreachable) << error_text();
    EXPECT_THAT(error_text(), HasSubstr(url));
    EXPECT_THAT(error_text(), HasSubstr("stays in force"));
    EXPECT_TRUE(is_revoked(1) && covers_everything());
  }
}

// The same from OpenLDAP's server, where it is installed.
TEST_F(CrlLdap, FetchesFromSlapd) {
  const auto slapd = muster::testing::find_program("slapd");
  const auto slapadd = muster::testing::find_program("slapadd");
  if (!slapd || !slapadd) {
    GTEST_SKIP() << "slapd is not installed";
  }
  const std::string base = directory_.file("ldap");
  directory_.write("ldap/db/keep", "");
  directory_.write(
      "ldap/slapd.conf",
      "include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n"
      "database mdb\nsuffix \"o=Muster\"\ndirectory " +
          base + "/db\nmaxsize 10485760\n");
  directory_.write("ca.der", build_crl(issuer(), numbered(5, {1})));
  CrlSpec news = numbered(6, {1, 2});
  news.delta_base = 5;
  directory_.write("delta.der", build_crl(issuer(), news));
  directory_.write("ldap/entries.ldif",
                   "dn: o=Muster\nobjectClass: organization\no: Muster\n\ndn: "
                   "cn=CA,o=Muster\nobjectClass: cRLDistributionPoint\n"
                   "objectClass: deltaCRL\ncn: CA\ncertificateRevocationList;binary:< file://" +
                       directory_.file("ca.der") + "\ndeltaRevocationList;binary:< file://" +
                       directory_.file("delta.der") + "\n");
  const auto added = muster::testing::run_process(
      {*slapadd, "-f", base + "/slapd.conf", "-l", base + "/entries.ldif"});
  ASSERT_EQ(added.exit_code, 0) << added.describe();
  const std::string host = "ldap://127.0.0.1:" + std::to_string(muster::testing::unused_port());
  muster::testing::Daemon server({*slapd, "-f", base + "/slapd.conf", "-h", host, "-d", "256"});
  ASSERT_TRUE(server.wait_for("slapd starting")) << server.output();
  spec_.crls.locations = {{host + "/cn=CA,o=Muster"}};
  const auto patience = std::chrono::steady_clock::now() + kPatience;
  do {  // it says that it starts before it listens
    keeper().hurry();
    fetch();
  } while (error() == SourceErrc::kUnreachable && std::chrono::steady_clock::now() < patience);
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(1) && !is_revoked(2));
  restart();
  spec_.crls.locations.push_back({host + "/cn=CA,o=Muster?deltaRevocationList;binary"});
  fetch();
  for (int i = 0; i < 3 && !is_revoked(2); ++i) {
    keeper().hurry();
    fetch();
  }
  EXPECT_TRUE(is_revoked(2)) << error_text();
}

}  // namespace
}  // namespace muster::source
