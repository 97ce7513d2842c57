#include "client_check.h"

#include <algorithm>

#include "muster/der/der.h"
#include "muster/pki/keys.h"

namespace muster::node {
namespace {

bool is_for_clients(const pki::Certificate& client) {
  const auto value = client.extension(oid::kCeExtendedKeyUsage);
  if (!value) {
    return false;
  }
  bool found = false;
  // ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF OBJECT IDENTIFIER   RFC 5280 4.2.1.12
  const auto read = der::read_all(*value, der::Tag::kSequence, "extKeyUsage",
                                  [&found](der::Reader& in) -> der::DerResult<Unit> {
                                    while (!in.at_end()) {
                                      MUSTER_TRY(const Bytes purpose, in.read_oid("keyPurposeId"));
                                      found = found || equal(purpose, oid::kKpClientAuth);
                                    }
                                    return Unit{};
                                  });
  return read && found;
}

/// Null: none of ours issued it.
const responder::Issuer* issuer_of(const pki::Certificate& client, const responder::Setup& setup) {
  for (const responder::Issuer& issuer : setup.issuers()) {
    const bool is_its = std::any_of(
        issuer.certificates.begin(), issuer.certificates.end(), [&](const pki::Certificate& ca) {
          return pki::same_name(ca.subject(), client.issuer()) && pki::verify_issued_by(client, ca);
        });
    if (is_its) {
      return &issuer;
    }
  }
  return nullptr;
}

}  // namespace

std::string refuse_client(const pki::Certificate& client, const responder::Setup& setup,
                          const store::Store& store) {
  if (!is_for_clients(client)) {
    return "the certificate is not for clients (extendedKeyUsage must name clientAuth)";
  }
  const responder::Issuer* const issuer = issuer_of(client, setup);
  if (issuer == nullptr) {
    return "";
  }
  const std::string who =
      "certificate " + client.serial().to_hex() + " of '" + issuer->label + "' ";
  const auto reader = store.reader();
  reader->renew();
  const auto record = reader->find(issuer->store_id, client.serial().octets());
  if (!record) {
    return who + "cannot be looked up: " + record.error().detail;
  }
  const responder::IssuerPolicy& policy = issuer->terms.policy;
  if (const auto said = store::statement_of(responder::statement_rules(policy),
                                            record->value_or(store::Status{}))) {
    return who + "is revoked since " + format_iso8601(said->since);
  }
  if (*record) {
    return "";
  }
  const store::IssuerState* const state = reader->issuer_state(issuer->store_id);
  if (state == nullptr || state->knows_issued == store::KnowsIssued::kYes) {
    return who + "is not known to have been issued";
  }
  return policy.unlisted == responder::UnlistedAnswer::kGood
             ? ""
             : who + "is not known, and unlisted is not \"good\"";
}

std::string refuse_peer(const ControlPeer& peer, const responder::Setup& setup,
                        const store::Store& store) {
  if (peer.way != ControlPeer::Way::kTls) {
    return "";
  }
  return peer.certificate ? refuse_client(*peer.certificate, setup, store)
                          : "no client certificate";
}

}  // namespace muster::node
