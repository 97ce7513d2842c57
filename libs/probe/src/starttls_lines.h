#pragma once

#include <optional>

#include "starttls.h"

// What the protocols of lines share.
namespace muster::probe {

/// Literals {n} CRLF octets, as IMAP (RFC 9051 section 4.3) and ManageSieve (RFC 5804 section 4)
/// have them, belong to the line they stand in.
enum class Literals : std::uint8_t { kNo, kYes };

class LineStartTls : public StartTls {
 protected:
  LineStartTls(Protocol protocol, Literals literals) : StartTls(protocol), literals_(literals) {}
  /// A line without its end.
  virtual Result<StartTlsStep, ProbeError> on_line(std::string_view line) = 0;

 private:
  Result<Turn, ProbeError> next(std::string_view pending) final;

  const Literals literals_;
};

/// How long the literal is that `line` announces at its end, "{12}" or "{12+}"; nothing when it
/// announces none. Numbers that do not fit come as one beyond all limits.
std::optional<std::size_t> announced_literal(std::string_view line);
/// The first word of `text` up to a blank, which is taken away with the blanks behind it.
std::string_view take_word(std::string_view& text);

}  // namespace muster::probe
