#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "muster/der/pkix.h"

// Lists of issued serials, which make a CRL source know what was issued (decision 029). Pure.
namespace muster::source {

inline constexpr std::size_t kMaxIssuedLineOctets = 64 * 1024;

enum class IssuedErrc : std::uint8_t {
  kBadSerial,    ///< not hexadecimal, or longer than kMaxSerialOctets
  kBadExpiry,    ///< neither an ISO 8601 time nor [YY]YYMMDDHHMMSSZ
  kFieldCount,   ///< more than a serial and an expiry
  kBadOctet,     ///< a control character: half-written, or not a text file
  kLineTooLong,  ///< beyond kMaxIssuedLineOctets
  kNoNewline,    ///< the last line does not end: half-written
  kBadIndex,     ///< it is an index.txt, and that line of it is wrong
};
/// One sentence: what is wrong and what is expected.
std::string_view to_string(IssuedErrc code);

struct IssuedError {
  IssuedErrc code;
  std::size_t line;  ///< from 1
};

/// Reads a whole list: one serial in hexadecimal a line, optionally with the certificate's notAfter
/// behind blanks, a tab, a comma or a semicolon; '#' begins a comment. A file whose first record is
/// a line of index.txt is read as one, whatever it says of revocation. Returns how many records
/// there are. Memory: one line. \param visit  returns whether to go on
Result<std::size_t, IssuedError> read_issued_list(
    std::string_view text,
    const std::function<bool(const Serial&, std::optional<UnixSeconds> expires)>& visit);

}  // namespace muster::source
