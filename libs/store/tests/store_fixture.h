#pragma once

#include <gtest/gtest.h>

#include <map>

#include "muster/store/store.h"
#include "muster/testing/fake_clock.h"
#include "muster/testing/temp_dir.h"

namespace muster::store::testing {

inline IssuerKey key_of(std::uint8_t n) {
  IssuerKey key;
  key.digest.fill(n);
  return key;
}
inline Serial serial_of(std::uint64_t n) {
  return *Serial::from_hex([n] {
    char text[24];
    std::snprintf(text, sizeof text, "%llX", static_cast<unsigned long long>(n));
    return std::string(text);
  }());
}

inline Status good(std::optional<UnixSeconds> expires = std::nullopt) {
  Status status;
  status.expires = expires;
  return status;
}
inline Status revoked(UnixSeconds at, std::optional<ReasonCode> reason = std::nullopt,
                      State state = State::kRevoked) {
  Status status;
  status.state = state;
  status.revoked_at = at;
  status.reason = reason;
  return status;
}

/// Opens or stops the test.
inline std::unique_ptr<Store> must_open(const std::string& directory,
                                        const StoreOptions& options = {}) {
  auto store = Store::open(directory, options);
  EXPECT_TRUE(store) << (store ? "" : store.error().detail);
  if (!store) {
    std::abort();
  }
  return std::move(*store);
}
template <class T>
T must(StoreResult<T> result) {
  EXPECT_TRUE(result) << (result ? "" : result.error().detail);
  if (!result) {
    std::abort();
  }
  return *std::move(result);
}

using Model = std::map<Serial, Status>;
/// What the store holds of an issuer.
inline Model contents(const Store& store, IssuerId issuer) {
  Model all;
  EXPECT_TRUE(store.for_each(
      issuer, [&](const Serial& serial, const Status& status) { all.emplace(serial, status); }));
  return all;
}

class StoreTest : public ::testing::Test {
 protected:
  [[nodiscard]] const std::string& path() const { return directory_.path(); }
  std::optional<Status> look_up(const Store& store, IssuerId issuer, const Serial& serial) {
    auto reader = store.reader();
    EXPECT_NE(reader->renew(), 0u);
    return must(reader->find(issuer, serial.octets()));
  }

 private:
  muster::testing::TempDir directory_;
};

}  // namespace muster::store::testing
