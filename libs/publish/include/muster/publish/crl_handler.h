#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "muster/net/http_server.h"
#include "muster/publish/publisher.h"

namespace muster::publish {

/// What is served under which path. Immutable once made.
class ServedCrls {
 public:
  /// Each CRL under the path of its URIs and under "/" and the name of its file; of two with one
  /// path the first counts. \param max_age  how long caches may keep a CRL without asking
  static std::shared_ptr<const ServedCrls> make(std::vector<Served> crls, Seconds max_age);
  struct One {
    std::shared_ptr<const void> owner;
    Bytes octets;
    std::string etag;      ///< quoted
    UnixSeconds modified;  ///< thisUpdate
    std::string headers;   ///< all but Content-Type and Content-Length
  };
  /// Null when there is nothing under this path.
  [[nodiscard]] const One* find(std::string_view path) const;

 private:
  std::map<std::string, One, std::less<>> by_path_;
};

/// Serves CRLs over HTTP: application/pkix-crl, Last-Modified, ETag, conditional requests
/// (OCSP-CRL-022). Threads: the loop's; adopt() as well.
class CrlHandler final : public net::HttpHandler {
 public:
  void adopt(std::shared_ptr<const ServedCrls> crls) { crls_ = std::move(crls); }
  void handle(const http::RequestView& request, net::HttpReply& reply) override;

 private:
  std::shared_ptr<const ServedCrls> crls_;
};

}  // namespace muster::publish
