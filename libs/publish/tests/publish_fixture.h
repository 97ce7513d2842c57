#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "muster/pki/verified_crl.h"
#include "muster/publish/publisher.h"
#include "muster/testing/pki_builder.h"

namespace muster::publish::testing {

using muster::testing::Identity;
using muster::testing::kTestNow;
using muster::testing::make_serial;
using muster::testing::standard_pki;
using muster::testing::TempDir;

inline store::IssuerKey key_of(const pki::Certificate& ca) {
  Buffer octets = to_buffer(ca.subject());
  octets.insert(octets.end(), ca.public_key_info().begin(), ca.public_key_info().end());
  store::IssuerKey key;
  pki::digest_into(HashAlgorithm::kSha256, octets, key.digest);
  return key;
}

inline store::Status good(std::optional<UnixSeconds> expires = std::nullopt) {
  store::Status status;
  status.expires = expires;
  return status;
}
inline store::Status revoked(std::optional<ReasonCode> reason = std::nullopt,
                             UnixSeconds at = kTestNow - Seconds(3600),
                             std::optional<UnixSeconds> expires = std::nullopt) {
  store::Status status;
  status.state =
      reason == ReasonCode::kCertificateHold ? store::State::kHold : store::State::kRevoked;
  status.revoked_at = at;
  status.reason = reason;
  status.expires = expires;
  return status;
}
inline store::Status hold(UnixSeconds at = kTestNow - Seconds(3600)) {
  return revoked(ReasonCode::kCertificateHold, at);
}

/// What an entry says, for comparing.
struct Said {
  UnixSeconds date;
  std::optional<ReasonCode> reason;
  std::optional<UnixSeconds> invalidity_date;
  friend bool operator==(const Said&, const Said&) = default;
};

/// A CRL file, parsed.
struct ReadCrl {
  Buffer octets;
  crl::CrlView view;
  [[nodiscard]] std::map<std::string, Said> entries() const {
    std::map<std::string, Said> all;
    crl::for_each_entry(view, [&](const crl::AttributedEntry& e) {
      all[Serial::make(e.entry.serial)->to_hex()] = {e.entry.revocation_date, e.entry.reason,
                                                     e.entry.invalidity_date};
      return crl::Walk::kContinue;
    });
    return all;
  }
  [[nodiscard]] std::vector<std::string> serials() const {
    std::vector<std::string> all;
    for (const auto& [serial, said] : entries()) {
      all.push_back(serial);
    }
    return all;
  }
  [[nodiscard]] crl::Number number() const { return *crl::Number::make(*view.crl_number); }
};

/// A store with the intermediate CA of the standard PKI, and a series of CRLs of it.
class PublishTest : public ::testing::Test {
 protected:
  PublishTest() {
    auto opened = store::Store::open(directory_.file("store"));
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().detail);
    store_ = std::move(*opened);
    id_ = *store_->ensure_issuer(key_of(ca().certificate), "CA");
    declare(store::KnowsIssued::kYes);
  }
  static const Identity& ca() { return standard_pki().intermediate; }

  void declare(store::KnowsIssued knows, std::optional<UnixSeconds> next_update = std::nullopt) {
    store::IssuerState facts;
    facts.label = "CA";
    facts.knows_issued = knows;
    facts.loaded_at = kTestNow - Seconds(60);
    facts.next_update = next_update;
    EXPECT_TRUE(store_->touch(id_, facts));
  }
  /// The records come from a CRL of another program.
  void come_from_a_crl(store::IssuerId id, std::optional<Buffer> number = std::nullopt) {
    store::IssuerState facts;
    facts.crl_number = std::move(number);
    facts.label = "CA";
    facts.loaded_at = kTestNow - Seconds(60);
    facts.this_update = kTestNow - Seconds(60);
    EXPECT_TRUE(store_->touch(id, facts));
  }
  /// Loses every record, as a store that was made anew.
  void lose_the_store() {
    auto opened = store::Store::open(directory_.file("store " + std::to_string(++stores_)));
    ASSERT_TRUE(opened) << opened.error().detail;
    store_ = *std::move(opened);
    id_ = *store_->ensure_issuer(key_of(ca().certificate), "CA");
    declare(store::KnowsIssued::kYes);
  }
  void set(const Serial& serial, std::optional<store::Status> status) {
    const store::Change change{serial, std::move(status)};
    EXPECT_TRUE(store_->apply(id_, {&change, 1}));
  }
  void set(std::uint64_t serial, std::optional<store::Status> status) {
    set(make_serial(serial), std::move(status));
  }

  [[nodiscard]] std::string out(std::string_view name = "ca.crl") const {
    return directory_.file(name);
  }
  [[nodiscard]] Spec spec() const {
    Spec spec{.label = "CA",
              .subjects = {{ca().certificate, id_, {}, std::nullopt}},
              .signer = ca().certificate,
              .key = ca().key,
              .terms = {},
              .partitions = {},
              .assignment = {},
              .samples = {},
              .state_directory = directory_.file("state")};
    spec.partitions.push_back(
        {.name = "0", .uris = {}, .delta_uris = {}, .out = out(), .delta_out = ""});
    return spec;
  }
  [[nodiscard]] Spec spec_with_deltas() const {
    Spec with = spec();
    with.partitions[0].delta_out = out("delta.crl");
    with.partitions[0].delta_uris = {"http://crl.example/delta.crl"};
    return with;
  }
  /// Four partitions by hash.
  [[nodiscard]] Spec partitioned_spec() const {
    Spec with = spec();
    with.partitions.clear();
    for (int i = 0; i < 4; ++i) {
      const std::string n = std::to_string(i);
      with.partitions.push_back({.name = n,
                                 .uris = {"http://crl.example/" + n + ".crl"},
                                 .delta_uris = {"http://crl.example/" + n + "-delta.crl"},
                                 .out = out(n + ".crl"),
                                 .delta_out = out(n + "-delta.crl")});
    }
    with.assignment = Assignment::by_hash(4);
    return with;
  }

  std::unique_ptr<Publisher> open(Spec spec, UnixSeconds now = kTestNow) {
    auto opened = Publisher::open(std::move(spec), *store_, now);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().detail);
    return opened ? *std::move(opened) : nullptr;
  }
  static Published must(PublishResult<Published> result) {
    EXPECT_TRUE(result) << (result ? "" : result.error().detail);
    return result ? *std::move(result) : Published{};
  }
  /// Opens, publishes, closes.
  Published publish(Spec spec, UnixSeconds now = kTestNow, What what = What::kComplete) {
    return must(open(std::move(spec), now)->publish(what, now));
  }
  std::optional<PublishErrc> failure(Spec spec, UnixSeconds now = kTestNow,
                                     What what = What::kComplete) {
    auto opened = Publisher::open(std::move(spec), *store_, now);
    if (!opened) {
      last_detail_ = opened.error().detail;
      return opened.error().code;
    }
    auto done = (*opened)->publish(what, now);
    last_detail_ = done ? "" : done.error().detail;
    return done ? std::nullopt : std::optional(done.error().code);
  }
  /// Reads a published CRL with the strict reader and verifies it.
  static ReadCrl read(const std::string& path, const pki::Certificate& signer = ca().certificate) {
    ReadCrl read{muster::testing::read_octets(path), {}};
    auto view = crl::parse_crl(read.octets);
    EXPECT_TRUE(view) << path << ": " << (view ? "" : der::to_string(view.error()));
    if (view) {
      EXPECT_TRUE(view->defects.none());
      const auto verified = pki::verify_crl(*view, {&signer, 1});
      EXPECT_TRUE(verified) << (verified ? "" : verified.error().detail);
      read.view = *std::move(view);
    }
    return read;
  }
  static bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

  TempDir directory_;
  std::unique_ptr<store::Store> store_;
  store::IssuerId id_{};
  int stores_ = 0;
  std::string last_detail_;
};

}  // namespace muster::publish::testing
