#include "case_judge.h"

#include <algorithm>

#include "muster/client/crl_check.h"
#include "muster/client/verdict.h"
#include "verify_steps.h"

namespace muster::vectors {

std::vector<pki::Certificate> load_role(const Case& c, std::string_view role) {
  std::vector<pki::Certificate> out;
  for (std::size_t i = 0; i < c.count(role); ++i) {
    const Buffer octets = c.read(role, i);
    if (auto parsed = pki::parse_certificates(octets)) {
      out.insert(out.end(), parsed->begin(), parsed->end());
    }
  }
  return out;
}

pki::AlgorithmPolicy lenient_algorithms() {
  pki::AlgorithmPolicy policy;
  policy.insecurely_allow_sha1 = true;
  policy.insecurely_allow_dsa = true;
  policy.min_rsa_bits = 512;
  return policy;
}

Options options_of(const Case& c) {
  Options options;
  options.now = c.verify_time;
  options.examine_window = c.note.find("update window is over") == std::string::npos &&
                           c.note.find("update window not examined") == std::string::npos;
  options.whole_path = c.note.find("whole path") != std::string::npos || c.count("crls") > 0;
  if (c.params.contains("max_age_seconds")) {
    options.max_age = Seconds(c.params["max_age_seconds"].get<std::int64_t>());
  }
  return options;
}

namespace {

constexpr Seconds kForever = std::chrono::hours(24 * 365 * 200);

std::string layer_of(client::VerifyErrc code) {
  using client::VerifyErrc;
  switch (code) {
    case VerifyErrc::kMalformed:
    case VerifyErrc::kUnsupportedType:
      return "parse";
    case VerifyErrc::kResponseStatus:
      return "response-status";
    case VerifyErrc::kSignerNotFound:
    case VerifyErrc::kSignerUnauthorised:
    case VerifyErrc::kSignerRevoked:
      return "responder";
    case VerifyErrc::kBadSignature:
    case VerifyErrc::kWeakSignature:
    case VerifyErrc::kUnsupportedSignature:
      return "signature";
    case VerifyErrc::kCriticalExtension:
      return "critical-extension";
    case VerifyErrc::kNoMatch:
      return "match";
    case VerifyErrc::kNonceMismatch:
    case VerifyErrc::kNonceMissing:
      return "nonce";
    case VerifyErrc::kNotYetValid:
    case VerifyErrc::kExpired:
    case VerifyErrc::kTooOld:
    case VerifyErrc::kNoNextUpdate:
    case VerifyErrc::kInvalidInterval:
    case VerifyErrc::kProducedBeforeCertificate:
      return "time";
  }
  return "?";
}

/// The parties of a case.
struct Cast {
  std::optional<pki::Certificate> certificate, issuer;
  std::vector<pki::Certificate> roots, responders, extra;
  Buffer request;
};

Cast load_cast(const Case& c) {
  Cast cast;
  const auto first = [](std::vector<pki::Certificate> list) {
    return list.empty() ? std::nullopt : std::optional(list.front());
  };
  cast.certificate = first(load_role(c, "cert"));
  cast.issuer = first(load_role(c, "issuer"));
  cast.roots = load_role(c, "root");
  cast.responders = load_role(c, "responder");
  cast.extra = load_role(c, "extra");
  if (c.count("request") > 0) {
    cast.request = c.read("request");
  }
  if (!cast.issuer && cast.certificate) {
    std::vector<pki::Certificate> candidates = cast.extra;
    candidates.insert(candidates.end(), cast.roots.begin(), cast.roots.end());
    cast.issuer = client::find_issuer(*cast.certificate, candidates, lenient_algorithms());
  }
  if (!cast.issuer && !cast.certificate) {
    cast.issuer = first(cast.roots);
  }
  return cast;
}

/// One message against its cast.
class MessageJudge {
 public:
  MessageJudge(const Case& c, const Cast& cast) : cast_(cast), options_(options_of(c)) {
    policy_.algorithms = lenient_algorithms();
    policy_.future_skew = options_.examine_window ? Seconds{0} : kForever;
    policy_.expiry_tolerance = options_.examine_window ? Seconds{0} : kForever;
    policy_.max_age = options_.max_age;
    policy_.max_age_without_next_update =
        options_.max_age.value_or(policy_.max_age_without_next_update);
    policy_.trusted_responders = cast.responders;
    policy_.trusted_responders.insert(policy_.trusted_responders.end(), cast.roots.begin(),
                                      cast.roots.end());
  }

  Judgement judge(Bytes response) {
    const auto opened = client::open_response(response, policy_.limits);
    if (!opened) {
      fail(opened.error().code);
      return finish(nullptr);
    }
    const ocsp::BasicResponseView& basic = *opened;
    if (basic.responses.empty()) {
      judgement_.faults.insert("match");
      return finish(nullptr);
    }
    const std::vector<ocsp::SingleResponseView> matching = find_matching(basic);
    const ocsp::SingleResponseView any = basic.responses.at(0);
    const UnixSeconds now =
        options_.now.value_or((matching.empty() ? any : matching.front()).this_update);

    judge_signer(basic, now);
    if (const auto checked = client::check_extensions(basic); !checked) {
      fail(checked.error().code);
    }
    if (matching.empty()) {
      judgement_.faults.insert("match");
      return finish(nullptr);
    }
    if (cast_.certificate) {
      if (const auto checked = client::check_produced_at(basic, *cast_.certificate); !checked) {
        fail(checked.error().code);
      }
    }
    const auto chosen = client::choose_entry(matching, policy_, now);
    if (!chosen) {
      fail(chosen.error().code);
    }
    const ocsp::SingleResponseView entry = chosen ? *chosen : matching.front();
    judgement_.cert_status = to_string(entry.status);
    if (judgement_.faults.empty()) {
      agree_with_verify(response, now);
    }
    return finish(&entry);
  }

 private:
  void fail(client::VerifyErrc code) { judgement_.faults.insert(layer_of(code)); }

  std::vector<ocsp::SingleResponseView> find_matching(const ocsp::BasicResponseView& basic) const {
    std::vector<ocsp::SingleResponseView> matching;
    const auto request = ocsp::parse_request(cast_.request);
    for (const ocsp::SingleResponseView& entry : basic.responses) {
      bool asked = true;
      if (cast_.certificate && cast_.issuer) {
        asked = pki::names(entry.cert_id, *cast_.certificate, *cast_.issuer);
      } else if (request) {
        asked = ocsp::matches(entry.cert_id, request->requests.at(0).cert_id);
      } else if (cast_.issuer) {
        asked = pki::names_issuer(entry.cert_id, *cast_.issuer);
      }
      if (asked) {
        matching.push_back(entry);
      }
    }
    return matching;
  }

  void judge_signer(const ocsp::BasicResponseView& basic, UnixSeconds now) {
    client::VerifyPolicy policy = policy_;
    if (!cast_.issuer && policy.trusted_responders.empty()) {
      // Nobody to answer to: the signature alone is looked at, under the certificates that came
      // along.
      for (const Bytes der : basic.certificates) {
        if (auto parsed = pki::Certificate::parse(der)) {
          policy.trusted_responders.push_back(*std::move(parsed));
        }
      }
    }
    const pki::Certificate* issuer = cast_.issuer ? &*cast_.issuer : nullptr;
    const auto signer = client::find_signer(basic, {issuer, cast_.extra}, policy, now);
    if (cast_.certificate && issuer != nullptr) {
      if (const auto named = client::check_issuer_name(*cast_.certificate, *issuer); !named) {
        fail(named.error().code);
      }
    }
    judgement_.unsupported = signature_is_unsupported(basic);
    judgement_.signature = somebody_signed(basic) ? "good" : "bad";
    if (judgement_.signature == "bad") {
      judgement_.faults.insert("signature");
    }
    if (!signer) {
      fail(signer.error().code);
      if (signer.error().authority == pki::AuthorityErrc::kNotIssuedByIssuerKey) {
        // A delegate whose certificate does not verify under the issuer's key: makers call it the
        // one or the other.
        judgement_.faults.insert("signature");
      }
      judgement_.responder_authorised = layer_of(signer.error().code) == "responder" ? "no" : "";
      return;
    }
    judgement_.responder_authorised = leads_to_root(*signer, now) ? "yes" : "no";
    if (judgement_.responder_authorised == "no") {
      judgement_.faults.insert({"responder", "chain"});
    }
  }

  /// Whether the signature holds under any certificate at hand, authorised or not.
  bool somebody_signed(const ocsp::BasicResponseView& basic) const {
    const std::vector<pki::Certificate> at_hand = all_at_hand(basic);
    return std::any_of(at_hand.begin(), at_hand.end(), [&](const pki::Certificate& candidate) {
      return bool(pki::verify_signature(basic.signature_algorithm, basic.tbs_raw, basic.signature,
                                        candidate, lenient_algorithms()));
    });
  }

  std::vector<pki::Certificate> all_at_hand(const ocsp::BasicResponseView& basic) const {
    std::vector<pki::Certificate> at_hand = policy_.trusted_responders;
    at_hand.insert(at_hand.end(), cast_.extra.begin(), cast_.extra.end());
    if (cast_.issuer) {
      at_hand.push_back(*cast_.issuer);
    }
    for (const Bytes der : basic.certificates) {
      if (auto parsed = pki::Certificate::parse(der)) {
        at_hand.push_back(*std::move(parsed));
      }
    }
    return at_hand;
  }

  /// ML-DSA and SLH-DSA (2.16.840.1.101.3.4.3.17 to .46) need a newer OpenSSL than some systems
  /// have.
  bool signature_is_unsupported(const ocsp::BasicResponseView& basic) const {
    static constexpr std::uint8_t kNistSignatures[] = {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3};
    const Bytes oid = basic.signature_algorithm.oid;
    const bool post_quantum =
        oid.size() == 9 && equal(oid.first(8), kNistSignatures) && oid[8] >= 17 && oid[8] <= 46;
    if (!post_quantum) {
      return false;
    }
    const std::vector<pki::Certificate> at_hand = all_at_hand(basic);
    return std::any_of(at_hand.begin(), at_hand.end(), [&](const pki::Certificate& candidate) {
      const auto verified = pki::verify_signature(basic.signature_algorithm, basic.tbs_raw,
                                                  basic.signature, candidate, lenient_algorithms());
      return !verified && verified.error().code == pki::PkiErrc::kUnsupportedAlgorithm;
    });
  }

  /// With roots given, an answer counts only if its signer is one of them or the issuer it speaks
  /// for leads to one.
  bool leads_to_root(const client::FoundSigner& signer, UnixSeconds now) const {
    if (cast_.roots.empty() || !cast_.issuer ||
        signer.authority == pki::Authority::kLocallyTrusted) {
      return true;
    }
    return bool(pki::find_path(*cast_.issuer, cast_.extra, cast_.roots, now,
                               pki::LeafValidity::kChecked, lenient_algorithms()));
  }

  /// The steps above are what verify() is made of; its verdict must be theirs.
  void agree_with_verify(Bytes response, UnixSeconds now) {
    if (!cast_.certificate || !cast_.issuer) {
      return;
    }
    const auto verified = client::verify(
        {response, *cast_.certificate, *cast_.issuer, std::nullopt, cast_.extra}, policy_, now);
    if (!verified) {
      judgement_.faults.insert("verify() disagrees: " +
                               std::string(client::to_string(verified.error().code)));
    }
  }

  Judgement finish(const ocsp::SingleResponseView* entry) {
    if (judgement_.faults.contains("match")) {
      judgement_.overall = "no-match";
    } else if (!judgement_.faults.empty()) {
      judgement_.overall = "reject";
    } else {
      const bool asked = (cast_.certificate && cast_.issuer) || !cast_.request.empty();
      judgement_.overall = asked && entry != nullptr ? judgement_.cert_status : "accept";
    }
    return std::move(judgement_);
  }

  const Cast& cast_;
  Options options_;
  client::VerifyPolicy policy_;
  Judgement judgement_;
};

/// Leaf first, root last; as far as it leads.
std::vector<pki::Certificate> make_path(const Cast& cast) {
  std::vector<pki::Certificate> pool = cast.extra;
  pool.insert(pool.end(), cast.roots.begin(), cast.roots.end());
  if (cast.issuer) {
    pool.push_back(*cast.issuer);
  }
  std::vector<pki::Certificate> path = {*cast.certificate};
  while (path.size() < 8 &&
         std::find(cast.roots.begin(), cast.roots.end(), path.back()) == cast.roots.end()) {
    auto next = client::find_issuer(path.back(), pool, lenient_algorithms());
    if (!next) {
      break;
    }
    path.push_back(*std::move(next));
  }
  return path;
}

/// Everything there is to say about one certificate of a path, through the evidence layer of the
/// checker.
client::Verdict judge_step(const Case& c, const std::vector<pki::Certificate>& path,
                           std::size_t step, UnixSeconds now, std::set<std::string>& faults) {
  client::VerifyPolicy policy;
  policy.algorithms = lenient_algorithms();
  policy.future_skew = Seconds{0};
  policy.max_age = options_of(c).max_age;
  policy.max_age_without_next_update = policy.max_age.value_or(policy.max_age_without_next_update);
  client::Case what(path[step]);
  what.issuer = path[step + 1];
  for (const std::string_view role : {"response", "extra_responses"}) {
    for (std::size_t i = 0; i < c.count(role); ++i) {
      const Buffer octets = c.read(role, i);
      auto verified =
          client::verify({octets, path[step], path[step + 1], std::nullopt, path}, policy, now);
      if (verified) {
        what.evidence.push_back({client::Channel::kSaved, std::string(role), *std::move(verified)});
      } else {
        faults.insert(layer_of(verified.error().code));
        if (verified.error().authority == pki::AuthorityErrc::kNotIssuedByIssuerKey ||
            verified.error().code == client::VerifyErrc::kSignerNotFound) {
          faults.insert("signature");  // it holds under no certificate that may count
        }
      }
    }
  }
  std::vector<Buffer> crls;
  for (std::size_t i = 0; i < c.count("crls"); ++i) {
    crls.push_back(c.read("crls", i));
  }
  if (!crls.empty()) {
    const std::vector<Bytes> views(crls.begin(), crls.end());
    client::CrlPolicy crl_policy;
    crl_policy.algorithms = lenient_algorithms();
    crl_policy.times.max_age = policy.max_age;
    const auto verdict = client::check_crls(path[step], std::span(path).subspan(step + 1),
                                            {views, {}}, now, crl_policy);
    if (const auto* revoked = verdict.revoked()) {
      what.evidence.push_back(
          {client::Channel::kCrl, "crls",
           client::CrlAnswer{ocsp::Revoked{revoked->time, revoked->reason}, now, std::nullopt}});
    } else if (verdict.is_good()) {
      what.evidence.push_back(
          {client::Channel::kCrl, "crls", client::CrlAnswer{ocsp::Good{}, now, std::nullopt}});
    }
  }
  return client::judge(what, now);
}

/// Every certificate below the root needs an answer; the worst one is the verdict.
Judgement judge_path(const Case& c, const Cast& cast) {
  Judgement judgement;
  const std::vector<pki::Certificate> path = make_path(cast);
  const UnixSeconds now = *options_of(c).now;
  const bool trusted = !cast.roots.empty() && std::find(cast.roots.begin(), cast.roots.end(),
                                                        path.back()) != cast.roots.end();
  if (!trusted) {
    judgement.faults.insert("chain");
  }
  bool revoked = false, all_good = trusted;
  for (std::size_t step = 0; step + 1 < path.size(); ++step) {
    std::set<std::string> faults;
    const client::Verdict verdict = judge_step(c, path, step, now, faults);
    revoked = revoked || verdict.outcome == client::Outcome::kRevoked;
    const bool good =
        verdict.outcome == client::Outcome::kGood || verdict.outcome == client::Outcome::kWarning;
    all_good = all_good && good;
    if (step == 0 && verdict.status) {
      judgement.cert_status = to_string(*verdict.status);
    }
    if (!good) {
      // About an issuer, the fault is one of the chain.
      judgement.faults.insert("chain");
      if (step == 0) {
        judgement.faults.insert(faults.begin(), faults.end());
      }
    }
  }
  judgement.overall = revoked ? "revoked" : all_good ? "good" : "reject";
  if (revoked || all_good) {
    judgement.signature = "good";
    judgement.responder_authorised = "yes";
    judgement.faults.clear();
  }
  return judgement;
}

}  // namespace

Judgement judge_response(const Case& c) {
  const Cast cast = load_cast(c);
  if (options_of(c).whole_path && cast.certificate) {
    return judge_path(c, cast);
  }
  return MessageJudge(c, cast).judge(c.read_main());
}

}  // namespace muster::vectors
