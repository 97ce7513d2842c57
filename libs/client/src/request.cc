#include "muster/client/request.h"

#include <sys/random.h>

#include <cerrno>

#include "muster/http/get_path.h"
#include "muster/http/url.h"

namespace muster::client {

Buffer build_request(const pki::Certificate& certificate, const pki::Certificate& issuer,
                     const Question& question) {
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(question.hash, certificate, issuer, question.parameters), {}});
  if (question.nonce) {
    request.extensions.push_back(
        {to_buffer(oid::kOcspNonce), false, ocsp::encode_nonce(*question.nonce)});
  }
  return ocsp::encode_request(request);
}

Buffer make_nonce(std::size_t octets) {
  Buffer nonce(octets);
  std::size_t done = 0;
  while (done < octets) {
    const ssize_t got = ::getrandom(nonce.data() + done, octets - done, 0);
    // The kernel's generator has no failure but interruption; going on with a guessable nonce is
    // not an option.
    MUSTER_ASSERT(got > 0 || errno == EINTR);
    done += got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  return nonce;
}

net::FetchRequest make_fetch_request(std::string_view url, Bytes request,
                                     const Transport& transport, CacheUse cache) {
  net::FetchRequest fetch;
  std::optional<std::string> get;
  if (transport.method == HttpMethod::kByLength) {
    get = http::make_get_url(url, request);
  }
  if (get) {
    fetch.url = *std::move(get);
  } else {
    fetch.url = std::string(url);
    fetch.post_body = to_buffer(request);
    fetch.content_type = std::string(ocsp::kRequestMediaType);
  }
  if (cache == CacheUse::kBypass) {
    fetch.headers.emplace_back("Cache-Control: no-cache");
  }
  fetch.proxy = transport.proxy;
  fetch.source_address = transport.source_address;
  fetch.connect_timeout = transport.connect_timeout;
  fetch.total_timeout = transport.total_timeout;
  fetch.max_body_bytes = transport.max_body_bytes;
  fetch.forbid_private_destinations = transport.forbid_private_destinations;
  return fetch;
}

bool is_http_url(std::string_view url) { return http::parse_url(url).has_value(); }

}  // namespace muster::client
