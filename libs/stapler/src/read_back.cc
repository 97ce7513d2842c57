#include "muster/stapler/read_back.h"

#include <algorithm>
#include <iterator>

#include "muster/base/assert.h"
#include "muster/base/text.h"
#include "muster/check/target.h"

namespace muster::stapler {
namespace {

constexpr Milliseconds kProbeTimeout{5000};

constexpr std::string_view kWords[] = {"not-yet",    "served",  "older",    "other",
                                       "none",       "expired", "unusable", "other-certificate",
                                       "unreachable"};

/// What is known of the server when it serves a staple from before.
std::string why_older(const TargetRow& row, bool has_newer) {
  if (!has_newer && row.kind == TargetKind::kHaproxy) {
    return "it cannot be told to drop one; it stops five minutes before nextUpdate";
  }
  if (!has_newer && row.kind == TargetKind::kHitch) {
    return "it keeps one in memory until it expires (restart it to drop it)";
  }
  switch (row.kind) {
    case TargetKind::kNginx:
    case TargetKind::kDnsdist:
    case TargetKind::kGnutls:
      return "its reload has not taken effect (see its log)";
    case TargetKind::kHaproxy:
      return "somebody else updates it too (ocsp-update?), or another process of it has the port";
    case TargetKind::kLighttpd:
      return "lighttpd looks at its file again shortly before the staple it has expires";
    case TargetKind::kExim:
      return "a constant tls_ocsp_file is kept in memory: write ${if exists{FILE}{FILE}}";
    default:
      return "does it read the file that is written?";
  }
}

/// What is known of the server when it serves none.
std::string why_none(const TargetRow& row) {
  switch (row.kind) {
    case TargetKind::kNginx:
      return "does the server block include the snippet? After a reload old workers serve on for a "
             "moment";
    case TargetKind::kHaproxy:
      return "does another process of it have the port?";
    case TargetKind::kHitch:
      return "is ocsp-dir the directory of the file, and the certificate's path in muster the one "
             "in "
             "pem-file?";
    case TargetKind::kGnutls:
      return "the program reads its staple when it starts";
    default:
      return "does it read the file that is written?";
  }
}

std::string server_says(const TargetRow& row, const std::string& what) {
  return std::string(row.server) + " " + what;
}

/// Where a certificate stands in what a handshake showed; the server's own stands first.
struct PlaceInChain {
  std::optional<std::size_t> at;  ///< in the chain; nothing: it is not sent
  std::string why_none{};         ///< when it is sent without staple
};
PlaceInChain find_place(const TargetSubject& subject, const probe::ProbeResult& seen) {
  for (std::size_t at = 0; at < seen.chain.size(); ++at) {
    if (equal(seen.chain[at], subject.subject.certificate.der())) {
      return {at, seen.version == probe::TlsVersion::kTls12
                      ? "it speaks TLS 1.2, where only the server's own certificate has one"
                      : "is it given this file, too?"};
    }
  }
  return {};
}

Finding judge_staple(const Expectation& expected, Bytes served, const client::VerifyPolicy& policy,
                     UnixSeconds now) {
  const keeper::Subject& subject = expected.subject.subject;
  const std::string older = why_older(expected.row, expected.staple != nullptr);
  const auto verified =
      client::verify({served, subject.certificate, subject.issuer, std::nullopt, {}}, policy, now);
  if (!verified) {
    const client::VerifyError& error = verified.error();
    if (error.code == client::VerifyErrc::kExpired || error.code == client::VerifyErrc::kTooOld) {
      return {ReadBack::kExpired,
              server_says(expected.row, "staples a response that has expired: " + older)};
    }
    if (error.code == client::VerifyErrc::kNoMatch) {
      return {ReadBack::kUnusable,
              server_says(expected.row,
                          "staples a response about another certificate (one file for all "
                          "certificates of a server block? Give each key type a server of its "
                          "own)")};
    }
    return {ReadBack::kUnusable,
            server_says(expected.row, "staples what clients must refuse: " +
                                          std::string(client::to_string(error.code)) + ", " +
                                          error.detail)};
  }
  if (now >= verified->effective_expiry()) {
    return {ReadBack::kExpired,
            server_says(expected.row, "staples a response whose signer has expired")};
  }
  if (expected.staple && equal(served, expected.staple->der())) {
    return {ReadBack::kServed};
  }
  const bool newer =
      !expected.staple || verified->this_update() > expected.staple->facts.this_update;
  if (expected.staple && newer) {
    return {ReadBack::kOther,
            server_says(expected.row,
                        "staples a newer response that muster did not hand over: does it fetch by "
                        "itself?")};
  }
  return {ReadBack::kOlder,
          server_says(expected.row, "still staples a response from " +
                                        format_iso8601(verified->this_update()) + ": " + older)};
}

/// id-ecPublicKey and rsaEncryption; RSASSA-PSS keys are RSA too, but servers choose them by other
/// algorithms.
probe::KeyPreference key_of(const pki::Certificate& certificate) {
  constexpr std::uint8_t kRsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
  constexpr std::uint8_t kEc[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
  der::Reader outer(certificate.public_key_info());
  auto info = outer.enter(der::Tag::kSequence, "subjectPublicKeyInfo");
  if (!info) {
    return probe::KeyPreference::kAny;
  }
  const auto algorithm = der::read_algorithm(*info, "algorithm");
  if (!algorithm) {
    return probe::KeyPreference::kAny;
  }
  return equal(algorithm->oid, kRsa)  ? probe::KeyPreference::kRsa
         : equal(algorithm->oid, kEc) ? probe::KeyPreference::kEcdsa
                                      : probe::KeyPreference::kAny;
}

}  // namespace

std::string_view to_string(ReadBack state) { return kWords[static_cast<std::size_t>(state)]; }

ReadBack read_back_of(std::string_view word) {
  const auto* const found = std::find(std::begin(kWords), std::end(kWords), word);
  return found == std::end(kWords) ? ReadBack::kNotYet
                                   : static_cast<ReadBack>(found - std::begin(kWords));
}

Finding judge_port(const Expectation& expected,
                   const Result<probe::ProbeResult, probe::ProbeError>& seen,
                   const client::VerifyPolicy& policy, UnixSeconds now) {
  if (!seen) {
    return {ReadBack::kUnreachable, "no handshake: " + seen.error().detail};
  }
  const pki::Certificate& certificate = expected.subject.own_certificate();
  if (seen->chain.empty() || !equal(seen->chain.front(), certificate.der())) {
    const auto other = seen->chain.empty() ? pki::PkiResult<pki::Certificate>(Err{
                                                 pki::PkiError{pki::PkiErrc::kNotACertificate, ""}})
                                           : pki::Certificate::parse(seen->chain.front());
    return {ReadBack::kOtherCertificate,
            server_says(expected.row,
                        "serves another certificate under this name and kind of key" +
                            (other ? ": " + printable(other->subject_text()) + ", serial " +
                                         other->serial().to_hex()
                                   : std::string()) +
                            " (renewed, and not yet loaded by the server, or not yet in "
                            "muster's inventory? Not served at this address? Then name the "
                            "target's certificates)")};
  }
  const PlaceInChain place = find_place(expected.subject, *seen);
  if (!place.at) {
    return {ReadBack::kOtherCertificate,
            server_says(expected.row,
                        "does not send " +
                            printable(expected.subject.subject.certificate.subject_text()) +
                            " behind its certificate (is it given the same chain as muster?)")};
  }
  const bool is_own = *place.at == 0;
  const std::optional<Buffer> nothing;
  const std::optional<Buffer>& staple = is_own ? seen->staple
                                        : *place.at < seen->staples.size()
                                            ? seen->staples[*place.at]
                                            : nothing;
  if (!staple && !expected.staple) {
    return {ReadBack::kServed};
  }
  if (!staple) {
    const auto obstacle = find_obstacle(expected.row, *expected.staple, now);
    return {ReadBack::kNone,
            server_says(expected.row,
                        "staples nothing" + std::string(is_own ? "" : " for it") + ": " +
                            obstacle.value_or(is_own ? why_none(expected.row) : place.why_none))};
  }
  return judge_staple(expected, *staple, policy, now);
}

bool may_be_healed(ReadBack state, const TargetRow& row) {
  switch (state) {
    case ReadBack::kNone:
    case ReadBack::kExpired:
    case ReadBack::kUnusable:
      return true;
    case ReadBack::kOlder:
      return row.keeps == Seconds(0);
    case ReadBack::kNotYet:
    case ReadBack::kServed:
    case ReadBack::kOther:
    case ReadBack::kOtherCertificate:
    case ReadBack::kUnreachable:
      break;
  }
  return false;
}

probe::ProbeRequest make_probe(const TargetOptions& target, const TargetSubject& subject,
                               const std::string& address) {
  const auto parsed = check::parse_target(address, {});
  MUSTER_ASSERT(parsed && std::holds_alternative<check::HostTarget>(*parsed));
  const auto& host = std::get<check::HostTarget>(*parsed);
  probe::ProbeRequest request;
  request.host = host.host;
  request.port = host.port;
  request.protocol = host.protocol;
  request.unix_path = host.unix_path;
  request.server_name =
      target.server_name.empty() ? server_name_of(subject.own_certificate()) : target.server_name;
  request.timeout = std::min<Milliseconds>(kProbeTimeout, target.timeout);
  request.key_preference = key_of(subject.own_certificate());
  return request;
}

}  // namespace muster::stapler
