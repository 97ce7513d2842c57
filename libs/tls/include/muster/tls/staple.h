#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "muster/base/bytes.h"
#include "muster/base/log.h"
#include "muster/base/result.h"

// Staples for any OpenSSL server: three lines in an existing program.
//   tls::ShelfSource source(shelf, clock);
//   tls::StapleStats stats;
//   tls::attach(context, source, {.logger = &logger, .stats = &stats});
struct ssl_ctx_st;  // SSL_CTX

namespace muster::tls {

/// SHA-256 of a certificate's DER.
using Fingerprint = std::array<std::uint8_t, 32>;

/// An OCSP response on offer. `owner` keeps the octets alive.
struct OfferedStaple {
  Bytes der;  ///< empty: none
  std::shared_ptr<const void> owner;
};

/// Where staples come from. Asked inside handshakes: must not block, fetch or judge; what it offers
/// was verified before and is valid now.
class StapleSource {
 public:
  virtual ~StapleSource() = default;
  /// Threads: any, concurrently.
  [[nodiscard]] virtual OfferedStaple find(const Fingerprint& certificate) const noexcept = 0;
};

/// What happens to a handshake that asks for status when a must-staple certificate (RFC 7633) has
/// no staple.
enum class MustStaplePolicy : std::uint8_t {
  kServe,  ///< answer without; a client that honours the feature will refuse
  kHold,   ///< refuse with an alert: the fault shows in our log, not only in clients'
};

/// What the TLS library can do, in TLS 1.3, with staples of the certificates that are sent behind
/// the server's own (RFC 8446 section 4.4.2.1).
enum class ChainStapling : std::uint8_t {
  kNone,  ///< OpenSSL before 3.6
  /// OpenSSL 3.6.0: where it staples, it sends an empty staple for each certificate that has none,
  /// and many clients end the handshake (its issue 28989; docs/operating/chains.md).
  kMalformed,
  kWhole,  ///< from 3.6.1 on
};
/// Of the library found at run time, whatever was built against. Threads: any.
ChainStapling chain_stapling();
/// "OpenSSL 3.0.19 27 Jan 2026": the library found at run time.
std::string_view library_name();

/// Counters of one or more attached contexts. Written by handshakes of any thread.
struct StapleStats {
  std::atomic<std::uint64_t> asked{0}, stapled{0}, missing{0}, too_large{0}, held{0};
};

struct AttachOptions {
  MustStaplePolicy must_staple = MustStaplePolicy::kServe;
  Logger* logger =
      nullptr;  ///< told of certificates without staple, once a minute each; null: nobody
  StapleStats* stats = nullptr;  ///< null: not counted
  /// kWhole: also for the certificates that the context sends behind the server's own
  /// (SSL_CTX_add1_chain_cert and its kin; not extra certificates of the whole context).
  ChainStapling chain = chain_stapling();
};

enum class TlsErrc : std::uint8_t {
  kNoCertificate,   ///< nothing to serve
  kBadCertificate,  ///< a certificate that TLS cannot use
  kKeyMismatch,     ///< private key and certificate do not belong together
  kBadOption,       ///< protocol version or cipher list that OpenSSL does not take
};
struct TlsError {
  TlsErrc code;
  std::string detail;  ///< for people
};

/// Largest response that fits the only extension of a TLS 1.3 CertificateEntry: 2^16-1, less four
/// octets of extension header and four of CertificateStatus (OCSP-TLS-023).
inline constexpr std::size_t kMaxStapleTls13 = 65527;
/// TLS 1.2 would allow 2^24-1, but OpenSSL's clients end the handshake when a CertificateStatus
/// message, four octets longer than the response, exceeds 2^14.
inline constexpr std::size_t kMaxStapleTls12 = (1U << 14) - 4;
/// Certificates behind the server's own that are stapled for at most, and the octets of all staples
/// of a handshake: clients bound the message that they come in (OpenSSL's: 100 KiB).
inline constexpr std::size_t kMaxChainStaples = 8;
inline constexpr std::size_t kMaxChainStapleBytes = kMaxStapleTls13;

/// Makes a context answer status requests, in TLS 1.2 and 1.3, with the staple of the certificate
/// that the handshake selected. Call it when the context has its certificates and before it serves:
/// their fingerprints are then computed once, here; certificates set later work too, at the price
/// of a hash per handshake. `source` and what `options` points to must outlive the context. A
/// context is attached once.
void attach(ssl_ctx_st* context, const StapleSource& source, const AttachOptions& options = {});

}  // namespace muster::tls
