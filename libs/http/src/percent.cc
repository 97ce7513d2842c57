#include "muster/http/percent.h"

#include "escape.h"

namespace muster::http {

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    if (*at != '%') {
      out += *at++;
      continue;
    }
    const auto octet = read_escape(at + 1, end);
    if (!octet) {
      return std::nullopt;
    }
    out += static_cast<char>(*octet);
    at += 3;
  }
  return out;
}

}  // namespace muster::http
