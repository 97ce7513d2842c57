#pragma once

#include <algorithm>

#include "control_desk.h"
#include "json_fields.h"
#include "muster/base/text.h"
#include "muster/http/base64.h"

// What the desk reads from requests and says to those who made them.
namespace muster::stapler {

using Json = nlohmann::ordered_json;
using TalkPointer = std::shared_ptr<Conversation>;

inline constexpr std::size_t kMaxNameBytes = 4096;

inline void say(const TalkPointer& talk, const std::string& text, bool ok) {
  talk->say({{"text", printable(text)}, {"ok", ok}});
}

inline bool flag_of(const Json& request, const char* key, bool otherwise) {
  const auto found = request.find(key);
  return found != request.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

inline Seconds patience_of(const Json& request) {
  const auto seconds = number_at(request, "timeout");
  return Seconds(static_cast<std::int64_t>(std::min<std::uint64_t>(
      seconds, static_cast<std::uint64_t>(ControlDesk::kMaxPatience.count()))));
}

inline std::optional<Buffer> octets_of(const Json& request, const char* key) {
  return http::base64_decode(text_at(request, key));
}

/// Whom a request names; none where it names nobody. A reference into `request`, since a copy of
/// what is nested a million deep would end the stack, which reading and dropping it do not.
inline const Json& certificates_of(const Json& request) {
  static const Json kNone = Json::array();
  const auto found = request.find("certificates");
  return found == request.end() ? kNone : *found;
}

inline std::string count_text(std::size_t n) {
  return std::to_string(n) + (n == 1 ? " certificate" : " certificates");
}

/// A conversation that goes on until something has happened to each of its certificates.
struct ControlDesk::Waiter {
  TalkPointer talk;
  MonotonicTime until;
  Seconds patience{};
  std::map<keeper::Fingerprint, std::string> open;  ///< with names
  std::size_t done = 0, failed = 0;
  bool is_placed = false;  ///< the inventory was read from the file that they are from
  bool is_refresh = false;
  bool served = false;
  bool names_each = true;
};

}  // namespace muster::stapler
