#include "muster/http/conditional.h"

#include "muster/base/text.h"

namespace muster::http {

bool names_etag(std::string_view header, std::string_view etag) {
  for (std::string_view item : split(header, ',')) {
    item = trim(item);
    if (item.starts_with("W/")) {
      item.remove_prefix(2);
    }
    if (item == "*" || item == etag) {
      return true;
    }
  }
  return false;
}

}  // namespace muster::http
