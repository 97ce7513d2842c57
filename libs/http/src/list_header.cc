#include "muster/http/list_header.h"

#include "muster/base/text.h"

namespace muster::http {

std::optional<std::string_view> ListFromRight::next() {
  while (!line_) {
    if (lines_.empty()) {
      return std::nullopt;
    }
    const std::string_view text = lines_.substr(0, lines_.rfind('\r'));  // each line ends with CRLF
    const std::size_t before = text.rfind('\n');
    const std::string_view line = before == std::string_view::npos ? text : text.substr(before + 1);
    lines_ = lines_.substr(0, text.size() - line.size());
    if (line.size() > name_.size() && line[name_.size()] == ':' &&
        iequals(line.substr(0, name_.size()), name_)) {
      line_ = line.substr(name_.size() + 1);
    }
  }
  const std::string_view rest = *line_;
  const std::size_t comma = rest.rfind(',');
  if (comma == std::string_view::npos) {
    line_.reset();
    return trim(rest);
  }
  line_ = rest.substr(0, comma);
  return trim(rest.substr(comma + 1));
}

}  // namespace muster::http
