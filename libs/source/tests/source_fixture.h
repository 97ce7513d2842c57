#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "muster/source/load.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/pki_builder.h"

namespace muster::source::testing {

using muster::testing::kTestNow;
using muster::testing::TempDir;

/// A store with one issuer, the intermediate of the standard PKI.
class SourceTest : public ::testing::Test {
 protected:
  SourceTest() {
    auto opened = store::Store::open(directory_.file("store"));
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().detail);
    store_ = std::move(*opened);
    id_ = *store_->ensure_issuer(make_issuer_key(issuer().certificate), "CA");
    options_.now = kTestNow;
  }
  static const muster::testing::Identity& issuer() {
    return muster::testing::standard_pki().intermediate;
  }
  SourceSpec spec(SourceKind kind, std::string_view name) const {
    return {kind, directory_.file(name), issuer().certificate, id_, "CA"};
  }
  Result<LoadReport, SourceError> load_index(std::string_view text) {
    directory_.write("index.txt", text);
    return load(*store_, spec(SourceKind::kIndexTxt, "index.txt"), options_);
  }
  Result<LoadReport, SourceError> load_crl(Bytes content) {
    directory_.write("ca.crl", content);
    return load(*store_, spec(SourceKind::kCrl, "ca.crl"), options_);
  }
  std::optional<store::Status> find(std::string_view serial_hex) {
    const auto reader = store_->reader();
    EXPECT_NE(reader->renew(), 0u);
    return *reader->find(id_, Serial::from_hex(serial_hex)->octets());
  }
  store::IssuerState state() { return store_->issuers().at(0).second; }
  std::map<Serial, store::Status> contents() {
    std::map<Serial, store::Status> all;
    EXPECT_TRUE(store_->for_each(
        id_, [&](const Serial& s, const store::Status& status) { all.emplace(s, status); }));
    return all;
  }
  TempDir directory_;
  std::unique_ptr<store::Store> store_;
  store::IssuerId id_{};
  LoadOptions options_;
};

inline std::string valid_line(std::string_view serial) {
  return "V\t300101000000Z\t\t" + std::string(serial) + "\tunknown\t/CN=x\n";
}
inline std::string revoked_line(std::string_view serial,
                                std::string_view when = "260101000000Z,superseded",
                                std::string_view expiry = "300101000000Z") {
  return "R\t" + std::string(expiry) + "\t" + std::string(when) + "\t" + std::string(serial) +
         "\tunknown\t/CN=x\n";
}

}  // namespace muster::source::testing
