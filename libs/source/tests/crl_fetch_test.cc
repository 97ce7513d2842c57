#include <filesystem>

#include "lying_host.h"
#include "muster/source/crl_set_files.h"
#include "room.h"

namespace muster::source {
namespace {

using testing::build_crl;
using testing::CrlFetch;
using testing::CrlSpec;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::LyingHost;
using testing::numbered;
using testing::ok;
using testing::says;

// req: OCSP-CRL-053 OCSP-CRL-021
TEST_F(CrlFetch, FetchesAndAsksOnlyForNews) {
  LyingHost host(says(ok(crl(numbered(5, {1})),
                         "ETag: \"five\"\r\nLast-Modified: Tue, 24 Nov 2026 09:00:00 GMT\r\n")));
  spec_.crls.locations = {{host.url()}};
  EXPECT_FALSE(look().is_settled);
  await_download();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(1) && covers_everything());
  EXPECT_EQ(part().downloads, 1u);
  EXPECT_EQ(part().number, "05");
  host.set(says("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"));
  fetch_again();
  EXPECT_THAT(host.requests().back(), HasSubstr("If-None-Match: \"five\"\r\n"));
  EXPECT_EQ(part().not_modified, 1u);
  EXPECT_EQ(part().last_success, clock_.now());
  EXPECT_FALSE(error()) << error_text();
  host.set(says(ok(
      crl(numbered(6, {1, 2})),
      "Last-Modified: Tue, 24 Nov 2026 11:00:00 GMT\r\nDate: Tue, 24 Nov 2026 11:00:01 GMT\r\n")));
  fetch_again();
  EXPECT_TRUE(is_revoked(2));
  host.set(says("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"));
  fetch_again();
  EXPECT_THAT(host.requests().back(),
              HasSubstr("If-Modified-Since: Tue, 24 Nov 2026 11:00:00 GMT\r\n"));
  EXPECT_EQ(host.requests().size(), 4u);
}

// The next CRL may be written within the same second, and its time would say "unchanged" for ever.
TEST_F(CrlFetch, ATimeThatIsNotOverIsNoSignOfBeingUnchanged) {
  for (const std::string_view date : {"Date: Tue, 24 Nov 2026 11:00:00 GMT\r\n", ""}) {
    LyingHost host(
        says(ok(crl(numbered(6, {1})),
                "Last-Modified: Tue, 24 Nov 2026 11:00:00 GMT\r\n" + std::string(date))));
    restart();
    spec_.crls.locations = {{host.url()}};
    fetch();
    fetch_again();
    ASSERT_EQ(host.requests().size(), 2u);
    EXPECT_THAT(host.requests().back(), ::testing::Not(HasSubstr("If-Modified-Since"))) << date;
  }
}

TEST_F(CrlFetch, UnchangedOfNothingIsALie) {
  LyingHost host(says("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"));
  spec_.crls.locations = {{host.url()}};
  fetch();
  EXPECT_EQ(error(), SourceErrc::kUnreachable);
  EXPECT_EQ(host.requests().front().find("If-"), std::string::npos);
}

// req: OCSP-CRL-021
TEST_F(CrlFetch, TriesTheNextPlaceAtOnce) {
  LyingHost bad(says("HTTP/1.1 500 No\r\nConnection: close\r\n\r\n"));
  LyingHost foreign(says(ok(build_crl(muster::testing::standard_pki().root, numbered(9)))));
  LyingHost good(says(ok(crl(numbered(5, {1})))));
  spec_.crls.locations = {{bad.url(), foreign.url(), good.url()}};
  fetch(3);
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(1));
  EXPECT_EQ(part().failures, 2u);
  bad.set(says(ok(crl(numbered(6, {1, 2})))));
  fetch_again();
  EXPECT_TRUE(is_revoked(2)) << "the first place is preferred again";
  bad.set(says("HTTP/1.1 500 No\r\nConnection: close\r\n\r\n"));
  fetch_again(3);
  EXPECT_EQ(error(), SourceErrc::kNotTrusted) << "more telling than a host that is away";
  for (const LyingHost* host : {&bad, &foreign, &good}) {
    EXPECT_THAT(error_text(), HasSubstr(host->url()));
  }
}

TEST_F(CrlFetch, PemIsTakenWhereTheOperatorSaysSo) {
  LyingHost host(says(ok(as_bytes(muster::testing::to_pem("X509 CRL", crl(numbered(5, {1})))))));
  spec_.crls.locations = {{host.url()}};
  spec_.crls.http_pem = CrlSetSpec::HttpPem::kAccepted;
  fetch();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(1));
}

TEST_F(CrlFetch, FailuresAreRetriedAndBackedOff) {
  LyingHost host(says("HTTP/1.1 500 No\r\nConnection: close\r\n\r\n"));
  spec_.crls.locations = {{host.url()}};
  fetch();
  look();
  EXPECT_EQ(host.requests().size(), 1u) << "not at once";
  EXPECT_LE(keeper().next_look(clock_.monotonic()), clock_.monotonic() + Milliseconds(5'000));
  clock_.advance(Milliseconds(5'000));
  fetch();
  EXPECT_EQ(host.requests().size(), 2u);
  clock_.advance(Milliseconds(4'900));
  look();
  EXPECT_EQ(host.requests().size(), 2u);
  host.set(says(ok(crl(numbered(5, {1})))));
  keeper().hurry();
  fetch();
  EXPECT_TRUE(is_revoked(1)) << "the operator asked for it";
}

// No state directory can be made below a file: nothing is fetched, and the processor rests.
TEST_F(CrlFetch, WithoutAStateDirectoryItWaits) {
  LyingHost host(says(ok(crl(numbered(5, {1})))));
  spec_.crls.locations = {{host.url()}};
  directory_.write("state", "a file");
  std::string first;
  for (int i = 0; i < 3; ++i) {
    look();
    EXPECT_EQ(error(), SourceErrc::kStore);
    EXPECT_THAT(error_text(), HasSubstr(directory_.file("state")));
    EXPECT_THAT(error_text(), HasSubstr("CRLs in use are kept there"));
    const MonotonicTime now = clock_.monotonic();
    EXPECT_GT(keeper().next_look(now), now);
    EXPECT_LE(keeper().next_look(now), now + watch_.retry_first);
    clock_.advance(watch_.retry_first);
  }
  EXPECT_TRUE(host.requests().empty());
  std::filesystem::remove(directory_.file("state"));
  clock_.advance(watch_.retry_first);
  fetch();
  EXPECT_TRUE(is_revoked(1)) << error_text();
}

// A host that hangs does not hold up the others, nor the answers.
TEST_F(CrlFetch, AHangingHostHoldsUpNobody) {
  LyingHost hanging([](const std::string&) { return LyingHost::Answer{"", true}; });
  LyingHost good(says(ok(crl(numbered(5, {1})))));
  spec_.crls.locations = {{hanging.url()}, {good.url()}};
  fetch();
  EXPECT_TRUE(is_revoked(1) && covers_everything());
  EXPECT_TRUE(look().is_settled) << "what is needed is there";
}

// What an issuer's hosts may hold is bounded, and costs other issuers nothing.
TEST_F(CrlFetch, DownloadsOfAnIssuerAreFewAtOnce) {
  LyingHost hanging([](const std::string&) { return LyingHost::Answer{"", true}; });
  LyingHost good(says(ok(build_crl(muster::testing::standard_pki().root, numbered(5, {1})))));
  spec_.crls.time_limit = Milliseconds(1'000);
  for (int i = 0; i < 6; ++i) {
    spec_.crls.locations.push_back({hanging.url("/" + std::to_string(i))});
  }
  SourceSpec other = spec_;
  other.issuer = muster::testing::standard_pki().root.certificate;
  other.id = *store_->ensure_issuer(make_issuer_key(other.issuer), "root");
  other.crls.locations = {{good.url()}};
  look();  // from here on the second of the downloads counts
  EXPECT_EQ(downloads_->running(), 4u);
  EXPECT_EQ(downloads_->waiting(), 2u);
  EXPECT_GT(keeper().next_look(clock_.monotonic()), clock_.monotonic()) << "nothing is due";
  CrlSetKeeper second(*store_, other, watch_, clock_, null_logger(), downloads_.get());
  second.look({}, {});
  EXPECT_EQ(downloads_->running(), 5u);
  std::optional<LoadReport> loaded;
  for (int i = 0; i < 7; ++i) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, kPatience, [this] { return ended_ > seen_; }));
    ++seen_;
    lock.unlock();
    auto ended = downloads_->take_ended();
    second.receive(ended, {});
    keeper().receive(ended, {});
    const auto turn = second.look({}, {});
    loaded = loaded ? loaded : turn.loaded;
  }
  EXPECT_TRUE(loaded);
  look();
  EXPECT_EQ(error(), SourceErrc::kUnreachable);
  EXPECT_EQ(hanging.requests().size(), 6u) << "each had its turn";
  EXPECT_EQ(downloads_->running() + downloads_->waiting(), 0u);
}

TEST_F(CrlFetch, OctetsInFlightAreBounded) {
  const Buffer octets = crl(numbered(5, {1}));
  LyingHost host(says(ok(octets)));
  spec_.crls.locations = {{host.url()}};
  for (const bool fits : {false, true}) {
    keeper_.reset();
    DownloadLimits limits;
    limits.bytes_in_flight = octets.size() - (fits ? 0 : 1);
    downloads_ = std::make_unique<Downloads>(
        [this] {
          const std::lock_guard lock(mutex_);
          ++ended_;
          changed_.notify_all();
        },
        limits);
    fetch();
    EXPECT_EQ(is_revoked(1), fits);
    if (!fits) {
      EXPECT_EQ(error(), SourceErrc::kStore);
      EXPECT_THAT(error_text(), HasSubstr("octets are being fetched at once"));
      EXPECT_THAT(error_text(), HasSubstr(host.url()));
      EXPECT_EQ(part().failures, 1u);
    }
  }
  fetch_again();
  EXPECT_FALSE(error()) << "what has ended is in flight no more: " << error_text();
}

TEST_F(CrlFetch, ADiskThatIsNearlyFullTakesNothingMore) {
  LyingHost host(says(ok(crl(numbered(5, {1})))));
  spec_.crls.locations = {{host.url()}};
  fetch();
  host.set(says(ok(crl(numbered(6, {1, 2})))));
  set_free_space_for_test([](const std::string&) { return std::optional(kDiskReserveBytes + 9); });
  fetch_again();
  EXPECT_EQ(error(), SourceErrc::kStore);
  EXPECT_THAT(error_text(), HasSubstr(directory_.file("state")));
  EXPECT_THAT(error_text(), HasSubstr("reserved for the store"));
  EXPECT_THAT(error_text(), HasSubstr("make room"));
  EXPECT_EQ(part().failures, 1u);
  EXPECT_TRUE(is_revoked(1) && !is_revoked(2) && covers_everything());
  set_free_space_for_test(nullptr);
  fetch_again();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(2));
}

// req: OCSP-CRL-053
TEST_F(CrlFetch, TheFetchedCrlSurvivesARestartWithoutItsHost) {
  {
    LyingHost host(says(ok(crl(numbered(5, {1})))));
    spec_.crls.locations = {{host.url()}};
    fetch();
  }
  restart();
  store_.reset();
  std::filesystem::remove_all(directory_.file("store"));
  store_ = *store::Store::open(directory_.file("store"));
  spec_.id = id_ = *store_->ensure_issuer(make_issuer_key(issuer().certificate), "CA");
  EXPECT_TRUE(look().is_settled) << "without waiting for the host";
  EXPECT_TRUE(is_revoked(1) && covers_everything());
  await_download();
  EXPECT_EQ(error(), SourceErrc::kUnreachable);
  EXPECT_TRUE(is_revoked(1) && covers_everything());
}

// req: OCSP-CRL-025 OCSP-CRL-020
TEST_F(CrlFetch, FollowsFreshestCrlWhereTheOperatorSaysSo) {
  CrlSpec news = numbered(6, {1, 2});
  news.delta_base = 5;
  LyingHost delta(says(ok(crl(news))));
  CrlSpec base = numbered(5, {1});
  der::Writer uri;
  uri.element(der::kGeneralNameUri, as_bytes(delta.url("/delta.crl")));
  const Buffer name = uri.take();
  crl::DistributionPoint point;
  point.name.emplace();
  point.name->full_name.push_back(name);
  base.extensions.push_back(
      {to_buffer(oid::kCeFreshestCrl), false, crl::encode_distribution_points({&point, 1})});
  LyingHost host(says(ok(crl(base))));
  spec_.crls.locations = {{host.url()}};
  fetch();
  EXPECT_FALSE(is_revoked(2));
  EXPECT_TRUE(delta.requests().empty());
  restart();
  spec_.crls.freshest = CrlSetSpec::Freshest::kFollowed;
  fetch(2);
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(2));
  EXPECT_EQ(state().crl_number, (Buffer{6}));
  host.set(says(ok(crl(numbered(7, {2})))));
  fetch_again(2);
  EXPECT_EQ(status().parts.size(), 1u) << "no CRL names it any more";
  EXPECT_TRUE(is_revoked(2) && !is_revoked(1));
}

TEST_F(CrlFetch, ADeltaWaitsForItsBase) {
  CrlSpec news = numbered(7, {2});
  news.delta_base = 6;
  LyingHost delta(says(ok(crl(news))));
  LyingHost base(says(ok(crl(numbered(5, {1})))));
  spec_.crls.locations = {{base.url()}, {delta.url()}};
  fetch(2);
  EXPECT_TRUE(is_revoked(1) && !is_revoked(2));
  EXPECT_EQ(error(), SourceErrc::kNoBase);
  base.set(says(ok(crl(numbered(6, {1})))));
  keeper().hurry();
  look();
  for (int i = 0; i < 4 && !is_revoked(2); ++i) {
    await_download();
  }
  EXPECT_TRUE(is_revoked(2));
}

// The store remembers the delta's number; the complete CRL it continues, arriving alone, is older
// than that. req: OCSP-CRL-012
TEST_F(CrlFetch, ALostShelfIsMadeAgainFromTheSameBaseAndDelta) {
  CrlSpec news = numbered(15, {1, 2});
  news.delta_base = 10;
  LyingHost delta(says(ok(crl(news))));
  LyingHost base(says(ok(crl(numbered(10, {1})))));
  spec_.crls.locations = {{base.url()}, {delta.url()}};
  look();
  for (int i = 0; i < 4 && !is_revoked(2); ++i) {
    await_download();
  }
  ASSERT_TRUE(is_revoked(2)) << error_text();
  for (const bool restarted_twice : {false, true}) {
    while (has_download()) {
      await_download();
    }
    restart();
    std::filesystem::remove_all(directory_.file("state"));
    delta.set(says("HTTP/1.1 500 No\r\nConnection: close\r\n\r\n"));
    fetch(2);
    EXPECT_EQ(error(), SourceErrc::kUnreachable) << error_text();
    EXPECT_TRUE(is_revoked(2)) << "the older complete CRL takes nothing back";
    EXPECT_EQ(state().crl_number, (Buffer{15}));
    restarted_twice ? restart() : keeper().hurry();
    delta.set(says(ok(crl(news))));
    look();
    const auto is_complete = [this] {  // with the base from the shelf the delta alone settles it
      return !error() && keeper().look({}, {}).is_settled && !status().parts[0].number.empty();
    };
    for (int i = 0; i < 6 && !is_complete(); ++i) {
      await_download();
    }
    EXPECT_FALSE(error()) << error_text();
    EXPECT_TRUE(is_revoked(1) && is_revoked(2) && covers_everything());
    const auto parts = status().parts;
    EXPECT_EQ(parts[0].number, "0a");
    EXPECT_EQ(parts[1].number, "0f");
  }
}

// A part that is read late, after the loss of the shelf or of a file on it, takes no revocation of
// the others back.
TEST_F(CrlFetch, WhatTheShelfLostTheStoreKeepsUntilEveryPartWasRead) {
  const auto scoped = [&](testing::Scope scope, std::uint64_t number, std::uint64_t serial) {
    CrlSpec spec = numbered(number, {serial});
    spec.extensions.push_back(testing::scope_extension(scope));
    return ok(crl(spec));
  };
  LyingHost users(says(scoped({.user_only = true}, 5, 2)));
  LyingHost cas(says(scoped({.ca_only = true}, 5, 3)));
  spec_.crls.locations = {{users.url()}, {cas.url()}};
  fetch(2);
  ASSERT_TRUE(is_revoked(2) && is_revoked(3) && covers_everything()) << error_text();
  for (const bool all : {true, false}) {
    restart();
    cas.set(says("HTTP/1.1 500 No\r\nConnection: close\r\n\r\n"));
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory_.file("state"))) {
      if (!entry.is_regular_file()) {
        continue;
      }
      const Buffer octets = muster::testing::read_octets(entry.path().string());
      const bool is_of_cas = crl::parse_crl(octets)->issuing_distribution_point->only_ca_certs;
      if (all || is_of_cas) {
        all ? (void)std::filesystem::remove(entry.path())
            : std::filesystem::resize_file(entry.path(), octets.size() / 2);
      }
    }
    users.set(says(scoped({.user_only = true}, all ? 6 : 7, 2)));
    fetch(2);
    EXPECT_EQ(error(), SourceErrc::kUnreachable) << error_text();
    EXPECT_TRUE(is_revoked(2) && is_revoked(3)) << all;
    EXPECT_FALSE(covers_everything()) << all;
    EXPECT_EQ(status().kept_revoked, 0u) << "no alarm";
    cas.set(says(scoped({.ca_only = true}, all ? 6 : 7, all ? 3 : 4)));
    fetch_again(2);
    EXPECT_FALSE(error()) << error_text();
    EXPECT_TRUE(is_revoked(2) && covers_everything());
    EXPECT_EQ(is_revoked(3), all) << "let go by a CRL that was read";
  }
}

TEST(CrlSources, SortsSourcesAndNamesWhatIsWrong) {
  CrlSetFiles files;
  const muster::testing::TempDir directory;
  files.sources = {"ca.crl", "crls/", directory.path(), "http://a/1.crl  https://b/1.crl",
                   "ldap://c/cn=x"};
  files.issued = {"issued.txt", directory.path()};
  const auto set = load_crl_set(files);
  ASSERT_TRUE(set) << set.error().detail;
  EXPECT_EQ(set->files, std::vector<std::string>{"ca.crl"});
  EXPECT_EQ(set->directories.size(), 2u);
  EXPECT_EQ(set->locations.size(), 2u);
  EXPECT_EQ(set->locations[0].size(), 2u);
  EXPECT_EQ(set->issued_files.size(), 1u);
  EXPECT_EQ(set->issued_directories.size(), 1u);
  std::string many;
  for (std::size_t i = 0; i <= kMaxAlternatives; ++i) {
    many += "http://a/ ";
  }
  for (const std::string bad : {"ftp://a/x", "http://", "", "ldap:///cn=x", many.c_str()}) {
    CrlSetFiles wrong;
    wrong.sources = {bad};
    const auto refused = load_crl_set(wrong);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, SourceErrc::kUnsupported);
    EXPECT_THAT(refused.error().detail, HasSubstr(bad));
  }
  CrlSetFiles wrong;
  wrong.signers = directory.file("absent.pem");
  EXPECT_EQ(load_crl_set(wrong).error().code, SourceErrc::kUnreadable);
  wrong = {};
  wrong.issued = {"http://a/issued"};
  EXPECT_FALSE(load_crl_set(wrong));
  wrong = {};
  wrong.rules.partitions.resize(kMaxPartitions + 1, "http://a/");
  EXPECT_FALSE(load_crl_set(wrong));
}

}  // namespace
}  // namespace muster::source
