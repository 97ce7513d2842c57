#pragma once

#include <gmock/gmock.h>

#include <deque>

#include "held_fetches.h"
#include "muster/relay/engine.h"
#include "muster/testing/fake_clock.h"
#include "muster/testing/response_builder.h"
#include "muster/testing/troubled_files.h"

namespace muster::relay {

using testing::kTestNow;

inline const std::string kUpstream = "http://up.example/";
inline const std::string kSecond = "http://second.example/";

/// An issuer of the standard PKI with its responders.
inline AllowedIssuer allowed(std::vector<std::string> urls = {kUpstream}) {
  return {"ca", testing::standard_pki().intermediate.certificate, std::move(urls)};
}
inline std::shared_ptr<const RelaySetup> setup_of(std::vector<AllowedIssuer> issuers,
                                                  std::vector<keeper::Watched> certificates = {},
                                                  std::vector<HashAlgorithm> forms = {
                                                      HashAlgorithm::kSha1}) {
  auto made = make_relay_setup(std::move(issuers), std::move(certificates), std::move(forms));
  EXPECT_TRUE(made) << (made ? "" : made.error());
  return *made;
}

/// What an answer says; times in seconds around the present of the test.
struct AnswerSpec {
  HashAlgorithm hash = HashAlgorithm::kSha1;
  ocsp::CertStatus status = ocsp::Good{};
  std::int64_t this_update = -60, next_update = 86400;
  std::optional<Buffer> nonce{};
};

class EngineFixture : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void TearDown() override { engine.reset(); }
  void open(std::shared_ptr<const RelaySetup> setup = setup_of({allowed()})) {
    engine.reset();
    shelf.reset();
    auto opened = keeper::Shelf::open(dir.file("shelf"), keeper::ShelfMode::kOwner, {},
                                      null_logger(), keeper::ShelfSeams{files});
    ASSERT_TRUE(opened) << opened.error().detail;
    shelf = *std::move(opened);
    engine = std::make_unique<Engine>(loop, fetcher, clock, null_logger(), *shelf, options, 1,
                                      "muster-relay-test", counters);
    engine->adopt(std::move(setup));
    engine->restore(dir.file("shelf"));
    engine->start();
  }
  [[nodiscard]] Serial serial(std::uint64_t number) const { return testing::make_serial(number); }
  [[nodiscard]] Asked asked(std::uint64_t number, HashAlgorithm hash = HashAlgorithm::kSha1) const {
    return asked_of(hash, client::Subject(ca, serial(number)), ca);
  }
  /// Asks; what was told is at the end of `told`, now or later.
  void want(std::vector<Asked> all, std::optional<Buffer> nonce = {}, std::string via = {}) {
    engine->want(Wanted{std::move(all), allowed(), std::move(nonce), std::move(via)},
                 [this](const Told& t) { told.push_back(t); });
  }
  void want(std::uint64_t number, HashAlgorithm hash = HashAlgorithm::kSha1) {
    want(std::vector{asked(number, hash)});
  }
  [[nodiscard]] Buffer answer(const std::vector<std::uint64_t>& numbers,
                              const AnswerSpec& what = {}) const {
    testing::ResponseSpec spec;
    for (const std::uint64_t number : numbers) {
      testing::EntrySpec entry;
      entry.cert_id = asked(number, what.hash).id.der();
      entry.status = what.status;
      entry.this_update = clock.now() + Seconds(what.this_update);
      entry.next_update = clock.now() + Seconds(what.next_update);
      spec.entries.push_back(std::move(entry));
    }
    spec.produced_at = clock.now();
    spec.nonce = what.nonce;
    return testing::build_response(pki.ocsp_signer, spec);
  }
  [[nodiscard]] Buffer answer(std::uint64_t number, const AnswerSpec& what = {}) const {
    return answer(std::vector{number}, what);
  }
  void pass_time(Seconds by) {
    clock.advance(by);
    engine->turn();
  }
  [[nodiscard]] Ending last() const { return told.empty() ? Ending::kLate : told.back().ending; }

  const testing::TestPki& pki = testing::standard_pki();
  const pki::Certificate& ca = pki.intermediate.certificate;
  testing::TempDir dir;
  net::Loop loop;
  testing::FakeClock clock;
  net::HeldFetches fetcher;
  EngineOptions options;
  EngineCounters counters;
  testing::TroubledFiles files;  ///< of the shelf
  std::unique_ptr<keeper::Shelf> shelf;
  std::unique_ptr<Engine> engine;
  std::deque<Told> told;
};

}  // namespace muster::relay
