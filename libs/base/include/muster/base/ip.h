#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/base/bytes.h"

// Addresses of peers and networks of them, as values: who asks decides about rules and limits.
namespace muster {

/// An IPv4 or IPv6 address, or none (a peer on a unix socket). IPv4 mapped into IPv6 counts as
/// IPv4.
class IpAddress {
 public:
  constexpr IpAddress() = default;
  /// "192.0.2.7", "2001:db8::7". Nothing for another text; names are not looked up.
  static std::optional<IpAddress> parse(std::string_view text);
  /// From the 4 or 16 octets of a socket address; none for another number.
  static IpAddress from_octets(Bytes octets);
  [[nodiscard]] bool is_known() const { return size_ != 0; }
  /// 0, 4 or 16.
  [[nodiscard]] Bytes octets() const { return {octets_.data(), size_}; }
  /// Its first `bits`, the rest zero.
  [[nodiscard]] IpAddress network(unsigned bits) const;
  /// "unix" for none.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  std::array<std::uint8_t, 16> octets_{};
  std::uint8_t size_ = 0;
};

/// "192.0.2.0/24", "2001:db8::/32", an address alone, or "unix" (peers without an address).
class IpNetwork {
 public:
  /// Nothing for another text, too many bits, or bits set behind the prefix (a typing error more
  /// often than not).
  static std::optional<IpNetwork> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] std::string text() const;
  friend bool operator==(const IpNetwork&, const IpNetwork&) = default;

 private:
  IpAddress base_;
  std::uint8_t bits_ = 0;
};
bool contains(const std::vector<IpNetwork>& networks, const IpAddress& address);

}  // namespace muster
