#include "muster/responder/batch.h"

#include <map>

#include "muster/source/load.h"
#include "net_testing.h"
#include "node_fixture.h"

namespace muster::node {
namespace {

using ::testing::HasSubstr;

constexpr int kMany = 300;  // several parts for each loop

Serial serial_of(int number) {
  const Buffer content{0x11, static_cast<std::uint8_t>(number >> 8),
                       static_cast<std::uint8_t>(number & 0xff)};
  return *Serial::make(content);
}

Buffer id_of(const Serial& serial, HashAlgorithm hash = HashAlgorithm::kSha256) {
  return pki::make_cert_id(hash, standard_pki().intermediate.certificate, serial).der();
}

/// What a call came to.
struct Answers {
  unsigned status = 0;
  std::string text;                   ///< of a refusal
  std::map<std::size_t, Buffer> all;  ///< OCSPResponse by index
  std::optional<responder::BatchEnd> end;
  [[nodiscard]] std::string status_of(std::size_t index) const {
    const auto parsed = ocsp::parse_response(all.at(index));
    if (!parsed || !parsed->basic) {
      return "error";
    }
    const auto said = parsed->basic->responses.at(0).status;
    return std::holds_alternative<ocsp::Good>(said)      ? "good"
           : std::holds_alternative<ocsp::Revoked>(said) ? "revoked"
                                                         : "unknown";
  }
};

void read_answers(Bytes body, std::size_t asked, Answers& out) {
  const auto parsed = responder::parse_batch_answers(body, asked);
  ASSERT_TRUE(parsed) << der::to_string(parsed.error());
  out.end = parsed->end;
  for (std::size_t i = 0; i < asked; ++i) {
    if (parsed->replies[i]) {
      out.all.emplace(i, *parsed->replies[i]);
    }
  }
}

struct BatchNode {
  explicit BatchNode(const std::function<void(BatchOptions&)>& change = {}) {
    std::string index = testing::index_line(standard_pki().leaf.certificate);
    for (int i = 0; i < kMany; ++i) {
      index += "V\t271231235959Z\t\t" + to_hex(serial_of(i).octets()) + "\tunknown\t/CN=x\n";
    }
    site.write_index(index);
    NodeOptions options = site.options();
    options.batch.listen = {"127.0.0.1:0"};
    options.admin.listen = {"127.0.0.1:0"};
    options.service.clock_error = [] { return Milliseconds(1); };
    if (change) {
      change(options.batch);
    }
    running.emplace(options);
  }
  [[nodiscard]] Answers post(const Buffer& sent) const {
    net::FetchRequest fetch;
    fetch.url = "http://" + running->node->batch_addresses().at(0) + "/batch";
    fetch.post_body = sent;
    fetch.content_type = std::string(responder::kBatchRequestType);
    fetch.total_timeout = Milliseconds(60'000);
    fetch.max_body_bytes = std::size_t{64} << 20;
    Buffer came;
    fetch.sink = [&came](Bytes piece) {
      came.insert(came.end(), piece.begin(), piece.end());
      return true;
    };
    const auto got = net::fetch(fetch);
    Answers out;
    out.status = got ? got->http_status : got.error().http_status;
    if (got) {
      EXPECT_EQ(got->content_type, responder::kBatchAnswerType);
      const auto asked = responder::parse_batch(sent, 1'000'000);
      EXPECT_TRUE(asked);
      read_answers(came, asked ? asked->size() : 0, out);
    } else {
      out.text = std::string(as_text(came));
    }
    return out;
  }
  /// A request of its own.
  [[nodiscard]] Buffer single(const Buffer& cert_id) const {
    net::FetchRequest fetch;
    fetch.url = "http://" + running->node->addresses()[0] + "/";
    ocsp::Request request;
    request.requests.push_back({ocsp::parse_cert_id(cert_id)->to_owned(), {}});
    fetch.post_body = ocsp::encode_request(request);
    fetch.content_type = std::string(ocsp::kRequestMediaType);
    fetch.total_timeout = Milliseconds(30'000);
    const auto got = net::fetch(fetch);
    EXPECT_TRUE(got);
    return got ? got->body : Buffer();
  }
  /// Durable when it returns: acknowledged.
  void set(const Serial& serial, const store::Status& status) const {
    store::Store& store = running->node->store();
    const auto issuer =
        store.find_issuer(source::make_issuer_key(standard_pki().intermediate.certificate));
    ASSERT_TRUE(issuer);
    const store::Change change{serial, status};
    ASSERT_TRUE(store.apply(*issuer, {&change, 1}));
  }
  [[nodiscard]] std::string metrics() const {
    net::FetchRequest fetch;
    fetch.url = "http://" + running->node->admin_addresses()[0] + "/metrics";
    const auto got = net::fetch(fetch);
    return got ? std::string(as_text(got->body)) : "";
  }
  Site site;
  std::optional<RunningNode> running;
};

Buffer items_of(const std::vector<Buffer>& ids, const Answers* have = nullptr) {
  Buffer out;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool known = have != nullptr && have->all.contains(i);
    responder::append_batch_item(
        out, *ocsp::parse_cert_id(ids[i]),
        known ? pki::digest(HashAlgorithm::kSha256, have->all.at(i)) : Buffer());
  }
  return out;
}

std::vector<Buffer> many_ids() {
  std::vector<Buffer> ids;
  for (int i = 0; i < kMany; ++i) {
    ids.push_back(id_of(serial_of(i)));
  }
  return ids;
}

store::Status revoked() {
  store::Status status;
  status.state = store::State::kRevoked;
  status.revoked_at = kTestNow - Seconds(5);
  return status;
}

TEST(BatchNode, EachAnswerIsTheOneThatASingleRequestGets) {
  const BatchNode node;
  std::vector<Buffer> ids = many_ids();
  ids.push_back(id_of(standard_pki().leaf.certificate.serial(), HashAlgorithm::kSha1));
  ids.push_back(pki::make_cert_id(HashAlgorithm::kSha256, standard_pki().root.certificate,
                                  serial_of(1))
                    .der());  // none of ours: unauthorized, as an answer
  const Answers got = node.post(items_of(ids));
  ASSERT_EQ(got.end, (responder::BatchEnd{ids.size(), 0, 0}));
  ASSERT_EQ(got.all.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(got.all.at(i), node.single(ids[i])) << i;
  }
  EXPECT_EQ(got.status_of(0), "good");
  EXPECT_EQ(got.status_of(kMany + 1), "error");
  // Loops share what they sign: nothing was signed twice for it.
  EXPECT_EQ(node.running->node->totals().signatures, ids.size() - 1);
  const std::string metrics = node.metrics();
  EXPECT_THAT(metrics, HasSubstr("muster_batch_calls_total{result=\"ok\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("muster_batch_certificates_total{result=\"answered\"} 302\n"));
  EXPECT_THAT(metrics, HasSubstr("muster_http_requests_total{listener=\"batch\"} 1\n"));
}

TEST(BatchNode, TellsOnlyWhatChangedSince) {
  const BatchNode node;
  const std::vector<Buffer> ids = many_ids();
  const Answers first = node.post(items_of(ids));
  ASSERT_EQ(first.all.size(), ids.size());
  const std::uint64_t signatures = node.running->node->totals().signatures;
  const Answers same = node.post(items_of(ids, &first));
  EXPECT_EQ(same.end, (responder::BatchEnd{0, ids.size(), 0}));
  EXPECT_EQ(node.running->node->totals().signatures, signatures);

  node.set(serial_of(77), revoked());
  const Answers changed = node.post(items_of(ids, &first));
  EXPECT_EQ(changed.end, (responder::BatchEnd{1, ids.size() - 1, 0}));
  ASSERT_TRUE(changed.all.contains(77));
  EXPECT_EQ(changed.status_of(77), "revoked");
  EXPECT_EQ(changed.all.at(77), node.single(ids[77]));
}

TEST(BatchNode, WhatIsDueForRenewalComesAgain) {
  BatchNode node;
  const std::vector<Buffer> ids{id_of(serial_of(1)), id_of(serial_of(2))};
  const Answers first = node.post(items_of(ids));
  ASSERT_EQ(first.all.size(), 2U);
  const auto parsed = ocsp::parse_response(first.all.at(0));
  const auto end = parsed->basic->responses.at(0).next_update;
  node.running->clock.advance(Milliseconds((*end - kTestNow) - Seconds(10)));
  const Answers later = node.post(items_of(ids, &first));
  EXPECT_EQ(later.end, (responder::BatchEnd{2, 0, 0}));
  EXPECT_NE(later.all.at(0), first.all.at(0));
}

// Whatever was asked before, and however: once a revocation is acknowledged no call begun
// afterwards says good.
TEST(BatchNode, NeverGoodAfterAnAcknowledgedRevocation) {
  const BatchNode node;
  const std::vector<Buffer> ids = many_ids();
  static_cast<void>(node.post(items_of(ids)));
  for (int i = 0; i < kMany; i += 37) {
    node.set(serial_of(i), revoked());
    const Answers got = node.post(items_of(ids));
    ASSERT_EQ(got.all.size(), ids.size());
    for (int k = 0; k < kMany; ++k) {
      EXPECT_EQ(got.status_of(static_cast<std::size_t>(k)),
                k <= i && k % 37 == 0 ? "revoked" : "good")
          << k;
    }
  }
}

TEST(BatchNode, RefusesWhatIsNoBatch) {
  const BatchNode node([](BatchOptions& options) {
    options.max_certificates = 3;
    options.max_body_bytes = 1000;
  });
  const Buffer one = items_of({id_of(serial_of(1))});
  const auto refused = [&](const Buffer& body, unsigned status, const char* why) {
    const Answers got = node.post(body);
    EXPECT_EQ(got.status, status);
    EXPECT_THAT(got.text, HasSubstr(why));
    EXPECT_TRUE(got.all.empty());
  };
  refused(to_buffer(as_bytes("{\"certs\":[]}")), 400, "item 0");
  Buffer cut = one;
  cut.pop_back();
  refused(cut, 400, "item 0");
  refused({}, 400, "nothing is asked");
  refused(items_of(
              {id_of(serial_of(1)), id_of(serial_of(2)), id_of(serial_of(3)), id_of(serial_of(4))}),
          413, "item 3");
  refused(Buffer(1001, 0x30), 413, "at most 1000 octets");
  EXPECT_EQ(node.running->node->totals().signatures, 0U);  // nothing was done by halves
  EXPECT_THAT(node.metrics(), HasSubstr("muster_batch_calls_total{result=\"refused\"} 5\n"));
  net::RawClient client(node.running->node->batch_addresses().at(0));
  client.send("GET /batch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), HasSubstr("405 "));
  net::RawClient browser(node.running->node->batch_addresses().at(0));
  browser.send(
      "POST /batch HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
      "Content-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(browser.read_to_end(), HasSubstr("403 "));
}

TEST(BatchNode, WhatTheDeadlineLeavesIsNamed) {
  const BatchNode node([](BatchOptions& options) { options.deadline = Milliseconds(0); });
  const std::vector<Buffer> ids = many_ids();
  const Answers got = node.post(items_of(ids));
  ASSERT_TRUE(got.end);
  EXPECT_GT(got.end->left, 0U);
  EXPECT_EQ(got.end->answered + got.end->left, ids.size());
  EXPECT_EQ(got.all.size(), got.end->answered);
  EXPECT_THAT(node.metrics(), HasSubstr("muster_batch_calls_total{result=\"late\"} 1\n"));
}

TEST(BatchNode, EndsWithTheNode) {
  const BatchNode node;
  node.running->node->drain();  // the loops are gone, the batch listener is not
  const std::vector<Buffer> ids = many_ids();
  const Answers got = node.post(items_of(ids));
  EXPECT_EQ(got.end, (responder::BatchEnd{0, 0, ids.size()}));
}

TEST(BatchNode, IsThereOnlyWhenAskedFor) {
  const BatchNode node([](BatchOptions& options) { options.listen.clear(); });
  EXPECT_TRUE(node.running->node->batch_addresses().empty());
  EXPECT_EQ(node.metrics().find("muster_batch_"), std::string::npos);
}

}  // namespace
}  // namespace muster::node
