#include <algorithm>
#include <charconv>

#include "case.h"
#include "muster/base/text.h"

// How answers travel: RFC 6960 appendix A and RFC 9919 sections 6 and 7.
namespace muster::lint {
namespace {

/// The answer is one over HTTP, with a status that says so.
const HttpFacts* http_of(const Case& c) {
  const auto& http = c.exchange().http;
  return http && http->status == 200 ? &*http : nullptr;
}
/// Authoritative answers that caches may keep: GET, with a status and without a nonce.
const HttpFacts* cacheable(const Case& c) {
  const bool by_get =
      c.exchange().probe == ProbeKind::kGet || c.exchange().probe == ProbeKind::kGetSha1;
  const bool is_forever = find_extension(c.loose().extensions, oid::kOcspNonce) != nullptr ||
                          std::any_of(c.loose().entries.begin(), c.loose().entries.end(),
                                      [](const LooseEntry& e) { return !e.has_next_update; });
  return by_get && c.loose().is_successful() && !c.loose().entries.empty() && !is_forever
             ? http_of(c)
             : nullptr;
}

bool has_directive(const HttpFacts& http, std::string_view name) {
  for (const Header& header : http.headers) {
    if (!iequals(header.name, "Cache-Control") && !iequals(header.name, "Pragma")) {
      continue;
    }
    for (const std::string_view directive : split(header.value, ',')) {
      const std::string_view text = trim(directive);
      if (iequals(text.substr(0, std::min(text.find('='), text.size())), name)) {
        return true;
      }
    }
  }
  return false;
}
std::optional<Seconds> max_age(const HttpFacts& http) {
  const auto control = http.header("Cache-Control");
  if (!control) {
    return std::nullopt;
  }
  for (const std::string_view directive : split(*control, ',')) {
    const std::string_view text = trim(directive);
    std::int64_t seconds = 0;
    if (text.size() > 8 && iequals(text.substr(0, 8), "max-age=") &&
        std::from_chars(text.data() + 8, text.data() + text.size(), seconds).ec == std::errc()) {
      return Seconds(seconds);
    }
  }
  return std::nullopt;
}
std::optional<UnixSeconds> date_of(const HttpFacts& http, std::string_view name) {
  const auto text = http.header(name);
  return text ? parse_http_date(*text) : std::nullopt;
}
std::string header_text(const HttpFacts& http, std::string_view name) {
  const auto text = http.header(name);
  return std::string(name) + (text ? " is " + printable(*text) : " is absent");
}
std::optional<UnixSeconds> first_end(const Case& c) {
  std::optional<UnixSeconds> end;
  for (const LooseEntry& entry : c.loose().entries) {
    if (entry.next_update) {
      end = std::min(end.value_or(*entry.next_update), *entry.next_update);
    }
  }
  return end;
}

Ruling content_type(const Case& c) {
  const HttpFacts* http = http_of(c);
  if (http == nullptr || !c.loose().status) {
    return skip();
  }
  const std::string_view whole = http->header("Content-Type").value_or("");
  const std::string_view type = trim(whole.substr(0, std::min(whole.find(';'), whole.size())));
  return demand(iequals(type, ocsp::kResponseMediaType), header_text(*http, "Content-Type"));
}

Ruling content_length(const Case& c) {
  const HttpFacts* http = http_of(c);
  if (http == nullptr || !c.loose().status) {
    return skip();
  }
  return demand(http->header("Content-Length") == std::to_string(c.exchange().response.size()),
                header_text(*http, "Content-Length") + ", and the body has " +
                    std::to_string(c.exchange().response.size()) + " octets");
}

Ruling error_by_http_200(const Case& c) {
  const auto& http = c.exchange().http;
  const bool is_error = c.loose().status && *c.loose().status != 0;
  if (!http || http->status == 0 || !is_error) {
    return skip();
  }
  return demand(http->status == 200,
                "an OCSP error came with HTTP status " + std::to_string(http->status));
}

Ruling has_date(const Case& c) {
  const HttpFacts* http = cacheable(c);
  return http != nullptr ? demand(date_of(*http, "Date").has_value(), header_text(*http, "Date"))
                         : skip();
}

Ruling expires_is_next_update(const Case& c) {
  const HttpFacts* http = cacheable(c);
  if (http == nullptr) {
    return skip();
  }
  return demand(date_of(*http, "Expires") == first_end(c),
                header_text(*http, "Expires") + ", and nextUpdate is " + time_text(first_end(c)));
}

Ruling last_modified(const Case& c) {
  const HttpFacts* http = cacheable(c);
  if (http == nullptr) {
    return skip();
  }
  const auto date = date_of(*http, "Last-Modified");
  const bool fits =
      date && (date == c.loose().produced_at ||
               std::any_of(c.loose().entries.begin(), c.loose().entries.end(),
                           [&](const LooseEntry& e) { return e.this_update == date; }));
  return demand(fits, header_text(*http, "Last-Modified") + ", and thisUpdate is " +
                          time_text(c.loose().entries.front().this_update));
}

Ruling has_etag(const Case& c) {
  const HttpFacts* http = cacheable(c);
  return http != nullptr ? demand(http->header("ETag").has_value(), header_text(*http, "ETag"))
                         : skip();
}

Ruling etag_is_sha256(const Case& c) {
  const HttpFacts* http = cacheable(c);
  if (http == nullptr || !http->header("ETag")) {
    return skip();
  }
  const std::string wanted =
      "\"" + to_hex(pki::digest(HashAlgorithm::kSha256, c.exchange().response)) + "\"";
  return demand(iequals(*http->header("ETag"), wanted),
                header_text(*http, "ETag") + ", not the SHA-256 of the response");
}

Ruling cache_directives(const Case& c) {
  const HttpFacts* http = cacheable(c);
  if (http == nullptr) {
    return skip();
  }
  for (const std::string_view name : {"max-age", "public", "no-transform", "must-revalidate"}) {
    if (!has_directive(*http, name)) {
      return broken(header_text(*http, "Cache-Control") + ", without " + std::string(name));
    }
  }
  return holds();
}

Ruling max_age_in_time(const Case& c) {
  const HttpFacts* http = cacheable(c);
  const auto age = http != nullptr ? max_age(*http) : std::nullopt;
  const auto end = first_end(c);
  if (!age || !end || !c.exchange().served_at) {
    return skip();
  }
  return demand(*c.exchange().served_at + *age <= *end,
                "max-age=" + std::to_string(age->count()) + " leads to " +
                    format_iso8601(*c.exchange().served_at + *age) + ", behind nextUpdate " +
                    time_text(end));
}

Ruling may_be_cached(const Case& c) {
  const HttpFacts* http = cacheable(c);
  if (http == nullptr) {
    return skip();
  }
  return demand(!has_directive(*http, "no-cache") && !has_directive(*http, "no-store"),
                header_text(*http, "Cache-Control") + "; " + header_text(*http, "Pragma"));
}

Ruling error_not_cached(const Case& c) {
  const HttpFacts* http = http_of(c);
  const bool is_error = c.loose().status && *c.loose().status != 0;
  if (http == nullptr || !is_error) {
    return skip();
  }
  return demand(has_directive(*http, "no-cache") || has_directive(*http, "no-store"),
                header_text(*http, "Cache-Control") + " beside an error");
}

Ruling nonce_not_cached(const Case& c) {
  const HttpFacts* http = http_of(c);
  if (http == nullptr || find_extension(c.loose().extensions, oid::kOcspNonce) == nullptr) {
    return skip();
  }
  const auto age = max_age(*http);
  const bool may_be_kept =
      (age && age->count() > 0) || (date_of(*http, "Expires") && !has_directive(*http, "no-store"));
  return demand(
      !may_be_kept || has_directive(*http, "no-store") || has_directive(*http, "no-cache"),
      "an answer with a nonce may be kept: " + header_text(*http, "Cache-Control"));
}

Ruling endless_not_cached(const Case& c) {
  const HttpFacts* http = http_of(c);
  const bool is_endless = c.loose().is_successful() && !c.loose().entries.empty() &&
                          !c.loose().entries.front().has_next_update;
  if (http == nullptr || !is_endless) {
    return skip();
  }
  return demand(!http->header("Expires") && !max_age(*http).value_or(Seconds(0)).count(),
                header_text(*http, "Cache-Control") + " and " + header_text(*http, "Expires") +
                    ", though the answer has no nextUpdate");
}

Ruling post_has_no_location(const Case& c) {
  const HttpFacts* http = http_of(c);
  const bool by_post = c.exchange().probe == ProbeKind::kPost;
  return http != nullptr && by_post && c.loose().is_successful()
             ? demand(!http->header("Content-Location"), header_text(*http, "Content-Location"))
             : skip();
}

Ruling keeps_alive(const Case& c) {
  const HttpFacts* http = http_of(c);
  if (http == nullptr || c.exchange().probe == ProbeKind::kHttp10) {
    return skip();
  }
  return demand(!iequals(http->header("Connection").value_or(""), "close"),
                "the connection is closed behind each answer");
}

Ruling within_ten_seconds(const Case& c) {
  const auto& http = c.exchange().http;
  return http && http->status != 0
             ? demand(http->duration <= std::chrono::seconds(10),
                      "the answer took " + std::to_string(http->duration.count()) + " ms")
             : skip();
}

constexpr ProfileSet kServiceLevel =
    kWebProfiles | set_of({Profile::kCabfSmime, Profile::kCabfCs, Profile::kEtsi});

constexpr Rule kRules[] = {
    {"content-type", Scope::kResponse, Level::kMust, kEveryProfile, "RFC 6960 A.2", "OCSP-RESP-033",
     "The Content-Type is application/ocsp-response.", content_type},
    {"content-length", Scope::kResponse, Level::kShould, kEveryProfile, "RFC 6960 A.2, RFC 9919 6",
     "OCSP-RESP-033", "Content-Length tells the length of the response.", content_length},
    {"error-by-http-200", Scope::kResponse, Level::kShould, kEveryProfile,
     "requirements table (practice)", "OCSP-RESP-079",
     "OCSP errors come with HTTP status 200, since clients read bodies of no other.",
     error_by_http_200},
    {"keeps-alive", Scope::kResponse, Level::kInfo, kEveryProfile, "users.md 1.4 (practice)",
     "OCSP-RESP-080", "Connections are kept for the next question.", keeps_alive},
    {"post-not-a-resource", Scope::kResponse, Level::kShould, kEveryProfile, "RFC 9110 9.3.3",
     "OCSP-RESP-081", "Answers to POST have no Content-Location.", post_has_no_location},
    {"nonce-not-cached", Scope::kResponse, Level::kShould, kEveryProfile,
     "requirements table (practice)", "OCSP-RESP-057",
     "An answer with a nonce is not offered to caches.", nonce_not_cached},
    {"endless-not-cached", Scope::kResponse, Level::kShould, kEveryProfile, "RFC 6960 4.2.2.1",
     "OCSP-RESP-084", "An answer without nextUpdate is not offered to caches.", endless_not_cached},
    {"cache-date", Scope::kResponse, Level::kShould, kLightweight, "RFC 9919 7.2", "OCSP-RESP-046",
     "An answer to GET has Date.", has_date},
    {"cache-expires", Scope::kResponse, Level::kShould, kLightweight, "RFC 9919 7.2",
     "OCSP-RESP-046", "Expires is nextUpdate.", expires_is_next_update},
    {"cache-last-modified", Scope::kResponse, Level::kShould, kLightweight, "RFC 9919 6, 7.2",
     "OCSP-RESP-047", "Last-Modified is thisUpdate, or producedAt.", last_modified},
    {"cache-etag", Scope::kResponse, Level::kShould, kLightweight, "RFC 9919 7.2", "OCSP-RESP-046",
     "An answer to GET has an ETag.", has_etag},
    {"cache-etag-sha256", Scope::kResponse, Level::kShould, kLightweight, "RFC 9919 7.2",
     "OCSP-RESP-048", "The ETag is the SHA-256 of the response in hexadecimal.", etag_is_sha256},
    {"cache-directives", Scope::kResponse, Level::kShould, kLightweight, "RFC 9919 7.2",
     "OCSP-RESP-046", "Cache-Control has max-age, public, no-transform and must-revalidate.",
     cache_directives},
    {"cache-max-age", Scope::kResponse, Level::kShould, kLightweight, "RFC 9919 7.1, 7.2",
     "OCSP-RESP-049", "max-age ends before nextUpdate.", max_age_in_time},
    {"cache-permitted", Scope::kResponse, Level::kMust, kLightweight, "RFC 9919 7.2",
     "OCSP-RESP-051", "An authoritative answer forbids no cache to keep it.", may_be_cached},
    {"cache-not-errors", Scope::kResponse, Level::kShould, kLightweight, "RFC 9919 7.2",
     "OCSP-RESP-052", "An error answer forbids caches to keep it.", error_not_cached},
    {"answers-in-time", Scope::kResponse, Level::kMust, kServiceLevel,
     "CA/B BR 4.10.2; EN 319 411-1 CSS-6.3.10-02", "OCSP-OPS-001",
     "Answers arrive within 10 seconds.", within_ten_seconds},
};

}  // namespace

std::span<const Rule> http_rules() { return kRules; }

}  // namespace muster::lint
