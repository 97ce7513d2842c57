#include "lint_world.h"
#include "muster/base/text.h"

namespace muster::lint {
namespace {

void set_header(HttpFacts& http, std::string_view name, std::optional<std::string> value) {
  std::erase_if(http.headers, [name](const Header& h) { return iequals(h.name, name); });
  if (value) {
    http.headers.push_back({std::string(name), *std::move(value)});
  }
}
/// The usual headers keep the rule; with this one changed (or gone) they break it.
Row header(const char* rule, const char* name, std::optional<std::string> value) {
  return {rule, {}, [name, value](World& w) {
            w.http = [name, value](HttpFacts& http) { set_header(http, name, value); };
          }};
}

}  // namespace

// req: OCSP-OPS-013 OCSP-RESP-046 OCSP-RESP-048 OCSP-RESP-049 OCSP-RESP-051 OCSP-RESP-052
std::vector<Row> http_rows() {
  return {
      header("content-type", "Content-Type", "text/html"),
      header("content-length", "Content-Length", std::nullopt),
      {"error-by-http-200", refused,
       [](World& w) { w.http = [](HttpFacts& http) { http.status = 403; }; }},
      header("keeps-alive", "Connection", "close"),
      {"post-not-a-resource", [](World& w) { w.probe = ProbeKind::kPost; },
       [](World& w) {
         w.http = [](HttpFacts& http) { set_header(http, "Content-Location", "/x"); };
       }},
      {"nonce-not-cached",
       [](World& w) {
         w.response.nonce = Buffer(32, 1);
         w.http = [](HttpFacts& http) {
           set_header(http, "Cache-Control", "no-store");
           set_header(http, "Expires", std::nullopt);
         };
       },
       [](World& w) {
         w.http = [](HttpFacts& http) { set_header(http, "Cache-Control", "max-age=60"); };
       }},
      {"endless-not-cached", [](World& w) { w.entry().next_update.reset(); },
       [](World& w) {
         w.http = [](HttpFacts& http) { set_header(http, "Cache-Control", "max-age=60"); };
       }},
      header("cache-date", "Date", std::nullopt),
      header("cache-expires", "Expires", format_http_date(kTestNow)),
      header("cache-last-modified", "Last-Modified", format_http_date(kTestNow - hours(300))),
      header("cache-etag", "ETag", std::nullopt),
      header("cache-etag-sha256", "ETag", "\"0123\""),
      header("cache-directives", "Cache-Control", "max-age=3600, public, must-revalidate"),
      header("cache-max-age", "Cache-Control",
             "max-age=700000, public, no-transform, must-revalidate"),
      header("cache-permitted", "Pragma", "no-cache"),
      {"cache-not-errors", refused,
       [](World& w) {
         w.http = [](HttpFacts& http) { set_header(http, "Cache-Control", "max-age=60"); };
       }},
      {"answers-in-time",
       {},
       [](World& w) { w.http = [](HttpFacts& http) { http.duration = Milliseconds(10'001); }; }},
  };
}

TEST(HttpRules, HoldAndBreak) { expect_both_sides(http_rows()); }

TEST(HttpRules, SayNothingOfWhatTheyDoNotBindAndSeeEachWayToBreakThem) {
  expect_said({
      {"cache-directives", "the missing one is in a header of another name", "broken",
       [](World& w) {
         w.http = [](HttpFacts& http) {
           set_header(http, "Cache-Control", "max-age=3600, public, must-revalidate");
           set_header(http, "X-Note", "no-transform");
         };
       }},
      {"cache-directives", "no Cache-Control", "broken",
       [](World& w) {
         w.http = [](HttpFacts& http) { set_header(http, "Cache-Control", std::nullopt); };
       }},
      {"cache-max-age", "no Cache-Control", "not-applicable",
       [](World& w) {
         w.http = [](HttpFacts& http) { set_header(http, "Cache-Control", std::nullopt); };
       }},
      {"keeps-alive", "HTTP/1.0", "not-applicable",
       [](World& w) {
         w.probe = ProbeKind::kHttp10;
         w.http = [](HttpFacts& http) { set_header(http, "Connection", "close"); };
       }},
  });
}

TEST(HttpRules, DoNotApplyToFiles) {
  World w;
  w.is_saved = true;
  const Report report = lint(w.subject(), kEveryProfile);
  for (const Row& row : http_rows()) {
    EXPECT_EQ(to_string(find_outcome(report, row.rule)->state), "not-applicable") << row.rule;
  }
}

// A page that a web server made of an error is no response; one that came with 200 is meant as one.
TEST(HttpRules, ErrorPagesAreNotJudgedAsResponses) {
  World w;
  w.patch = [](Buffer& out) { out = to_buffer(as_bytes("<html>not found</html>")); };
  w.http = [](HttpFacts& http) { http.status = 404; };
  EXPECT_EQ(find_outcome(lint(w.subject(), kEveryProfile), "well-formed"), nullptr);
  w.http = [](HttpFacts& http) { http.status = 200; };
  EXPECT_EQ(to_string(find_outcome(lint(w.subject(), kEveryProfile), "well-formed")->state),
            "broken");
}

}  // namespace muster::lint
