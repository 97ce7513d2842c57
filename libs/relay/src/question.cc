#include "muster/relay/question.h"

#include <algorithm>

namespace muster::relay {
namespace {

void put(Buffer& out, Bytes part) {
  // Each fits an octet: OIDs of hashes, digests, serials of at most kMaxSerialOctets.
  out.push_back(static_cast<std::uint8_t>(part.size()));
  out.insert(out.end(), part.begin(), part.end());
}

std::optional<Asked> asked_of(const ocsp::CertIdView& id) {
  const auto hash = der::find_hash(id.hash_algorithm);
  auto serial = Serial::make(id.serial);
  if (!hash || !serial) {
    return std::nullopt;
  }
  return Asked{key_of(id), id.to_owned(), *hash, *std::move(serial)};
}

/// What of the extensions matters. Errors: kMalformed, kUnsupported.
Result<std::optional<Buffer>, QuestionErrc> read_extensions(const ocsp::RequestView& request) {
  std::optional<Buffer> nonce;
  for (const der::ExtensionView& extension : request.extensions) {
    if (equal(extension.oid, oid::kOcspNonce)) {
      const auto parsed = ocsp::parse_nonce(extension.value);
      if (!parsed) {
        return Err{QuestionErrc::kMalformed};
      }
      nonce = to_buffer(parsed->octets);
    } else if (extension.critical) {
      return Err{QuestionErrc::kUnsupported};
    }
  }
  for (const ocsp::SingleRequestView& single : request.requests) {
    for (const der::ExtensionView& extension : single.extensions) {
      if (extension.critical) {
        return Err{QuestionErrc::kUnsupported};
      }
    }
  }
  return nonce;
}

}  // namespace

keeper::Fingerprint key_of(const ocsp::CertIdView& id) {
  Buffer text;
  text.reserve(128);
  put(text, id.hash_algorithm.oid);
  put(text, id.issuer_name_hash);
  put(text, id.issuer_key_hash);
  put(text, id.serial);
  keeper::Fingerprint key;
  pki::digest_into(HashAlgorithm::kSha256, text, key);
  return key;
}

Asked asked_of(HashAlgorithm hash, const client::Subject& subject, const pki::Certificate& issuer) {
  ocsp::CertId id = client::make_cert_id(hash, subject, issuer);
  const keeper::Fingerprint key = key_of(id.view());
  return Asked{key, std::move(id), hash, subject.serial()};
}

Result<Question, QuestionErrc> read_question(Bytes request, const AllowList& issuers,
                                             std::size_t max_cert_ids) {
  const auto parsed = ocsp::parse_request(request);
  if (!parsed) {
    return Err{QuestionErrc::kMalformed};
  }
  if (parsed->requests.size() > max_cert_ids) {
    return Err{QuestionErrc::kTooMany};
  }
  MUSTER_TRY(auto nonce, read_extensions(*parsed));
  const AllowedIssuer* issuer = nullptr;
  std::vector<Asked> all;
  for (const ocsp::SingleRequestView& single : parsed->requests) {
    const AllowedIssuer* const its = issuers.find(single.cert_id);
    if (its == nullptr || (issuer != nullptr && its != issuer)) {
      return Err{QuestionErrc::kNotAllowed};
    }
    issuer = its;
    auto asked = asked_of(single.cert_id);
    if (!asked) {
      return Err{QuestionErrc::kMalformed};
    }
    all.push_back(*std::move(asked));
  }
  return Question{std::move(all), issuer, std::move(nonce)};
}

std::optional<ocsp::CertId> find_cert_id(Bytes response, const keeper::Fingerprint& key) {
  const auto parsed = ocsp::parse_response(response);
  if (!parsed || !parsed->basic) {
    return std::nullopt;
  }
  for (const ocsp::SingleResponseView& entry : parsed->basic->responses) {
    if (key_of(entry.cert_id) == key) {
      return entry.cert_id.to_owned();
    }
  }
  return std::nullopt;
}

bool answers(Bytes response, const keeper::Fingerprint& key) {
  return find_cert_id(response, key).has_value();
}

}  // namespace muster::relay
