#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <set>
#include <thread>

#include "distribution_world.h"
#include "muster/edge/answers.h"
#include "muster/edge/paths.h"
#include "muster/http/base64.h"
#include "muster/net/fetcher.h"
#include "muster/responder/batch.h"
#include "muster/testing/eventually.h"

// What leaves the core, by batch calls, as files and through an edge, is what the core says; never
// good after a revocation was acknowledged and had its time to arrive; whatever is killed, tampered
// with or put back. The programs are the real ones.
namespace muster::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::array kHashes = {HashAlgorithm::kSha1, HashAlgorithm::kSha256};
/// Far beyond what is stated (docs/operating/keyless-edge.md): a loaded machine is no fault.
constexpr Milliseconds kPatience{60'000};

/// What other processes do.
bool comes(const std::function<bool()>& is_so) {
  return eventually(is_so, kPatience, Milliseconds(10));
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(Distribution, BatchFilesAndEdgeGiveTheVeryOctetsOfTheCore) {
  DistributionWorld world(20);
  world.start_core();
  ASSERT_TRUE(world.push("revoke", {3, 11}));
  ASSERT_TRUE(world.push("hold", {7}));
  const std::string batch = "unix:" + world.dir().file("batch.sock");
  const ProcessResult done = world.run_export({"--batch", batch});
  ASSERT_EQ(done.exit_code, 0) << done.describe();
  EXPECT_THAT(done.out, HasSubstr("40 answers; 40 written"));
  world.start_origin();
  world.start_edge();
  ASSERT_TRUE(world.edge_comes_to("muster_edge_held_answers", 40));
  EXPECT_EQ(world.edge_page("/readyz"), "ready\n");
  Buffer items;
  std::vector<Buffer> from_core;
  for (unsigned serial = 0; serial < world.serials(); ++serial) {
    for (const HashAlgorithm hash : kHashes) {
      const Buffer request = world.request(serial, hash);
      const Buffer core = DistributionWorld::post(world.core_address(), request);
      const bool stands = serial != 3 && serial != 7 && serial != 11;
      EXPECT_EQ(world.says(core, serial, hash), stands ? "good" : "revoked");
      EXPECT_EQ(core, read_octets(world.file_of(serial, hash)));
      EXPECT_EQ(core, DistributionWorld::post(world.edge_address(), request));
      for (const std::string& spelling : edge::get_spellings(request)) {
        net::FetchRequest get;
        get.url = "http://" + world.edge_address() + "/" + spelling;
        const auto got = net::fetch(get);
        ASSERT_TRUE(got) << spelling;
        EXPECT_EQ(core, got->body) << spelling;
      }
      const auto parsed = ocsp::parse_request(request);
      responder::append_batch_item(items, (*parsed->requests.begin()).cert_id, {});
      from_core.push_back(core);
    }
  }
  const auto came = edge::call_batch({.address = batch})(items, 1 << 20);
  ASSERT_TRUE(came) << came.error();
  const auto answers = responder::parse_batch_answers(*came, from_core.size());
  ASSERT_TRUE(answers);
  for (std::size_t i = 0; i < from_core.size(); ++i) {
    ASSERT_TRUE(answers->replies[i]) << i;
    EXPECT_EQ(*answers->replies[i], from_core[i]) << i;
  }
  EXPECT_EQ(world.edge_says(99, HashAlgorithm::kSha256), "unauthorized");
}

/// Asks an edge, and looks at the files, for all serials over and over: who was seen to have
/// arrived must not be good again.
class Watcher {
 public:
  explicit Watcher(const DistributionWorld& world)
      : arrived_(world.serials()), thread_([this, &world](const std::stop_token& stop) {
          for (unsigned i = 0; !stop.stop_requested(); i = (i + 1) % world.serials()) {
            look(world, i);
          }
        }) {}
  /// From here on the edge must not call it good.
  void arrived(unsigned serial) { arrived_[serial] = true; }
  std::atomic<std::uint64_t> answers{0}, wrong{0}, broken{0};

 private:
  void look(const DistributionWorld& world, unsigned serial) {
    const HashAlgorithm hash = kHashes[serial % 2];
    const bool must_not_be_good = arrived_[serial];
    const std::string said = world.edge_says(serial, hash);
    answers += said == "nothing" ? 0 : 1;  // it is killed now and then
    wrong += must_not_be_good && said == "good" ? 1 : 0;
    broken += said == "forged" ? 1 : 0;
    const auto file = read_file(world.file_of(serial, hash), 1 << 16);
    const std::string filed = file ? world.says(*file, serial, hash) : "absent";
    wrong += must_not_be_good && filed == "good" ? 1 : 0;
    broken += filed == "nothing" || filed == "forged" ? 1 : 0;  // replaced whole, or not at all
  }
  std::vector<std::atomic<bool>> arrived_;
  std::jthread thread_;
};

// An exporter that stays and an edge that pulls, both killed at random: what was revoked arrives by
// itself, and stays.
// req: OCSP-OPS-004
TEST(Distribution, NeverGoodOnceARevocationHasArrived) {
  DistributionWorld world(24);
  world.start_core();
  world.start_origin();
  const auto start_exporter = [&world] {
    return std::make_unique<Daemon>(world.export_arguments({"--every", "1h"}));
  };
  auto exporter = start_exporter();
  ASSERT_TRUE(comes([&] { return std::filesystem::exists(world.exported() + "/manifest"); }))
      << exporter->output();
  world.start_edge();
  ASSERT_TRUE(world.edge_comes_to("muster_edge_held_answers", 48));
  std::mt19937_64 random(from_environment("MUSTER_CHAOS_SEED", 4));
  Milliseconds slowest{0};
  std::uint64_t last_number = 0;
  {
    Watcher watcher(world);
    for (unsigned serial = 0; serial < world.serials() / 2; ++serial) {
      ASSERT_TRUE(world.push(serial % 3 == 0 ? "hold" : "revoke", {serial}));
      const auto acknowledged = std::chrono::steady_clock::now();
      if (serial % 4 == 1) {
        std::this_thread::sleep_for(Milliseconds(random() % 1'500));
        exporter->send_signal(SIGKILL);
        exporter->wait(kPatience);
        exporter = start_exporter();
      }
      if (serial % 4 == 2) {
        std::this_thread::sleep_for(Milliseconds(random() % 1'500));
        world.kill_edge();
        world.start_edge();
      }
      for (const HashAlgorithm hash : kHashes) {
        ASSERT_TRUE(comes([&] { return world.edge_says(serial, hash) == "revoked"; }))
            << serial << "\n"
            << exporter->output() << world.edge().output();
      }
      slowest = std::max(slowest, std::chrono::duration_cast<Milliseconds>(
                                      std::chrono::steady_clock::now() - acknowledged));
      watcher.arrived(serial);
      const std::uint64_t number = world.edge_metric("muster_edge_manifest_number").value_or(0);
      EXPECT_GE(number, last_number);
      last_number = number;
    }
    EXPECT_EQ(watcher.wrong, 0U);
    EXPECT_EQ(watcher.broken, 0U);
    EXPECT_GT(watcher.answers, 100U);
    RecordProperty("answers", std::to_string(watcher.answers));
  }
  RecordProperty("slowest_ms", std::to_string(slowest.count()));
  const auto ended = exporter->stop();
  EXPECT_EQ(ended.exit_code, 0) << exporter->output();
  EXPECT_EQ(world.edge().stop().exit_code, 0) << world.edge().output();
}

TEST(Distribution, AnExportKilledAnywhereIsMadeTrueByTheNext) {
  DistributionWorld world(300);
  world.start_core();
  std::mt19937_64 random(from_environment("MUSTER_CHAOS_SEED", 5));
  std::set<unsigned> revoked;
  std::uint64_t number = 0;
  const unsigned rounds = static_cast<unsigned>(from_environment("MUSTER_CHAOS_ROUNDS", 8));
  unsigned killed = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    std::vector<unsigned> some;
    for (unsigned i = 0; i < 15; ++i) {
      const auto serial = static_cast<unsigned>(random() % world.serials());
      if (revoked.insert(serial).second) {
        some.push_back(serial);
      }
    }
    ASSERT_TRUE(world.push("revoke", some));
    Daemon exporter(world.export_arguments({"--renew-all"}));
    std::this_thread::sleep_for(Milliseconds(random() % (round % 2 == 0 ? 60 : 250)));
    exporter.send_signal(SIGKILL);
    killed += exporter.wait(kPatience)->signal == SIGKILL ? 1U : 0U;
    // Whatever is there is whole, and what a manifest says of it.
    for (unsigned serial = 0; serial < world.serials(); ++serial) {
      for (const HashAlgorithm hash : kHashes) {
        if (std::filesystem::exists(world.file_of(serial, hash))) {
          const std::string said =
              world.says(read_octets(world.file_of(serial, hash)), serial, hash);
          EXPECT_TRUE(said == "good" || (said == "revoked" && revoked.contains(serial)))
              << serial << ": " << said;
        }
      }
    }
    if (std::filesystem::exists(world.exported() + "/manifest")) {
      EXPECT_GE(world.manifest().number, number);
    }
    const ProcessResult done = world.run_export();
    ASSERT_EQ(done.exit_code, 0) << done.describe();
    const edge::Manifest manifest = world.manifest();
    EXPECT_GT(manifest.number, number);
    number = manifest.number;
    ASSERT_EQ(manifest.files.size(), world.serials() * kHashes.size());
    for (unsigned serial = 0; serial < world.serials(); ++serial) {
      for (const HashAlgorithm hash : kHashes) {
        const Buffer content = read_octets(world.file_of(serial, hash));
        EXPECT_EQ(world.says(content, serial, hash), revoked.contains(serial) ? "revoked" : "good")
            << serial;
        const auto& entry = manifest.files.at(http::base64_encode(world.request(serial, hash)));
        EXPECT_EQ(to_buffer(entry.digest), pki::digest(HashAlgorithm::kSha256, content));
      }
    }
  }
  EXPECT_GT(killed, 0U);
}

TEST(Distribution, APullKilledAnywhereLeavesAnEdgeThatGoesOn) {
  DistributionWorld world(120);
  world.start_core();
  ASSERT_EQ(world.run_export().exit_code, 0);
  world.start_origin();
  std::mt19937_64 random(from_environment("MUSTER_CHAOS_SEED", 6));
  std::set<unsigned> revoked;
  std::uint64_t in_use = 0;
  const unsigned rounds = static_cast<unsigned>(from_environment("MUSTER_CHAOS_ROUNDS", 8));
  for (unsigned round = 0; round < rounds; ++round) {
    world.start_edge();
    std::this_thread::sleep_for(Milliseconds(random() % 300));
    // In the middle of a pull or not: what it says is whole, and never older than before.
    const std::uint64_t number = world.edge_metric("muster_edge_manifest_number").value_or(0);
    EXPECT_GE(number, in_use);
    in_use = number;
    for (unsigned serial = 0; serial < world.serials(); serial += 7) {
      const std::string said = world.edge_says(serial, kHashes[serial % 2]);
      EXPECT_TRUE(said == "good" || (said == "revoked" && revoked.contains(serial)) ||
                  (said == "tryLater" && in_use == 0))
          << serial << ": " << said << world.edge().output();
    }
    world.kill_edge();
    const auto serial = static_cast<unsigned>(random() % world.serials());
    if (revoked.insert(serial).second) {
      ASSERT_TRUE(world.push("revoke", {serial}));
    }
    ASSERT_EQ(world.run_export({"--renew-all"}).exit_code, 0);  // everything is to be fetched
  }
  world.start_edge();
  ASSERT_TRUE(world.edge_comes_to("muster_edge_manifest_number", world.manifest().number));
  for (unsigned serial = 0; serial < world.serials(); ++serial) {
    for (const HashAlgorithm hash : kHashes) {
      EXPECT_EQ(DistributionWorld::post(world.edge_address(), world.request(serial, hash)),
                read_octets(world.file_of(serial, hash)));
    }
  }
}

TEST(Distribution, WhatIsTamperedWithOrPutBackIsRefused) {
  namespace fs = std::filesystem;
  DistributionWorld world(6);
  world.start_core();
  ASSERT_EQ(world.run_export().exit_code, 0);
  const std::string old = world.dir().file("old");
  fs::copy(world.exported(), old, fs::copy_options::recursive);
  ASSERT_TRUE(world.push("revoke", {1}));
  world.start_origin();
  world.start_edge();
  ASSERT_TRUE(world.edge_comes_to("muster_edge_held_answers", 12));
  ASSERT_EQ(world.run_export().exit_code, 0);
  ASSERT_TRUE(world.edge_comes_to("muster_edge_manifest_number", world.manifest().number));
  ASSERT_EQ(world.edge_says(1, HashAlgorithm::kSha1), "revoked");

  const std::string manifest = world.exported() + "/manifest";
  const std::string victim = world.file_of(2, HashAlgorithm::kSha256);
  const auto change_octet = [](const std::string& path) {
    std::string text = read_text(path);
    text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
    std::ofstream(path, std::ios::binary) << text;
  };
  const auto sign_as = [&](const Identity* by) {
    auto signer = by == nullptr ? std::nullopt : std::optional(*pki::Signer::make(by->key));
    edge::Manifest next = world.manifest();
    next.number += 1'000;
    std::ofstream(manifest) << *edge::seal_manifest(next, signer ? &*signer : nullptr);
  };
  struct Case {
    const char* what;
    const char* reason;
    std::function<void()> tamper;
  };
  const Case cases[] = {
      {"an octet of a new answer", "tampered", [&] { change_octet(victim); }},
      {"the answer of before the revocation", "tampered",
       [&] {
         for (const HashAlgorithm hash : kHashes) {
           fs::copy_file(old + "/tree/" + edge::file_path(world.request(1, hash)),
                         world.file_of(1, hash), fs::copy_options::overwrite_existing);
         }
       }},
      {"an answer that is missing", "unreachable", [&] { fs::remove(victim); }},
      {"an octet of the manifest", "tampered", [&] { change_octet(manifest); }},
      {"a manifest that nobody signed", "tampered", [&] { sign_as(nullptr); }},
      {"a manifest that somebody else signed", "tampered",
       [&] { sign_as(&world.pki().ocsp_signer); }},
      {"the whole export of before", "rolled_back",
       [&] {
         fs::remove_all(world.exported() + "/tree");
         fs::copy(old + "/tree", world.exported() + "/tree", fs::copy_options::recursive);
         fs::copy_file(old + "/manifest", manifest, fs::copy_options::overwrite_existing);
       }},
  };
  const std::string whole = world.dir().file("whole");
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    const std::uint64_t number = world.manifest().number;
    ASSERT_TRUE(world.edge_comes_to("muster_edge_manifest_number", number));
    const Buffer in_use =
        DistributionWorld::post(world.edge_address(), world.request(2, HashAlgorithm::kSha256));
    // A new export, of which the edge sees nothing before it was tampered with.
    world.edge().send_signal(SIGSTOP);
    ASSERT_EQ(world.run_export({"--renew-all"}).exit_code, 0);
    fs::remove_all(whole);
    fs::copy(world.exported(), whole, fs::copy_options::recursive);
    one.tamper();
    const std::string sample =
        "muster_edge_pulls_total{result=\"" + std::string(one.reason) + "\"}";
    world.edge().send_signal(SIGCONT);
    const std::uint64_t refused = world.edge_metric(sample).value_or(0);
    ASSERT_TRUE(world.edge_comes_to(sample, refused + 2)) << one.what;
    EXPECT_EQ(world.edge_metric("muster_edge_manifest_number"), number);
    EXPECT_EQ(
        DistributionWorld::post(world.edge_address(), world.request(2, HashAlgorithm::kSha256)),
        in_use);
    EXPECT_EQ(world.edge_says(1, HashAlgorithm::kSha1), "revoked");
    // Also by one that begins with what it had.
    world.kill_edge();
    world.start_edge();
    ASSERT_TRUE(world.edge_comes_to(sample, 1));
    EXPECT_EQ(world.edge_says(1, HashAlgorithm::kSha1), "revoked");
    // What was right is taken.
    fs::remove_all(world.exported() + "/tree");
    fs::copy(whole + "/tree", world.exported() + "/tree", fs::copy_options::recursive);
    fs::copy_file(whole + "/manifest", manifest, fs::copy_options::overwrite_existing);
    ASSERT_TRUE(world.edge_comes_to("muster_edge_manifest_number", world.manifest().number));
  }
}

// The exporter trusts what lies in its directory no further than its own signature.
TEST(Distribution, AnExportThatWasTamperedWithIsMadeAnew) {
  DistributionWorld world(6);
  world.start_core();
  ASSERT_EQ(world.run_export().exit_code, 0);
  const std::string path = world.exported() + "/manifest";
  edge::Manifest forged = world.manifest();
  const std::uint64_t number = forged.number;
  const Buffer before = read_octets(world.file_of(1, HashAlgorithm::kSha1));
  ASSERT_TRUE(world.push("revoke", {1}));
  auto stranger = pki::Signer::make(world.pki().ocsp_signer.key);
  forged.number += 1'000'000;
  std::ofstream(path) << *edge::seal_manifest(forged, &*stranger);
  const ProcessResult done = world.run_export();
  ASSERT_EQ(done.exit_code, 0) << done.describe();
  EXPECT_THAT(done.err, HasSubstr("export.manifest_refused"));
  EXPECT_THAT(done.out, HasSubstr("12 written, 0 kept"));
  EXPECT_GE(world.manifest().number, number);
  EXPECT_LT(world.manifest().number, forged.number);
  EXPECT_EQ(
      world.says(read_octets(world.file_of(1, HashAlgorithm::kSha1)), 1, HashAlgorithm::kSha1),
      "revoked");
  EXPECT_NE(read_octets(world.file_of(1, HashAlgorithm::kSha1)), before);
}

}  // namespace
}  // namespace muster::testing
