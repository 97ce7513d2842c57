#pragma once

#include <gmock/gmock.h>

#include <deque>

#include "muster/keeper/shelf.h"
#include "muster/keeper/shelf_file.h"
#include "muster/testing/memory_logger.h"
#include "muster/testing/response_builder.h"

namespace muster::keeper {

using testing::kTestNow;
using testing::MemoryLogger;

/// Times in seconds around kTestNow.
struct ResponseTimes {
  std::int64_t this_update = -3600;
  std::optional<std::int64_t> next_update = 86400;
};

inline Buffer make_response(const testing::Identity& leaf, ResponseTimes times = {},
                            ocsp::CertStatus status = ocsp::Good{}) {
  const testing::TestPki& pki = testing::standard_pki();
  testing::EntrySpec entry =
      testing::entry_for(leaf.certificate, pki.intermediate.certificate, status);
  entry.this_update = kTestNow + Seconds(times.this_update);
  entry.next_update =
      times.next_update ? std::optional(kTestNow + Seconds(*times.next_update)) : std::nullopt;
  testing::ResponseSpec spec;
  spec.entries.push_back(std::move(entry));
  return testing::build_response(pki.ocsp_signer, spec);
}

inline ocsp::CertStatus revoked(std::optional<ReasonCode> reason = ReasonCode::kKeyCompromise) {
  return ocsp::Revoked{kTestNow - Seconds(7200), reason};
}

inline Subject subject_of(const testing::Identity& identity, std::string name) {
  return {std::move(name), identity.certificate, testing::standard_pki().intermediate.certificate};
}

class ShelfFixture : public ::testing::Test {
 protected:
  struct Event {
    std::string name;
    ShelfChange change;
    StaplePointer staple;
  };

  void open(ShelfMode mode = ShelfMode::kOwner, const ShelfPolicy& policy = {}) {
    shelf.reset();
    auto opened = Shelf::open(dir.file("shelf"), mode, policy, logger);
    ASSERT_TRUE(opened) << opened.error().detail;
    shelf = *std::move(opened);
    listen();
    shelf->set_subjects({subject_of(leaf, "leaf"), subject_of(other, "other")}, now);
  }
  void listen() {
    shelf->on_change([this](const Subject& s, ShelfChange c, const StaplePointer& p) {
      events.push_back({s.name, c, p});
    });
  }
  client::VerifiedResponse verified(const Buffer& response, const testing::Identity& identity) {
    auto result = client::verify(
        {response, identity.certificate, pki.intermediate.certificate, std::nullopt, {}},
        ShelfPolicy::default_verify_policy(), now);
    EXPECT_TRUE(result) << result.error().detail;
    return *std::move(result);
  }
  Choice offer(const Buffer& response) {
    return shelf->offer(verified(response, leaf), "http://ocsp.example/", now);
  }
  [[nodiscard]] StaplePointer found() const {
    return shelf->find(leaf.certificate.fingerprint(), now);
  }
  [[nodiscard]] std::string path() const { return shelf->path_of(leaf.certificate.fingerprint()); }
  void pass(std::int64_t seconds) {
    now += Seconds(seconds);
    shelf->tick(now);
  }

  const testing::TestPki& pki = testing::standard_pki();
  const testing::Identity& leaf = pki.leaf;
  const testing::Identity& other = pki.other_leaf;
  testing::TempDir dir;
  MemoryLogger logger;
  UnixSeconds now = kTestNow;
  std::deque<Event> events;
  std::unique_ptr<Shelf> shelf;
};

}  // namespace muster::keeper
