#include "format.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "muster/base/words.h"

namespace muster::store {
namespace {

// A time is 40 bits: seconds since 1970 plus 2^39, so that octet order is time order and negative
// ones fit.
constexpr std::int64_t kTimeBias = std::int64_t{1} << 39;
constexpr std::size_t kTimeOctets = 5;

bool is_hold_reason(const std::optional<ReasonCode>& reason) {
  return reason == ReasonCode::kCertificateHold;
}

bool time_fits(const std::optional<UnixSeconds>& t) {
  return !t || (to_int(*t) >= -kTimeBias && to_int(*t) < kTimeBias);
}

void put_time(UnixSeconds t, std::uint8_t* out) {
  const auto biased = static_cast<std::uint64_t>(to_int(t) + kTimeBias);
  std::array<std::uint8_t, sizeof biased> octets;
  store_big(biased << (8 * (sizeof biased - kTimeOctets)), octets.data());
  std::memcpy(out, octets.data(), kTimeOctets);
}

UnixSeconds get_time(const std::uint8_t* octets) {
  std::uint64_t biased = 0;
  for (unsigned i = 0; i < kTimeOctets; ++i) {
    biased = biased << 8 | octets[i];
  }
  return unix_seconds(static_cast<std::int64_t>(biased) - kTimeBias);
}

/// Appends fields to a record.
class Out {
 public:
  void octets(Bytes b) { out_.insert(out_.end(), b.begin(), b.end()); }
  void u8(std::uint8_t v) { out_.push_back(v); }
  void u16(std::size_t v) { octets(big_endian(static_cast<std::uint16_t>(v))); }
  void u32(std::uint32_t v) { octets(big_endian(v)); }
  void u64(std::uint64_t v) { octets(big_endian(v)); }
  void time(UnixSeconds t) {
    std::array<std::uint8_t, kTimeOctets> encoded{};
    put_time(t, encoded.data());
    octets(encoded);
  }
  Buffer take() { return std::move(out_); }

 private:
  Buffer out_;
};

/// Takes fields from a record; after a shortage every further field is empty or zero and ok() is
/// false.
class In {
 public:
  explicit In(Bytes b) : rest_(b) {}
  Bytes octets(std::size_t n) {
    if (n > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const Bytes taken = rest_.first(n);
    rest_ = rest_.subspan(n);
    return taken;
  }
  template <class T>
  T number() {
    return from_big_endian<T>(octets(sizeof(T))).value_or(T{});
  }
  UnixSeconds time() {
    const Bytes taken = octets(kTimeOctets);
    return taken.empty() ? UnixSeconds{} : get_time(taken.data());
  }
  [[nodiscard]] bool ok() const { return ok_ && rest_.empty(); }

 private:
  Bytes rest_;
  bool ok_ = true;
};

// Flags of an issuer's entry.
constexpr unsigned kKnowsIssued = 1;
constexpr unsigned kHasThisUpdate = 2;
constexpr unsigned kHasNextUpdate = 4;
constexpr unsigned kHasCrlNumber = 8;
constexpr unsigned kHasNotRevokedUntil = 16;
constexpr unsigned kHasNeverIssuedUntil = 32;
constexpr unsigned kIssuerFlags = kKnowsIssued | kHasThisUpdate | kHasNextUpdate | kHasCrlNumber |
                                  kHasNotRevokedUntil | kHasNeverIssuedUntil;

// State in the first octet of a status: told by a CRL, on hold when that is the reason, revoked
// otherwise. The others are those of State.
constexpr unsigned kToldByCrl = 3;

// Flags in the first octet of a status.
constexpr unsigned kHasInvalidity = 0x40;
constexpr unsigned kHasExpires = 0x80;

}  // namespace

std::string partition_name(PartitionId id) {
  char text[16];
  std::snprintf(text, sizeof text, "p%08x", static_cast<unsigned>(id));
  return text;
}

SipHash::Digest record_digest(const SipHash::Key& seed, Bytes serial, Bytes value) {
  SipHash hash(seed);
  const std::uint8_t length = static_cast<std::uint8_t>(serial.size());
  hash.add({&length, 1});
  hash.add(serial);
  hash.add(value);
  return hash.finish();
}

std::optional<Value> encode_status(const Status& status) {
  const bool revoked = status.state != State::kGood;
  if (revoked != status.revoked_at.has_value() ||
      (!revoked && (status.reason || status.invalidity_date)) || !time_fits(status.revoked_at) ||
      !time_fits(status.expires) || !time_fits(status.invalidity_date)) {
    return std::nullopt;
  }
  if (status.told_by_crl &&
      (!revoked || (status.state == State::kHold) != is_hold_reason(status.reason))) {
    return std::nullopt;
  }
  Value value;
  unsigned head = status.told_by_crl ? kToldByCrl : static_cast<unsigned>(status.state);
  head |= (status.reason ? static_cast<unsigned>(*status.reason) + 1u : 0u) << 2;
  value.size = 1;
  const auto append = [&value](const std::optional<UnixSeconds>& t) {
    if (t) {
      put_time(*t, value.octets.data() + value.size);
      value.size = static_cast<std::uint8_t>(value.size + kTimeOctets);
    }
  };
  append(status.revoked_at);
  append(status.expires);
  append(status.invalidity_date);
  head |= (status.expires ? kHasExpires : 0u) | (status.invalidity_date ? kHasInvalidity : 0u);
  value.octets[0] = static_cast<std::uint8_t>(head);
  return value;
}

std::optional<Status> decode_status(Bytes value) {
  if (value.empty()) {
    return std::nullopt;
  }
  const unsigned head = value[0];
  const unsigned state = head & 3u;
  const unsigned reason = (head >> 2) & 15u;
  const bool revoked = state != 0;
  const bool expires = (head & kHasExpires) != 0;
  const bool invalidity = (head & kHasInvalidity) != 0;
  const std::size_t times = (revoked ? 1u : 0u) + (expires ? 1u : 0u) + (invalidity ? 1u : 0u);
  if (value.size() != 1 + times * kTimeOctets || (!revoked && (reason != 0 || invalidity))) {
    return std::nullopt;
  }
  Status status;
  if (reason != 0) {
    status.reason = make_reason_code(reason - 1);
    if (!status.reason) {
      return std::nullopt;
    }
  }
  status.told_by_crl = state == kToldByCrl;
  status.state = !status.told_by_crl             ? static_cast<State>(state)
                 : is_hold_reason(status.reason) ? State::kHold
                                                 : State::kRevoked;
  const std::uint8_t* next = value.data() + 1;
  const auto take = [&next](bool present, std::optional<UnixSeconds>& t) {
    if (present) {
      t = get_time(next);
      next += kTimeOctets;
    }
  };
  take(revoked, status.revoked_at);
  take(expires, status.expires);
  take(invalidity, status.invalidity_date);
  return status;
}

Buffer encode_issuer(const IssuerRecord& record) {
  const IssuerState& s = record.state;
  Out out;
  out.octets(s.key.digest);
  out.u32(static_cast<std::uint32_t>(record.partition));
  unsigned flags = s.knows_issued == KnowsIssued::kYes ? kKnowsIssued : 0u;
  flags |= s.this_update ? kHasThisUpdate : 0u;
  flags |= s.next_update ? kHasNextUpdate : 0u;
  flags |= s.crl_number ? kHasCrlNumber : 0u;
  flags |= s.not_revoked_until ? kHasNotRevokedUntil : 0u;
  flags |= s.never_issued_until ? kHasNeverIssuedUntil : 0u;
  out.u8(static_cast<std::uint8_t>(flags));
  out.time(s.loaded_at);
  out.u64(s.sequence);
  out.u64(s.records);
  out.u64(s.revoked);
  out.u64(record.checksum.low);
  out.u64(record.checksum.high);
  if (s.this_update) {
    out.time(*s.this_update);
  }
  if (s.next_update) {
    out.time(*s.next_update);
  }
  if (s.crl_number) {
    out.u16(s.crl_number->size());
    out.octets(*s.crl_number);
  }
  if (s.not_revoked_until) {
    out.time(*s.not_revoked_until);
  }
  if (s.never_issued_until) {
    out.time(*s.never_issued_until);
  }
  out.u16(s.label.size());
  out.octets(as_bytes(s.label));
  return out.take();
}

std::optional<IssuerRecord> decode_issuer(Bytes octets) {
  In in(octets);
  IssuerRecord record;
  IssuerState& s = record.state;
  const Bytes key = in.octets(s.key.digest.size());
  std::copy(key.begin(), key.end(), s.key.digest.begin());
  record.partition = in.number<PartitionId>();
  const unsigned flags = in.number<std::uint8_t>();
  s.knows_issued = (flags & kKnowsIssued) != 0 ? KnowsIssued::kYes : KnowsIssued::kNo;
  s.loaded_at = in.time();
  s.sequence = in.number<std::uint64_t>();
  s.records = in.number<std::uint64_t>();
  s.revoked = in.number<std::uint64_t>();
  record.checksum.low = in.number<std::uint64_t>();
  record.checksum.high = in.number<std::uint64_t>();
  if ((flags & kHasThisUpdate) != 0) {
    s.this_update = in.time();
  }
  if ((flags & kHasNextUpdate) != 0) {
    s.next_update = in.time();
  }
  if ((flags & kHasCrlNumber) != 0) {
    s.crl_number = to_buffer(in.octets(in.number<std::uint16_t>()));
  }
  if ((flags & kHasNotRevokedUntil) != 0) {
    s.not_revoked_until = in.time();
  }
  if ((flags & kHasNeverIssuedUntil) != 0) {
    s.never_issued_until = in.time();
  }
  s.label = as_text(in.octets(in.number<std::uint16_t>()));
  if (!in.ok() || (flags & ~kIssuerFlags) != 0) {
    return std::nullopt;
  }
  return record;
}

std::array<std::uint8_t, 5> encode_partition(const PartitionEntry& entry) {
  std::array<std::uint8_t, 5> octets{static_cast<std::uint8_t>(entry.state)};
  const auto issuer = big_endian(static_cast<std::uint32_t>(entry.issuer));
  std::copy(issuer.begin(), issuer.end(), octets.begin() + 1);
  return octets;
}

std::optional<PartitionEntry> decode_partition(Bytes octets) {
  if (octets.size() != 5 || octets[0] > static_cast<std::uint8_t>(PartitionState::kLive)) {
    return std::nullopt;
  }
  return PartitionEntry{static_cast<PartitionState>(octets[0]),
                        *from_big_endian<IssuerId>(octets.subspan(1))};
}

Buffer encode_format() {
  Out out;
  out.octets(as_bytes(kFormatMagic));
  out.u32(kFormatVersion);
  return out.take();
}

std::optional<std::uint32_t> decode_format(Bytes octets) {
  if (octets.size() != kFormatMagic.size() + 4 ||
      !equal(octets.first(kFormatMagic.size()), as_bytes(kFormatMagic))) {
    return std::nullopt;
  }
  return from_big_endian<std::uint32_t>(octets.subspan(kFormatMagic.size()));
}

}  // namespace muster::store
