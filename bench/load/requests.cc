#include "requests.h"

#include <algorithm>

#include "kit/serials.h"
#include "muster/http/get_path.h"

namespace muster::bench {
namespace {

constexpr std::size_t kNonceOctets = 32;

template <class Wanted>
std::optional<std::size_t> find(const Buffer& in, const Wanted& wanted) {
  const auto at = std::search(in.begin(), in.end(), wanted.begin(), wanted.end());
  return at == in.end() ? std::nullopt : std::optional(static_cast<std::size_t>(at - in.begin()));
}

}  // namespace

std::optional<Requests> Requests::make(RequestPlan plan) {
  plan.serials = std::max<std::uint64_t>(plan.serials, 1);
  plan.hot = plan.hot == 0 ? plan.serials : std::min(plan.hot, plan.serials);
  Requests requests(std::move(plan));
  const auto serial = find(requests.plan_.pattern, serial_of(0));
  if (!serial) {
    return std::nullopt;
  }
  requests.serial_at_ = *serial;
  requests.nonce_at_ = find(requests.plan_.pattern, Buffer(kNonceOctets, 'n'));
  requests.stride_ = requests.plan_.serials / requests.plan_.hot;
  if (requests.plan_.hot == 1 && !requests.nonce_at_) {
    requests.make_http(requests.der({}), requests.ready_);
  }
  if (requests.plan_.one_in != 0) {
    requests.make_http(requests.plan_.beside, requests.beside_);
  }
  return requests;
}

Question Requests::next() {
  const std::uint64_t number = asked_++;
  if (plan_.one_in != 0 && number % plan_.one_in == 0) {
    return {0, number, true};
  }
  if (plan_.hot == 1) {
    return {0, number};
  }
  // The range is far below 2^64: taking the remainder prefers nothing one could measure.
  const std::uint64_t slot = (plan_.order == Order::kSequential ? number : random_()) % plan_.hot;
  return {slot * stride_, number};
}

Bytes Requests::der(const Question& question) {
  if (question.beside) {
    return plan_.beside;
  }
  const auto serial = serial_of(question.certificate);
  std::copy(serial.begin(), serial.end(),
            plan_.pattern.begin() + static_cast<std::ptrdiff_t>(serial_at_));
  if (nonce_at_) {
    // Each nonce once: 16 octets made of its number, the rest as it stood.
    const auto octets = serial_of(question.nonce);
    std::copy(octets.begin(), octets.end(),
              plan_.pattern.begin() + static_cast<std::ptrdiff_t>(*nonce_at_));
  }
  return plan_.pattern;
}

void Requests::append_http(const Question& question, std::string& out) {
  if (question.beside) {
    out += beside_;
  } else if (ready_.empty()) {
    make_http(der(question), out);
  } else {
    out += ready_;
  }
}

void Requests::make_http(Bytes octets, std::string& out) const {
  const char* const end = plan_.close ? "Connection: close\r\n\r\n" : "\r\n";
  if (plan_.method == Method::kGet) {
    out += "GET /";
    out += http::encode_get_tail(octets);
    out += " HTTP/1.1\r\nHost: ocsp.example\r\n";
    out += end;
    return;
  }
  out +=
      "POST / HTTP/1.1\r\nHost: ocsp.example\r\nContent-Type: application/ocsp-request\r\n"
      "Content-Length: ";
  out += std::to_string(octets.size());
  out += "\r\n";
  out += end;
  out.append(octets.begin(), octets.end());
}

}  // namespace muster::bench
