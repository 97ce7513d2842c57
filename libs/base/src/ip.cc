#include "muster/base/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace muster {
namespace {

constexpr std::string_view kUnix = "unix";
constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::from_octets(Bytes octets) {
  IpAddress out;
  if (octets.size() == 16 &&
      std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), octets.begin())) {
    octets = octets.subspan(kMappedPrefix.size());
  }
  if (octets.size() == 4 || octets.size() == 16) {
    std::copy(octets.begin(), octets.end(), out.octets_.begin());
    out.size_ = static_cast<std::uint8_t>(octets.size());
  }
  return out;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  std::array<std::uint8_t, 16> octets{};
  if (::inet_pton(AF_INET, terminated.c_str(), octets.data()) == 1) {
    return from_octets(Bytes(octets).first(4));
  }
  if (::inet_pton(AF_INET6, terminated.c_str(), octets.data()) == 1) {
    return from_octets(octets);
  }
  return std::nullopt;
}

IpAddress IpAddress::network(unsigned bits) const {
  IpAddress out = *this;
  for (unsigned i = 0; i < size_; ++i) {
    const unsigned kept = std::min(8U, bits - std::min(bits, i * 8));
    out.octets_[i] = static_cast<std::uint8_t>(out.octets_[i] & (0xff00U >> kept));
  }
  return out;
}

std::string IpAddress::text() const {
  if (!is_known()) {
    return std::string(kUnix);
  }
  std::array<char, INET6_ADDRSTRLEN> out{};
  ::inet_ntop(size_ == 4 ? AF_INET : AF_INET6, octets_.data(), out.data(), out.size());
  return out.data();
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  IpNetwork out;
  if (text == kUnix) {
    return out;
  }
  const std::size_t slash = text.find('/');
  const auto base = IpAddress::parse(text.substr(0, slash));
  if (!base) {
    return std::nullopt;
  }
  unsigned bits = static_cast<unsigned>(base->octets().size() * 8);
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    unsigned given = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), given);
    if (error != std::errc() || end != digits.data() + digits.size() || given > bits) {
      return std::nullopt;
    }
    bits = given;
  }
  if (base->network(bits) != *base) {
    return std::nullopt;
  }
  out.base_ = *base;
  out.bits_ = static_cast<std::uint8_t>(bits);
  return out;
}

bool IpNetwork::contains(const IpAddress& address) const {
  return address.octets().size() == base_.octets().size() && address.network(bits_) == base_;
}

std::string IpNetwork::text() const {
  return base_.is_known() ? base_.text() + '/' + std::to_string(bits_) : base_.text();
}

bool contains(const std::vector<IpNetwork>& networks, const IpAddress& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&address](const IpNetwork& network) { return network.contains(address); });
}

}  // namespace muster
