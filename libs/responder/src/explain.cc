#include <algorithm>
#include <bit>

#include "access.h"
#include "lookup.h"
#include "muster/base/text.h"
#include "muster/responder/answerer.h"
#include "request_rules.h"
#include "routing.h"
#include "single_extensions.h"

namespace muster::responder {
namespace {

/// What a cause means, and what to do.
std::string_view sentence(Cause cause) {
  switch (cause) {
    case Cause::kNone:
      return "answered";
    case Cause::kBadEncoding:
      return "the GET path is not base64 of a request";
    case Cause::kBadRequest:
      return "the octets are no OCSPRequest, or pass a limit (max_certificates)";
    case Cause::kBadNonce:
      return "a nonce has 1 to 128 octets (RFC 9654)";
    case Cause::kCriticalExtension:
      return "a critical extension is not known here (RFC 6960 section 4.1.2)";
    case Cause::kUnknownHash:
      return "the CertID is made with a hash that is not answered; see sha1 and cert_id_hashes";
    case Cause::kUnknownIssuer:
      return "no issuer configured has this name and key; compare the hashes with those of your CA "
             "certificates";
    case Cause::kSeveralIssuers:
      return "no one signer may speak for all certificates asked about; ask issuer by issuer";
    case Cause::kUnissued:
      return "the serial was never issued, and unissued = \"unauthorized\"";
    case Cause::kUnlisted:
      return "the CRL does not name the serial, and unlisted = \"unauthorized\" or is not decided";
    case Cause::kSourceNotLoaded:
      return "the source of this issuer was never read; see its messages in the log";
    case Cause::kSourceStale:
      return "what the source said is over: a CRL past its nextUpdate, or a source unread for a "
             "whole validity";
    case Cause::kStoreUnreadable:
      return "the status database cannot be read; see muster store check";
    case Cause::kSignerExpired:
      return "no signer's certificate is valid now, or the CA's has ended; renew it and reload";
    case Cause::kSigningFailed:
      return "no signer could sign; see the messages about its key";
    case Cause::kClockUnsure:
      return "the clock may be wrong by more than max_clock_error";
    case Cause::kSigningLimit:
      return "more signatures in this second than signatures_per_second";
    case Cause::kSignerUnavailable:
      return "the token that holds the signer's key does not answer now; see the messages about "
             "its key";
    case Cause::kSigningQueueFull:
      return "more answers wait for a token than signing_jobs or signing_waiting";
    case Cause::kRateLimited:
      return "more requests than requests_per_second or requests_per_source";
    case Cause::kClientRefused:
      return "the client's network is not among clients of this issuer";
    case Cause::kNonceMissing:
      return "nonce = \"require\", and the request has none";
    case Cause::kUnsigned:
      return "request_signatures = \"required\", and the request is not signed";
    case Cause::kBadSignature:
      return "the request's signature does not verify, or nobody trusted made it";
    case Cause::kRequestorRefused:
      return "the request is signed by somebody who is not among requestors";
    case Cause::kVerifyingLimit:
      return "more signatures tried for signed requests in this second than "
             "request_checks_per_second";
    case Cause::kRetired:
      return "the certificate expired longer ago than retain_expired; or before its CRL, which "
             "then need not name it, while archive_cutoff promises retention";
    case Cause::kResponseTooLarge:
      return "the answer would be longer than max_response";
    case Cause::kRouted:
      return "not answered here: the request is sent on to another responder";
  }
  return "";
}

std::string_view sentence(Rule rule) {
  switch (rule) {
    case Rule::kRecord:
      return "the store has a record of this serial";
    case Rule::kCompromisedCa:
      return "compromised_at is set: every certificate of this CA counts as revoked";
    case Rule::kUnissued:
      return "the source lists all it issued, and this serial is not among them: unissued decides";
    case Rule::kUnlisted:
      return "the source lists revocations alone, and this serial is not among them: unlisted "
             "decides";
  }
  return "";
}

std::string text_of(const std::optional<store::Status>& record) {
  if (!record) {
    return "no record";
  }
  std::string text;
  switch (record->state) {
    case store::State::kGood:
      text = "good";
      break;
    case store::State::kRevoked:
      text = "revoked";
      break;
    case store::State::kHold:
      text = "on hold";
      break;
  }
  if (record->revoked_at) {
    text += " since " + format_iso8601(*record->revoked_at);
  }
  if (record->reason) {
    text += ", " + std::string(to_string(*record->reason));
  }
  if (record->expires) {
    text += ", expires " + format_iso8601(*record->expires);
  }
  return text;
}

std::string text_of(const Issuer& issuer, const store::IssuerState* state) {
  if (state == nullptr ||
      (issuer.terms.origin != DataOrigin::kStoreItself && state->loaded_at == UnixSeconds{})) {
    return "never read";
  }
  std::string text;
  if (state->this_update) {
    text = "CRL of " + format_iso8601(*state->this_update);
    text += state->crl_number ? ", number " + to_hex(*state->crl_number) : "";
    text += state->next_update ? ", until " + format_iso8601(*state->next_update) : "";
  } else if (issuer.terms.origin == DataOrigin::kStoreItself) {
    text = "the store itself";
  } else {
    text = "read " + format_iso8601(state->loaded_at);
  }
  return text + (state->knows_issued == store::KnowsIssued::kYes ? "; lists all it issued"
                                                                 : "; lists revocations alone");
}

/// One request on its way through the rules.
struct Explainer {
  const Setup& setup;
  store::Reader& reader;
  UnixSeconds now;
  const Client& client;
  Explanation out;
  std::vector<Asked> asked;

  Explanation stop(Cause cause, std::string_view detail = {}) {
    out.cause = cause;
    out.status = status_for(cause);
    out.why = std::string(sentence(cause)) + (detail.empty() ? "" : ": " + std::string(detail));
    return std::move(out);
  }

  void describe_request(const ocsp::RequestView& request, const RequestOptions& options) {
    if (options.nonce) {
      out.request_facts.push_back(
          "nonce of " + std::to_string(options.nonce->octets.size()) + " octets" +
          (options.nonce->form == ocsp::NonceForm::kLegacyRaw ? ", not wrapped" : ""));
    }
    if (request.requestor_name) {
      out.request_facts.push_back("requestorName " + to_hex(*request.requestor_name));
    }
    if (request.signature) {
      out.request_facts.push_back("signed, " + pki::algorithm_text(request.signature->algorithm));
    }
    if (options.wishes.preferred) {
      const auto list = ocsp::parse_preferred_signatures(*options.wishes.preferred);
      std::string text = "preferred signatures:";
      for (std::size_t i = 0; list && i < list->size(); ++i) {
        text += ' ' + pki::algorithm_text((*list)[i].signature);
      }
      out.request_facts.push_back(list ? text
                                       : "preferred signatures that do not parse: not heeded");
    }
    for (const der::ExtensionView& extension : request.extensions) {
      if (!equal(extension.oid, oid::kOcspNonce) &&
          !equal(extension.oid, oid::kOcspPreferredSignatures)) {
        out.request_facts.push_back("extension " + der::oid_to_string(extension.oid) +
                                    (extension.critical ? ", critical" : ""));
      }
    }
  }

  void describe(const ocsp::CertIdView& id) {
    ExplainedCertificate& one = out.certificates.emplace_back();
    const auto hash = der::find_hash(id.hash_algorithm);
    one.hash = hash ? std::string(to_string(*hash)) : der::oid_to_string(id.hash_algorithm.oid);
    one.issuer_name_hash = to_hex(id.issuer_name_hash);
    one.issuer_key_hash = to_hex(id.issuer_key_hash);
    const auto serial = Serial::make(id.serial);
    one.serial = serial ? serial->to_hex() : to_hex(id.serial);
  }

  void describe(const Asked& from, ExplainedCertificate& one) {
    const Issuer& issuer = setup.issuers()[from.by.issuer];
    const auto record = reader.find(issuer.store_id, from.id.serial);
    const store::IssuerState* state = reader.issuer_state(issuer.store_id);
    one.source = text_of(issuer, state);
    one.record = record ? text_of(*record) : "not readable: " + record.error().detail;
    const Resolved& resolved = from.resolved;
    one.rule = to_string(resolved.rule);
    one.why = resolved.cause == Cause::kNone ? sentence(resolved.rule) : sentence(resolved.cause);
    if (resolved.cause != Cause::kNone) {
      return;
    }
    one.status = ocsp::to_string(resolved.status);
    if (const auto* revoked = std::get_if<ocsp::Revoked>(&resolved.status)) {
      one.revoked_at = revoked->time;
      one.reason = revoked->reason ? std::string(to_string(*revoked->reason)) : "";
    }
    one.this_update = resolved.this_update;
    if (issuer.terms.policy.next_update != NextUpdate::kOmitted) {
      one.next_update = resolved.next_update;
    }
    for (const der::Extension& extension : make_single_extensions(issuer, from, state, now)) {
      one.extensions.push_back(der::oid_to_string(extension.oid) + " = " + to_hex(extension.value));
    }
  }

  Explanation sign_as(const SignatureWishes& wishes) {
    const Issuer& issuer = setup.issuers()[asked.front().by.issuer];
    const SignerMask excluded = not_shared(setup, asked);
    if (std::popcount(excluded) == static_cast<int>(issuer.signers.size())) {
      return stop(Cause::kSeveralIssuers);
    }
    const auto choice = choose_signer(issuer, wishes, now, excluded);
    if (!choice) {
      return stop(Cause::kSignerExpired);
    }
    const IssuerSigner& signer = issuer.signers[choice->signer];
    out.signer = signer.label;
    out.signer_rule = to_string(choice->rule);
    der::Reader algorithm(signer.signing.algorithm());
    if (const auto parsed = der::read_algorithm(algorithm, "signatureAlgorithm")) {
      out.algorithm = pki::algorithm_text(*parsed);
    }
    const Cause cause = resolve_all(setup, reader, asked, choice->signer, now);
    for (std::size_t i = 0; i < asked.size(); ++i) {
      describe(asked[i], out.certificates[i]);
    }
    return stop(cause);
  }

  /// A refusal, unless the request is sent on.
  Explanation stop_or_send_on(Cause cause, const ocsp::RequestView& request) {
    const Route* const route = find_route(setup, request);
    return route != nullptr ? stop(Cause::kRouted, route->url) : stop(cause);
  }

  Explanation run(const ocsp::RequestView& request) {
    const RequestOptions options = read_options(request);
    describe_request(request, options);
    for (const ocsp::SingleRequestView& entry : request.requests) {
      describe(entry.cert_id);
      asked.push_back({entry.cert_id, {}, {}});
    }
    if (options.cause != Cause::kNone) {
      return stop(options.cause);
    }
    for (const ocsp::SingleRequestView& entry : request.requests) {
      if (const Cause cause = check_entry(entry); cause != Cause::kNone) {
        return stop_or_send_on(cause, request);
      }
    }
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const auto issuer = find_issuer(setup, asked[i].id);
      if (!issuer) {
        return stop_or_send_on(issuer.error(), request);
      }
      asked[i].by.issuer = *issuer;
      out.certificates[i].issuer = setup.issuers()[*issuer].label;
    }
    for (const Asked& one : asked) {
      const Issuer& issuer = setup.issuers()[one.by.issuer];
      if (const Cause cause = check_client(issuer, request, client); cause != Cause::kNone) {
        return stop(cause, client.address.text());
      }
      if (wants_verifying(issuer, request)) {
        const Requestor requestor = verify_requestor(issuer, request, now);
        if (requestor.cause != Cause::kNone) {
          return stop(requestor.cause, requestor.who);
        }
        out.request_facts.push_back("signature verified: " + requestor.who);
      }
    }
    const IssuerPolicy& policy = setup.issuers()[asked.front().by.issuer].terms.policy;
    const NonceChoice nonce = choose_nonce(options.nonce, nonce_policy(policy, client.address));
    if (nonce.cause != Cause::kNone) {
      return stop(nonce.cause);
    }
    if (options.nonce) {
      out.request_facts.push_back(nonce.echo ? "the nonce is repeated"
                                             : "the nonce is not repeated");
    }
    return sign_as(options.wishes);
  }
};

}  // namespace

Explanation explain(const Setup& setup, store::Reader& reader, Bytes request, UnixSeconds now,
                    const Client& client) {
  Explainer explainer{setup, reader, now, client, {}, {}};
  explainer.out.request = describe_request(request);
  if (reader.renew() == 0) {
    return explainer.stop(Cause::kStoreUnreadable);
  }
  ocsp::Limits limits;
  limits.max_requests = setup.policy().max_certificates;
  const auto parsed = ocsp::parse_request(request, limits);
  return parsed ? explainer.run(*parsed)
                : explainer.stop(Cause::kBadRequest, der::to_string(parsed.error()));
}

}  // namespace muster::responder
