#include <algorithm>

#include "keeper_fixture.h"

namespace muster::keeper {
namespace {

// req: OCSP-STAP-001 OCSP-STAP-010
TEST_F(KeeperTest, FetchesVerifiesAndOffers) {
  start_with_leaf();
  EXPECT_EQ(first_rounds, 0);
  EXPECT_EQ(status().state, CertificateState::kMissing);
  const Buffer response = fresh();
  fetcher.answer(response);
  ASSERT_NE(staple(), nullptr);
  EXPECT_TRUE(equal(staple()->der(), response));
  EXPECT_EQ(first_rounds, 1);
  const CertificateStatus s = status();
  EXPECT_EQ(s.state, CertificateState::kFresh);
  EXPECT_EQ(s.last_success, clock.now());
  EXPECT_EQ(s.last_error, "");
  EXPECT_EQ(s.attempts, 1U);
  ASSERT_TRUE(s.next_due);
  EXPECT_GT(*s.next_due, clock.now() + Seconds(86400 * 24 / 100 - 2));
  EXPECT_LE(*s.next_due, clock.now() + Seconds(86400 * 30 / 100));
}

// req: OCSP-CLI-056
TEST_F(KeeperTest, KeepsAnAnswerAndAsksNobodyBeforeItsMaxAgeHasPassed) {
  constexpr Seconds kMaxAge(25'900);  // later than chance alone would have it
  start_with_leaf();
  const UnixSeconds begin = clock.now();
  fetcher.answer(fresh(), kMaxAge);
  for (int i = 0; i < 10; ++i) {
    go(kMaxAge.count() / 10 - 1);
    ASSERT_NE(staple(), nullptr);
  }
  EXPECT_EQ(fetcher.started, 1U);
  go_to_next_request();
  EXPECT_EQ(fetcher.started, 2U);
  EXPECT_GE(clock.now(), begin + kMaxAge);
}

// req: OCSP-STAP-011
TEST_F(KeeperTest, AsksByGetWithoutNonce) {
  start_with_leaf();
  const net::FetchRequest& request = fetcher.pending.begin()->second.request;
  EXPECT_FALSE(request.post_body);
  EXPECT_TRUE(request.url.starts_with("http://a.example/M")) << request.url;
}

/// The hash of the CertID in the oldest pending GET request.
HashAlgorithm asked_hash(const net::HeldFetches& fetcher) {
  Buffer der;
  const std::string& url = fetcher.pending.begin()->second.request.url;
  EXPECT_TRUE(http::decode_get_tail(url.substr(url.rfind('/') + 1), 4096, der));
  const auto request = ocsp::parse_request(der);
  EXPECT_TRUE(request);
  const auto entry = *request->requests.begin();
  return *der::find_hash(entry.cert_id.hash_algorithm);
}

TEST_F(KeeperTest, AsksForTheShaOneCertIdThatTlsClientsLookFor) {
  start_with_leaf();
  EXPECT_EQ(asked_hash(fetcher), HashAlgorithm::kSha1);
}

TEST_F(KeeperTest, AsksWithTheOtherHashWhenRefusedAndRemembersWhatWorked) {
  start_with_leaf();
  fetcher.answer(ocsp::encode_error_response(ocsp::ResponseStatus::kUnauthorized));
  ASSERT_EQ(fetcher.pending.size(), 1U) << "at once, within the same attempt";
  EXPECT_EQ(asked_hash(fetcher), HashAlgorithm::kSha256);
  fetcher.answer(fresh());
  EXPECT_NE(staple(), nullptr);
  go_to_next_request();
  EXPECT_EQ(asked_hash(fetcher), HashAlgorithm::kSha256);
}

// req: OCSP-STAP-001 OCSP-STAP-002 : nothing that does not verify is offered, and a good one on
// offer is not touched by it.
TEST_F(KeeperTest, NoBadAnswerIsOfferedNorReplacesAGoodOne) {
  const auto at = [this](std::int64_t this_update, std::int64_t next_update) {
    const std::int64_t t = (clock.now() - kTestNow).count();
    return ResponseTimes{t + this_update, t + next_update};
  };
  const auto spec = [this] {
    testing::ResponseSpec s;
    testing::EntrySpec entry = testing::entry_for(leaf.certificate, pki.intermediate.certificate);
    entry.this_update = clock.now();
    entry.next_update = clock.now() + Seconds(86400);
    s.entries.push_back(std::move(entry));
    return s;
  };
  const std::pair<const char*, std::function<void()>> cases[] = {
      {"timeout", [&] { fetcher.fail(net::FetchErrc::kTimeout); }},
      {"refused connection", [&] { fetcher.fail(net::FetchErrc::kConnect); }},
      {"HTTP 500", [&] { fetcher.fail(net::FetchErrc::kHttpStatus, 500); }},
      {"HTTP 404", [&] { fetcher.fail(net::FetchErrc::kHttpStatus, 404); }},
      {"too large", [&] { fetcher.fail(net::FetchErrc::kTooLarge); }},
      {"cut short", [&] { fetcher.fail(net::FetchErrc::kProtocol); }},
      {"empty", [&] { fetcher.answer(Buffer{}); }},
      {"a digit", [&] { fetcher.answer(Buffer{'0'}); }},
      {"a web page", [&] { fetcher.answer(to_buffer(as_bytes("<html>ok</html>"))); }},
      {"tryLater",
       [&] { fetcher.answer(ocsp::encode_error_response(ocsp::ResponseStatus::kTryLater)); }},
      {"unauthorized",
       [&] { fetcher.answer(ocsp::encode_error_response(ocsp::ResponseStatus::kUnauthorized)); }},
      {"internalError",
       [&] { fetcher.answer(ocsp::encode_error_response(ocsp::ResponseStatus::kInternalError)); }},
      {"trailing octet",
       [&] {
         Buffer b = fresh();
         b.push_back(0);
         fetcher.answer(std::move(b));
       }},
      {"cut response",
       [&] {
         Buffer b = fresh();
         b.pop_back();
         fetcher.answer(std::move(b));
       }},
      {"another certificate's", [&] { fetcher.answer(make_response(other, at(0, 86400))); }},
      {"expired", [&] { fetcher.answer(make_response(leaf, at(-7200, -1))); }},
      {"far in the future", [&] { fetcher.answer(make_response(leaf, at(7200, 90000))); }},
      {"unknown", [&] { fetcher.answer(make_response(leaf, at(0, 86400), ocsp::Unknown{})); }},
      {"bad signature",
       [&] {
         auto s = spec();
         s.break_signature = true;
         fetcher.answer(build_response(pki.ocsp_signer, s));
       }},
      {"changed body",
       [&] {
         auto s = spec();
         s.break_body = true;
         fetcher.answer(build_response(pki.ocsp_signer, s));
       }},
      {"signed by a stranger", [&] { fetcher.answer(build_response(pki.other_leaf, spec())); }},
      {"signed by another CA",
       [&] {
         const auto stranger = testing::make_self_signed(testing::ca_spec("Stranger"));
         fetcher.answer(build_response(stranger, spec()));
       }},
      {"older than what is held",
       [&] { fetcher.answer(make_response(leaf, at(-4000000, 100000))); }},
  };
  for (const bool with_good : {false, true}) {
    for (const auto& [name, bad] : cases) {
      SCOPED_TRACE(name);
      keeper.reset();
      shelf.reset();
      fetcher.pending.clear();
      first_rounds = 0;
      auto opened = Shelf::open("", ShelfMode::kOwner, {}, logger);
      shelf = *std::move(opened);
      make();
      start_with_leaf();
      Buffer good;
      if (with_good) {
        good = fresh();
        fetcher.answer(good);
        go_to_next_request();
      } else if (std::string_view(name) == "older than what is held") {
        continue;
      }
      for (int i = 0; i < 6 && !fetcher.pending.empty();
           ++i) {  // a repeat with SHA-1, or past a cache, belongs to the same attempt
        bad();
      }
      if (with_good) {
        ASSERT_NE(staple(), nullptr);
        EXPECT_TRUE(equal(staple()->der(), good));
        EXPECT_EQ(status().state, CertificateState::kFresh);
      } else {
        EXPECT_EQ(staple(), nullptr);
        EXPECT_EQ(status().state, CertificateState::kMissing);
        EXPECT_NE(status().last_error, "");
        EXPECT_EQ(first_rounds > 0, true);
      }
      // Tried again soon; an older answer is an answer, so that one waits for a quarter of what
      // remains.
      go_to_next_request(std::string_view(name) == "older than what is held" ? 20'000 : 600);
    }
  }
}

// req: OCSP-STAP-003
TEST_F(KeeperTest, AnOutagePastExpiryWithdrawsAndTheFirstAnswerBringsItBack) {
  start_with_leaf();
  fetcher.answer(fresh());
  std::size_t requests = 0;
  while (staple() != nullptr) {
    ASSERT_LT(clock.now(), kTestNow + Seconds(100'000));
    go_to_next_request();
    fetcher.fail(net::FetchErrc::kConnect);
    ++requests;
  }
  EXPECT_EQ(staple(), nullptr);
  EXPECT_EQ(events.back().change, ShelfChange::kWithdrawn);
  EXPECT_EQ(status().state, CertificateState::kExpired);
  EXPECT_EQ(logger.count("staple.withdrawn"), 1U);
  EXPECT_LT(requests, 400U);
  EXPECT_LT(logger.warnings(), 10U) << "one word for each worse state, not for each attempt";
  go_to_next_request(301);
  fetcher.answer(fresh());
  EXPECT_NE(staple(), nullptr);
  EXPECT_EQ(logger.count("fetch.recovered"), 1U);
}

TEST_F(KeeperTest, AnAnswerNotModifiedKeepsWhatIsHeld) {
  start_with_leaf();
  const Buffer first = fresh();
  fetcher.answer_tagged(first, "\"tag\"");
  go_to_next_request();
  EXPECT_THAT(fetcher.pending.begin()->second.request.headers,
              ::testing::Contains("If-None-Match: \"tag\""));
  net::FetchResponse unchanged;
  unchanged.http_status = 304;
  fetcher.answer(net::FetchResult(unchanged));
  EXPECT_EQ(status().state, CertificateState::kFresh);
  EXPECT_EQ(status().last_error, "");
  EXPECT_EQ(status().last_success, clock.now());
  EXPECT_TRUE(equal(staple()->der(), first));
}

TEST_F(KeeperTest, ALongEntityTagIsNotRemembered) {
  start_with_leaf();
  for (const std::size_t size : {256U, 257U}) {
    net::FetchResponse answer;
    answer.http_status = 200;
    answer.body = fresh();
    answer.etag = '"' + std::string(size - 2, 't') + '"';
    fetcher.answer(net::FetchResult(answer));
    go_to_next_request();
    const auto& headers = fetcher.pending.begin()->second.request.headers;
    const bool is_sent = std::any_of(headers.begin(), headers.end(), [](const std::string& header) {
      return header.starts_with("If-None-Match: ");
    });
    EXPECT_EQ(is_sent, size == 256) << size;
  }
}

TEST_F(KeeperTest, ThroughAnotherEgressWhenTheFirstFails) {
  KeeperOptions options;
  options.egresses = {{"http://proxy.example:3128", ""}, {"", "127.0.0.7"}};
  make(options);
  start_with_leaf();
  EXPECT_EQ(fetcher.pending.begin()->second.request.proxy, "http://proxy.example:3128");
  fetcher.fail(net::FetchErrc::kConnect);
  ASSERT_EQ(fetcher.pending.size(), 1U) << "at once";
  EXPECT_EQ(fetcher.pending.begin()->second.request.proxy, "");
  EXPECT_EQ(fetcher.pending.begin()->second.request.source_address, "127.0.0.7");
  fetcher.answer(fresh());
  EXPECT_NE(staple(), nullptr);
}

TEST_F(KeeperTest, ACertificateNobodyAsksAboutIsNoticedFromOutside) {
  start_with_leaf();
  const UnixSeconds begun = clock.now();
  fetcher.answer(fresh());
  CertificateStatus s = status();
  const auto after = [&](std::int64_t seconds) {
    return is_neglected(s, begun, begun + Seconds(seconds));
  };
  EXPECT_FALSE(after(86400 * 6 / 10));
  EXPECT_TRUE(after(86400 * 7 / 10));
  s.last_attempt = begun + Seconds(86400 * 6 / 10);
  EXPECT_FALSE(after(86400 * 8 / 10));
  EXPECT_TRUE(after(86400 * 95 / 100));
  s.staple.reset();
  EXPECT_FALSE(after(86400 * 6 / 10 + 1800));
  EXPECT_TRUE(after(86400 * 6 / 10 + 1801));
  s.last_probe = begun + Seconds(86400);
  EXPECT_FALSE(after(86400)) << "its host is being probed for another one";
  s.state = CertificateState::kNotNeeded;
  EXPECT_FALSE(after(86400 * 30));
}

TEST_F(KeeperTest, ARestartWithTheResponderDownKeepsStapling) {
  start_with_leaf();
  fetcher.answer(fresh());
  clock.advance(Seconds(86400 / 2));
  keeper.reset();
  fetcher.pending.clear();
  first_rounds = 0;
  shelf.reset();
  SetUp();
  start_with_leaf();
  EXPECT_NE(staple(), nullptr);
  EXPECT_EQ(first_rounds, 1) << "covered from disk: nothing to wait for";
  go_to_next_request(61);
  fetcher.fail(net::FetchErrc::kConnect);
  EXPECT_NE(staple(), nullptr);
}

TEST_F(KeeperTest, AskingEverythingAtStartWaitsForAnswersThoughCovered) {
  start_with_leaf();
  fetcher.answer(fresh());
  keeper.reset();
  first_rounds = 0;
  make();
  keeper->set_inventory({watch(leaf, "leaf")});
  keeper->start(Keeper::FirstFetch::kEverything);
  EXPECT_EQ(first_rounds, 0);
  go_to_next_request(2);
  fetcher.fail(net::FetchErrc::kConnect);
  EXPECT_EQ(first_rounds, 1);
}

// req: OCSP-STAP-006
TEST_F(KeeperTest, AnAnswerFromTheNearFutureIsOfferedWhenItBegins) {
  start_with_leaf();
  fetcher.answer(make_response(leaf, {120, 86400}));
  EXPECT_EQ(staple(), nullptr);
  EXPECT_EQ(status().state, CertificateState::kHeldBack);
  EXPECT_EQ(first_rounds, 1);
  go(119);
  EXPECT_EQ(staple(), nullptr);
  go(1);
  EXPECT_NE(staple(), nullptr);
  EXPECT_EQ(events.back().change, ShelfChange::kReplaced);
  EXPECT_TRUE(fetcher.pending.empty());
}

TEST_F(KeeperTest, AFetcherThatNeverAnswersIsGivenUp) {
  start_with_leaf();
  go(20);
  EXPECT_EQ(fetcher.cancelled, 1U);
  EXPECT_THAT(status().last_error, ::testing::HasSubstr("no answer within 20s"));
  EXPECT_EQ(first_rounds, 1);
  go_to_next_request(60);
  fetcher.answer(fresh());
  EXPECT_NE(staple(), nullptr);
}

// req: OCSP-STAP-014
TEST_F(KeeperTest, CertificatesThatNeedNoStapleAreLeftAloneWithoutError) {
  testing::CertificateSpec plain = testing::leaf_spec("plain.example");
  testing::CertificateSpec no_rev = testing::leaf_spec("norev.example");
  no_rev.ocsp_uris = {"http://a.example/"};
  no_rev.no_rev_avail = true;
  testing::CertificateSpec brief = testing::leaf_spec("brief.example");
  brief.ocsp_uris = {"http://a.example/"};
  brief.not_before = kTestNow - Seconds(3600);
  brief.not_after = kTestNow + Seconds(86400);
  testing::CertificateSpec ldap = testing::leaf_spec("ldap.example");
  ldap.ocsp_uris = {"ldap://a.example/"};
  const auto a = issue(pki.intermediate, plain), b = issue(pki.intermediate, no_rev),
             c = issue(pki.intermediate, brief), d = issue(pki.intermediate, ldap);
  KeeperOptions options;
  options.skip_shorter_than = Seconds(7 * 86400);
  make(options);
  keeper->set_inventory(
      {watch(a, "plain", {}), watch(b, "norev", {}), watch(c, "brief", {}), watch(d, "ldap", {})});
  keeper->start();
  EXPECT_TRUE(fetcher.pending.empty());
  EXPECT_EQ(first_rounds, 1);
  EXPECT_EQ(logger.warnings(), 0U);
  for (const CertificateStatus& s : keeper->status()) {
    EXPECT_EQ(s.state, CertificateState::kNotNeeded);
    EXPECT_NE(s.reason, "") << s.name;
  }
  make();
  keeper->set_inventory({watch(c, "brief", {}), watch(a, "given", {"http://b.example/"})});
  keeper->start();
  EXPECT_EQ(fetcher.pending.size(), 2U)
      << "short-lived with a URL is asked by default; a URL given by the operator always";
}

// req: OCSP-STAP-008
TEST_F(KeeperTest, AMustStapleCertificateThatCannotBeStapledIsAWarning) {
  testing::CertificateSpec spec = testing::leaf_spec("must.example");
  spec.tls_features = {5};
  const auto must = issue(pki.intermediate, spec);
  keeper->set_inventory({watch(must, "must", {})});
  EXPECT_EQ(logger.warnings(), 1U);
  EXPECT_TRUE(status().must_staple);
}

// req: OCSP-STAP-021
TEST_F(KeeperTest, UnauthorizedShortlyAfterIssuanceIsQuietThenGood) {
  testing::CertificateSpec spec = testing::leaf_spec("new.example");
  spec.not_before = kTestNow - Seconds(3600);
  spec.ocsp_uris = {"http://a.example/"};
  const auto fresh_leaf = issue(pki.intermediate, spec);
  keeper->set_inventory({watch(fresh_leaf, "new", {})});
  keeper->start();
  while (clock.now() < kTestNow + Seconds(600)) {
    while (!fetcher.pending.empty()) {
      fetcher.answer(ocsp::encode_error_response(ocsp::ResponseStatus::kUnauthorized));
    }
    go(1);
  }
  EXPECT_EQ(logger.warnings(), 0U);
  go_to_next_request(61);
  while (!fetcher.pending.empty()) {
    const std::int64_t t = (clock.now() - kTestNow).count();
    fetcher.answer(make_response(fresh_leaf, {t, t + 86400}));
  }
  EXPECT_EQ(status().state, CertificateState::kFresh);
}

// req: OCSP-STAP-012 OCSP-STAP-019
TEST_F(KeeperTest, InventoryChangesKeepWhatStaysAndFetchWhatIsNew) {
  start_with_leaf();
  fetcher.answer(fresh());
  const Buffer held = to_buffer(staple()->der());
  keeper->set_inventory({watch(leaf, "renamed"), watch(other, "other")});
  EXPECT_EQ(fetcher.pending.size(), 1U) << "only the new one";
  EXPECT_TRUE(equal(staple()->der(), held));
  EXPECT_EQ(keeper->status().at(0).name, "renamed");
  EXPECT_EQ(keeper->status().at(0).attempts, 1U);
  keeper->set_inventory({watch(other, "other")});
  EXPECT_EQ(staple(), nullptr);
  keeper->set_inventory({});
  fetcher.answer(make_response(other));  // the late answer for what is gone does no harm
  EXPECT_TRUE(keeper->status().empty());
}

TEST_F(KeeperTest, OneMoreIsTakenUpBesideWhatIsThere) {
  start_with_leaf();
  fetcher.answer(fresh());
  keeper->add(watch(other, "other"));
  ASSERT_EQ(fetcher.pending.size(), 1U) << "it alone is asked about";
  fetcher.answer(make_response(other));
  EXPECT_NE(shelf->find(other.certificate.fingerprint(), clock.now()), nullptr);
  keeper->add(watch(other, "again"));
  ASSERT_EQ(keeper->status().size(), 2U);
  EXPECT_EQ(keeper->status().at(1).name, "other");
  EXPECT_EQ(keeper->status().at(1).attempts, 1U);
  keeper->set_inventory({watch(leaf, "leaf")});
  EXPECT_EQ(keeper->status().size(), 1U);
  keeper->add(watch(other, "other"));
  EXPECT_NE(shelf->find(other.certificate.fingerprint(), clock.now()), nullptr) << "from disk";
  EXPECT_TRUE(fetcher.pending.empty());
}

TEST_F(KeeperTest, OneThatOthersAreToBeAskedAboutIsDueAtOnce) {
  start_with_leaf();
  fetcher.answer(fresh());
  keeper->set_inventory({watch(leaf, "leaf")});
  EXPECT_TRUE(fetcher.pending.empty()) << "nothing has changed";
  keeper->set_inventory({watch(leaf, "leaf", {"http://b.example/"})});
  ASSERT_EQ(fetcher.pending.size(), 1U);
  EXPECT_THAT(fetcher.asked().url, ::testing::StartsWith("http://b.example/"));
  EXPECT_NE(staple(), nullptr) << "what is held stays on offer";
}

TEST_F(KeeperTest, StopCancelsEverything) {
  start_with_leaf();
  keeper->stop();
  EXPECT_EQ(fetcher.cancelled, 1U);
  go(1000);
  EXPECT_EQ(fetcher.started, 1U);
}

TEST_F(KeeperTest, AnExpiredCertificateIsNotAskedAboutAndDoesNotHoldUpTheFirstRound) {
  testing::CertificateSpec spec = testing::leaf_spec("old.example");
  spec.not_before = kTestNow - Seconds(86400);
  spec.not_after = kTestNow - Seconds(1);
  const auto old = issue(pki.intermediate, spec);
  keeper->set_inventory({watch(old, "old")});
  keeper->start();
  EXPECT_EQ(first_rounds, 1);
  EXPECT_EQ(fetcher.started, 0U);
  EXPECT_EQ(status().state, CertificateState::kCertificateExpired);
}

}  // namespace
}  // namespace muster::keeper
