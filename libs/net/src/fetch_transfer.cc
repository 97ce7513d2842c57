#include "fetch_transfer.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "muster/base/assert.h"
#include "muster/base/ip_reach.h"
#include "muster/base/text.h"
#include "muster/http/url.h"
#include "muster/net/ip_of.h"

namespace muster::net {
namespace {

/// All headers of all answers of one fetch, redirects and interim answers included.
constexpr std::size_t kMaxHeaderBytes = 64 * 1024;
constexpr char kUserAgent[] = "muster";

/// What is longer counts as this, so that nothing overflows that is computed from it (RFC 9111
/// section 1.2.2).
constexpr Seconds kMostSeconds{std::int64_t{1} << 31};

std::optional<Seconds> parse_seconds(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) {
    return std::nullopt;
  }
  std::int64_t seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return read.ec == std::errc{} ? std::min(Seconds(seconds), kMostSeconds) : kMostSeconds;
}

/// How long Cache-Control lets the answer stand for itself; nothing: it does not say.
std::optional<Seconds> parse_max_age(std::string_view cache_control) {
  std::optional<Seconds> max_age;
  for (const std::string_view directive : split(cache_control, ',')) {
    const std::string_view text = trim(directive);
    constexpr std::string_view kName = "max-age=";
    if (iequals(text, "no-store") || iequals(text, "no-cache")) {
      return Seconds(0);
    }
    if (text.size() > kName.size() && iequals(text.substr(0, kName.size()), kName)) {
      max_age = parse_seconds(text.substr(kName.size()));
    }
  }
  return max_age;
}

FetchErrc to_fetch_errc(CURLcode code) {
  switch (code) {
    case CURLE_URL_MALFORMAT:
      return FetchErrc::kBadUrl;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return FetchErrc::kResolve;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_PROXY:
      return FetchErrc::kConnect;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return FetchErrc::kTls;
    case CURLE_OPERATION_TIMEDOUT:
      return FetchErrc::kTimeout;
    case CURLE_FILESIZE_EXCEEDED:
      return FetchErrc::kTooLarge;
    case CURLE_TOO_MANY_REDIRECTS:
      return FetchErrc::kTooManyRedirects;
    case CURLE_ABORTED_BY_CALLBACK:
      return FetchErrc::kCancelled;
    default:
      return FetchErrc::kProtocol;  // got nothing, partial file, reset, not HTTP, ...
  }
}

/// "ldap" or "ldaps"; empty for anything else, and for octets no URL may have.
std::string ldap_scheme(std::string_view url) {
  const std::string scheme = to_lower(url.substr(0, std::min(url.find("://"), url.size())));
  const bool clean =
      std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f; });
  return clean && (scheme == "ldap" || scheme == "ldaps") ? scheme : std::string();
}

}  // namespace

std::string_view to_string(FetchErrc code) {
  switch (code) {
    case FetchErrc::kBadUrl:
      return "bad-url";
    case FetchErrc::kForbidden:
      return "forbidden-destination";
    case FetchErrc::kResolve:
      return "name-not-resolved";
    case FetchErrc::kConnect:
      return "not-connected";
    case FetchErrc::kTls:
      return "tls-failed";
    case FetchErrc::kTimeout:
      return "timeout";
    case FetchErrc::kTooLarge:
      return "too-large";
    case FetchErrc::kTooManyRedirects:
      return "too-many-redirects";
    case FetchErrc::kProtocol:
      return "not-http-or-cut-short";
    case FetchErrc::kHttpStatus:
      return "http-status";
    case FetchErrc::kCancelled:
      return "cancelled";
  }
  return "";
}

void initialise_curl() {
  static const CURLcode kInitialised = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  MUSTER_ASSERT(kInitialised == CURLE_OK);
}

FetchTransfer::FetchTransfer(FetchRequest request)
    : FetchTransfer(std::move(request), (initialise_curl(), ::curl_easy_init()), false) {}

FetchTransfer::FetchTransfer(FetchRequest request, CURL* kept)
    : FetchTransfer(std::move(request), kept, true) {}

FetchTransfer::FetchTransfer(FetchRequest request, CURL* easy, bool is_kept)
    : request_(std::move(request)), easy_(easy), is_kept_(is_kept) {
  MUSTER_ASSERT(easy_ != nullptr);
  if (request_.schemes == FetchRequest::Schemes::kLdap) {
    scheme_ = ldap_scheme(request_.url);
  } else if (const auto url = http::parse_url(request_.url)) {
    scheme_ = url->scheme;
  }
  if (scheme_.empty()) {
    const bool ldap = request_.schemes == FetchRequest::Schemes::kLdap;
    refusal_ = FetchError{FetchErrc::kBadUrl,
                          (ldap ? "not an ldap or ldaps URL: " : "not an http or https URL: ") +
                              printable(request_.url),
                          0,
                          {}};
    return;
  }
  set_options();
}

FetchTransfer::~FetchTransfer() {
  if (is_kept_) {
    ::curl_easy_reset(easy_);  // it points into us; connections stay
  } else {
    ::curl_easy_cleanup(easy_);
  }
  ::curl_slist_free_all(headers_);
}

void FetchTransfer::set_options() {
  const auto set = [this](CURLoption option, auto value) {
    // Only unknown options or lack of memory make it fail; the minimum libcurl version has them
    // all.
    MUSTER_ASSERT(::curl_easy_setopt(easy_, option, value) == CURLE_OK);
  };
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, scheme_.c_str());
  set(CURLOPT_REDIR_PROTOCOLS_STR, scheme_.c_str());
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, static_cast<long>(request_.max_redirects));
  // A POST that is moved stays a POST; only 303 turns it into a GET.
  set(CURLOPT_POSTREDIR, static_cast<long>(CURL_REDIR_POST_301 | CURL_REDIR_POST_302));
  set(CURLOPT_HTTP_VERSION,
      static_cast<long>(request_.as_http_1_0 ? CURL_HTTP_VERSION_1_0 : CURL_HTTP_VERSION_1_1));
  set(CURLOPT_HTTP09_ALLOWED, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  // A name server that does not answer must not delay the end of a fetch that timed out.
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_timeout.count()));
  set(CURLOPT_TIMEOUT_MS,
      static_cast<long>(std::max<std::int64_t>(1, request_.total_timeout.count())));
  set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request_.max_body_bytes));
  set(CURLOPT_USERAGENT, kUserAgent);
  set(CURLOPT_PROXY, request_.proxy.c_str());  // "" keeps libcurl from reading the environment
  if (!request_.source_address.empty()) {
    set(CURLOPT_INTERFACE, ("host!" + request_.source_address).c_str());
  }
  if (request_.ca_pem) {  // in place of the system's bundle; its directory of CAs counts as ever
    curl_blob blob{};
    blob.data = const_cast<char*>(request_.ca_pem->data());
    blob.len = request_.ca_pem->size();
    blob.flags = CURL_BLOB_NOCOPY;  // request_ holds it
    set(CURLOPT_CAINFO_BLOB, &blob);
  }
  if (request_.post_body) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.post_body->size()));
    set(CURLOPT_POSTFIELDS, reinterpret_cast<const char*>(request_.post_body->data()));
    // An empty value removes the header; "Expect:" spares a round trip to servers that do not know
    // 100-continue.
    headers_ = ::curl_slist_append(headers_, ("Content-Type: " + request_.content_type).c_str());
    headers_ = ::curl_slist_append(headers_, "Expect:");
  }
  for (const std::string& header : request_.headers) {
    headers_ = ::curl_slist_append(headers_, header.c_str());
  }
  set(CURLOPT_HTTPHEADER, headers_);
  set(CURLOPT_ERRORBUFFER, &error_text_[0]);
  set(CURLOPT_WRITEFUNCTION, &FetchTransfer::on_body);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_HEADERFUNCTION, &FetchTransfer::on_header);
  set(CURLOPT_HEADERDATA, this);
  if (request_.stop.stop_possible()) {
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &FetchTransfer::on_progress);
    set(CURLOPT_XFERINFODATA, this);
  }
  // With a proxy only the proxy is connected to, and the operator chose it.
  if (request_.forbid_private_destinations && request_.proxy.empty()) {
    set(CURLOPT_OPENSOCKETFUNCTION, &FetchTransfer::on_open_socket);
    set(CURLOPT_OPENSOCKETDATA, this);
    set(CURLOPT_FRESH_CONNECT, 1L);  // a kept one was opened without being judged
  }
}

std::size_t FetchTransfer::on_body(char* data, std::size_t, std::size_t count,
                                   void* self) noexcept {
  auto& transfer = *static_cast<FetchTransfer*>(self);
  if (count > transfer.request_.max_body_bytes - transfer.body_bytes_) {
    transfer.abort_ = Abort::kTooLarge;
    return 0;
  }
  transfer.body_bytes_ += count;
  if (transfer.request_.sink) {
    const bool more = transfer.request_.sink(as_bytes({data, count}));
    transfer.abort_ = more ? transfer.abort_ : Abort::kBySink;
    return more ? count : 0;
  }
  Buffer& body = transfer.response_.body;
  body.insert(body.end(), data, data + count);
  return count;
}

std::size_t FetchTransfer::on_header(char* data, std::size_t, std::size_t count,
                                     void* self) noexcept {
  auto& transfer = *static_cast<FetchTransfer*>(self);
  transfer.header_bytes_ += count;
  if (transfer.header_bytes_ > kMaxHeaderBytes) {
    transfer.abort_ = Abort::kTooLarge;
    return 0;
  }
  transfer.take_header(trim(std::string_view(data, count)));
  return count;
}

int FetchTransfer::on_progress(void* self, curl_off_t, curl_off_t, curl_off_t,
                               curl_off_t) noexcept {
  return static_cast<FetchTransfer*>(self)->request_.stop.stop_requested() ? 1 : 0;
}

curl_socket_t FetchTransfer::on_open_socket(void* self, curlsocktype,
                                            curl_sockaddr* address) noexcept {
  // Called with the address that will really be connected to, after resolution and for each
  // redirect.
  if (reach_of(ip_of(&address->addr)) != IpReach::kPublic) {
    static_cast<FetchTransfer*>(self)->abort_ = Abort::kForbidden;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void FetchTransfer::take_header(std::string_view line) {
  if (request_.head_sink && !line.empty()) {
    request_.head_sink(line);
  }
  if (line.starts_with("HTTP/")) {  // a new answer begins: forget those of redirects
    response_.content_type.clear();
    response_.etag.clear();
    response_.max_age = response_.retry_after = std::nullopt;
    age_ = Seconds(0);
    response_.date = response_.last_modified = response_.expires = std::nullopt;
    response_.body.clear();
    body_bytes_ = 0;
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return;
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (iequals(name, "Content-Type")) {
    response_.content_type = value;
  } else if (iequals(name, "ETag")) {
    response_.etag = value;
  } else if (iequals(name, "Cache-Control")) {
    if (const auto max_age = parse_max_age(value)) {  // of several lines the strictest
      response_.max_age = std::min(*max_age, response_.max_age.value_or(*max_age));
    }
  } else if (iequals(name, "Age")) {
    age_ = parse_seconds(value).value_or(Seconds(0));
  } else if (iequals(name, "Retry-After")) {
    response_.retry_after = parse_seconds(value);
    if (const auto date = parse_http_date(value)) {
      const UnixSeconds base = response_.date.value_or(SystemClock().now());
      response_.retry_after = std::max(Seconds(0), *date - base);
    }
  } else if (iequals(name, "Date")) {
    response_.date = parse_http_date(value);
  } else if (iequals(name, "Last-Modified")) {
    response_.last_modified = parse_http_date(value);
  } else if (iequals(name, "Expires")) {
    response_.expires = parse_http_date(value);
  }
}

bool FetchTransfer::is_conditional() const {
  return std::any_of(
      request_.headers.begin(), request_.headers.end(), [](const std::string& header) {
        const std::string_view name = std::string_view(header).substr(0, header.find(':'));
        return iequals(name, "If-None-Match") || iequals(name, "If-Modified-Since");
      });
}

FetchError FetchTransfer::make_error(CURLcode code) const {
  FetchError error{to_fetch_errc(code), error_text_, 0, {}};
  if (error.detail.empty()) {
    error.detail = ::curl_easy_strerror(code);
  }
  long status = 0;
  ::curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  if (abort_ == Abort::kTooLarge || error.code == FetchErrc::kTooLarge) {
    error.code = FetchErrc::kTooLarge;
    error.detail = "answer exceeds " + std::to_string(request_.max_body_bytes) + " octets";
  } else if (abort_ == Abort::kBySink) {
    error.code = FetchErrc::kCancelled;
    error.detail = "the body was not wanted any further";
  } else if (abort_ == Abort::kForbidden) {
    error.code = FetchErrc::kForbidden;
    error.detail =
        "the name leads to a loopback, private or reserved address, and such destinations are "
        "forbidden";
  } else if (code == CURLE_UNSUPPORTED_PROTOCOL &&
             status / 100 == 3) {  // otherwise it is an HTTP/0.9 answer
    error.code = FetchErrc::kForbidden;
    error.detail = "redirected from " + scheme_ + " to another scheme";
  }
  return error;
}

FetchResult FetchTransfer::finish(CURLcode code) {
  if (code != CURLE_OK) {
    return Err{make_error(code)};
  }
  long status = 0;
  curl_off_t microseconds = 0;
  const char* final_url = nullptr;
  ::curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  ::curl_easy_getinfo(easy_, CURLINFO_TOTAL_TIME_T, &microseconds);
  ::curl_easy_getinfo(easy_, CURLINFO_EFFECTIVE_URL, &final_url);
  response_.http_status = static_cast<unsigned>(status);
  if (response_.max_age) {  // what lay in a cache has spent some of it (RFC 9111 section 4.2)
    response_.max_age = std::max(Seconds(0), *response_.max_age - age_);
  }
  response_.duration = Milliseconds(microseconds / 1000);
  response_.final_url = final_url == nullptr ? request_.url : final_url;
  if (request_.schemes == FetchRequest::Schemes::kLdap || status == 200 ||
      (status == 304 && is_conditional())) {
    return std::move(response_);
  }
  return Err{FetchError{FetchErrc::kHttpStatus, "HTTP status " + std::to_string(status),
                        response_.http_status, response_.retry_after}};
}

}  // namespace muster::net
