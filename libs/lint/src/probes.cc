#include "muster/lint/probes.h"

#include <algorithm>

#include "muster/base/text.h"
#include "muster/http/base64.h"
#include "muster/http/get_path.h"
#include "muster/http/url.h"

namespace muster::lint {
namespace {

constexpr std::string_view kUnknownOid = "1.3.6.1.4.1.99999.1";
constexpr std::string_view kGarbage = "this is no OCSP request, and muster lint knows it";

/// CertIDs and requests about one certificate.
class Questions {
 public:
  Questions(const PlanInput& input, HashAlgorithm hash) : input_(input), hash_(hash) {}

  [[nodiscard]] HashAlgorithm hash() const { return hash_; }
  [[nodiscard]] ocsp::CertId cert_id(HashAlgorithm hash) const {
    return pki::make_cert_id(hash, input_.issuer, input_.serial);
  }
  [[nodiscard]] ocsp::Request plain() const { return about(cert_id(hash_)); }
  [[nodiscard]] static ocsp::Request about(ocsp::CertId id) {
    ocsp::Request request;
    request.requests.push_back({std::move(id), {}});
    return request;
  }
  [[nodiscard]] ocsp::Request with(Buffer oid, bool critical, Buffer value) const {
    ocsp::Request request = plain();
    request.extensions.push_back({std::move(oid), critical, std::move(value)});
    return request;
  }
  [[nodiscard]] ocsp::Request with_nonce(const Buffer& nonce) const {
    der::Writer value;  // encode_nonce() writes none that is too long
    value.octet_string(nonce);
    return with(to_buffer(oid::kOcspNonce), false, value.take());
  }
  [[nodiscard]] ocsp::Request about_an_unissued_serial() const {
    Buffer octets = input_.random(20);
    octets[0] = static_cast<std::uint8_t>((octets[0] & 0x3fU) | 0x40U);  // positive, 20 octets
    return about(pki::make_cert_id(hash_, input_.issuer, *Serial::make(octets)));
  }
  [[nodiscard]] ocsp::Request about_another_issuer() const {
    const ocsp::CertId id = cert_id(hash_);
    Buffer name = to_buffer(id.view().issuer_name_hash), key = to_buffer(id.view().issuer_key_hash);
    name[0] ^= 0xff;
    key[0] ^= 0xff;
    return about(ocsp::CertId::make(hash_, name, key, input_.serial));
  }
  [[nodiscard]] ocsp::Request by_md5() const {
    der::Writer w;
    w.sequence([&] {
      w.sequence([&] {
        w.oid(*der::oid_from_string("1.2.840.113549.2.5"));
        w.null();
      });
      w.octet_string(input_.random(16));
      w.octet_string(input_.random(16));
      w.integer_octets(input_.serial.octets());
    });
    const auto parsed = ocsp::parse_cert_id(w.bytes());
    MUSTER_ASSERT(parsed);
    return about(parsed->to_owned());
  }

 private:
  const PlanInput& input_;
  HashAlgorithm hash_;
};

class Planner {
 public:
  explicit Planner(const PlanInput& input)
      : input_(input),
        questions_(input, (input.profiles & set_of({Profile::kFpki})) != 0
                              ? HashAlgorithm::kSha1
                              : HashAlgorithm::kSha256) {}

  std::vector<Probe> take() { return std::move(probes_); }

  void add(ProbeKind kind) {
    switch (kind) {
      case ProbeKind::kSaved:
        break;
      case ProbeKind::kGet:
        return get(kind, questions_.plain());
      case ProbeKind::kPost:
        return post(kind, questions_.plain());
      case ProbeKind::kGetSha1:
        return get(kind, Questions::about(questions_.cert_id(HashAlgorithm::kSha1)));
      case ProbeKind::kPostSha384:
        return post(kind, Questions::about(questions_.cert_id(HashAlgorithm::kSha384)));
      case ProbeKind::kNonce32:
        return nonce(kind, 32);
      case ProbeKind::kNonce33:
        return nonce(kind, 33);
      case ProbeKind::kNonce129:
        return nonce(kind, 129);
      case ProbeKind::kUnissued:
        return post(kind, questions_.about_an_unissued_serial());
      case ProbeKind::kForeignIssuer:
        return post(kind, questions_.about_another_issuer());
      case ProbeKind::kUnknownHash:
        return post(kind, questions_.by_md5());
      case ProbeKind::kTwoCertIds: {
        ocsp::Request request = questions_.plain();
        const bool is_sha1 = questions_.hash() == HashAlgorithm::kSha1;
        request.requests.push_back(
            {questions_.cert_id(is_sha1 ? HashAlgorithm::kSha256 : HashAlgorithm::kSha1), {}});
        return post(kind, request);
      }
      case ProbeKind::kUnknownExtension:
        return post(kind, questions_.with(*der::oid_from_string(kUnknownOid), false, {5, 0}));
      case ProbeKind::kCriticalExtension:
        return post(kind, questions_.with(*der::oid_from_string(kUnknownOid), true, {5, 0}));
      case ProbeKind::kAcceptableResponses:
        return post(kind, questions_.with(
                              to_buffer(oid::kOcspAcceptableResponses), false,
                              ocsp::encode_acceptable_responses({*der::oid_from_string(kUnknownOid),
                                                                 to_buffer(oid::kOcspBasic)})));
      case ProbeKind::kRequestorName: {
        ocsp::Request request = questions_.plain();
        der::Writer name;  // dNSName
        name.element(der::context_primitive(2), as_bytes("muster-lint.invalid"));
        request.requestor_name = name.take();
        return post(kind, request);
      }
      case ProbeKind::kGarbage:
        return post_octets(kind, to_buffer(as_bytes(kGarbage)));
      case ProbeKind::kOversized:
        return post_octets(kind, Buffer(kOversizedBytes, 0xa5));
      case ProbeKind::kWrongContentType:
        post(kind, questions_.plain());
        probes_.back().content_type = "text/plain";
        return;
      case ProbeKind::kHttp10:
        post(kind, questions_.plain());
        probes_.back().as_http_1_0 = true;
        return;
      case ProbeKind::kGetUnescaped:
        return get_unescaped(questions_.plain());
    }
  }

 private:
  void post_octets(ProbeKind kind, Buffer body) {
    Probe& probe = probes_.emplace_back();
    probe.kind = kind;
    probe.url = input_.url;
    probe.post_body = std::move(body);
    probe.content_type = ocsp::kRequestMediaType;
  }
  void post(ProbeKind kind, const ocsp::Request& request) {
    post_octets(kind, ocsp::encode_request(request));
    probes_.back().request = *probes_.back().post_body;
  }
  void nonce(ProbeKind kind, std::size_t octets) {
    const Buffer nonce = input_.random(octets);
    post(kind, questions_.with_nonce(nonce));
    probes_.back().nonce = nonce;
  }
  /// Behind a query no path can be appended: such a responder is not asked by GET.
  [[nodiscard]] std::optional<std::string> prefix() const {
    const auto parsed = http::parse_url(input_.url);
    if (!parsed || parsed->has_query || input_.url.find('#') != std::string::npos) {
      return std::nullopt;
    }
    return input_.url.ends_with('/') ? input_.url : input_.url + "/";
  }
  void get_text(ProbeKind kind, Buffer request, const std::string& text) {
    if (const auto before = prefix()) {
      Probe& probe = probes_.emplace_back();
      probe.kind = kind;
      probe.url = *before + text;
      probe.request = std::move(request);
    }
  }
  void get(ProbeKind kind, const ocsp::Request& request) {
    Buffer der = ocsp::encode_request(request);
    const std::string text = http::encode_get_tail(der);
    get_text(kind, std::move(der), text);
  }
  void get_unescaped(const ocsp::Request& request) {
    Buffer der = ocsp::encode_request(request);
    const std::string text = http::base64_encode(der);
    get_text(ProbeKind::kGetUnescaped, std::move(der), text);
  }

  const PlanInput& input_;
  Questions questions_;
  std::vector<Probe> probes_;
};

/// Whether a request of this kind is part of the plan of these profiles.
bool is_needed(ProbeKind kind, ProfileSet profiles) {
  const auto all = rules();
  return std::any_of(all.begin(), all.end(), [&](const Rule& rule) {
    return rule.probe == kind && (rule.profiles & profiles) != 0;
  });
}

Exchange run_one(const Probe& probe, const RunOptions& options, const Clock& clock,
                 const client::FetchFunction& fetch) {
  Exchange out;
  out.probe = probe.kind;
  out.source = probe.url;
  out.request = probe.request;
  out.nonce = probe.nonce;
  HttpFacts facts;
  Buffer body;
  net::FetchRequest request;
  request.url = probe.url;
  request.post_body = probe.post_body;
  request.content_type = probe.content_type;
  request.proxy = options.proxy;
  request.total_timeout = options.timeout;
  request.connect_timeout = std::min(request.connect_timeout, options.timeout);
  request.as_http_1_0 = probe.as_http_1_0;
  request.sink = [&body](Bytes octets) {
    body.insert(body.end(), octets.begin(), octets.end());
    return true;
  };
  request.head_sink = [&](std::string_view line) {
    if (line.starts_with("HTTP/")) {  // a new answer, behind a redirect
      facts.headers.clear();
      body.clear();
      return;
    }
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      facts.headers.push_back(
          {std::string(line.substr(0, colon)), std::string(trim(line.substr(colon + 1)))});
    }
  };
  const MonotonicTime start = clock.monotonic();
  const net::FetchResult fetched = fetch(request);
  facts.duration = std::chrono::duration_cast<Milliseconds>(clock.monotonic() - start);
  out.served_at = clock.now();
  if (fetched) {
    facts.status = fetched->http_status;
  } else if (fetched.error().code == net::FetchErrc::kHttpStatus) {
    facts.status = fetched.error().http_status;
  } else {
    facts.failure = fetched.error().detail;
    facts.headers.clear();
    body.clear();
  }
  out.http = std::move(facts);
  out.response = std::move(body);
  return out;
}

}  // namespace

std::vector<Probe> plan(const PlanInput& input) {
  Planner planner(input);
  planner.add(ProbeKind::kGet);
  planner.add(ProbeKind::kPost);
  for (std::size_t i = static_cast<std::size_t>(ProbeKind::kPost) + 1; i < kProbeKinds; ++i) {
    const auto kind = static_cast<ProbeKind>(i);
    if (is_needed(kind, input.profiles)) {
      planner.add(kind);
    }
  }
  std::vector<Probe> probes = planner.take();
  MUSTER_ASSERT(probes.size() <= kMaxProbes);
  return probes;
}

std::vector<Exchange> run(const std::vector<Probe>& probes, const RunOptions& options,
                          const Clock& clock, const client::FetchFunction& fetch) {
  std::vector<Exchange> out;
  std::size_t silence = 0;
  for (const Probe& probe : probes) {
    if (silence == kMaxSilence) {
      break;
    }
    out.push_back(run_one(probe, options, clock, fetch));
    silence = out.back().http->status == 0 ? silence + 1 : 0;
  }
  return out;
}

}  // namespace muster::lint
