#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "muster/net/fetcher.h"
#include "muster/node/node.h"
#include "muster/testing/memory_logger.h"
#include "muster/testing/pki_builder.h"

// A node over files of the standard PKI at the instant tests live at, and clients for it.
namespace muster::node {

using testing::kTestNow;
using testing::MemoryLogger;
using testing::standard_pki;

/// A CA's directory.
struct Site {
  Site() {
    const testing::TestPki& pki = standard_pki();
    pki.intermediate.write(dir, "ca");
    pki.ocsp_signer.write(dir, "ocsp");
    write_index(testing::index_line(pki.leaf.certificate));
  }
  void write_index(const std::string& content) const {
    const std::string fresh = dir.write("index.new", content);
    ASSERT_EQ(std::rename(fresh.c_str(), dir.file("index.txt").c_str()), 0);
  }
  [[nodiscard]] NodeOptions options() const {
    NodeOptions out;
    out.store = dir.file("store");
    responder::IssuerFiles issuer;
    issuer.label = "test CA";
    issuer.ca = dir.file("ca.pem");
    issuer.signers.emplace_back();
    issuer.signers[0].certificate = dir.file("ocsp.pem");
    issuer.signers[0].key = dir.file("ocsp.key");
    issuer.index = dir.file("index.txt");
    out.issuers.push_back(issuer);
    out.service.listen = {"127.0.0.1:0"};
    out.service.loops = 2;
    return out;
  }
  /// The root as one more issuer, of its own file.
  void add_root(NodeOptions& to) const {
    const testing::Identity& root = standard_pki().root;
    root.write(dir, "root");
    testing::issue(root, testing::ocsp_signer_spec("root responder")).write(dir, "root-ocsp");
    responder::IssuerFiles second = to.issuers[0];
    second.label = "root";
    second.ca = dir.file("root.pem");
    second.signers[0].certificate = dir.file("root-ocsp.pem");
    second.signers[0].key = dir.file("root-ocsp.key");
    second.index =
        dir.write("root.txt", testing::index_line(standard_pki().intermediate.certificate));
    to.issuers.push_back(second);
  }
  testing::TempDir dir;
};

/// What a node says that does not start with these options.
inline NodeError why_not_started(const NodeOptions& options) {
  testing::FakeClock clock;
  const auto started = Node::start(
      options, [] { return NodeOptions(); }, clock, null_logger());
  EXPECT_FALSE(started);
  return started ? NodeError{NodeErrc::kStopped, ""} : started.error();
}

/// A node that reads its options from `options` again at each reload.
struct RunningNode {
  explicit RunningNode(const NodeOptions& initial) : options(initial) {
    auto started = Node::start(
        options, [this] { return read(); }, clock, logger);
    EXPECT_TRUE(started) << (started ? "" : started.error().detail);
    if (started) {
      node = *std::move(started);
    }
  }
  NodeResult<NodeOptions> read() {
    const std::lock_guard lock(mutex);
    if (!unreadable.empty()) {
      return Err{NodeError{NodeErrc::kUsage, unreadable}};
    }
    return options;
  }
  /// "good", "revoked", "unknown", or what went wrong.
  [[nodiscard]] std::string status_of(const pki::Certificate& certificate) const {
    return status_of(certificate.serial());
  }
  [[nodiscard]] std::string status_of(const Serial& serial) const {
    std::string problem;
    const auto status = answer_for(serial, &problem);
    return !status                                          ? problem
           : std::holds_alternative<ocsp::Good>(*status)    ? "good"
           : std::holds_alternative<ocsp::Revoked>(*status) ? "revoked"
                                                            : "unknown";
  }
  /// Nothing: there was none; `problem` says why.
  [[nodiscard]] std::optional<ocsp::CertStatus> answer_for(const Serial& serial,
                                                           std::string* problem = nullptr) const {
    const auto none = [&](std::string why) {
      if (problem != nullptr) {
        *problem = std::move(why);
      }
      return std::nullopt;
    };
    net::FetchRequest fetch;
    ocsp::Request request;
    request.requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha256, standard_pki().intermediate.certificate, serial),
         {}});
    fetch.url = "http://" + node->addresses()[0] + "/";
    fetch.post_body = ocsp::encode_request(request);
    fetch.content_type = std::string(ocsp::kRequestMediaType);
    fetch.total_timeout = Milliseconds(30'000);
    const auto got = net::fetch(fetch);
    if (!got) {
      return none(got.error().detail);
    }
    const auto parsed = ocsp::parse_response(got->body);
    if (!parsed) {
      return none("no OCSP response");
    }
    if (parsed->status != ocsp::ResponseStatus::kSuccessful) {
      return none(std::string(ocsp::to_string(parsed->status)));
    }
    return parsed->basic->responses.at(0).status;
  }
  testing::FakeClock clock;
  MemoryLogger logger;
  std::mutex mutex;
  NodeOptions options;     ///< under `mutex` while the node runs
  std::string unreadable;  ///< under `mutex`: why the configuration cannot be read
  std::unique_ptr<Node> node;
};

}  // namespace muster::node
