#include "muster/publish/crl_handler.h"

#include <filesystem>

#include "muster/http/conditional.h"
#include "muster/http/url.h"

namespace muster::publish {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kCrlType = "application/pkix-crl";  // RFC 2585 section 4.2

/// Path of a request target in origin or absolute form, without its query.
std::string_view path_of(std::string_view target) {
  if (const std::size_t authority = target.find("://");
      !target.starts_with('/') && authority != std::string_view::npos) {
    const std::size_t path = target.find('/', authority + 3);
    target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
  }
  return target.substr(0, target.find_first_of("?#"));
}

bool is_unchanged(const http::RequestView& request, const ServedCrls::One& crl) {
  if (!request.if_none_match.empty()) {
    return http::names_etag(request.if_none_match,
                            crl.etag);  // the dates do not count then (RFC 9110 section 13.2.2)
  }
  const auto since = parse_http_date(request.if_modified_since);
  return since && crl.modified <= *since;
}

}  // namespace

std::shared_ptr<const ServedCrls> ServedCrls::make(std::vector<Served> crls, Seconds max_age) {
  auto served = std::make_shared<ServedCrls>();
  for (Served& crl : crls) {
    One one{std::move(crl.owner), crl.octets, "", crl.this_update, ""};
    one.etag = "\"" + to_hex(pki::digest(HashAlgorithm::kSha256, crl.octets)).substr(0, 32) + "\"";
    one.headers = "Last-Modified: " + format_http_date(crl.this_update) + "\r\nETag: " + one.etag +
                  "\r\nCache-Control: public, no-transform, must-revalidate, max-age=" +
                  std::to_string(max_age.count()) + "\r\n";
    for (const std::string& uri : crl.uris) {
      if (const auto url = http::parse_url(uri); url && !url->path.empty()) {
        served->by_path_.emplace(url->path, one);
      }
    }
    served->by_path_.emplace("/" + std::filesystem::path(crl.path).filename().string(), one);
  }
  return served;
}

const ServedCrls::One* ServedCrls::find(std::string_view path) const {
  const auto found = by_path_.find(path);
  return found == by_path_.end() ? nullptr : &found->second;
}

void CrlHandler::handle(const http::RequestView& request, net::HttpReply& reply) {
  if (request.method != http::Method::kGet && request.method != http::Method::kHead) {
    reply.send(405, kText, "Allow: GET, HEAD\r\nCache-Control: no-store\r\n",
               as_bytes("Only GET and HEAD.\n"));
    return;
  }
  const ServedCrls::One* crl = crls_ != nullptr ? crls_->find(path_of(request.target)) : nullptr;
  if (crl == nullptr) {
    reply.send(404, kText, "Cache-Control: no-store\r\n", as_bytes("No CRL here.\n"));
  } else if (is_unchanged(request, *crl)) {
    reply.send(304, "", crl->headers, Bytes());
  } else {
    reply.send(200, kCrlType, crl->headers, crl->octets);
  }
}

}  // namespace muster::publish
