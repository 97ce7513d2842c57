#include "lint_world.h"

namespace muster::lint {
namespace {

/// The default odd response keeps the rule; with this change it breaks it.
Row odd(const char* rule, std::function<void(Odd&)> change) {
  return {rule, [](World& w) { w.odd.emplace(); }, [change](World& w) { change(*w.odd); }};
}
Buffer extensions_around(std::uint8_t tag, const Buffer& list) {
  return element(tag, element(0x30, list));
}
Buffer cert_id_with(const std::function<void(Buffer& algorithm, Buffer& name, Buffer& key,
                                             Buffer& serial)>& change) {
  const ocsp::CertId good =
      pki::make_cert_id(HashAlgorithm::kSha256, P().leaf.certificate, P().intermediate.certificate);
  Buffer algorithm = to_buffer(good.view().hash_algorithm.raw),
         name = to_buffer(good.view().issuer_name_hash),
         key = to_buffer(good.view().issuer_key_hash), serial = to_buffer(good.view().serial);
  change(algorithm, name, key, serial);
  return make_raw_cert_id(algorithm, name, key, serial);
}

const Buffer kUnknownOid = {0x2a, 3, 4};

}  // namespace

// req: OCSP-OPS-013 OCSP-COD-001 OCSP-COD-002 OCSP-COD-008 OCSP-COD-009 OCSP-COD-012 OCSP-COD-013
std::vector<Row> encoding_rows() {
  return {
      odd("well-formed",
          [](Odd& o) {
            o.inside = {5, 0};
          }),
      odd("strict-der",
          [](Odd& o) {
            o.produced_at =
                join({{0x18, 0x81, 0x0f}, Buffer(o.produced_at.begin() + 2, o.produced_at.end())});
          }),
      odd("nothing-behind", [](Odd& o) { o.behind = {0}; }),
      odd("status-defined",
          [](Odd& o) {
            o.status = {0x0a, 1, 4};
          }),
      odd("body-with-success-only", [](Odd& o) { o.with_body = false; }),
      odd("basic-type", [](Odd& o) { o.type = element(6, kUnknownOid); }),
      odd("version-omitted",
          [](Odd& o) {
            o.version = {0xa0, 3, 2, 1, 0};
          }),
      odd("responder-id-form",
          [](Odd& o) { o.responder_id = element(0xa2, element(4, Buffer(32, 7))); }),
      odd("time-form", [](Odd& o) { o.this_update = time_element("20261124090000.5Z"); }),
      odd("entries-present", [](Odd& o) { o.responses = Buffer(); }),
      odd("cert-status-form",
          [](Odd& o) {
            o.cert_status = {0xa0, 2, 5, 0};
          }),
      odd("reason-defined",
          [](Odd& o) {
            o.cert_status =
                element(0xa1, join({time_element("20261101000000Z"), element(0xa0, {0x0a, 1, 7})}));
          }),
      odd("empty-lists-omitted",
          [](Odd& o) {
            o.certs = {0xa0, 2, 0x30, 0};
          }),
      odd("extensions-once",
          [](Odd& o) {
            const Buffer one = extension_element(kUnknownOid, {5, 0});
            o.extensions = extensions_around(0xa1, join({one, one}));
          }),
      odd("critical-false-omitted",
          [](Odd& o) {
            o.extensions =
                extensions_around(0xa1, extension_element(kUnknownOid, {5, 0}, {1, 1, 0}));
          }),
      odd("signature-whole-octets",
          [](Odd& o) {
            o.signature = {3, 3, 4, 1, 0x20};
          }),
      odd("signature-algorithm-form",
          [](Odd& o) {
            o.algorithm = element(0x30, {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2, 5, 0});
          }),
      odd("cert-id-parses",
          [](Odd& o) {
            o.cert_id = element(0x30, {5, 0});
          }),
      odd("cert-id-hash-lengths",
          [](Odd& o) {
            o.cert_id =
                cert_id_with([](Buffer&, Buffer& name, Buffer&, Buffer&) { name.resize(20); });
          }),
      odd("cert-id-hash-parameters",
          [](Odd& o) {
            o.cert_id = cert_id_with([](Buffer& algorithm, Buffer&, Buffer&, Buffer&) {
              algorithm = element(0x30, join({element(6, to_buffer(oid::kSha256)), {4, 0}}));
            });
          }),
      odd("serial-form",
          [](Odd& o) {
            o.cert_id = cert_id_with(
                [](Buffer&, Buffer&, Buffer&, Buffer& serial) { serial = Buffer(21, 1); });
          }),
      {"certificates-parse",
       {},
       [](World& w) {
         w.response.extra_certificates = {Buffer{0x30, 0}};
       }},
  };
}

TEST(EncodingRules, HoldAndBreak) { expect_both_sides(encoding_rows()); }

TEST(EncodingRules, SayNothingOfWhatTheyDoNotBindAndSeeEachWayToBreakThem) {
  const auto by_rsa = [](World& w) {
    w.delegate.key = KeyKind::kRsa2048;
    w.delegate.use_key = cached_key(KeyKind::kRsa2048);
  };
  expect_said({
      {"signature-algorithm-form", "RSA with NULL", "holds", by_rsa},
      {"signature-algorithm-form", "RSA without NULL", "broken",
       [by_rsa](World& w) {
         by_rsa(w);
         w.response.sign_as = SignAs::kRsaSha256WithoutNull;
       }},
      {"certificates-parse", "none is sent", "not-applicable",
       [](World& w) { w.signed_by_ca = true; }},
  });
}

TEST(EncodingRules, OneResponseHasSeveralFindings) {
  World w;
  w.odd.emplace();
  w.odd->version = {0xa0, 3, 2, 1, 0};
  w.odd->this_update = time_element("202611240900Z");
  w.odd->certs = {0xa0, 2, 0x30, 0};
  w.odd->signature = {3, 3, 4, 1, 0x20};
  w.odd->behind = {0};
  const Report report = lint(w.subject(), set_of({Profile::kRfc6960}));
  for (const char* rule : {"version-omitted", "time-form", "empty-lists-omitted",
                           "signature-whole-octets", "nothing-behind"}) {
    EXPECT_EQ(to_string(find_outcome(report, rule)->state), "broken") << rule;
  }
  EXPECT_EQ(to_string(find_outcome(report, "well-formed")->state), "holds");
}

}  // namespace muster::lint
