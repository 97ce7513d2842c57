#include "passage.h"

#include <algorithm>

namespace muster::relay {
namespace {

Buffer request_for(const std::vector<Asked>& asked, const std::optional<Buffer>& nonce) {
  ocsp::Request request;
  for (const Asked& one : asked) {
    request.requests.push_back({one.id, {}});
  }
  if (nonce) {
    request.extensions.push_back({to_buffer(oid::kOcspNonce), false, ocsp::encode_nonce(*nonce)});
  }
  return ocsp::encode_request(request);
}

}  // namespace

net::FetchRequest as_relay(net::FetchRequest request, const std::string& via) {
  request.max_redirects = 0;
  request.headers.push_back("Via: " + via);
  return request;
}

Passage::Passage(std::vector<Asked> asked, AllowedIssuer issuer, std::optional<Buffer> nonce,
                 client::Transport transport, std::string via, client::VerifyPolicy policy,
                 Accept accept)
    : asked_(std::move(asked)),
      issuer_(std::move(issuer)),
      nonce_(std::move(nonce)),
      transport_(std::move(transport)),
      via_(std::move(via)),
      policy_(std::move(policy)),
      accept_(std::move(accept)),
      request_(request_for(asked_, nonce_)) {}

Passage::Step Passage::start() {
  return as_relay(client::make_fetch_request(url(), request_, transport_), via_);
}

Passage::Step Passage::next() {
  if (url_ + 1 == issuer_.urls.size()) {
    return Failed{all_unauthorized_, last_};
  }
  ++url_;
  return start();
}

Passage::Step Passage::on_fetched(const net::FetchResult& fetched, UnixSeconds now) {
  Answers answers;
  for (const Asked& one : asked_) {
    auto judged = client::judge_fetch(fetched, client::Subject(issuer_.certificate, one.serial),
                                      issuer_.certificate, nonce_, policy_, now);
    if (!judged) {
      const client::LiveFailure& failure = judged.error();
      all_unauthorized_ = all_unauthorized_ && failure.verify &&
                          failure.verify->response_status == ocsp::ResponseStatus::kUnauthorized;
      last_ = failure.detail;
      return next();
    }
    answers.push_back(*std::move(judged));
  }
  all_unauthorized_ = false;
  const Bytes octets = fetched->body;
  const bool is_to_the_letter = std::all_of(asked_.begin(), asked_.end(), [&](const Asked& one) {
    return relay::answers(octets, one.key);
  });
  if (!is_to_the_letter) {
    last_ = "the answer's CertID is made with another hash than was asked with";
    return next();
  }
  if (!accept_(answers)) {
    last_ = "the answer is older than what is held, or takes back a final revocation";
    return next();
  }
  return std::make_shared<const Buffer>(to_buffer(octets));
}

}  // namespace muster::relay
