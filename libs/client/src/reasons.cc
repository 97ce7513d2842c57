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
           "between.",
           "an error page or a login page of a proxy in place of the answer; a file that is not an "
           "OCSP response; a truncated download; a responder that encodes outside DER"},
    Reason{
        "responder-error", "The responder answered with an error status instead of a status.",
        "Error answers are unsigned: anybody on the way can make them, so they say nothing.",
        "tryLater and internalError: ask again; unauthorized: the responder does not know this "
        "issuer or the hash "
        "(try --sha1), or not who asks; malformedRequest: try without --nonce; sigRequired: sign "
        "questions (--requestor-cert).",
        "the responder does not serve this issuer, or not by this hash (unauthorized); it is "
        "overloaded or its database is away (tryLater, internalError); it dislikes the nonce or "
        "an extension (malformedRequest); it answers only whom it knows (sigRequired, "
        "unauthorized)"},
    Reason{"unsupported-response-type", "The answer is of a type other than the basic one.",
           "Only id-pkix-ocsp-basic is defined for public use.",
           "Ask the responder's operator for basic responses.",
           "an experimental responder; a file that holds another kind of response"},
    Reason{"signer-not-found", "No certificate at hand fits the responder id of the answer.",
           "Without the signer's certificate its signature cannot be verified.",
           "The responder should send its signer certificate along; or name it with "
           "--responder-cert.",
           "the responder leaves its certificate out of the answer; the delegate was replaced and "
           "the old one is gone; the answer is by another CA"},
    Reason{"bad-signature", "The signature of the answer does not hold.",
           "The octets are not what the signer signed: damaged on the way, or forged.",
           "Ask again over another path; if it stays, tell the CA.",
           "octets changed on the way or on disk; the responder signs with a key that is not its "
           "certificate's; a forgery"},
    Reason{"weak-signature", "The answer is signed with an algorithm or key that policy refuses.",
           "SHA-1, MD5 and short RSA keys can be forged.",
           "Ask the CA for SHA-256 signatures or better.",
           "a responder set up long ago that still signs with SHA-1; an RSA key below 2048 bits"},
    Reason{"unsupported-signature",
           "The answer is signed with an algorithm this build cannot verify.",
           "What cannot be verified is not believed.",
           "Use a newer OpenSSL, or ask the CA for a common algorithm.",
           "a new algorithm (post-quantum, a national one) that the installed OpenSSL lacks; "
           "parameters outside the standard"},
    Reason{"signer-unauthorised", "The signer of the answer may not answer for this issuer.",
           "Only the issuer's key, a delegate it certified for OCSP signing, or a locally trusted "
           "signer counts.",
           "If the signer was replaced, the CA must issue its certificate with OCSPSigning by the "
           "same key.",
           "the delegate lacks OCSPSigning or has expired; it was certified by another key of the "
           "CA, for instance after a re-key; the answer was made by another CA"},
    Reason{"signer-revoked", "The certificate of the delegated signer is itself revoked.",
           "A revoked signer's key may be in other hands.",
           "Tell the CA; use its CRL until the signer is replaced.",
           "the responder's key was lost or replaced, and the responder still uses it"},
    Reason{"critical-extension", "The answer has a critical extension that is not understood.",
           "Critical means: do not use this if you do not understand it.",
           "Ask the responder's operator what it is for.",
           "a private extension of the CA's software that should not be critical"},
    Reason{"certid-mismatch", "The answer is about another certificate.",
           "Issuer name hash, issuer key hash and serial must all be those of this certificate.",
           "A server: staple the response of the certificate it sends. A responder: it may know "
           "another issuer of "
           "the same name.",
           "a server staples a file left from the certificate before; --response names the wrong "
           "file; the responder or a cache in between mixes answers up"},
    Reason{"nonce-mismatch", "The answer carries another nonce than the question.",
           "It was made for another question and may be a replay.",
           "Ask again; look for a cache that ignores nonces.",
           "a cache between us and the responder; a replay"},
    Reason{"nonce-missing", "The answer lacks the nonce that policy requires.",
           "Without it a replay within the validity time cannot be told.",
           "Drop the requirement if the responder pre-signs.",
           "the responder signs ahead and serves everybody the same answer; a cache in between"},
    Reason{
        "response-not-yet-valid", "The answer's thisUpdate lies in the future.",
        "Either the responder's clock or ours is wrong.", "Compare both clocks (NTP).",
        "this machine's clock is slow; the responder's clock is fast; --at lies before the answer"},
    Reason{
        "response-expired", "The answer's nextUpdate has passed.",
        "Newer information exists; clients that enforce stapling refuse a server that sends this.",
        "A server: see why its refresh stopped. A responder: see why it stopped signing, or which "
        "cache keeps old ones.",
        "the server's refresh job failed or its responder was out of reach; the responder cannot "
        "reach its key or its source; a CDN keeps answers beyond their time; this machine's clock "
        "is fast"},
    Reason{"response-too-old", "The answer is older than the maximum age allowed.",
           "The longer ago it was said, the less it says about now.",
           "Ask for a newer one, or allow a higher age.",
           "the CA signs rarely, for instance once a week; the refresh has stopped but nextUpdate "
           "is far away"},
    Reason{"next-update-missing", "The answer lacks nextUpdate, and policy demands it.",
           "Without it nobody can tell when the answer stops being good.",
           "Ask the responder's operator to send nextUpdate.",
           "a responder that always answers from its database, such as 'openssl ocsp' without "
           "-nmin or -ndays"},
    Reason{
        "invalid-interval", "The answer's nextUpdate lies before its thisUpdate.",
        "Such an interval holds no instant.", "Tell the responder's operator.",
        "a responder whose validity is configured negative, or whose clock jumped while it signed"},
    Reason{"produced-before-certificate",
           "The answer was signed before the certificate's validity began.",
           "Nobody can vouch for a certificate that was not there yet.", "Ask for a new answer.",
           "an answer for an earlier certificate with the same serial; a CA that backdates or "
           "postdates; a clock that was wrong at the CA"},
    Reason{"expired-but-revoked", "An expired answer or CRL says that the certificate was revoked.",
           "It is authentic, but too old to be evidence; revocation is rarely undone.",
           "Get a current answer or CRL; until then treat the certificate as revoked.",
           "the server keeps stapling what it once had; the source of the CRL has stopped; an "
           "attacker keeps newer answers away"},
    Reason{"crl-malformed", "The CRL is not well-formed.",
           "What cannot be read exactly cannot be believed.",
           "Look at it with 'muster show'; look for a proxy or error page in between.",
           "an error page in place of the CRL; a truncated download; a file that is not a CRL"},
    Reason{"crl-unacceptable", "No CRL at hand can be relied on for this certificate.",
           "A CRL counts only if it is current, verified and covers this certificate for every "
           "reason.",
           "See the detail; give current CRLs with --crl.",
           "the CRL has expired; it is by another key or CA; it covers another part (distribution "
           "point, kind of certificate, some reasons); a delta without its base"},
    // ---- nothing came
    Reason{"target-unreadable", "What was named is nothing that can be checked.",
           "Nothing was learnt about any certificate.",
           "Name a certificate file or host[:port]; 'muster show FILE' tells what a file is.",
           "a path that does not exist or may not be read; a file of another kind; a wrong "
           "password; a server that sends something that is no certificate"},
    Reason{
        "target-unreachable", "No TLS handshake with the server came about.",
        "Nothing was learnt about its certificate.",
        "See the detail; try 'openssl s_client -connect HOST:PORT' from the same machine.",
        "the name does not resolve; nobody listens on the port, or a firewall is in between; the "
        "port speaks something other than TLS first; the server demands a client's certificate"},
    Reason{"transport-error", "The source could not be reached or did not answer properly.",
           "Nothing was learnt about the certificate.",
           "See the detail; try again, or from another network.",
           "the responder or its network is down; a firewall or a proxy is in between (--proxy); "
           "the name does not resolve; it is slower than --timeout"},
    Reason{"no-staple", "The server sent no stapled response.",
           "Its clients must ask by themselves, or cannot know.",
           "Turn on stapling in the server ('muster stapler' or 'muster front' can do it).",
           "stapling is switched off, which is the default of most servers; the server could not "
           "fetch an answer, or has just been started; the certificate names no responder"},
    Reason{"no-responder-url", "The certificate names no OCSP responder.",
           "There is nobody to ask by OCSP.", "Name one with --url, or use --crl.",
           "the CA runs no OCSP responder, as more and more public CAs do not; a private CA whose "
           "profile leaves it out"},
    Reason{"not-asked-privacy", "A public source was not asked.",
           "Asking tells its operator, in clear, which certificate you look at.",
           "Give --online to ask, or --response/--crl with files at hand.",
           "the responder's address is a public one and --online was not given"},
    Reason{"not-asked-expired",
           "The certificate is outside its validity; its sources were not asked.",
           "CAs may drop expired certificates from what they answer.",
           "Give --at or --ask-expired if you want to know about the past.",
           "the certificate was not renewed in time; this machine's clock is wrong; an old file "
           "was named"},
    Reason{"issuer-missing", "The issuer's certificate is not at hand.",
           "Questions name the issuer's key, and answers are verified with it.",
           "Give --issuer FILE, put the issuer into the file, or --online to fetch it from the "
           "certificate's caIssuers.",
           "the server sends its own certificate without the intermediates; a file that holds the "
           "certificate alone"},
    Reason{"no-revocation-pointers", "The certificate names neither an OCSP responder nor a CRL.",
           "Nobody can tell whether it was revoked.",
           "Ask its CA; give --url or --crl if you know a source.",
           "a private CA whose profile names no source; a self-made certificate"},
    Reason{"crl-only", "The certificate names only CRLs, and none was read.",
           "There is nobody to ask by OCSP.", "Give --crl FILE, or --online to fetch it.",
           "a CA that gave up OCSP for CRLs"},
    // ---- nothing needed
    Reason{"no-revocation-available",
           "The certificate says that its CA gives no revocation information.",
           "RFC 9608: such certificates are meant to expire instead.", "Nothing to do.",
           "the CA chose so, for short-lived certificates"},
    Reason{"short-lived", "The certificate is short-lived and names no source.",
           "It expires about as fast as revocation would take effect.", "Nothing to do.",
           "the CA chose so; ACME profiles named 'shortlived' do"},
    // ---- the certificate itself
    Reason{"no-revocation-available-invalid",
           "The certificate claims noRevAvail beside a pointer, or is a CA certificate.",
           "RFC 9608 section 3 forbids both; nobody can tell which half is meant.",
           "Have it issued anew.",
           "a CA profile that adds noRevAvail without taking the pointers out"},
    Reason{"certificate-expired", "The certificate has expired.",
           "'Not revoked' does not make it valid again.", "Renew it.",
           "the renewal failed; it was renewed, and the server not reloaded; this machine's clock "
           "is fast"},
    Reason{"certificate-not-yet-valid", "The certificate's validity has not begun.",
           "'Not revoked' does not make it valid yet.", "Wait, or compare clocks.",
           "it was issued a moment ago by a CA whose clock is ahead; this machine's clock is slow"},
    Reason{"chain-untrusted", "No path leads from the certificate to anything trusted.",
           "An answer by an untrusted CA says nothing worth knowing.",
           "Give the CA with --roots, and the intermediates with --issuer.",
           "a private CA that nobody named; the server leaves intermediates out; a root that was "
           "removed from the system's store"},
    Reason{"name-mismatch", "The server's certificate was issued for other names.",
           "It says nothing about this server; clients refuse it.",
           "Ask for the server by a name of its certificate (--sni), or have one issued for it.",
           "another virtual host answered, because no or another name was sent; the name was left "
           "out when the certificate was ordered; a name that leads to the wrong machine"},
    Reason{"nothing-to-judge", "No staple, answer or CRL was there to judge.",
           "Nobody was asked, and nothing was given.",
           "Leave --offline out, or give --url, --response or --crl.",
           "--offline without --response or --crl for a file"},
    Reason{"feature-not-inherited",
           "A certificate of the chain lacks a TLS feature that its issuer lists.",
           "RFC 7633 section 4.2.2 has clients refuse such a chain.",
           "Have it issued with the issuer's features.",
           "a CA certificate with a TLS feature (must-staple) whose profile does not pass it on"},
    Reason{"must-staple-unmet",
           "The certificate demands a staple, and the server sent no acceptable one.",
           "Clients that enforce RFC 7633 refuse this server.",
           "Turn on stapling in the server and see why it has none.",
           "stapling is switched off or not yet warm after a start; the server's refresh fails; a "
           "load balancer or CDN in front that does not staple"},
    Reason{"certificate-absent", "Only a serial number was judged; its certificate was not there.",
           "Good then means no more than not revoked: perhaps it was never issued, or has ended.",
           "Check the certificate itself where you can get it.",
           "--issuer and --serial were given without a certificate"},
    Reason{"staple-required",
           "The policy demands a staple of every server, and this one sent none.",
           "Its clients must ask the CA by themselves, or go without.",
           "Turn on stapling in the server ('muster stapler' or 'muster front' can do it).",
           "stapling is switched off; the server could not reach the responder; the server has not "
           "fetched its first answer yet"},
    Reason{"policy-unmet", "What was told is less than the policy demands.",
           "The policy you chose takes no doubt for good.",
           "See what the other findings say of the source; or choose a policy that demands less.",
           "a source that the certificate names did not answer, or was not asked; a responder does "
           "not know the certificate"},
    // ---- good, but
    Reason{"revoked", "The certificate is revoked.", "Its CA withdrew it.",
           "Replace it, and everything that used its key.",
           "the key was or may have been disclosed; the certificate was replaced; it was issued "
           "wrongly; its holder or the CA asked for it"},
    Reason{"unknown", "The CA's responder does not know the certificate.",
           "It was not issued by this CA, is too new, or is forgotten.",
           "Ask the CA; a new certificate may take minutes.",
           "the responder's data lag behind issuance; the certificate is of another issuer with "
           "the same name; the CA has dropped it from its records; it was never issued"},
    Reason{"sources-disagree", "Verified sources say different things.",
           "One of them is behind, or one of the CA's systems is wrong.",
           "Believe the worse one, and tell the CA.",
           "a CRL that is published later than OCSP learns of a revocation, or the reverse; one "
           "replica or cache that is behind; a staple from before the revocation"},
    Reason{"refresh-late", "The answer is near its end of life.",
           "It should have been replaced at half of it; soon nothing valid is left.",
           "See why the refresh is late.",
           "the refresh job fails or runs too rarely; the responder is out of reach from the "
           "server; the responder itself signs late"},
    Reason{
        "crl-passed-over", "A CRL that was given could not be used, and an earlier one counted.",
        "What was revoked in between may be on the one that did not count.",
        "Get that CRL again from its CA, or take it away if it is another CA's of the same name.",
        "octets changed on the way or on disk; a CRL of another CA with the same name; an "
        "algorithm that policy refuses; a delta CRL without the complete one that it continues"},
    Reason{"crl-from-cache", "The CRL's place did not answer; a copy kept from earlier counted.",
           "The copy is verified and still current, but what was revoked since is not on it.",
           "See why the place does not answer.",
           "the place is down or out of reach from here; it gives something that is no CRL"},
    Reason{"answer-from-cache", "An OCSP answer kept from earlier counted.",
           "The copy is verified and still current, but a revocation since then is not in it.",
           "Nothing; to ask the responder anew whatever it said: --no-cache.",
           "its responder said that nobody need ask again yet (max-age); it does not answer now"},
    Reason{"nonce-ignored", "The answer does not carry the nonce that was sent.",
           "Many responders pre-sign; freshness then rests on the times alone.",
           "Nothing, unless you need proof against replay.",
           "the responder signs ahead, or a cache in front answers"},
    Reason{
        "signer-unchecked",
        "The delegated signer lacks noCheck, and its own revocation was not examined.",
        "Local policy accepts it (decision 015); its CA left the question open.",
        "Ask the CA for id-pkix-ocsp-nocheck.",
        "a delegate certificate made without id-pkix-ocsp-nocheck and without a pointer to a CRL"},
    Reason{"several-entries", "The answer has several entries for this certificate.",
           "The most severe current one was taken.", "Tell the responder's operator.",
           "a responder that answers for SHA-1 and SHA-256 CertIDs at once; records doubled in its "
           "database"},
    Reason{
        "archive-cutoff", "The responder keeps status beyond expiry only from this instant on.",
        "'Good' about a certificate that expired earlier means nothing.",
        "Compare the expiry with it.",
        "the CA keeps status of expired certificates, for signatures made while they were valid"},
};

}  // namespace

std::span<const Reason> all_reasons() { return kReasons; }

const Reason* find_reason(std::string_view code) {
  const auto found = std::find_if(kReasons.begin(), kReasons.end(),
                                  [code](const Reason& r) { return r.code == code; });
  return found == kReasons.end() ? nullptr : &*found;
}

}  // namespace muster::client
