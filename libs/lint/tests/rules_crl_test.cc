#include "lint_world.h"

namespace muster::lint {
namespace {

constexpr Seconds kDay = hours(24);

Row crl(const char* rule, std::function<void(CrlSpec&)> change,
        const std::function<void(CrlSpec&)>& arrange = {}) {
  return {rule,
          [arrange](World& w) {
            w.crl.emplace();
            if (arrange) {
              arrange(*w.crl);
            }
          },
          [change](World& w) { change(*w.crl); }};
}
void about_a_ca(World& w) { w.certificate = P().intermediate.certificate; }
crl::Entry entry(std::optional<ReasonCode> reason) {
  return revoked_entry(make_serial(77), kTestNow - kDay, reason);
}

}  // namespace

// req: OCSP-OPS-013 OCSP-CRL-041 OCSP-CRL-042 OCSP-CRL-048
std::vector<Row> crl_rows() {
  return {
      {"crl-parses", [](World& w) { w.crl.emplace(); },
       [](World& w) { w.change = [](Subject& s) { s.crl.pop_back(); }; }},
      crl("crl-verifies", [](CrlSpec& s) { s.break_signature = true; }),
      crl("crl-no-defect",
          [](CrlSpec& s) {
            s.extensions = {{to_buffer(oid::kCeIssuingDistributionPoint), true, {0x30, 0}}};
          }),
      {"crl-version-2", [](World& w) { w.crl.emplace(); },
       [](World& w) {
         w.change = [](Subject& s) {  // without extensions and without the version field
           const Subject& whole = s;
           const auto parsed = crl::parse_crl(whole.crl);
           der::Writer tbs;
           tbs.sequence([&] {
             tbs.raw(parsed->signature_algorithm.raw);
             tbs.raw(parsed->issuer);
             der::write_time(tbs, parsed->this_update);
             der::write_time(tbs, *parsed->next_update);
           });
           s.crl = crl::encode_crl(tbs.bytes(), parsed->signature_algorithm.raw, Buffer(8, 1));
         };
       }},
      crl("crl-next-update", [](CrlSpec& s) { s.next_update.reset(); }),
      crl("crl-number", [](CrlSpec& s) { s.number.reset(); }),
      crl("crl-authority-key-id", [](CrlSpec& s) { s.authority_key_id = false; }),
      crl("crl-not-expired", [](CrlSpec& s) { s.next_update = kTestNow; }),
      crl("crl-not-ahead", [](CrlSpec& s) { s.this_update = kTestNow + hours(1); }),
      {"crl-reason-omitted",
       [](World& w) {
         w.crl.emplace();
         w.crl->entries = {entry(ReasonCode::kSuperseded)};
       },
       [](World& w) {
         w.crl->entries = {entry(std::nullopt)};
         w.crl->entries[0].extensions = {{to_buffer(oid::kCeReasonCode), false, {0x0a, 1, 0}}};
       }},
      crl(
          "crl-forum-validity",
          [](CrlSpec& s) { s.next_update = s.this_update + 10 * kDay + Seconds(1); },
          [](CrlSpec& s) { s.next_update = s.this_update + 10 * kDay; }),
      {"crl-forum-ca-validity",
       [](World& w) {
         about_a_ca(w);
         w.crl.emplace();
         w.crl->next_update = w.crl->this_update + 366 * kDay;
       },
       [](World& w) { w.crl->next_update = w.crl->this_update + 367 * kDay; }},
      crl("crl-web-direct",
          [](CrlSpec& s) {
            s.extensions = {
                {to_buffer(oid::kCeIssuingDistributionPoint), true, {0x30, 3, 0x84, 1, 0xff}}};
          }),
      crl(
          "crl-web-no-hold", [](CrlSpec& s) { s.entries = {entry(ReasonCode::kCertificateHold)}; },
          [](CrlSpec& s) { s.entries = {entry(ReasonCode::kSuperseded)}; }),
      crl(
          "crl-etsi-daily", [](CrlSpec& s) { s.this_update = kTestNow - kDay - Seconds(1); },
          [](CrlSpec& s) { s.this_update = kTestNow - kDay; }),
  };
}

TEST(CrlRules, HoldAndBreak) { expect_both_sides(crl_rows()); }

TEST(CrlRules, WithoutAnIssuerTheSignatureIsNotJudged) {
  World w;
  w.crl.emplace();
  w.change = [](Subject& s) { s.issuer.reset(); };
  EXPECT_EQ(to_string(find_outcome(lint(w.subject(), kEveryProfile), "crl-verifies")->state),
            "not-applicable");
}

}  // namespace muster::lint
