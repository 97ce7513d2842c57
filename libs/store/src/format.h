#pragma once

#include <array>
#include <optional>

#include "muster/store/store.h"
#include "siphash.h"

// Octets on disk, exactly as docs/formats/store.md says. Pure.
namespace muster::store {

inline constexpr std::uint32_t kFormatVersion = 2;
/// Read as well; opening such a store for writing makes it one of kFormatVersion.
inline constexpr std::uint32_t kOldestFormatVersion = 1;
inline constexpr std::string_view kFormatMagic = "muster-store";

/// Partition: a named database that holds the records of one issuer. Numbered from 1 without gaps,
/// never deleted.
enum class PartitionId : std::uint32_t {};
enum class PartitionState : std::uint8_t { kFree = 0, kLoading = 1, kLive = 2 };  // persistent
struct PartitionEntry {
  PartitionState state = PartitionState::kFree;
  IssuerId issuer{};
};
/// "p0000002a"
std::string partition_name(PartitionId id);

/// Sum of the records' keyed hashes, lane by lane: independent of order, so a change costs one
/// subtraction and one addition.
struct Checksum {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  void add(const SipHash::Digest& d) {
    low += d.low;
    high += d.high;
  }
  void subtract(const SipHash::Digest& d) {
    low -= d.low;
    high -= d.high;
  }
  friend bool operator==(const Checksum&, const Checksum&) = default;
};
/// Hash of one record: serial length, serial, value.
SipHash::Digest record_digest(const SipHash::Key& seed, Bytes serial, Bytes value);

/// A status as it is stored; at most kMaxValueOctets.
inline constexpr std::size_t kMaxValueOctets = 16;
struct Value {
  std::array<std::uint8_t, kMaxValueOctets> octets{};
  std::uint8_t size = 0;
  [[nodiscard]] Bytes bytes() const { return {octets.data(), size}; }
};
/// Nothing when the status contradicts itself (revoked without a time, good with one or with a
/// reason, a hold of a CRL with another reason than certificateHold) or holds a time beyond 40
/// bits.
std::optional<Value> encode_status(const Status& status);
/// Nothing when the octets are no value.
std::optional<Status> decode_status(Bytes value);
/// Whether a stored value says revoked or on hold, without decoding the rest.
inline bool is_revoked_value(Bytes value) { return !value.empty() && (value[0] & 3u) != 0; }

struct IssuerRecord {
  IssuerState state;
  PartitionId partition{};
  Checksum checksum;
};
Buffer encode_issuer(const IssuerRecord& record);
std::optional<IssuerRecord> decode_issuer(Bytes octets);

std::array<std::uint8_t, 5> encode_partition(const PartitionEntry& entry);
std::optional<PartitionEntry> decode_partition(Bytes octets);

Buffer encode_format();
/// The version a format record names; nothing when it is none.
std::optional<std::uint32_t> decode_format(Bytes octets);

template <class T>
std::array<std::uint8_t, sizeof(T)> big_endian(T value) {
  std::array<std::uint8_t, sizeof(T)> octets{};
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    octets[i] =
        static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * (sizeof(T) - 1 - i)));
  }
  return octets;
}
template <class T>
std::optional<T> from_big_endian(Bytes octets) {
  if (octets.size() != sizeof(T)) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const std::uint8_t octet : octets) {
    value = value << 8 | octet;
  }
  return static_cast<T>(value);
}

}  // namespace muster::store
