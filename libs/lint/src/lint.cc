#include "muster/lint/lint.h"

#include <algorithm>

#include "case.h"
#include "muster/base/text.h"

namespace muster::lint {

const ResponseFacts* Case::answer_to(ProbeKind kind) const {
  const auto found = std::find_if(responses.begin(), responses.end(), [kind](const auto& r) {
    return r.exchange->probe == kind && r.has_response;
  });
  return found == responses.end() ? nullptr : &*found;
}

bool is_about_the_certificate(ProbeKind kind) {
  switch (kind) {
    case ProbeKind::kUnissued:
    case ProbeKind::kForeignIssuer:
    case ProbeKind::kUnknownHash:
    case ProbeKind::kGarbage:
    case ProbeKind::kOversized:
      return false;
    default:
      return true;
  }
}

Ruling each_entry(const Case& c,
                  const std::function<std::optional<std::string>(const LooseEntry&)>& fault) {
  if (c.loose().entries.empty()) {
    return skip();
  }
  for (const LooseEntry& entry : c.loose().entries) {
    if (auto detail = fault(entry)) {
      return broken(*std::move(detail));
    }
  }
  return holds();
}

std::string time_text(std::optional<UnixSeconds> time) {
  return time ? format_iso8601(*time) : "absent";
}

std::string entry_text(const LooseEntry& entry) {
  return entry.cert_id ? "the certificate with serial " + to_hex(entry.cert_id->serial)
                       : "a certificate whose CertID does not parse";
}

namespace {

/// Whom the responder id means, among the certificates sent along and the issuer.
void guess_signer(ResponseFacts& facts, const Subject& subject) {
  ocsp::ResponderIdView id;
  if (facts.loose.by_key) {
    id = ocsp::ResponderByKey{*facts.loose.by_key};
  } else if (facts.loose.by_name) {
    id = ocsp::ResponderByName{*facts.loose.by_name};
  } else {
    return;
  }
  if (subject.issuer && pki::identifies(id, *subject.issuer)) {
    facts.signer = subject.issuer;
    facts.authority = pki::Authority::kIssuer;
    return;
  }
  for (const pki::Certificate& certificate : facts.certificates) {
    if (pki::identifies(id, certificate)) {
      facts.signer = certificate;
      if (certificate.facts().eku_ocsp_signing) {
        facts.authority = pki::Authority::kDelegate;
      }
      return;
    }
  }
}

ResponseFacts examine(const Exchange& exchange, const Subject& subject) {
  ResponseFacts facts;
  facts.exchange = &exchange;
  facts.loose = read_loosely(exchange.response);
  // Error pages of HTTP are no responses to be judged; what came with 200 is meant to be one.
  facts.has_response = !exchange.http || exchange.http->status == 200 ||
                       (exchange.http->status != 0 && facts.loose.status.has_value());
  if (!facts.has_response) {
    facts.loose = LooseResponse();
    return facts;
  }
  for (const Bytes der : facts.loose.certificates) {
    if (auto parsed = pki::Certificate::parse(der)) {
      facts.certificates.push_back(*std::move(parsed));
    }
  }
  client::VerifyPolicy policy;
  policy.trusted_responders = subject.trusted_responders;
  client::ExamineInput input{.response = exchange.response};
  input.extra_certificates = subject.known_signers;
  input.issuer = subject.issuer ? &*subject.issuer : nullptr;
  if (subject.certificate && is_about_the_certificate(exchange.probe)) {
    input.certificate = &*subject.certificate;
  }
  if (exchange.nonce) {
    input.nonce_sent = Bytes(*exchange.nonce);
  }
  facts.examined = client::examine(input, policy, subject.now);
  facts.signer = facts.examined.signer;
  facts.authority = facts.examined.authority;
  if (!facts.signer) {
    guess_signer(facts, subject);
  }
  return facts;
}

CrlFacts examine_crl(const Subject& subject) {
  CrlFacts facts;
  const auto parsed = crl::parse_crl(subject.crl);
  if (!parsed) {
    facts.parse_error = to_string(parsed.error());
    return facts;
  }
  facts.crl = *parsed;
  if (subject.issuer) {
    facts.is_verifiable = true;
    const auto verified = pki::verify_crl(*facts.crl, std::span(&*subject.issuer, 1), {});
    if (!verified) {
      facts.error = verified.error();
    }
  }
  return facts;
}

struct SignerOfCase {
  pki::Certificate certificate;
  std::optional<pki::Authority> authority;
  std::string where;
};

std::vector<SignerOfCase> find_signers(const Subject& subject,
                                       const std::vector<ResponseFacts>& responses,
                                       const std::function<std::string(const Exchange&)>& where) {
  std::vector<SignerOfCase> found;
  const auto add = [&found](const pki::Certificate& certificate,
                            std::optional<pki::Authority> authority, std::string at) {
    const bool is_there = std::any_of(found.begin(), found.end(), [&](const SignerOfCase& s) {
      return s.certificate == certificate;
    });
    if (!is_there) {
      found.push_back({certificate, authority, std::move(at)});
    }
  };
  for (const pki::Certificate& certificate : subject.signers) {
    add(certificate, pki::Authority::kDelegate, certificate.subject_text());
  }
  for (const ResponseFacts& facts : responses) {
    if (facts.signer) {
      add(*facts.signer, facts.authority, where(*facts.exchange));
    }
  }
  return found;
}

void take(Outcome& outcome, Ruling ruling, const std::string& where) {
  if (ruling.state == Ruling::State::kBroken) {
    ++outcome.broken;
    const bool is_known = std::any_of(outcome.breaches.begin(), outcome.breaches.end(),
                                      [&](const Breach& b) { return b.detail == ruling.detail; });
    if (!is_known && outcome.breaches.size() < kMaxBreaches) {
      outcome.breaches.push_back({where, std::move(ruling.detail)});
    }
  }
  outcome.state = std::max(outcome.state, ruling.state);
}

}  // namespace

std::size_t Report::count(Ruling::State state) const {
  return static_cast<std::size_t>(std::count_if(
      outcomes.begin(), outcomes.end(), [state](const Outcome& o) { return o.state == state; }));
}

std::size_t Report::findings(Level level) const {
  return static_cast<std::size_t>(
      std::count_if(outcomes.begin(), outcomes.end(), [level](const Outcome& o) {
        return o.state == Ruling::State::kBroken && o.rule->level == level;
      }));
}

Report lint(const Subject& subject, ProfileSet profiles) {
  const auto where = [](const Exchange& exchange) {
    return exchange.probe == ProbeKind::kSaved ? exchange.source
                                               : std::string(to_string(exchange.probe));
  };
  std::vector<ResponseFacts> responses;
  responses.reserve(subject.exchanges.size());
  bool is_live = false;
  for (const Exchange& exchange : subject.exchanges) {
    responses.push_back(examine(exchange, subject));
    is_live |= exchange.probe != ProbeKind::kSaved;
  }
  const std::vector<SignerOfCase> signers = find_signers(subject, responses, where);
  const CrlFacts crl = subject.crl.empty() ? CrlFacts{} : examine_crl(subject);

  Report report;
  report.target = subject.name;
  for (const Rule& rule : rules()) {
    if ((rule.profiles & profiles) == 0) {
      continue;
    }
    Outcome outcome{.rule = &rule};
    bool is_asked = false;
    Case c{.subject = subject, .responses = responses};
    switch (rule.scope) {
      case Scope::kResponse:
        for (const ResponseFacts& facts : responses) {
          if (facts.has_response) {
            is_asked = true;
            c.response = &facts;
            take(outcome, rule.check(c), where(*facts.exchange));
          }
        }
        break;
      case Scope::kSigner:
        for (const SignerOfCase& signer : signers) {
          is_asked = true;
          c.signer = &signer.certificate;
          c.authority = signer.authority;
          take(outcome, rule.check(c), signer.where);
        }
        break;
      case Scope::kResponder:
        is_asked = is_live;
        if (is_live) {
          take(outcome, rule.check(c),
               rule.probe ? std::string(to_string(*rule.probe)) : subject.name);
        }
        break;
      case Scope::kCrl:
        is_asked = !subject.crl.empty();
        if (is_asked) {
          c.crl = &crl;
          take(outcome, rule.check(c), subject.name);
        }
        break;
    }
    if (is_asked) {
      report.outcomes.push_back(std::move(outcome));
    }
  }
  return report;
}

}  // namespace muster::lint
