#include <algorithm>
#include <array>
#include <utility>

#include "muster/probe/probe.h"

namespace muster::probe {

// Registry "TLS Alerts" of IANA; OpenSSL's texts lack some, and differ from version to version.
std::string_view alert_name(int alert) {
  static constexpr std::array<std::pair<int, std::string_view>, 34> kNames{{
      {0, "close notify"},
      {10, "unexpected message"},
      {20, "bad record MAC"},
      {21, "decryption failed"},
      {22, "record overflow"},
      {30, "decompression failure"},
      {40, "handshake failure"},
      {41, "no certificate"},
      {42, "bad certificate"},
      {43, "unsupported certificate"},
      {44, "certificate revoked"},
      {45, "certificate expired"},
      {46, "certificate unknown"},
      {47, "illegal parameter"},
      {48, "unknown CA"},
      {49, "access denied"},
      {50, "decode error"},
      {51, "decrypt error"},
      {60, "export restriction"},
      {70, "protocol version"},
      {71, "insufficient security"},
      {80, "internal error"},
      {86, "inappropriate fallback"},
      {90, "user canceled"},
      {100, "no renegotiation"},
      {109, "missing extension"},
      {110, "unsupported extension"},
      {111, "certificate unobtainable"},
      {112, "unrecognized name"},
      {113, "bad certificate status response"},
      {114, "bad certificate hash value"},
      {115, "unknown PSK identity"},
      {116, "certificate required"},
      {120, "no application protocol"},
  }};
  const auto* const found =
      std::find_if(kNames.begin(), kNames.end(), [&](const auto& n) { return n.first == alert; });
  return found == kNames.end() ? "unknown alert" : found->second;
}

}  // namespace muster::probe
