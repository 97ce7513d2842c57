#include "muster/client/request.h"

#include <sys/random.h>

#include <cerrno>

#include "muster/base/mutex.h"
#include "muster/crl/distribution_point.h"
#include "muster/http/get_path.h"
#include "muster/http/url.h"
#include "muster/pki/preferences.h"

namespace muster::client {

namespace {

Buffer encode_preferences() {
  std::vector<ocsp::PreferredSignatureView> list;
  for (const Bytes element : pki::preferred_signature_algorithms()) {
    der::Reader in(element);
    const auto algorithm = der::read_algorithm(in, "AlgorithmIdentifier");
    MUSTER_ASSERT(algorithm);  // of our own table
    list.push_back({*algorithm, std::nullopt});
  }
  return ocsp::encode_preferred_signatures(list);
}

ocsp::Request make_request(const Subject& subject, const pki::Certificate& issuer,
                           const Question& question) {
  ocsp::Request request;
  request.requests.push_back(
      {make_cert_id(question.hash, subject, issuer, question.parameters), {}});
  const auto extend = [&](Bytes oid, Buffer value) {
    request.extensions.push_back({to_buffer(oid), false, std::move(value)});
  };
  if (question.nonce) {
    extend(oid::kOcspNonce, ocsp::encode_nonce(*question.nonce));
  }
  if (question.list_response_types) {
    extend(oid::kOcspAcceptableResponses,
           ocsp::encode_acceptable_responses({to_buffer(oid::kOcspBasic)}));
  }
  if (question.list_algorithms) {
    extend(oid::kOcspPreferredSignatures, encode_preferences());
  }
  return request;
}

}  // namespace

Buffer build_request(const Subject& subject, const pki::Certificate& issuer,
                     const Question& question) {
  return ocsp::encode_request(make_request(subject, issuer, question));
}

struct Requestor::Impl {
  Impl(std::vector<pki::Certificate> its_chain, pki::Signer its_signer)
      : chain(std::move(its_chain)), signer(std::move(its_signer)) {}
  const std::vector<pki::Certificate> chain;
  Mutex mutex;
  pki::Signer signer MUSTER_GUARDED_BY(mutex);
};

Result<Requestor, std::string> Requestor::make(std::vector<pki::Certificate> chain,
                                               const pki::PrivateKey& key) {
  if (chain.empty()) {
    return Err{std::string("a signed request wants the requestor's certificate")};
  }
  constexpr std::size_t kEmptyName = 2;  // SEQUENCE of nothing
  if (chain.front().subject().size() <= kEmptyName) {
    return Err{
        std::string("a signed request must name its requestor, and the certificate has no "
                    "subject")};
  }
  if (!key.matches(chain.front())) {
    return Err{"the key is not that of " + chain.front().subject_text()};
  }
  auto signer = pki::Signer::make(key);
  if (!signer) {
    return Err{signer.error().detail};
  }
  return Requestor(std::make_shared<Impl>(std::move(chain), *std::move(signer)));
}

Result<Buffer, std::string> Requestor::build_request(const Subject& subject,
                                                     const pki::Certificate& issuer,
                                                     const Question& question) const {
  ocsp::Request request = make_request(subject, issuer, question);
  // GeneralName ::= CHOICE { ... directoryName [4] Name }; Name is a CHOICE, so the tag is
  // explicit.
  der::Writer name;
  name.element(crl::kGeneralNameDirectory, [&] { name.raw(impl_->chain.front().subject()); });
  request.requestor_name = name.take();
  const Buffer tbs = ocsp::encode_tbs_request(request);
  ocsp::SignaturePart part;
  MutexLock lock(impl_->mutex);
  if (const auto done = impl_->signer.sign(tbs, part.signature); !done) {
    return Err{"the request could not be signed: " + done.error().detail};
  }
  part.algorithm = to_buffer(impl_->signer.algorithm());
  for (const pki::Certificate& sent : impl_->chain) {
    part.certificates.push_back(to_buffer(sent.der()));
  }
  return ocsp::encode_request(tbs, &part);
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
  fetch.ca_pem = transport.ca_pem;
  fetch.connect_timeout = transport.connect_timeout;
  fetch.total_timeout = transport.total_timeout;
  fetch.max_body_bytes = transport.max_body_bytes;
  fetch.forbid_private_destinations = transport.forbid_private_destinations;
  return fetch;
}

bool is_http_url(std::string_view url) { return http::parse_url(url).has_value(); }

}  // namespace muster::client
