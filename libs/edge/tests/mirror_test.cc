#include "muster/edge/mirror.h"

#include <fstream>
#include <map>
#include <mutex>

#include "export_world.h"
#include "muster/edge/edge_handler.h"
#include "muster/http/base64.h"
#include "muster/http/get_path.h"
#include "muster/net/fetcher.h"
#include "net_testing.h"

// An export, a web server that shows it (and lies where a test wants), and an edge that follows it.
namespace muster::edge {
namespace {

using ::testing::HasSubstr;

/// Shows a directory as web servers do.
class Origin final : public net::HttpHandler {
 public:
  explicit Origin(std::string root) : root_(std::move(root)) {
    const auto listening = loop_.call([this] {
      auto server = net::HttpServer::listen(loop_.loop(), "127.0.0.1:0", {}, *this);
      EXPECT_TRUE(server);
      server_ = *std::move(server);
      return server_->address();
    });
    url = "http://" + listening + "/";
  }
  ~Origin() override {
    loop_.call([this] { server_.reset(); });
  }
  void handle(const http::RequestView& request, net::HttpReply& reply) override {
    std::string path;
    for (std::size_t i = 0; i < request.target.size(); ++i) {
      const std::string_view escape = request.target.substr(i, 3);
      const bool is_escape = escape == "%2B" || escape == "%3D";
      path += is_escape ? (escape == "%2B" ? '+' : '=') : request.target[i];
      i += is_escape ? 2U : 0U;
    }
    const std::lock_guard lock(mutex_);
    const auto content = read_file(root_ + path, 1 << 20);
    if (is_down_ || !content) {
      reply.send(is_down_ ? 503 : 404, "text/plain", "", {});
      return;
    }
    const auto lie = lies_.find(path);
    reply.send(200, "application/octet-stream", "",
               lie == lies_.end() ? Bytes(*content) : Bytes(lie->second));
  }
  void lie(const std::string& path, const Buffer& content) {
    const std::lock_guard lock(mutex_);
    lies_[path] = content;
  }
  void tell_the_truth() {
    const std::lock_guard lock(mutex_);
    lies_.clear();
    is_down_ = false;
  }
  void go_down() {
    const std::lock_guard lock(mutex_);
    is_down_ = true;
  }
  std::string url;

 private:
  const std::string root_;
  std::mutex mutex_;
  std::map<std::string, Buffer> lies_;
  bool is_down_ = false;
  std::unique_ptr<net::HttpServer> server_;
  net::LoopThread loop_;  // last: runs what is above
};

struct EdgeWorld : World {
  EdgeWorld() : origin(options.directory) {
    options.manifest_key = standard_pki().leaf.key;
    static_cast<void>(run());
    open();
  }
  /// As after a restart.
  void open() {
    mirror.reset();
    MirrorOptions how;
    how.url = origin.url;
    how.directory = dir.file("edge");
    auto opened = Mirror::open(how, standard_pki().leaf.certificate, null_logger());
    ASSERT_TRUE(opened) << opened.error().detail;
    mirror = *std::move(opened);
  }
  void export_again() {
    clock.advance(Milliseconds(1000));
    static_cast<void>(run());
  }
  PullReport pull() {
    const auto report = mirror->pull();
    EXPECT_TRUE(report) << (report ? "" : report.error().detail);
    return report ? *report : PullReport{};
  }
  [[nodiscard]] std::optional<MirrorErrc> pull_fails() const {
    const auto report = mirror->pull();
    return report ? std::nullopt : std::optional(report.error().code);
  }
  /// Octets the edge gives, or nothing.
  [[nodiscard]] Buffer gives(const Serial& serial,
                             HashAlgorithm hash = HashAlgorithm::kSha256) const {
    const auto held = mirror->find(request(serial, hash), clock.now());
    return held ? held->response : Buffer();
  }
  [[nodiscard]] Buffer manifest_text() const {
    return *read_file(options.directory + "/manifest", 1 << 20);
  }
  Origin origin;
  std::unique_ptr<Mirror> mirror;
};

TEST(Mirror, HoldsWhatTheExportHolds) {
  EdgeWorld world;
  EXPECT_EQ(world.mirror->number(), 0U);
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
  const std::uint64_t number = world.mirror->number();
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
  EXPECT_EQ(world.mirror->number(), number);
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
  world.clock.jump_to(*world.mirror->until() - Seconds(1));
  EXPECT_FALSE(world.gives(serial_of(0)).empty());
  world.clock.jump_to(*world.mirror->until());
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
  MirrorOptions how;
  how.url = world.origin.url;
  how.directory = world.dir.file("edge");
  const auto refused = Mirror::open(how, standard_pki().ocsp_signer.certificate, null_logger());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, MirrorErrc::kTampered);
  EXPECT_THAT(refused.error().detail, HasSubstr("empty directory"));
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
    EXPECT_LE(*got->expires, *edge.mirror->until());
  }
  edge.revoke(serial_of(1));
  edge.export_again();
  edge.pull();
  EXPECT_EQ(edge.says(request), "revoked");
  edge.clock.jump_to(*edge.mirror->until());
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
