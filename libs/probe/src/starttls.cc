#include "starttls.h"

#include "muster/base/assert.h"
#include "muster/base/text.h"
#include "starttls_machines.h"

namespace muster::probe {

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMaxQuoted = 160;
  const bool cut = text.size() > kMaxQuoted;
  return "'" + printable(text.substr(0, kMaxQuoted)) + (cut ? "...'" : "'");
}

Result<StartTlsStep, ProbeError> StartTls::take(Bytes octets) {
  octets_ += octets.size();
  if (octets_ > kMaxStartTlsOctets) {
    return fail(ProbeErrc::kTooLarge, "the server says more than " +
                                          std::to_string(kMaxStartTlsOctets) + " octets where " +
                                          std::string(awaited()) + " is due");
  }
  pending_ += as_text(octets);
  while (!pending_.empty()) {
    MUSTER_TRY(const Turn turn, next(pending_));
    if (turn.used == 0) {
      break;
    }
    pending_.erase(0, turn.used);
    const bool ours = turn.step.ready || !turn.step.send.empty();
    if (ours && !pending_.empty() && (turn.step.ready || !may_say_unasked(pending_))) {
      return injected(turn.step);
    }
    if (ours) {
      return turn.step;
    }
    units_ += turn.is_unit ? 1 : 0;
    if (units_ > kMaxStartTlsUnits) {
      return fail(ProbeErrc::kTooLarge,
                  "the server does not come to an end where " + std::string(awaited()) + " is due");
    }
  }
  return StartTlsStep{};
}

Err<ProbeError> StartTls::fail(ProbeErrc code, const std::string& what) const {
  return Err{ProbeError{code, std::string(display_name(protocol_)) + ": " + what}};
}

Err<ProbeError> StartTls::not_protocol(std::string_view text) const {
  const bool tls = text.size() > 1 && (text[0] == '\x15' || text[0] == '\x16') && text[1] == '\x03';
  return fail(ProbeErrc::kNotProtocol,
              std::string(awaited()) + " is due, but the server " +
                  (tls ? "speaks TLS at once: there is nothing to ask for on this port"
                       : "says " + in_quotes(text) + "; does another service listen there?"));
}

Err<ProbeError> StartTls::too_large(std::string_view unit) const {
  return fail(ProbeErrc::kTooLarge, std::string(unit) + " of more than " +
                                        std::to_string(kMaxStartTlsUnit) + " octets where " +
                                        std::string(awaited()) + " is due");
}

Err<ProbeError> StartTls::injected(const StartTlsStep& step) const {
  return fail(ProbeErrc::kInjected,
              std::to_string(pending_.size()) + " octets of plaintext behind " +
                  (step.ready ? "the word that TLS may begin" : "an answer, unasked") +
                  "; somebody in between may be putting words into the server's mouth: " +
                  in_quotes(pending_));
}

std::unique_ptr<StartTls> make_starttls(Protocol protocol, StartTlsNames names) {
  switch (protocol) {
    case Protocol::kSmtp:
    case Protocol::kSubmission:
      return make_smtp(protocol, std::move(names.client));
    case Protocol::kFtp:
      return make_ftp();
    case Protocol::kImap:
      return make_imap();
    case Protocol::kPop3:
      return make_pop3();
    case Protocol::kSieve:
      return make_sieve();
    case Protocol::kLdap:
      return make_ldap();
    case Protocol::kPostgres:
      return make_postgres();
    case Protocol::kMysql:
      return make_mysql();
    case Protocol::kXmpp:
    case Protocol::kXmppServer:
      return make_xmpp(protocol, std::move(names.domain));
    case Protocol::kTls:
    case Protocol::kSmtps:
    case Protocol::kImaps:
    case Protocol::kPop3s:
    case Protocol::kFtps:
    case Protocol::kLdaps:
    case Protocol::kXmpps:
    case Protocol::kPostgresDirect:
      break;
  }
  MUSTER_ASSERT(has_starttls(protocol));
  return nullptr;
}

}  // namespace muster::probe
