#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/pki/key_file.h"
#include "muster/probe/protocol.h"

// Shakes hands with a TLS server the way a client that asks for a staple does, and reports what it
// was given. Nothing is judged here: no name, chain, signature or staple is verified; that is the
// client library's office.
namespace muster::probe {

enum class TlsVersion : std::uint8_t { kTls12, kTls13 };
std::string_view to_string(TlsVersion version);  ///< "TLS 1.3"

/// Which of a server's certificates to ask for, by the signature algorithms offered.
enum class KeyPreference : std::uint8_t { kAny, kRsa, kEcdsa };
enum class AskStatus : std::uint8_t { kYes, kNo };

/// A TLS session that a later probe may resume; opaque.
class Session;

struct ClientCertificate {
  std::vector<pki::Certificate> chain;  ///< leaf first; not empty
  pki::PrivateKey key;
};
/// From files: certificates and key in one (PEM, or PKCS#12 with its passphrase), or the key in a
/// file of its own. The certificate of the key goes first, wherever it stands in its file; the
/// others follow in their order. An empty `key_path` means the same file. Errors: those of
/// pki::load_key_file and load_certificates; kNotACertificate (none in the file, or none that
/// belongs to the key). The detail names files, never what is in the key's.
pki::PkiResult<ClientCertificate> load_client_certificate(
    const std::string& certificate_path, const std::string& key_path = {},
    const pki::AskPassphrase& passphrase = {});

/// What to connect to and how. Limits are hard.
struct ProbeRequest {
  std::string host{};  ///< name or address (IPv6 with or without brackets, with or without zone)
  std::uint16_t port = 443;
  /// What is spoken before TLS begins. The default port of it is the caller's to set in `port`.
  Protocol protocol = Protocol::kTls;
  std::string server_name{};  ///< for SNI, and the domain that XMPP is asked about; `host` when
                              ///< empty, nothing when that is an address
  std::string connect_to{};   ///< another name or address to connect to; `host` when empty
  /// A unix socket to connect to; then `host` may be empty, and `port` and `connect_to` say
  /// nothing.
  std::string unix_path{};
  Milliseconds timeout{10'000};  ///< for everything: looking up, connecting, asking for TLS (each
                                 ///< protocol's way), shaking hands
  AskStatus ask_status = AskStatus::kYes;
  std::optional<TlsVersion> version{};  ///< this one only
  KeyPreference key_preference = KeyPreference::kAny;
  std::optional<ClientCertificate> client_certificate{};
  std::shared_ptr<const Session> resume{};  ///< offered to the server
  bool keep_session = false;  ///< wait (up to a second) for a session that can be resumed
  std::size_t max_chain_bytes = 256 * 1024;  ///< of the server's Certificate message
};

/// An address of the name that did not serve.
struct AddressFailure {
  std::string address;  ///< "192.0.2.1:443"
  std::string reason;   ///< "Connection refused", or "no answer so far" when another was faster
};

enum class ProbeErrc : std::uint8_t {
  kBadRequest,   ///< host that is none, unusable client certificate
  kResolve,      ///< no address for the name
  kConnect,      ///< refused, unreachable
  kTimeout,      ///< see detail for what was waited for
  kAlert,        ///< the peer ended the handshake by a TLS alert, see `alert`
  kNotTls,       ///< the peer speaks something else
  kClosed,       ///< the peer closed the connection before the end of the handshake
  kProtocol,     ///< TLS, but not as it should be; see detail
  kTooLarge,     ///< more octets than the limits allow
  kNoStartTls,   ///< the peer does not offer TLS inside the protocol, or refuses it
  kInjected,     ///< plaintext where the peer may not speak: somebody may be in between
  kNotProtocol,  ///< the peer does not speak the protocol in which TLS is to be asked for
};
std::string_view to_string(ProbeErrc code);
struct ProbeError {
  ProbeErrc code;
  std::string detail;          ///< one sentence for people: what, where
  std::optional<int> alert{};  ///< TLS alert number
};
/// "certificate required" for 116, as the registry of IANA has them.
std::string_view alert_name(int alert);

struct ProbeResult {
  std::vector<Buffer>
      chain;  ///< DER as received, leaf first; that of the original handshake when resumed
  /// Each of `chain`, as pki::Certificate::parse has it; decoded once, with the handshake.
  std::vector<pki::PkiResult<pki::Certificate>> certificates;
  std::optional<Buffer> staple;  ///< the leaf's, octets as received; nothing is not "good"
  std::vector<std::optional<Buffer>>
      staples;  ///< one for each of `chain` (TLS 1.3 may staple for each)
  TlsVersion version;
  std::string cipher;                      ///< "TLS_AES_256_GCM_SHA384"
  bool resumed = false;                    ///< then no certificate and no staple was sent
  std::shared_ptr<const Session> session;  ///< with keep_session, when the server gave one
  /// The address that was used: "192.0.2.1:443", "[2001:db8::1]:443", "unix:/run/x.sock".
  std::string peer_address;
  std::vector<AddressFailure> failed_addresses;  ///< others of the name, tried before or beside it
  Protocol protocol = Protocol::kTls;
  bool certificate_requested = false;  ///< the server asked for a client certificate
  /// How a TLS 1.3 server that asked for a client certificate ended the connection behind the
  /// handshake: with it, it tells what it thinks of the certificate, or of none. Chain and staples
  /// are what they are all the same. (TLS 1.2 tells inside the handshake: an error.)
  std::optional<ProbeError> refusal;
  Milliseconds connect_duration{0};   ///< looking up and connecting
  Milliseconds starttls_duration{0};  ///< what was said before TLS; zero where nothing is
  Milliseconds handshake_duration{0};
};

/// Connects, asks for TLS where the protocol has it so, shakes hands, closes. Blocks, at most
/// request.timeout; never on a loop's thread. Threads: any, concurrently.
Result<ProbeResult, ProbeError> probe(const ProbeRequest& request);

}  // namespace muster::probe
