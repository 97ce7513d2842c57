#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "muster/push/api.h"
#include "muster/testing/pki_builder.h"

// The API over a real store, fed by a client that may do everything.
namespace muster::push {

using testing::kTestNow;
using testing::standard_pki;

struct Pushed {
  unsigned status = 0;
  nlohmann::json json;
  [[nodiscard]] std::string result() const { return json.value("result", ""); }
  [[nodiscard]] std::string error() const { return json.value("error", ""); }
  [[nodiscard]] std::string detail() const { return json.value("detail", ""); }
  [[nodiscard]] std::string state() const { return json["certificate"].value("state", ""); }
};

struct World {
  explicit World(const Limits& limits = {}) {
    auto opened = store::Store::open(dir.file("store"));
    EXPECT_TRUE(opened);
    store = *std::move(opened);
    store::IssuerKey key;
    key.digest.fill(1);
    issuer = *store->ensure_issuer(key, "ca one");
    api = std::make_unique<Api>(
        *store,
        std::vector<Issuer>{
            {"ca one", issuer, {standard_pki().intermediate.certificate}, Holds::kAllowed}},
        limits);
    for (std::size_t i = 0; i < kOperationKinds; ++i) {
      client.may.insert(static_cast<OperationKind>(i));
    }
  }
  Pushed send(std::string_view method, std::string_view target, std::string_view body = "",
              std::string_view type = "", UnixSeconds now = kTestNow) {
    const Reply reply = api->handle(client, {method, target, type, as_bytes(body)}, now);
    return {reply.status, nlohmann::json::parse(reply.body, nullptr, false)};
  }
  Pushed post(std::string_view verb, std::string_view body, UnixSeconds now = kTestNow) {
    return send("POST", "/v1/issuers/ca%20one/" + std::string(verb), body, "application/json", now);
  }
  /// The record, as another reader of the store sees it.
  std::optional<store::Status> record(const std::string& hex) {
    const auto reader = store->reader();
    reader->renew();
    return *reader->find(issuer, Serial::from_hex(hex)->octets());
  }
  testing::TempDir dir;
  std::unique_ptr<store::Store> store;
  store::IssuerId issuer{};
  std::unique_ptr<Api> api;
  Client client{.name = "tester",
                .uids = {},
                .gids = {},
                .certificates = {"dns:ca.example"},
                .issuers = {"ca one"},
                .may = {}};
};

}  // namespace muster::push
