#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <utility>

// Certificates by their fingerprints, in the maps and sets that are asked at every step.
namespace muster::keeper {

/// SHA-256 of a certificate's DER: pki::Certificate::fingerprint().
using Fingerprint = std::array<std::uint8_t, 32>;

/// The order of the octets, as operator< has it, and so the same in every process. A fingerprint is
/// a hash: its first octets, compared as one number, nearly always tell already, and the call that
/// compares all of them is saved.   Threads: pure.
struct FingerprintOrder {
  bool operator()(const Fingerprint& a, const Fingerprint& b) const noexcept {
    const std::uint64_t first = head_of(a);
    const std::uint64_t second = head_of(b);
    return first != second ? first < second : a < b;
  }

 private:
  /// The first octets, the first of them the most significant.
  static std::uint64_t head_of(const Fingerprint& fingerprint) noexcept {
    std::uint64_t head = 0;
    std::memcpy(&head, fingerprint.data(), sizeof head);
    if constexpr (std::endian::native == std::endian::little) {
      head = __builtin_bswap64(head);
    }
    return head;
  }
};

/// By time, and at one instant in the order of the fingerprints: as pairs are ordered.
struct TimedFingerprintOrder {
  template <class Time>
  bool operator()(const std::pair<Time, Fingerprint>& a,
                  const std::pair<Time, Fingerprint>& b) const noexcept {
    return a.first != b.first ? a.first < b.first : FingerprintOrder()(a.second, b.second);
  }
};

template <class Value>
using FingerprintMap = std::map<Fingerprint, Value, FingerprintOrder>;
using FingerprintSet = std::set<Fingerprint, FingerprintOrder>;
/// What is to happen when, and to which certificate.
template <class Time>
using TimedFingerprints = std::set<std::pair<Time, Fingerprint>, TimedFingerprintOrder>;

}  // namespace muster::keeper
