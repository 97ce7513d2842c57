#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <thread>

#include "muster/http/get_path.h"
#include "muster/stapler/control.h"
#include "muster/stapler/stapler.h"
#include "shelf_fixture.h"
#include "turns.h"

namespace muster::stapler {

using keeper::kTestNow;

/// Answers as a responder would for the certificates it knows, on the loop; or not at all.
class WorldFetcher final : public net::FetchService {
 public:
  WorldFetcher(net::Loop& loop, const Clock& clock) : loop_(loop), clock_(clock) {}

  net::FetchId start(net::FetchRequest request,
                     std::function<void(net::FetchResult)> done) override {
    ++asked;
    loop_.post([this, request = std::move(request), done = std::move(done)] {
      done(answer(request));
      if (on_answered) {
        on_answered();
      }
    });
    return ++last_;
  }
  void cancel(net::FetchId) override {}

  std::map<Buffer, const testing::Identity*> known;  ///< by serial
  bool fails = false;
  ocsp::CertStatus status = ocsp::Good{};
  std::function<void()> on_answered;  ///< called after each
  /// What others than the intermediate's responder answer about a serial; nothing: not theirs.
  std::function<std::optional<Buffer>(const Buffer& serial)> others;
  std::size_t asked = 0;

 private:
  net::FetchResult answer(const net::FetchRequest& request) const {
    const auto fail = [] {
      return net::FetchResult(
          Err{net::FetchError{net::FetchErrc::kConnect, "nobody listens", 0, std::nullopt}});
    };
    Buffer der;
    if (fails) {
      return fail();
    }
    if (request.post_body) {
      der = *request.post_body;
    } else if (!http::decode_get_tail(request.url.substr(request.url.rfind('/') + 1), 4096, der)) {
      return fail();
    }
    const auto parsed = ocsp::parse_request(der);
    const Buffer serial = parsed ? to_buffer((*parsed->requests.begin()).cert_id.serial) : Buffer();
    net::FetchResponse response;
    response.http_status = 200;
    if (std::optional<Buffer> body = others ? others(serial) : std::nullopt) {
      response.body = *std::move(body);
      return net::FetchResult(std::move(response));
    }
    const auto found = known.find(serial);
    if (found == known.end()) {
      return fail();
    }
    const std::int64_t at = (clock_.now() - kTestNow).count();
    response.body = keeper::make_response(*found->second, {at, at + 86400}, status);
    return net::FetchResult(std::move(response));
  }

  net::Loop& loop_;
  const Clock& clock_;
  net::FetchId last_ = 0;
};

/// A whole stapler on a clock that moves when told.
class StaplerWorld : public ::testing::Test {
 protected:
  StaplerWorld() {
    know(leaf);
    know(other);
    know(renewed);
    options.shelf = dir.file("shelf");
    options.inventory.out = dir.file("out");
    options.settle = Milliseconds(1);
    options.keeper.confirm_within = Seconds(0);
    ::mkdir(dir.file("out").c_str(), 0755);
  }
  ~StaplerWorld() override { end(); }

  void know(const testing::Identity& identity) {
    fetcher.known[to_buffer(identity.certificate.serial().octets())] = &identity;
  }
  /// A leaf whose certificate says where to ask.
  static testing::Identity issue(std::vector<std::string> urls,
                                 std::optional<UnixSeconds> begins = {}) {
    testing::CertificateSpec spec = testing::leaf_spec("web.example");
    spec.ocsp_uris = std::move(urls);
    spec.not_before = begins;
    return testing::issue(testing::standard_pki().intermediate, spec);
  }
  /// A file of a certificate with its chain.
  std::string put(const testing::Identity& identity, const std::string& name = "web.pem") {
    return dir.write(name, testing::to_pem({identity.certificate, pki.intermediate.certificate}));
  }
  void use(const std::string& path) { options.certificates.push_back({path, "", "", "", kUrl}); }
  /// Makes it, which reads the files.
  void make() {
    auto made = Stapler::make(loop, fetcher, clock, logger, options, 1);
    ASSERT_TRUE(made) << made.error().detail;
    stapler = *std::move(made);
  }
  /// Starts it and runs the first round.
  void start() {
    make();
    begin();
  }
  void begin() {
    ASSERT_TRUE(stapler != nullptr);
    stapler->start(keeper::Keeper::FirstFetch::kWhatIsDue, [this](Readiness) { is_ready = true; });
    run_until([this] { return is_ready; });
  }
  void end() {
    if (stapler) {
      stapler->stop([] {});
      stapler.reset();
    }
  }
  void run_until(const std::function<bool()>& holds) {
    ASSERT_TRUE(testing_staples::turn_until(loop, holds));
  }
  struct Told {
    stapler::ControlEnd end;
    std::string lines;
  };
  /// Asks as another process would.
  Told ask(const std::string& request) {
    Told told;
    std::thread asking([&] {
      told.end = ask_stapler(options.shelf, request, Seconds(60),
                             [&](const std::string& text, bool) { told.lines += text + '\n'; });
      loop.post([this] { loop.stop(); });
    });
    loop.run();
    asking.join();
    return told;
  }
  std::string wait_request(const testing::Identity& identity, Seconds timeout = Seconds(60)) const {
    return control::wait("web", {{identity.certificate.der(), pki.intermediate.certificate.der()}},
                         timeout, false);
  }
  [[nodiscard]] keeper::StaplePointer staple_of(const testing::Identity& identity) const {
    return stapler->shelf().find(identity.certificate.fingerprint(), clock.now());
  }
  [[nodiscard]] Buffer out_file(const std::string& name = "web") const {
    const auto content = read_file(dir.file("out/" + name + ".ocsp"), 1 << 20);
    return content ? *content : Buffer();
  }
  [[nodiscard]] bool has_out_file_of(const testing::Identity& identity) const {
    const auto staple = staple_of(identity);
    return staple && equal(out_file(), staple->der());
  }

  static inline const std::vector<std::string> kUrl{"http://ocsp.example/"};
  const testing::TestPki& pki = testing::standard_pki();
  const testing::Identity& leaf = pki.leaf;
  const testing::Identity& other = pki.other_leaf;
  const testing::Identity renewed = issue(kUrl);
  testing::TempDir dir;
  keeper::MemoryLogger logger;
  testing::FakeClock clock{kTestNow};
  net::Loop loop;
  WorldFetcher fetcher{loop, clock};
  StaplerOptions options;
  std::unique_ptr<Stapler> stapler;
  bool is_ready = false;
};

}  // namespace muster::stapler
