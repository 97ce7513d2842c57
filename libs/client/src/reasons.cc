#include <algorithm>
#include <array>

#include "muster/client/verdict.h"

namespace muster::client {
namespace {

constexpr std::array kReasons = {
    // ---- an answer that cannot be accepted (codes of VerifyErrc)
    Reason{"malformed-response", "The answer is not a well-formed OCSP response.",
           "What cannot be read exactly cannot be believed; strict readers refuse it too.",
           "Look at it with 'muster show'; if it came over HTTP, look for a proxy or error page in "
           "between."},
    Reason{"responder-error", "The responder answered with an error status instead of a status.",
           "Error answers are unsigned: anybody on the way can make them, so they say nothing.",
           "tryLater and internalError: ask again; unauthorized: the responder does not know this "
           "issuer or the hash "
           "(try --sha1); malformedRequest: try without --nonce."},
    Reason{"unsupported-response-type", "The answer is of a type other than the basic one.",
           "Only id-pkix-ocsp-basic is defined for public use.",
           "Ask the responder's operator for basic responses."},
    Reason{"signer-not-found", "No certificate at hand fits the responder id of the answer.",
           "Without the signer's certificate its signature cannot be verified.",
           "The responder should send its signer certificate along; or name it with "
           "--responder-cert."},
    Reason{"bad-signature", "The signature of the answer does not hold.",
           "The octets are not what the signer signed: damaged on the way, or forged.",
           "Ask again over another path; if it stays, tell the CA."},
    Reason{"weak-signature", "The answer is signed with an algorithm or key that policy refuses.",
           "SHA-1, MD5 and short RSA keys can be forged.",
           "Ask the CA for SHA-256 signatures or better."},
    Reason{"unsupported-signature",
           "The answer is signed with an algorithm this build cannot verify.",
           "What cannot be verified is not believed.",
           "Use a newer OpenSSL, or ask the CA for a common algorithm."},
    Reason{"signer-unauthorised", "The signer of the answer may not answer for this issuer.",
           "Only the issuer's key, a delegate it certified for OCSP signing, or a locally trusted "
           "signer counts.",
           "If the signer was replaced, the CA must issue its certificate with OCSPSigning by the "
           "same key."},
    Reason{"signer-revoked", "The certificate of the delegated signer is itself revoked.",
           "A revoked signer's key may be in other hands.",
           "Tell the CA; use its CRL until the signer is replaced."},
    Reason{"critical-extension", "The answer has a critical extension that is not understood.",
           "Critical means: do not use this if you do not understand it.",
           "Ask the responder's operator what it is for."},
    Reason{"certid-mismatch", "The answer is about another certificate.",
           "Issuer name hash, issuer key hash and serial must all be those of this certificate.",
           "A server: staple the response of the certificate it sends. A responder: it may know "
           "another issuer of "
           "the same name."},
    Reason{"nonce-mismatch", "The answer carries another nonce than the question.",
           "It was made for another question and may be a replay.",
           "Ask again; look for a cache that ignores nonces."},
    Reason{"nonce-missing", "The answer lacks the nonce that policy requires.",
           "Without it a replay within the validity time cannot be told.",
           "Drop the requirement if the responder pre-signs."},
    Reason{"response-not-yet-valid", "The answer's thisUpdate lies in the future.",
           "Either the responder's clock or ours is wrong.", "Compare both clocks (NTP)."},
    Reason{
        "response-expired", "The answer's nextUpdate has passed.",
        "Newer information exists; clients that enforce stapling refuse a server that sends this.",
        "A server: see why its refresh stopped. A responder: see why it stopped signing, or which "
        "cache keeps old ones."},
    Reason{"response-too-old", "The answer is older than the maximum age allowed.",
           "The longer ago it was said, the less it says about now.",
           "Ask for a newer one, or allow a higher age."},
    Reason{"next-update-missing", "The answer lacks nextUpdate, and policy demands it.",
           "Without it nobody can tell when the answer stops being good.",
           "Ask the responder's operator to send nextUpdate."},
    Reason{"invalid-interval", "The answer's nextUpdate lies before its thisUpdate.",
           "Such an interval holds no instant.", "Tell the responder's operator."},
    Reason{"produced-before-certificate",
           "The answer was signed before the certificate's validity began.",
           "Nobody can vouch for a certificate that was not there yet.", "Ask for a new answer."},
    Reason{"expired-but-revoked", "An expired answer or CRL says that the certificate was revoked.",
           "It is authentic, but too old to be evidence; revocation is rarely undone.",
           "Get a current answer or CRL; until then treat the certificate as revoked."},
    Reason{"crl-malformed", "The CRL is not well-formed.",
           "What cannot be read exactly cannot be believed.",
           "Look at it with 'muster show'; look for a proxy or error page in between."},
    Reason{"crl-unacceptable", "No CRL at hand can be relied on for this certificate.",
           "A CRL counts only if it is current, verified and covers this certificate for every "
           "reason.",
           "See the detail; give current CRLs with --crl."},
    // ---- nothing came
    Reason{"transport-error", "The source could not be reached or did not answer properly.",
           "Nothing was learnt about the certificate.",
           "See the detail; try again, or from another network."},
    Reason{"no-staple", "The server sent no stapled response.",
           "Its clients must ask by themselves, or cannot know.",
           "Turn on stapling in the server ('muster stapler' or 'muster front' can do it)."},
    Reason{"no-responder-url", "The certificate names no OCSP responder.",
           "There is nobody to ask by OCSP.", "Name one with --url, or use --crl."},
    Reason{"not-asked-privacy", "A public source was not asked.",
           "Asking tells its operator, in clear, which certificate you look at.",
           "Give --online to ask, or --response/--crl with files at hand."},
    Reason{"not-asked-expired",
           "The certificate is outside its validity; its sources were not asked.",
           "CAs may drop expired certificates from what they answer.",
           "Give --at or --ask-expired if you want to know about the past."},
    Reason{"issuer-missing", "The issuer's certificate is not at hand.",
           "Questions name the issuer's key, and answers are verified with it.",
           "Give --issuer FILE, put the issuer into the file, or --online to fetch it from the "
           "certificate's caIssuers."},
    Reason{"no-revocation-pointers", "The certificate names neither an OCSP responder nor a CRL.",
           "Nobody can tell whether it was revoked.",
           "Ask its CA; give --url or --crl if you know a source."},
    Reason{"crl-only", "The certificate names only CRLs, and none was read.",
           "There is nobody to ask by OCSP.", "Give --crl FILE, or --online to fetch it."},
    // ---- nothing needed
    Reason{"no-revocation-available",
           "The certificate says that its CA gives no revocation information.",
           "RFC 9608: such certificates are meant to expire instead.", "Nothing to do."},
    Reason{"short-lived", "The certificate is short-lived and names no source.",
           "It expires about as fast as revocation would take effect.", "Nothing to do."},
    // ---- the certificate itself
    Reason{"no-revocation-available-invalid",
           "The certificate claims noRevAvail beside a pointer, or is a CA certificate.",
           "RFC 9608 section 3 forbids both; nobody can tell which half is meant.",
           "Have it issued anew."},
    Reason{"certificate-expired", "The certificate has expired.",
           "'Not revoked' does not make it valid again.", "Renew it."},
    Reason{"certificate-not-yet-valid", "The certificate's validity has not begun.",
           "'Not revoked' does not make it valid yet.", "Wait, or compare clocks."},
    Reason{"chain-untrusted", "No path leads from the certificate to anything trusted.",
           "An answer by an untrusted CA says nothing worth knowing.",
           "Give the CA with --roots, and the intermediates with --issuer."},
    Reason{"name-mismatch", "The server's certificate was issued for other names.",
           "It says nothing about this server; clients refuse it.",
           "Ask for the server by a name of its certificate (--sni), or have one issued for it."},
    Reason{"nothing-to-judge", "No staple, answer or CRL was there to judge.",
           "Nobody was asked, and nothing was given.",
           "Leave --offline out, or give --url, --response or --crl."},
    Reason{"feature-not-inherited",
           "A certificate of the chain lacks a TLS feature that its issuer lists.",
           "RFC 7633 section 4.2.2 has clients refuse such a chain.",
           "Have it issued with the issuer's features."},
    Reason{"must-staple-unmet",
           "The certificate demands a staple, and the server sent no acceptable one.",
           "Clients that enforce RFC 7633 refuse this server.",
           "Turn on stapling in the server and see why it has none."},
    Reason{"certificate-absent", "Only a serial number was judged; its certificate was not there.",
           "Good then means no more than not revoked: perhaps it was never issued, or has ended.",
           "Check the certificate itself where you can get it."},
    // ---- good, but
    Reason{"revoked", "The certificate is revoked.", "Its CA withdrew it.",
           "Replace it, and everything that used its key."},
    Reason{"unknown", "The CA's responder does not know the certificate.",
           "It was not issued by this CA, is too new, or is forgotten.",
           "Ask the CA; a new certificate may take minutes."},
    Reason{"sources-disagree", "Verified sources say different things.",
           "One of them is behind, or one of the CA's systems is wrong.",
           "Believe the worse one, and tell the CA."},
    Reason{"refresh-late", "The answer is near its end of life.",
           "It should have been replaced at half of it; soon nothing valid is left.",
           "See why the refresh is late."},
    Reason{"nonce-ignored", "The answer does not carry the nonce that was sent.",
           "Many responders pre-sign; freshness then rests on the times alone.",
           "Nothing, unless you need proof against replay."},
    Reason{"signer-unchecked",
           "The delegated signer lacks noCheck, and its own revocation was not examined.",
           "Local policy accepts it (decision 015); its CA left the question open.",
           "Ask the CA for id-pkix-ocsp-nocheck."},
    Reason{"several-entries", "The answer has several entries for this certificate.",
           "The most severe current one was taken.", "Tell the responder's operator."},
    Reason{"archive-cutoff", "The responder keeps status beyond expiry only from this instant on.",
           "'Good' about a certificate that expired earlier means nothing.",
           "Compare the expiry with it."},
};

}  // namespace

std::span<const Reason> all_reasons() { return kReasons; }

const Reason* find_reason(std::string_view code) {
  const auto found = std::find_if(kReasons.begin(), kReasons.end(),
                                  [code](const Reason& r) { return r.code == code; });
  return found == kReasons.end() ? nullptr : &*found;
}

}  // namespace muster::client
