#pragma once

#include "crl_set_keeper.h"
#include "muster/crl/crl.h"
#include "muster/testing/fake_clock.h"
#include "source_fixture.h"

namespace muster::source::testing {

using muster::testing::build_crl;
using muster::testing::CrlSpec;
using muster::testing::FakeClock;
using muster::testing::make_serial;
using muster::testing::revoked_entry;

/// IssuingDistributionPoint as an extension.
struct Scope {
  std::string uri{};
  bool user_only = false, ca_only = false, indirect = false, attribute_only = false;
  std::optional<crl::ReasonSet> reasons{};
};
inline der::Extension scope_extension(const Scope& scope) {
  crl::IssuingDistributionPoint point;
  der::Writer name;
  if (!scope.uri.empty()) {
    name.element(der::kGeneralNameUri, as_bytes(scope.uri));
  }
  const Buffer octets = name.take();
  if (!scope.uri.empty()) {
    point.name.emplace();
    point.name->full_name.push_back(octets);
  }
  point.only_user_certs = scope.user_only;
  point.only_ca_certs = scope.ca_only;
  point.only_attribute_certs = scope.attribute_only;
  point.indirect = scope.indirect;
  point.only_some_reasons = scope.reasons;
  return {to_buffer(oid::kCeIssuingDistributionPoint), true,
          crl::encode_issuing_distribution_point(point)};
}

inline crl::Entry removal_entry(std::uint64_t serial) {
  return revoked_entry(make_serial(serial), kTestNow - Seconds(60), ReasonCode::kRemoveFromCrl);
}

/// A CRL of `number`, issued that many minutes after a fixed instant, listing `serials`.
inline CrlSpec numbered(std::uint64_t number, const std::vector<std::uint64_t>& serials = {}) {
  CrlSpec spec;
  spec.number = number;
  spec.this_update = kTestNow - Seconds(3600) + Seconds(60) * static_cast<int>(number);
  for (const std::uint64_t serial : serials) {
    spec.entries.push_back(revoked_entry(make_serial(serial)));
  }
  return spec;
}

/// A set of CRLs over files, driven step by step on a clock that stands still.
class CrlSetTest : public SourceTest {
 protected:
  CrlSetTest() {
    watch_.settle = Milliseconds(0);
    watch_.load.state_directory = directory_.file("state");
    spec_ = spec(SourceKind::kCrlSet, "the set");
  }
  void write(std::string_view name, const CrlSpec& crl) {
    directory_.write(name, build_crl(issuer(), crl));
  }
  void add_files(std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      spec_.crls.files.push_back(directory_.file(name));
    }
  }
  CrlSetKeeper& keeper() {
    if (!keeper_) {
      keeper_ = std::make_unique<CrlSetKeeper>(*store_, spec_, watch_, clock_, null_logger(),
                                               downloads_.get());
    }
    return *keeper_;
  }
  CrlSetKeeper::Turn look() { return keeper().look({}, {}); }
  void restart() { keeper_.reset(); }
  SourceStatus status() {
    SourceStatus all;
    keeper().describe(all);
    return all;
  }
  /// Code of what the operator is told; nothing when all is well.
  std::optional<SourceErrc> error() {
    const auto told = status().error;
    return told ? std::optional(told->code) : std::nullopt;
  }
  std::string error_text() {
    const auto told = status().error;
    return told ? told->detail : std::string();
  }
  bool is_revoked(std::uint64_t serial) {
    const auto record = find(make_serial(serial).to_hex());
    return record && record->state != store::State::kGood;
  }
  /// Whether the responder may call an unlisted serial not revoked.
  bool covers_everything() {
    const store::IssuerState facts = state();
    return facts.next_update && *facts.next_update > clock_.now() &&
           (!facts.not_revoked_until || *facts.not_revoked_until > clock_.now());
  }

  FakeClock clock_;
  WatchOptions watch_;
  SourceSpec spec_{SourceKind::kCrlSet, {}, issuer().certificate, id_, {}};
  std::unique_ptr<Downloads> downloads_;
  std::unique_ptr<CrlSetKeeper> keeper_;
};

}  // namespace muster::source::testing
