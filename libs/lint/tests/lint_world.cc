#include "lint_world.h"

#include "muster/base/assert.h"

namespace muster::lint {

Buffer join(std::initializer_list<Buffer> parts) {
  Buffer out;
  for (const Buffer& part : parts) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

Buffer element(std::uint8_t tag, const Buffer& content) {
  der::Writer w;
  w.element(static_cast<der::Tag>(tag), Bytes(content));
  return w.take();
}

Buffer time_element(std::string_view text) { return element(0x18, to_buffer(as_bytes(text))); }

Buffer extension_element(Bytes oid, const Buffer& value, const Buffer& critical) {
  return element(0x30, join({element(6, to_buffer(oid)), critical, element(4, value)}));
}

Odd::Odd()
    : status{0x0a, 1, 0},
      type(element(6, to_buffer(oid::kOcspBasic))),
      responder_id(element(0xa2, element(4, Buffer(20, 7)))),
      produced_at(time_element("20261124090000Z")),
      cert_id(pki::make_cert_id(HashAlgorithm::kSha256, P().leaf.certificate,
                                P().intermediate.certificate)
                  .der()),
      cert_status{0x80, 0},
      this_update(time_element("20261124090000Z")),
      next_update(element(0xa0, time_element("20261201085959Z"))),
      algorithm(element(0x30, {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2})),
      signature{3, 3, 0, 1, 2},
      certs() {}

Buffer Odd::encode() const {
  if (!with_body) {
    return join({element(0x30, status), behind});
  }
  const Buffer entry =
      element(0x30, join({cert_id, cert_status, this_update, next_update, single_extensions}));
  const Buffer data = element(0x30, join({version, responder_id, produced_at,
                                          element(0x30, responses.value_or(entry)), extensions}));
  const Buffer basic = element(0x30, join({data, algorithm, signature, certs, inside}));
  const Buffer bytes = element(0x30, join({type, element(4, basic)}));
  return join({element(0x30, join({status, element(0xa0, bytes)})), behind});
}

World::World() : certificate(P().leaf.certificate) {
  response.entries = {
      entry_for(certificate, P().intermediate.certificate, ocsp::Good{}, HashAlgorithm::kSha256)};
  entry().this_update = kTestNow - hours(1);
  entry().next_update = entry().this_update + hours(7 * 24) - Seconds(1);
}

Buffer World::build() const {
  if (odd) {
    return odd->encode();
  }
  ResponseSpec spec = response;
  if (signed_by_ca) {
    spec.certificates = Certificates::kNone;
  }
  Buffer out =
      build_response(signed_by_ca ? P().intermediate : issue(P().intermediate, delegate), spec);
  if (patch) {
    patch(out);
  }
  return out;
}

Exchange make_exchange(ProbeKind probe, Buffer response, unsigned http_status) {
  Exchange out;
  out.probe = probe;
  out.source = "http://ocsp.test/";
  HttpFacts http;
  http.status = http_status;
  http.duration = Milliseconds(20);
  const LooseResponse loose = read_loosely(response);
  http.headers = {{"Content-Type", "application/ocsp-response"},
                  {"Content-Length", std::to_string(response.size())},
                  {"Date", format_http_date(kTestNow)}};
  if (loose.is_successful() && !loose.entries.empty() && loose.entries[0].next_update &&
      loose.entries[0].this_update) {
    http.headers.push_back(
        {"ETag", "\"" + to_hex(pki::digest(HashAlgorithm::kSha256, response)) + "\""});
    http.headers.push_back({"Last-Modified", format_http_date(*loose.entries[0].this_update)});
    http.headers.push_back({"Expires", format_http_date(*loose.entries[0].next_update)});
    http.headers.push_back(
        {"Cache-Control", "max-age=3600, public, no-transform, must-revalidate"});
  } else {
    http.headers.push_back({"Cache-Control", "no-store"});
  }
  out.http = std::move(http);
  out.response = std::move(response);
  out.served_at = kTestNow;
  return out;
}

Buffer answer(ocsp::CertStatus status, HashAlgorithm hash,
              const std::function<void(ResponseSpec&)>& change) {
  World world;
  world.response.entries[0].cert_id =
      pki::make_cert_id(hash, world.certificate, P().intermediate.certificate).der();
  world.response.entries[0].status = status;
  if (change) {
    change(world.response);
  }
  return world.build();
}

Subject World::subject() const {
  Subject out;
  out.name = "http://ocsp.test/";
  out.now = kTestNow;
  out.certificate = certificate;
  out.issuer = P().intermediate.certificate;
  Exchange exchange = make_exchange(is_saved ? ProbeKind::kSaved : probe, build());
  exchange.nonce = nonce;
  if (http) {
    http(*exchange.http);
  }
  if (is_saved) {
    exchange.http.reset();
    exchange.served_at.reset();
    exchange.source = "saved.der";
  }
  out.exchanges.push_back(std::move(exchange));
  if (with_responder) {
    Exchange post = out.exchanges.front();
    post.probe = ProbeKind::kPost;
    out.exchanges.push_back(std::move(post));
  }
  out.exchanges.insert(out.exchanges.end(), others.begin(), others.end());
  if (crl) {
    out.exchanges.clear();
    out.crl = build_crl(P().intermediate, *crl);
  }
  if (change) {
    change(out);
  }
  return out;
}

const Outcome* find_outcome(const Report& report, std::string_view rule) {
  for (const Outcome& outcome : report.outcomes) {
    if (outcome.rule->id == rule) {
      return &outcome;
    }
  }
  return nullptr;
}

void refused(World& w) {
  w.patch = [](Buffer& out) {
    out = ocsp::encode_error_response(ocsp::ResponseStatus::kUnauthorized);
  };
}

void expect_said(const std::vector<Said>& rows) {
  for (const Said& row : rows) {
    SCOPED_TRACE(std::string(row.rule) + ": " + row.world);
    World w;
    row.arrange(w);
    const Report report = lint(w.subject(), kEveryProfile);
    const Outcome* const outcome = find_outcome(report, row.rule);
    ASSERT_NE(outcome, nullptr);
    EXPECT_EQ(to_string(outcome->state), row.state)
        << (outcome->breaches.empty() ? "" : outcome->breaches[0].detail);
  }
}

void expect_both_sides(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(row.rule);
    ASSERT_NE(find_rule(row.rule), nullptr);
    World kept;
    if (row.arrange) {
      row.arrange(kept);
    }
    World spoilt = kept;
    row.spoil(spoilt);
    const Report good = lint(kept.subject(), kEveryProfile);
    const Report bad = lint(spoilt.subject(), kEveryProfile);
    const Outcome* const holds = find_outcome(good, row.rule);
    const Outcome* const breaks = find_outcome(bad, row.rule);
    ASSERT_NE(holds, nullptr);
    ASSERT_NE(breaks, nullptr);
    EXPECT_EQ(to_string(holds->state), "holds")
        << (holds->breaches.empty() ? "" : holds->breaches[0].detail);
    EXPECT_EQ(to_string(breaks->state), "broken");
    EXPECT_GT(breaks->broken, 0U);
    ASSERT_FALSE(breaks->breaches.empty());
    EXPECT_FALSE(breaks->breaches[0].detail.empty());
    EXPECT_FALSE(breaks->breaches[0].where.empty());
  }
}

}  // namespace muster::lint
