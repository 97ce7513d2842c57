#include "edge_world.h"
#include "muster/net/fetcher.h"

namespace muster::edge {
namespace {

using ::testing::HasSubstr;

TEST(Mirror, HoldsWhatTheExportHolds) {
  EdgeWorld world;
  EXPECT_EQ(world.mirror->status().number, 0U);
  const PullReport first = world.pull();
  EXPECT_EQ(first.fetched, 6U);
  EXPECT_EQ(first.number, world.manifest().number);
  for (std::uint8_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(world.gives(serial_of(i)).empty());
    EXPECT_EQ(world.gives(serial_of(i)), world.file(serial_of(i)));
    EXPECT_EQ(world.gives(serial_of(i), HashAlgorithm::kSha1),
              world.file(serial_of(i), HashAlgorithm::kSha1));
  }
  EXPECT_EQ(world.pull().fetched, 0U);
}

TEST(Mirror, FetchesOnlyWhatChanged) {
  EdgeWorld world;
  world.pull();
  world.revoke(serial_of(1));
  world.export_again();
  const PullReport report = world.pull();
  EXPECT_EQ(report.fetched, 2U);
  EXPECT_EQ(report.removed, 2U);
  EXPECT_EQ(world.gives(serial_of(1)), world.file(serial_of(1)));
  EXPECT_EQ(world.says(serial_of(1)), "revoked");
}

TEST(Mirror, AFileThatIsNotTheSignedOneChangesNothing) {
  EdgeWorld world;
  world.pull();
  const Buffer good = world.gives(serial_of(1));
  world.revoke(serial_of(1));
  world.export_again();
  const std::string path =
      "/tree/" + file_path(world.request(serial_of(1), HashAlgorithm::kSha256));
  world.origin.lie(path, good);  // the answer of before, for the revoked one
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kTampered);
  EXPECT_EQ(world.gives(serial_of(1)), good);  // the last that was right as a whole
  world.origin.tell_the_truth();
  world.pull();
  EXPECT_EQ(world.gives(serial_of(1)), world.file(serial_of(1)));
}

TEST(Mirror, AManifestThatNobodyOfOursSignedIsRefused) {
  EdgeWorld world;
  world.pull();
  const std::uint64_t number = world.mirror->status().number;
  world.export_again();
  Buffer changed = world.manifest_text();
  changed[changed.size() / 2] ^= 1;
  world.origin.lie("/manifest", changed);
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kTampered);
  Manifest other = world.manifest();
  auto stranger = pki::Signer::make(standard_pki().ocsp_signer.key);
  world.origin.lie("/manifest", to_buffer(as_bytes(*seal_manifest(other, &*stranger))));
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kTampered);
  world.origin.lie("/manifest", to_buffer(as_bytes(*seal_manifest(other, nullptr))));
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kTampered);
  EXPECT_EQ(world.mirror->status().number, number);
}

TEST(Mirror, NumbersNeverFallOverRestartsToo) {
  EdgeWorld world;
  world.pull();
  const Buffer old = world.manifest_text();
  world.revoke(serial_of(1));
  world.export_again();
  world.pull();
  world.origin.lie("/manifest", old);
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kRolledBack);
  world.open();
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kRolledBack);
  EXPECT_EQ(world.gives(serial_of(1)), world.file(serial_of(1)));
  // Also when all but the number was lost.
  std::filesystem::remove(world.dir.file("edge/manifest"));
  world.open();
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kRolledBack);
  EXPECT_TRUE(world.gives(serial_of(1)).empty());
  world.origin.tell_the_truth();
  world.pull();
  EXPECT_EQ(world.gives(serial_of(1)), world.file(serial_of(1)));
}

TEST(Mirror, TwoManifestsWithOneNumberAreOneTooMany) {
  EdgeWorld world;
  world.pull();
  Manifest other = world.manifest();
  other.files.erase(other.files.begin());
  auto signer = pki::Signer::make(standard_pki().leaf.key);
  world.origin.lie("/manifest", to_buffer(as_bytes(*seal_manifest(other, &*signer))));
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kRolledBack);
}

TEST(Mirror, GoesOnWithoutTheCoreUntilAnswersEndAndNoLonger) {
  EdgeWorld world;
  world.pull();
  world.origin.go_down();
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kUnreachable);
  world.open();  // as after a restart
  EXPECT_EQ(world.gives(serial_of(0)), world.file(serial_of(0)));
  world.clock.jump_to(world.mirror->status().first_end - Seconds(1));
  EXPECT_FALSE(world.gives(serial_of(0)).empty());
  world.clock.jump_to(world.mirror->status().first_end);
  const auto over =
      world.mirror->find(world.request(serial_of(0), HashAlgorithm::kSha256), world.clock.now());
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error(), MissErrc::kOver);
}

TEST(Mirror, ADamagedFileIsNotGivenAndFetchedAgain) {
  EdgeWorld world;
  world.pull();
  for (const auto& one :
       std::filesystem::recursive_directory_iterator(world.dir.file("edge/tree"))) {
    if (!one.is_directory()) {
      std::ofstream(one.path(), std::ios::app) << "x";
    }
  }
  const auto damaged =
      world.mirror->find(world.request(serial_of(0), HashAlgorithm::kSha256), world.clock.now());
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error(), MissErrc::kDamaged);
  EXPECT_EQ(world.pull().fetched, 1U);
  EXPECT_EQ(world.gives(serial_of(0)), world.file(serial_of(0)));
}

TEST(Mirror, ADeathInTheMiddleOfAPullIsMadeUpFor) {
  EdgeWorld world;
  world.pull();
  world.revoke(serial_of(1));
  world.export_again();
  const std::string sha1 = "/tree/" + file_path(world.request(serial_of(1), HashAlgorithm::kSha1));
  world.origin.lie(sha1, Buffer{1});  // whatever came before it was written, and is named by nobody
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kTampered);
  std::ofstream(world.dir.file("edge/fresh")) << "half an ans";
  world.open();
  world.origin.tell_the_truth();
  world.pull();
  EXPECT_EQ(world.gives(serial_of(1)), world.file(serial_of(1)));
  std::size_t files = 0;
  for (const auto& one :
       std::filesystem::recursive_directory_iterator(world.dir.file("edge/tree"))) {
    files += one.is_directory() ? 0U : 1U;
  }
  EXPECT_EQ(files, 6U);
}

TEST(Mirror, AnotherSignerNeedsAnEmptyDirectory) {
  EdgeWorld world;
  world.pull();
  const auto refused =
      Mirror::open(world.options_of(), {world.origin.url, {standard_pki().ocsp_signer.certificate}},
                   null_logger());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, MirrorErrc::kTampered);
  EXPECT_THAT(refused.error().detail, HasSubstr("empty directory"));
}

TEST(Mirror, FilesOfAPullThatFailedNeedNotComeAgain) {
  EdgeWorld world;
  // The last in the order of the manifest is not there yet: all before it came.
  const std::string last = world.manifest().files.rbegin()->first;
  world.origin.lie("/tree/" + file_path(*http::base64_decode(last)), Buffer{1});
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kTampered);
  const std::size_t asked = world.origin.requests();
  world.origin.tell_the_truth();
  EXPECT_EQ(world.pull().fetched, 1U);
  EXPECT_EQ(world.origin.requests(), asked + 2);  // the manifest, and what was missing
  EXPECT_EQ(world.gives(serial_of(1)), world.file(serial_of(1)));
}

// Octets that never reached the disk before the power went.
TEST(Mirror, WhatAPullLeftBehindCountsOnlyIfItIsWhole) {
  EdgeWorld world;
  const std::string last = world.manifest().files.rbegin()->first;
  world.origin.lie("/tree/" + file_path(*http::base64_decode(last)), Buffer{1});
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kTampered);
  for (const auto& one :
       std::filesystem::recursive_directory_iterator(world.dir.file("edge/tree"))) {
    if (!one.is_directory()) {
      std::filesystem::resize_file(one.path(), 0);
    }
  }
  world.origin.tell_the_truth();
  EXPECT_EQ(world.pull().fetched, 6U);
  EXPECT_EQ(world.gives(serial_of(1)), world.file(serial_of(1)));
}

TEST(Mirror, APullNeedsOneConnection) {
  EdgeWorld world;
  world.pull();
  EXPECT_EQ(world.origin.requests(), 7U);
  EXPECT_EQ(world.origin.connections(), 1U);
}

/// Many certificates in the world's store.
void issue_many(EdgeWorld& world, unsigned count) {
  std::vector<store::Change> changes;
  for (unsigned i = 0; i < count; ++i) {
    const Buffer content{0x33, static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)};
    changes.push_back({*Serial::make(content), store::Status{}});
  }
  ASSERT_TRUE(world.store->apply(world.issuer, changes));
}

TEST(Mirror, ManyFilesComeOverAFewConnections) {
  EdgeWorld world;
  issue_many(world, 200);
  world.export_again();
  EXPECT_EQ(world.pull().fetched, 406U);
  EXPECT_EQ(world.origin.requests(), 407U);
  EXPECT_GT(world.origin.connections(), 1U);
  EXPECT_LE(world.origin.connections(), 4U);
  for (const auto& [name, entry] : world.manifest().files) {
    const auto held = world.mirror->find(*http::base64_decode(name), world.clock.now());
    ASSERT_TRUE(held) << name;
    EXPECT_EQ(to_buffer(entry.digest), pki::digest(HashAlgorithm::kSha256, held->response));
  }
}

TEST(Mirror, OneWrongFileOfManyEndsThePull) {
  EdgeWorld world;
  issue_many(world, 200);
  world.export_again();
  const auto files = world.manifest().files;
  const std::string middle = std::next(files.begin(), 200)->first;
  world.origin.lie("/tree/" + file_path(*http::base64_decode(middle)), Buffer{1});
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kTampered);
  EXPECT_LT(world.origin.requests(), 406U);  // the rest is not asked for
  EXPECT_EQ(world.mirror->status().number, 0U);
  world.origin.tell_the_truth();
  EXPECT_LT(world.pull().fetched, 300U);
}

TEST(Mirror, AKeyIsChangedByNamingBothForAWhile) {
  EdgeWorld world;
  const pki::Certificate first = standard_pki().leaf.certificate;
  const pki::Certificate second = standard_pki().ocsp_signer.certificate;
  world.pull();
  const auto alone = world.mirror->adopt({world.origin.url, {second}});
  ASSERT_FALSE(alone);  // what is in use was signed by nobody we trust then
  EXPECT_EQ(alone.error().code, MirrorErrc::kTampered);
  ASSERT_TRUE(world.mirror->adopt({world.origin.url, {first, second}}));
  world.options.manifest_key = standard_pki().ocsp_signer.key;
  world.export_again();
  EXPECT_EQ(world.pull().number, world.manifest().number);
  ASSERT_TRUE(world.mirror->adopt({world.origin.url, {second}}));
  world.options.manifest_key = standard_pki().leaf.key;
  world.export_again();
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kTampered);
}

TEST(Mirror, AnotherPlaceIsFollowedFromTheNextPullOn) {
  EdgeWorld world;
  world.pull();
  Origin moved(world.options.directory);
  world.origin.go_down();
  EXPECT_EQ(world.pull_fails(), MirrorErrc::kUnreachable);
  ASSERT_TRUE(world.mirror->adopt({moved.url, {standard_pki().leaf.certificate}}));
  world.export_again();
  EXPECT_EQ(world.pull().number, world.manifest().number);
}

TEST(Mirror, SaysWhatIsInUse) {
  EdgeWorld world;
  EXPECT_EQ(world.mirror->status().number, 0U);
  world.pull();
  const MirrorStatus status = world.mirror->status();
  EXPECT_EQ(status.number, world.manifest().number);
  EXPECT_EQ(status.made, world.manifest().made);
  EXPECT_EQ(status.answers, 6U);
  EXPECT_EQ(status.first_end, world.manifest().until);
  EXPECT_EQ(status.last_end, world.manifest().files.begin()->second.next_update);
}

/// The edge as clients meet it.
struct Serving : EdgeWorld {
  Serving() : handler("/", *mirror, clock, counters) {
    address = loop.call([this] {
      auto listening = net::HttpServer::listen(loop.loop(), "127.0.0.1:0", {}, handler);
      EXPECT_TRUE(listening);
      server = *std::move(listening);
      return server->address();
    });
  }
  ~Serving() {
    loop.call([this] { server.reset(); });
  }
  [[nodiscard]] Buffer post(const Buffer& body) const {
    net::FetchRequest fetch;
    fetch.url = "http://" + address + "/";
    fetch.post_body = body;
    const auto got = net::fetch(fetch);
    EXPECT_TRUE(got) << (got ? "" : got.error().detail);
    return got ? got->body : Buffer();
  }
  [[nodiscard]] std::string says(const Buffer& body) const {
    const Buffer response = post(body);
    const auto parsed = ocsp::parse_response(response);
    return !parsed ? "nothing"
           : parsed->basic
               ? std::string(ocsp::to_string((*parsed->basic->responses.begin()).status))
               : std::string(ocsp::to_string(parsed->status));
  }
  EdgeCounters counters;
  EdgeHandler handler;
  std::string address;
  std::unique_ptr<net::HttpServer> server;
  net::LoopThread loop;
};

TEST(Edge, AnswersWhatTheCoreSigned) {
  Serving edge;
  const Buffer request = edge.request(serial_of(1), HashAlgorithm::kSha1);
  EXPECT_EQ(edge.says(request), "tryLater");  // nothing was pulled yet
  edge.pull();
  EXPECT_EQ(edge.post(request), edge.file(serial_of(1), HashAlgorithm::kSha1));
  for (const std::string& spelling : get_spellings(request)) {
    net::FetchRequest fetch;
    fetch.url = "http://" + edge.address + "/" + spelling;
    const auto got = net::fetch(fetch);
    ASSERT_TRUE(got) << spelling;
    EXPECT_EQ(got->body, edge.file(serial_of(1), HashAlgorithm::kSha1));
    ASSERT_TRUE(got->max_age);
    EXPECT_GT(*got->max_age, Seconds(0));
    EXPECT_LE(*got->expires, edge.mirror->status().first_end);
  }
  edge.revoke(serial_of(1));
  edge.export_again();
  edge.pull();
  EXPECT_EQ(edge.says(request), "revoked");
  edge.clock.jump_to(edge.mirror->status().first_end);
  EXPECT_EQ(edge.says(request), "tryLater");  // never longer than it holds
  EXPECT_EQ(edge.counters.over, 2U);
}

TEST(Edge, SaysNothingOfWhatItDoesNotKnow) {
  Serving edge;
  edge.pull();
  EXPECT_EQ(edge.says(edge.request(serial_of(99), HashAlgorithm::kSha256)), "unauthorized");
  EXPECT_EQ(edge.says(Buffer{1, 2, 3}), "malformedRequest");
  const auto of = [&edge](ocsp::Request request) {
    return edge.says(ocsp::encode_request(request));
  };
  const pki::Certificate& ca = standard_pki().intermediate.certificate;
  ocsp::Request request;
  request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, ca, serial_of(0)), {}});
  EXPECT_EQ(of(responder::with_nonce(request, 16)), "good");  // nonces are ignored
  ocsp::Request critical = request;
  critical.extensions.push_back({Buffer{0x2a, 0x03}, true, Buffer{0x05, 0x00}});
  EXPECT_EQ(of(critical), "unauthorized");
  request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, ca, serial_of(1)), {}});
  EXPECT_EQ(of(request), "unauthorized");
}

}  // namespace
}  // namespace muster::edge
