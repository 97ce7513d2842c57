#include <filesystem>
#include <nlohmann/json.hpp>

#include "muster/http/get_path.h"
#include "net_testing.h"
#include "node_fixture.h"

namespace muster::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Page {
  unsigned status = 0;
  std::string head, body;
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
};

/// One request to an admin listener.
Page ask(const std::string& address, const std::string& method, const std::string& target,
         const std::string& headers = "Host: localhost\r\n", const std::string& body = "") {
  net::RawClient client(address);
  client.send(method + " " + target + " HTTP/1.1\r\n" + headers + "Connection: close\r\n" +
              (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") +
              "\r\n" + body);
  const std::string text = client.read_to_end();
  Page page;
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos) {
    ADD_FAILURE() << method << " " << target << ": " << text;
    return page;
  }
  page.status = static_cast<unsigned>(std::stoul(text.substr(9, 3)));
  page.head = text.substr(0, end + 2);
  page.body = text.substr(end + 4);
  return page;
}

NodeOptions with_admin(const Site& site) {
  NodeOptions options = site.options();
  options.admin.listen = {"127.0.0.1:0"};
  options.service.clock_error = [] { return Milliseconds(1); };
  return options;
}

struct AdminNode : RunningNode {
  explicit AdminNode(const NodeOptions& with) : RunningNode(with) {}
  [[nodiscard]] Page get(const std::string& target,
                         const std::string& headers = "Host: localhost\r\n") const {
    return ask(node->admin_addresses()[0], "GET", target, headers);
  }
  [[nodiscard]] Page post(const std::string& target, const std::string& body = "") const {
    return ask(node->admin_addresses()[0], "POST", target, "Host: localhost\r\n", body);
  }
};

// req: OCSP-OPS-008
TEST(Admin, IsAliveReadyAndMeasured) {
  const Site site;
  const AdminNode running(with_admin(site));
  EXPECT_EQ(running.status_of(standard_pki().leaf.certificate), "good");
  EXPECT_EQ(running.get("/livez").body, "ok\n");
  const Page ready = running.get("/readyz");
  EXPECT_EQ(ready.status, 200U);
  EXPECT_EQ(ready.body, "ready\n");
  const auto json = running.get("/readyz?format=json").json();
  EXPECT_EQ(json["ready"], true);
  EXPECT_EQ(json["checks"].size(), 3U);
  EXPECT_EQ(
      running.get("/readyz", "Host: localhost\r\nAccept: application/json\r\n").json()["ready"],
      true);
  const Page metrics = running.get("/metrics");
  EXPECT_THAT(metrics.head, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  for (const char* line :
       {"muster_responder_answers_total{status=\"good\"} 1\n",
        "muster_responder_requests_total{method=\"post\"} 1\n",
        "muster_source_up{issuer=\"test CA\",source=\"",
        "muster_issuer_records{issuer=\"test CA\",state=\"good\"} 1\n",
        "muster_signer_up{issuer=\"test CA\",signer=\"", "muster_ready 1\n",
        "muster_store_sequence ", "muster_http_requests_total{listener=\"ocsp\"} 1\n"}) {
    EXPECT_THAT(metrics.body, HasSubstr(line));
  }
  EXPECT_EQ(running.get("/").status, 200U);
  EXPECT_EQ(running.get("/nothing").status, 404U);
}

/// The OCSP listener has no admin pages: GET owns the whole path space there.
TEST(Admin, StandsApartFromOcsp) {
  const Site site;
  const AdminNode running(with_admin(site));
  for (const char* path : {"/livez", "/readyz", "/metrics"}) {
    EXPECT_THAT(ask(running.node->addresses()[0], "GET", path).head,
                HasSubstr("application/ocsp-response"))
        << path;
  }
  EXPECT_NE(running.node->addresses(), running.node->admin_addresses());
}

/// What 'muster store' writes into a directory that was put in its place is never seen here.
TEST(Admin, NotReadyAndNothingGoodWhenTheStoreWasReplaced) {
  const Site site;
  const AdminNode running(with_admin(site));
  const std::string store = running.options.store;
  const pki::Certificate& leaf = standard_pki().leaf.certificate;
  const auto is_logged = [&](const char* event) {
    return running.logger.text().find(event) != std::string::npos;
  };
  ASSERT_EQ(running.status_of(leaf), "good");
  std::filesystem::rename(store, site.dir.file("away"));
  ASSERT_TRUE(net::eventually([&] { return is_logged("store.replaced store "); }));
  EXPECT_EQ(running.status_of(leaf), "internalError");
  const Page page = running.get("/readyz");
  EXPECT_EQ(page.status, 503U);
  EXPECT_THAT(page.body, AllOf(StartsWith("not ready\n"), HasSubstr("store: store " + store),
                               HasSubstr("restart the service")));
  std::filesystem::remove_all(store);
  std::filesystem::rename(site.dir.file("away"), store);
  ASSERT_TRUE(net::eventually([&] { return is_logged("store.back"); }));
  EXPECT_EQ(running.status_of(leaf), "good");
}

TEST(Admin, NotReadyWhenTheSignerHasEnded) {
  const Site site;
  AdminNode running(with_admin(site));
  running.clock.jump_to(standard_pki().ocsp_signer.certificate.not_after() + Seconds(1));
  running.clock.advance(Milliseconds(10'000));
  const Page page = running.get("/readyz");
  EXPECT_EQ(page.status, 503U);
  EXPECT_THAT(page.body, AllOf(StartsWith("not ready\n"), HasSubstr("signer (test CA): "),
                               HasSubstr("cannot sign"),
                               HasSubstr("answer (test CA): requests are answered tryLater")));
  EXPECT_THAT(running.get("/metrics").body,
              AllOf(HasSubstr("muster_ready 0\n"),
                    HasSubstr("muster_signer_up{issuer=\"test CA\",signer=\"")));
}

TEST(Admin, NotReadyWhenASourceWasNotReadForTooLong) {
  const Site site;
  NodeOptions options = with_admin(site);
  options.issuers[0].policy.validity = Seconds(3600);
  AdminNode running(options);
  EXPECT_EQ(running.get("/readyz").status, 200U);
  site.write_index("R\tnot a line\n");
  ASSERT_TRUE(net::eventually([&] { return running.node->sources()[0].error.has_value(); }));
  const Page noted = running.get("/readyz");
  EXPECT_EQ(noted.status, 200U) << "what was read is still fresh";
  EXPECT_THAT(noted.body, HasSubstr("note: source (test CA): "));
  running.clock.advance(Milliseconds(3600'000));
  const Page page = running.get("/readyz?format=json");
  EXPECT_EQ(page.status, 503U);
  EXPECT_THAT(page.body, HasSubstr("source_stale"));
  EXPECT_THAT(running.get("/metrics").body,
              HasSubstr("muster_source_up{issuer=\"test CA\",source=\"" +
                        site.dir.file("index.txt") + "\"} 0\n"));
}

TEST(Admin, ReloadTellsTheCaller) {
  const Site site;
  AdminNode running(with_admin(site));
  EXPECT_EQ(running.post("/reload").json()["result"], "reloaded");
  running.options.service.loops = 7;
  EXPECT_EQ(running.post("/reload").json()["restart_needed"], nlohmann::json({"loops"}));
  running.unreadable = "muster.toml:3:1: unknown key 'lisen'";
  const Page refused = running.post("/reload");
  EXPECT_EQ(refused.status, 422U);
  EXPECT_EQ(refused.json()["detail"], running.unreadable);
  EXPECT_EQ(running.status_of(standard_pki().leaf.certificate), "good");
  const std::string metrics = running.get("/metrics").body;
  EXPECT_THAT(metrics, AllOf(HasSubstr("muster_config_last_reload_successful 0\n"),
                             HasSubstr("muster_config_reloads_total{result=\"ok\"} 2\n"),
                             HasSubstr("muster_config_reloads_total{result=\"failed\"} 1\n")));
}

/// Not ready first, then no new connections; the process stays and says so.
TEST(Admin, DrainFailsReadinessBeforeItStopsAccepting) {
  const Site site;
  NodeOptions options = with_admin(site);
  options.admin.drain_delay = std::chrono::hours(1);
  const AdminNode running(options);
  std::thread draining([&] { EXPECT_EQ(running.post("/drain").json()["result"], "drained"); });
  EXPECT_TRUE(net::eventually([&] { return running.get("/readyz").status == 503; }));
  EXPECT_THAT(running.get("/readyz").body, HasSubstr("draining: "));
  EXPECT_EQ(running.status_of(standard_pki().leaf.certificate), "good")
      << "load balancers have not noticed yet";
  EXPECT_EQ(running.get("/livez").status, 200U);
  running.node->stop();
  draining.join();
}

TEST(Admin, DrainWithoutDelayEndsOcspAlone) {
  const Site site;
  const AdminNode running(with_admin(site));
  EXPECT_EQ(running.post("/drain").json()["result"], "drained");
  EXPECT_THAT(running.status_of(standard_pki().leaf.certificate), Not("good"));
  EXPECT_EQ(running.get("/readyz").status, 503U);
  EXPECT_EQ(running.post("/reload").status, 409U);
  EXPECT_THAT(running.get("/metrics").body, HasSubstr("muster_draining 1\n"));
}

TEST(Admin, RefusesBrowsersAndForeignNames) {
  const Site site;
  const AdminNode running(with_admin(site));
  const std::string address = running.node->admin_addresses()[0];
  EXPECT_EQ(
      ask(address, "POST", "/drain", "Host: localhost\r\nOrigin: https://evil.example\r\n").status,
      403U);
  EXPECT_EQ(ask(address, "POST", "/reload", "Host: evil.example\r\n").status, 403U);
  EXPECT_EQ(ask(address, "GET", "/metrics", "Host: evil.example\r\n").status, 403U);
  EXPECT_EQ(ask(address, "GET", "/drain").status, 405U) << "an image in a page gets nowhere";
  EXPECT_EQ(ask(address, "GET", "/reload").status, 405U);
  EXPECT_EQ(ask(address, "PUT", "/metrics").status, 405U);
  EXPECT_FALSE(running.node->is_draining());
  EXPECT_THAT(running.get("/metrics").body,
              HasSubstr("muster_http_limits_total{listener=\"admin\",limit=\"denied\"} 3\n"));
}

TEST(Admin, ExplainsARequest) {
  const Site site;
  const AdminNode running(with_admin(site));
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, standard_pki().leaf.certificate,
                         standard_pki().intermediate.certificate),
       {}});
  const Buffer der = ocsp::encode_request(request);
  const Page get = running.get("/explain/" + http::encode_get_tail(der));
  EXPECT_EQ(get.status, 200U);
  EXPECT_EQ(get.json()["answer"], "successful") << get.body;
  EXPECT_EQ(get.json()["cause"], "none");
  EXPECT_EQ(get.json()["certificates"][0]["issuer"], "test CA");
  EXPECT_EQ(get.json()["certificates"][0]["rule"], "record");
  EXPECT_EQ(get.json()["certificates"][0]["status"], "good");
  EXPECT_EQ(running.post("/explain", std::string(as_text(der))).body, get.body);
  EXPECT_EQ(running.get("/explain/not!base64").status, 400U);
  EXPECT_EQ(running.get("/explain").status, 400U);
  EXPECT_EQ(running.post("/explain", "junk").json()["answer"], "malformedRequest");
  EXPECT_EQ(running.post("/explain", std::string(70'000, 'x')).status, 413U);
  EXPECT_EQ(running.node->totals().good, 0U) << "nothing is counted as asked";
}

TEST(Admin, ExplainsToWhomItIsTold) {
  const Site site;
  NodeOptions options = with_admin(site);
  options.issuers[0].policy.clients = {*IpNetwork::parse("192.0.2.0/24"),
                                       *IpNetwork::parse("2001:db8::/32")};
  const AdminNode running(options);
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, standard_pki().leaf.certificate,
                         standard_pki().intermediate.certificate),
       {}});
  const std::string path = "/explain/" + http::encode_get_tail(ocsp::encode_request(request));
  EXPECT_EQ(running.get(path).json()["cause"], "client_refused");
  EXPECT_EQ(running.get(path + "?client=unix").json()["cause"], "client_refused");
  EXPECT_EQ(running.get(path + "?client=192.0.2.7").json()["cause"], "none");
  EXPECT_EQ(running.get(path + "?client=2001:db8::7").json()["cause"], "none");
  const auto refused = running.get(path + "?client=198.51.100.7").json();
  EXPECT_EQ(refused["cause"], "client_refused");
  EXPECT_THAT(refused["why"].get<std::string>(), HasSubstr("198.51.100.7"));
  for (const char* wrong : {"?client=", "?client=everybody", "?clients=192.0.2.7"}) {
    const Page page = running.get(path + wrong);
    EXPECT_EQ(page.status, 400U) << wrong;
    EXPECT_THAT(page.body, HasSubstr("client=192.0.2.7"));
  }
}

/// The loops are asked, for they know what decides besides the configuration.
TEST(Admin, ExplainsWhatStandsInTheWayNow) {
  const Site site;
  NodeOptions options = with_admin(site);
  options.policy.max_clock_error = Milliseconds(1'000);
  options.service.clock_error = [] { return Milliseconds(2'000); };
  const AdminNode running(options);
  EXPECT_EQ(running.status_of(standard_pki().leaf.certificate), "tryLater");
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, standard_pki().leaf.certificate,
                         standard_pki().intermediate.certificate),
       {}});
  const Buffer der = ocsp::encode_request(request);
  const auto out = running.post("/explain", std::string(as_text(der))).json();
  EXPECT_EQ(out["answer"], "tryLater");
  EXPECT_EQ(out["cause"], "clock_unsure");
  EXPECT_FALSE(out["certificates"][0].contains("status")) << "nothing is said of it";
  EXPECT_FALSE(out.contains("notes")) << "every loop answered: " << out;
}

TEST(Admin, ListensWhereItIsTold) {
  const Site site;
  NodeOptions options = site.options();
  options.admin.listen = {"unix:" + site.dir.file("admin.sock"), "0"};
  const AdminNode running(options);
  ASSERT_EQ(running.node->admin_addresses().size(), 2U);
  for (const std::string& address : running.node->admin_addresses()) {
    EXPECT_EQ(ask(address, "GET", "/livez").body, "ok\n") << address;
  }
  testing::FakeClock clock;
  options.service.listen = {"127.0.0.1:0"};
  options.store = site.dir.file("store2");
  options.admin.listen = {running.node->admin_addresses()[1]};
  const auto second = Node::start(
      options, [] { return NodeOptions(); }, clock, null_logger());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, NodeErrc::kAddress);
  EXPECT_THAT(second.error().detail, HasSubstr("in use"));
}

}  // namespace
}  // namespace muster::node
