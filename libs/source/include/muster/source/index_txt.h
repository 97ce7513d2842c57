#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "muster/store/store.h"

// The certificate database of `openssl ca` and easy-rsa: one line a certificate, six fields
// separated by tabs. Pure.
namespace muster::source {

inline constexpr std::size_t kMaxIndexLineOctets = 64 * 1024;

enum class IndexErrc : std::uint8_t {
  kFieldCount,     ///< not exactly six fields
  kBadFlag,        ///< not V, R or E
  kBadExpiry,      ///< field 2: not YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ
  kBadRevocation,  ///< field 3: no time, or one where the flag forbids it
  kBadReason,      ///< field 3: unknown reason, or a detail missing, superfluous or ill-formed
  kBadSerial,      ///< field 4: not hexadecimal, or longer than kMaxSerialOctets
  kBadOctet,       ///< a control character: half-written, or not a text file
  kLineTooLong,    ///< beyond kMaxIndexLineOctets
  kNoNewline,      ///< the last line does not end: half-written
};
/// One sentence: what is wrong and what is expected.
std::string_view to_string(IndexErrc code);

struct IndexError {
  IndexErrc code;
  std::size_t line;  ///< from 1
};

/// One line. Strings are views of it, tabs in them still escaped.
struct IndexRecord {
  Serial serial;
  /// E counts by its data: good, or revoked when a revocation is there. Expiry is set always.
  store::Status status;
  std::string_view file;     ///< mostly "unknown"
  std::string_view subject;  ///< "/C=DE/O=.../CN=..."
};

/// YYMMDDHHMMSSZ (50..99 are 19xx, RFC 5280 section 4.1.2.5.1) or YYYYMMDDHHMMSSZ, as openssl
/// writes times there.
std::optional<UnixSeconds> parse_index_time(std::string_view text);

/// Parses one line without its end of line. `removeFromCRL` counts as revoked without a reason: it
/// means something in delta CRLs only. Accepted beyond what openssl writes: lower-case and
/// odd-length serials, reasons of RFC 5280 that it cannot write.
Result<IndexRecord, IndexErrc> parse_index_line(std::string_view line);

/// The line (with its end) that openssl reads as this status. What the format cannot say is left
/// out or stood in for: an unknown expiry is written as 99991231235959Z, the subject as
/// "/serialNumber=<serial>", an invalidity date only with keyCompromise and CACompromise.
std::string encode_index_line(const Serial& serial, const store::Status& status);

/// Cuts octets that arrive in pieces into lines and parses them. Empty lines and lines that begin
/// with '#' are skipped as openssl does; CR LF counts as an end of line. Memory: one line.
class IndexParser {
 public:
  /// Returns whether to go on.
  using Visit = std::function<bool(const IndexRecord&, std::size_t line)>;
  explicit IndexParser(Visit visit) : visit_(std::move(visit)) {}

  Result<Unit, IndexError> feed(std::string_view piece);
  /// At the end of the input. Errors: kNoNewline.
  Result<Unit, IndexError> finish();
  /// Whether `visit` asked to stop.
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  Result<Unit, IndexError> take_line(std::string_view line);

  Visit visit_;
  std::string rest_;      // of a line that has not ended yet
  std::size_t line_ = 0;  // of the last line taken
  bool stopped_ = false;
};

}  // namespace muster::source
