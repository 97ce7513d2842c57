#include <algorithm>
#include <bit>

#include "access.h"
#include "answerer_impl.h"
#include "explain_words.h"
#include "lookup.h"
#include "muster/base/text.h"
#include "muster/pki/remote_key.h"
#include "request_rules.h"
#include "requestor_status.h"
#include "routing.h"
#include "single_extensions.h"

namespace muster::responder {
namespace {

/// Those of an Answerer that was just made.
class Fresh final : public Circumstances {
 public:
  Fresh(const Policy& policy, std::optional<Milliseconds> clock_error)
      : is_sure_(is_clock_sure(policy, clock_error)) {}
  Cause would_take(UnixSeconds, const Client&) override { return Cause::kNone; }
  Cause would_verify(std::size_t, UnixSeconds) override { return Cause::kNone; }
  Cause would_sign(const std::vector<Asked>&, bool, UnixSeconds) override {
    return is_sure_ ? Cause::kNone : Cause::kClockUnsure;
  }
  std::optional<Resolved> recall_late(const Asked&, std::uint32_t, Cause, UnixSeconds) override {
    return std::nullopt;
  }
  std::optional<Resolved> recall(Asked&, std::uint32_t, const SignatureWishes&,
                                 UnixSeconds) override {
    return std::nullopt;
  }
  bool is_shared(const Asked&, std::uint32_t, UnixSeconds) override { return false; }

 private:
  const bool is_sure_;
};

/// One request on its way through the rules: the same steps as Answerer's, which only look.
struct Explainer {
  const Setup& setup;
  store::Reader& reader;
  Circumstances& around;
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

  /// Label of the issuer an id speaks of, whether or not ids with that hash are answered.
  [[nodiscard]] std::string issuer_named(const ocsp::CertIdView& id) const {
    const auto hash = der::find_hash(id.hash_algorithm);
    const auto& all = setup.issuers();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Issuer& issuer) {
      const pki::Certificate& ca = issuer.certificates.front();
      return hash && equal(pki::digest(*hash, ca.subject()), id.issuer_name_hash) &&
             equal(pki::digest(*hash, ca.public_key_bits()), id.issuer_key_hash);
    });
    return found == all.end() ? "" : found->label;
  }

  void describe(const ocsp::CertIdView& id) {
    ExplainedCertificate& one = out.certificates.emplace_back();
    const auto hash = der::find_hash(id.hash_algorithm);
    one.hash = hash ? std::string(to_string(*hash)) : der::oid_to_string(id.hash_algorithm.oid);
    one.issuer_name_hash = to_hex(id.issuer_name_hash);
    one.issuer_key_hash = to_hex(id.issuer_key_hash);
    one.issuer = issuer_named(id);
    const auto serial = Serial::make(id.serial);
    one.serial = serial ? serial->to_hex() : to_hex(id.serial);
  }

  /// \param cause  what the whole request comes to: a refusal says nothing of any certificate
  void describe(const Asked& from, Cause cause, ExplainedCertificate& one) {
    const Issuer& issuer = setup.issuers()[from.by.issuer];
    const auto record = reader.find(issuer.store_id, from.id.serial);
    const store::IssuerState* state = reader.issuer_state(issuer.store_id);
    one.source = text_of(issuer, state);
    one.record = record ? text_of(*record) : "not readable: " + record.error().detail;
    const Resolved& resolved = from.resolved;
    one.rule = to_string(resolved.rule);
    one.why = resolved.cause == Cause::kNone ? sentence(resolved.rule) : sentence(resolved.cause);
    if (cause != Cause::kNone) {
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

  void describe_signer(const IssuerSigner& signer, ChoiceRule rule) {
    out.signer = signer.label;
    out.signer_rule = to_string(rule);
    der::Reader algorithm(signer.signing.algorithm());
    if (const auto parsed = der::read_algorithm(algorithm, "signatureAlgorithm")) {
      out.algorithm = pki::algorithm_text(*parsed);
    }
  }

  /// How long the answer would be, at most: signatures with ECDSA differ by an octet or two.
  std::size_t answer_bytes(const IssuerSigner& signer, const std::optional<Bytes>& nonce) {
    ocsp::SignaturePart part = part_of(signer);
    part.signature.resize(signer.signing.max_signature_bytes());
    return ocsp::encode_response(Drafter().draft(setup, asked, nonce, reader, now), part).size();
  }

  /// What would keep the signer of `asked` from signing it now.
  Cause would_sign(const Issuer& issuer, const IssuerSigner& signer,
                   const std::optional<Bytes>& nonce) {
    if (const Cause cause = around.would_sign(asked, nonce.has_value(), now);
        cause != Cause::kNone) {
      return cause;
    }
    const pki::RemoteKey* const key = signer.signing.remote();
    if (key != nullptr && key->health() == pki::KeyHealth::kFailing) {
      return Cause::kSignerUnavailable;
    }
    const std::size_t limit = issuer.terms.policy.max_response_bytes;
    return limit != 0 && answer_bytes(signer, nonce) > limit ? Cause::kResponseTooLarge
                                                             : Cause::kNone;
  }

  Explanation finish(Cause cause) {
    for (std::size_t i = 0; i < asked.size(); ++i) {
      describe(asked[i], cause, out.certificates[i]);
    }
    return stop(cause);
  }

  Explanation sign_as(const SignatureWishes& wishes, const std::optional<Bytes>& nonce) {
    const Issuer& issuer = setup.issuers()[asked.front().by.issuer];
    const bool remembered = asked.size() == 1 && !nonce;
    SignerMask excluded = not_shared(setup, asked);
    if (std::popcount(excluded) == static_cast<int>(issuer.signers.size())) {
      return stop(Cause::kSeveralIssuers);
    }
    Cause cause = Cause::kSignerExpired;
    while (const auto choice = choose_signer(issuer, wishes, now, excluded)) {
      const std::uint32_t variant =
          variant_of(choice->signer, choose_signer(issuer, {}, now, excluded)->signer);
      const IssuerSigner& signer = issuer.signers[choice->signer];
      asked.front().by.signer = choice->signer;
      const auto recalled =
          remembered ? around.recall(asked.front(), variant, wishes, now) : std::nullopt;
      describe_signer(issuer.signers[asked.front().by.signer], choice->rule);
      if (recalled) {
        asked.front().resolved = *recalled;
        out.notes.emplace_back("the answer is a remembered one");
        return finish(Cause::kNone);
      }
      cause = resolve_all(setup, reader, asked, choice->signer, now);
      if (cause != Cause::kNone) {
        break;
      }
      if (remembered && around.is_shared(asked.front(), variant, now)) {
        out.notes.emplace_back("the answer is one that another loop signed");
        return finish(Cause::kNone);
      }
      cause = would_sign(issuer, signer, nonce);
      if (cause == Cause::kNone ||
          (cause != Cause::kSignerUnavailable && cause != Cause::kResponseTooLarge)) {
        break;
      }
      out.notes.push_back("signer " + signer.label +
                          " is passed over: " + std::string(sentence(cause)));
      excluded |= SignerMask{1} << choice->signer;
    }
    const auto plain = choose_signer(issuer, {}, now);
    const auto wished = choose_signer(issuer, wishes, now);
    if (const auto late =
            remembered && plain && wished
                ? around.recall_late(asked.front(), variant_of(wished->signer, plain->signer),
                                     cause, now)
                : std::nullopt) {
      asked.front().resolved = *late;
      out.notes.push_back("nothing can be signed now: " + std::string(sentence(cause)) +
                          "; the answer is a remembered one that is due to be signed anew");
      return finish(Cause::kNone);
    }
    if (nonce && asked.size() == 1 &&
        may_leave_nonce_out(setup.policy().nonce_overload,
                            nonce_policy(issuer.terms.policy, client.address), cause)) {
      out.notes.emplace_back("too much is being signed: the nonce is left out");
      return sign_as(wishes, std::nullopt);
    }
    return finish(cause);
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
    }
    const Issuer* verified = nullptr;
    std::size_t spent = 0;
    for (const Asked& one : asked) {
      const Issuer& issuer = setup.issuers()[one.by.issuer];
      if (const Cause cause = check_client(issuer, request, client); cause != Cause::kNone) {
        return stop(cause, client.address.text());
      }
      if (&issuer != verified && wants_verifying(issuer, request)) {
        if (const Cause cause = around.would_verify(spent, now); cause != Cause::kNone) {
          return stop(cause);
        }
        const Requestor requestor = check_requestor(setup, reader, issuer, request, now);
        spent += std::max<std::size_t>(requestor.signatures, 1);
        verified = &issuer;
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
    return sign_as(options.wishes, nonce.echo);
  }
};

Explanation explain_in(Circumstances& around, const Setup& setup, store::Reader& reader,
                       Bytes request, UnixSeconds now, const Client& client) {
  Explainer explainer{setup, reader, around, now, client, {}, {}};
  explainer.out.request = describe_request(request);
  if (const Cause cause = around.would_take(now, client); cause != Cause::kNone) {
    return explainer.stop(cause, client.address.text());
  }
  if (reader.renew() == 0) {
    return explainer.stop(Cause::kStoreUnreadable);
  }
  ocsp::Limits limits;
  limits.max_requests = setup.policy().max_certificates;
  const auto parsed = ocsp::parse_request(request, limits);
  return parsed ? explainer.run(*parsed)
                : explainer.stop(Cause::kBadRequest, der::to_string(parsed.error()));
}

}  // namespace

Cause Answerer::Impl::would_take(UnixSeconds now, const Client& client) {
  return rate.would_take(client.address, is_limited(client), now) ? Cause::kNone
                                                                  : Cause::kRateLimited;
}

Cause Answerer::Impl::would_verify(std::size_t spent, UnixSeconds now) {
  return verifying.has_room(setup->policy().request_checks_per_second, spent, now)
             ? Cause::kNone
             : Cause::kVerifyingLimit;
}

std::optional<Resolved> Answerer::Impl::recall(Asked& one, std::uint32_t variant,
                                               const SignatureWishes& wishes, UnixSeconds now) {
  const auto place = ready.find(one.id.raw, variant);
  if (!place || !serves_choice(*place.entry(), *setup, one.by.signer, variant, wishes)) {
    return std::nullopt;
  }
  const ReadyAnswer& found = *place.entry();
  const Resolved basis = found.basis();
  const bool is_used =
      in_time(found.signed_at(), found.replace_at(), now) &&
      (place.is_of(reader->renew()) ||
       same_answer(look_up(*setup, *reader, found.by(), found.serial(), now), basis));
  if (!is_used) {
    return std::nullopt;
  }
  one.by.signer = found.by().signer;
  return basis;
}

bool Answerer::Impl::is_shared(const Asked& one, std::uint32_t variant, UnixSeconds now) {
  const ReadyRef found =
      exchange == nullptr ? ReadyRef() : exchange->impl().find(one.id.raw, variant);
  return found && serves(*found, one.resolved, one.by.signer, now);
}

Explanation Answerer::explain(Bytes request, UnixSeconds now, const Client& client) const {
  return explain_in(*impl_, *impl_->setup, *impl_->reader, request, now, client);
}

Explanation explain(const Setup& setup, store::Reader& reader, Bytes request, UnixSeconds now,
                    const Client& client, std::optional<Milliseconds> clock_error) {
  Fresh fresh(setup.policy(), clock_error);
  return explain_in(fresh, setup, reader, request, now, client);
}

}  // namespace muster::responder
