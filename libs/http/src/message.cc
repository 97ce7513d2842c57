#include "muster/http/message.h"

#include "muster/base/text.h"

namespace muster::http {

std::optional<std::string_view> RequestView::header(std::string_view name) const {
  std::string_view rest = header_block;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\r'));
    if (line.size() > name.size() && line[name.size()] == ':' &&
        iequals(line.substr(0, name.size()), name)) {
      return trim(line.substr(name.size() + 1));
    }
    rest.remove_prefix(std::min(rest.size(), line.size() + 2));
  }
  return std::nullopt;
}

}  // namespace muster::http
