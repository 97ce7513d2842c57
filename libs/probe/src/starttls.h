#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "muster/base/bytes.h"
#include "muster/base/result.h"
#include "muster/probe/probe.h"

// What is said before TLS begins, a state machine for each protocol: octets in, octets out, no
// I/O and no clock. The shell that owns the socket is in starttls_talk.h.
//
// None of it is protected, so whoever sits in between may say anything. Hence two rules for all
// machines: a server speaks only when it is its turn, and nothing may stand between its word that
// TLS may begin and TLS (the injections of RFC 3207 section 6, CVE-2011-0411, CVE-2021-23222).
namespace muster::probe {

/// What a server may say before TLS, whatever the protocol.
inline constexpr std::size_t kMaxStartTlsOctets = 64 * 1024;
/// A line (with the literals of IMAP and ManageSieve), an LDAP message, a MySQL packet, an XML tag.
inline constexpr std::size_t kMaxStartTlsUnit = 8 * 1024;
/// Lines, messages, packets, tags.
inline constexpr std::size_t kMaxStartTlsUnits = 512;

struct StartTlsNames {
  std::string domain{};  ///< the server's, for XMPP; empty where it is not known
  std::string client{};  ///< ours, for EHLO
};

/// What to do after octets came.
struct StartTlsStep {
  std::string send{};  ///< to be sent first
  bool ready = false;  ///< then TLS begins with the next octet in both directions
};

class StartTls {
 public:
  virtual ~StartTls() = default;
  StartTls(const StartTls&) = delete;
  StartTls& operator=(const StartTls&) = delete;

  /// What the client says unasked; empty where the server speaks first. Once, before take().
  virtual std::string begin() { return {}; }
  /// Octets as they came, in whatever pieces. Not to be called again after an error or `ready`.
  /// Errors: kNoStartTls, kInjected, kNotProtocol, kTooLarge; the detail begins with the protocol
  /// and names the step, not the peer.
  Result<StartTlsStep, ProbeError> take(Bytes octets);
  /// What the server is to say now: "the greeting", "the answer to EHLO".
  [[nodiscard]] virtual std::string_view awaited() const = 0;
  [[nodiscard]] Protocol protocol() const { return protocol_; }

 protected:
  explicit StartTls(Protocol protocol) : protocol_(protocol) {}

  /// The first unit of what is pending: how many octets it has (0: more must come first) and what
  /// follows from it.
  struct Turn {
    std::size_t used = 0;
    StartTlsStep step{};
    bool is_unit = true;  ///< counts; not so a piece of text, which may come in any number of them
  };
  virtual Result<Turn, ProbeError> next(std::string_view pending) = 0;
  /// Whether a server may go on with `rest` although we are about to say something.
  [[nodiscard]] virtual bool may_say_unasked(std::string_view /*rest*/) const { return false; }

  [[nodiscard]] Err<ProbeError> fail(ProbeErrc code, const std::string& what) const;
  /// "<awaited> is none of <protocol>: '<text>'".
  [[nodiscard]] Err<ProbeError> not_protocol(std::string_view text) const;
  [[nodiscard]] Err<ProbeError> too_large(std::string_view unit) const;

 private:
  [[nodiscard]] Err<ProbeError> injected(const StartTlsStep& step) const;

  const Protocol protocol_;
  std::string pending_;
  std::size_t octets_ = 0;
  std::size_t units_ = 0;
};

/// Precondition: has_starttls(protocol).
std::unique_ptr<StartTls> make_starttls(Protocol protocol, StartTlsNames names);

/// Text of a peer for an error: bounded, printable, in quotes.
std::string in_quotes(std::string_view text);

}  // namespace muster::probe
