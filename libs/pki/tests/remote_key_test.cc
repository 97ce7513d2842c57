#include "muster/pki/remote_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "muster/testing/pki_builder.h"

namespace muster::pki {
namespace {

using muster::testing::cached_key;
using muster::testing::KeyKind;
using muster::testing::SignAs;
using muster::testing::standard_pki;

/// Has its signatures made by a thread that the test ends.
class FakeRemote final : public RemoteKey {
 public:
  explicit FakeRemote(PrivateKey local) : info_(local.public_key_info()) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] Bytes public_key_info() const override { return info_; }
  [[nodiscard]] std::string refuses(SignatureScheme scheme) const override {
    return scheme == SignatureScheme::kEcdsaSha512 ? "the fake cannot do SHA-512" : "";
  }
  void sign(RemoteJob job) override { jobs.push_back(std::move(job)); }
  [[nodiscard]] KeyHealth health() const override { return KeyHealth::kWell; }
  [[nodiscard]] const KeyCounters& counters() const override { return counters_; }
  std::vector<RemoteJob> jobs;

 private:
  std::string name_ = "fake";
  Buffer info_;
  KeyCounters counters_;
};

TEST(RemoteKey, IsAKeyLikeAnyOther) {
  const auto& leaf = standard_pki().leaf;
  EXPECT_EQ(leaf.key.remote(), nullptr);
  const auto remote = std::make_shared<FakeRemote>(leaf.key);
  const auto key = PrivateKey::remote(remote);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->remote(), remote.get());
  EXPECT_TRUE(key->matches(leaf.certificate));
  EXPECT_FALSE(key->matches(standard_pki().other_leaf.certificate));
  EXPECT_EQ(key->public_key_info(), leaf.key.public_key_info());
}

TEST(RemoteKey, WithAPublicHalfThatIsNoneIsRefused) {
  class Broken final : public RemoteKey {
   public:
    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] Bytes public_key_info() const override { return as_bytes("nonsense"); }
    [[nodiscard]] std::string refuses(SignatureScheme) const override { return ""; }
    void sign(RemoteJob) override {}
    [[nodiscard]] KeyHealth health() const override { return KeyHealth::kWell; }
    [[nodiscard]] const KeyCounters& counters() const override { return counters_; }

   private:
    std::string name_ = "broken";
    KeyCounters counters_;
  };
  const auto key = PrivateKey::remote(std::make_shared<Broken>());
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, PkiErrc::kNotAKey);
}

TEST(RemoteKey, SaysWhichSchemesItRefuses) {
  const auto key = PrivateKey::remote(std::make_shared<FakeRemote>(standard_pki().leaf.key));
  const auto signer = Signer::make(*key, SignatureScheme::kEcdsaSha512);
  ASSERT_FALSE(signer);
  EXPECT_EQ(signer.error().detail, "the fake cannot do SHA-512");
  EXPECT_FALSE(Signer::make(*key, SignatureScheme::kRsaSha256));
}

TEST(RemoteKey, KnowsAGoodSignatureFromABadOne) {
  const std::string message = "to be signed";
  const struct {
    KeyKind kind;
    SignatureScheme scheme;
    SignAs how;
  } cases[] = {{KeyKind::kP256, SignatureScheme::kAuto, SignAs::kAuto},
               {KeyKind::kRsa2048, SignatureScheme::kAuto, SignAs::kAuto},
               {KeyKind::kRsa2048, SignatureScheme::kRsaPssSha384, SignAs::kPssSha384},
               {KeyKind::kEd25519, SignatureScheme::kAuto, SignAs::kAuto}};
  for (const auto& c : cases) {
    const auto& local = cached_key(c.kind).key;
    const auto remote = std::make_shared<FakeRemote>(local);
    const auto key = PrivateKey::remote(remote);
    auto signer = Signer::make(*key, c.scheme);
    ASSERT_TRUE(signer) << signer.error().detail;
    signer->sign_later(as_bytes(message), [](PkiResult<Buffer>) {});
    const auto made = muster::testing::sign_as(c.how, local, as_bytes(message));
    EXPECT_EQ(to_buffer(signer->algorithm()), made.algorithm);
    ASSERT_EQ(remote->jobs.size(), 1u);
    EXPECT_TRUE(remote->jobs[0].verifies(made.signature));
    EXPECT_LE(made.signature.size(), signer->max_signature_bytes());
    Buffer broken = made.signature;
    broken.back() ^= 1;
    EXPECT_FALSE(remote->jobs[0].verifies(broken));
    EXPECT_FALSE(remote->jobs[0].verifies(Bytes()));
    const auto other = muster::testing::sign_as(c.how, local, as_bytes("something else"));
    EXPECT_FALSE(remote->jobs[0].verifies(other.signature));
  }
}

TEST(RemoteKey, SignWaitsForTheAnswer) {
  const auto remote = std::make_shared<FakeRemote>(standard_pki().leaf.key);
  const auto key = PrivateKey::remote(remote);
  auto signer = Signer::make(*key);
  ASSERT_TRUE(signer);

  class Answering final : public RemoteKey {
   public:
    explicit Answering(FakeRemote& inner) : inner_(inner) {}
    [[nodiscard]] const std::string& name() const override { return inner_.name(); }
    [[nodiscard]] Bytes public_key_info() const override { return inner_.public_key_info(); }
    [[nodiscard]] std::string refuses(SignatureScheme) const override { return ""; }
    void sign(RemoteJob job) override {
      thread_ = std::jthread([this, job = std::move(job)] {
        if (fails) {
          job.done(Err{PkiError{PkiErrc::kUnavailable, "gone"}});
        } else {
          job.done(Buffer{1, 2, 3});
        }
      });
    }
    [[nodiscard]] KeyHealth health() const override { return KeyHealth::kWell; }
    [[nodiscard]] const KeyCounters& counters() const override { return inner_.counters(); }
    bool fails = false;

   private:
    FakeRemote& inner_;
    std::jthread thread_;
  };
  const auto answering = std::make_shared<Answering>(*remote);
  auto waiting = Signer::make(*PrivateKey::remote(answering));
  ASSERT_TRUE(waiting);
  Buffer out{9};
  ASSERT_TRUE(waiting->sign(as_bytes("x"), out));
  EXPECT_EQ(out, (Buffer{1, 2, 3}));
  answering->fails = true;
  const auto failed = waiting->clone().sign(as_bytes("x"), out);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, PkiErrc::kUnavailable);
  EXPECT_TRUE(out.empty());
}

}  // namespace
}  // namespace muster::pki
