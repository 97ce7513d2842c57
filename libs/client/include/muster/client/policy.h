#pragma once

#include <cstdint>
#include <span>
#include <string_view>

// How evidence becomes a verdict: named rows of values (decision 043). What no row changes:
// "revoked" from any verified source wins, and nobody's silence is "good".
namespace muster::client {

/// When the CRLs that a certificate names are fetched. Those the user gives always count.
enum class CrlTurn : std::uint8_t {
  kAfterOcsp,  ///< when OCSP told neither good nor revoked (OCSP-CLI-049)
  kFirst,      ///< and OCSP is asked when they told neither
  kTogether,   ///< at the same time
};
/// How many of the sources that a certificate names must tell.
enum class SourcesNeeded : std::uint8_t { kOne, kEach };
/// Whom a staple is demanded of.
enum class StapleNeeded : std::uint8_t {
  kWhereDemanded,  ///< servers whose certificate demands it (RFC 7633)
  kAlways,         ///< every server
};
/// What a weakness amounts to.
enum class Weight : std::uint8_t {
  kNothing,    ///< a note
  kWarning,    ///< exit code 5
  kUndecided,  ///< no verdict: undetermined, unknown, unacceptable, whichever it is
};

/// One row. Values, not names, are asked for.
struct Policy {
  std::string_view name;     ///< "ocsp-then-crl"; persistent
  std::string_view summary;  ///< one line for people
  /// Which sources are looked at. Responses and CRLs given by the user always are.
  bool stapled, live, crl;
  CrlTurn turn;
  SourcesNeeded needed;
  StapleNeeded staple;
  Weight silence;  ///< nobody told anything
  Weight refused;  ///< an answer came that cannot be accepted, whatever others say
  Weight doubt;    ///< good, but another source was asked in vain or does not know the certificate
  Weight unnamed;  ///< an issuer's certificate that names no source at all
};

/// Every row, the default first.
std::span<const Policy> all_policies();
/// Null for a name that is none.
const Policy* find_policy(std::string_view name);
/// "ocsp-then-crl".
const Policy& default_policy();

}  // namespace muster::client
