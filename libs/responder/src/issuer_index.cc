#include "muster/responder/issuer_index.h"

#include <algorithm>
#include <cstring>

namespace muster::responder {
namespace {

// Digests are uniform already; operators fill the table, strangers only look things up in it.
std::size_t mix(HashAlgorithm hash, Bytes name_hash, Bytes key_hash) {
  std::uint64_t name = 0;
  std::uint64_t key = 0;
  std::memcpy(&name, name_hash.data(), std::min<std::size_t>(sizeof name, name_hash.size()));
  std::memcpy(&key, key_hash.data(), std::min<std::size_t>(sizeof key, key_hash.size()));
  return static_cast<std::size_t>(name ^ (key << 1U | key >> 63U) ^
                                  static_cast<std::uint64_t>(hash));
}

bool same(const Buffer& stored, HashAlgorithm hash, Bytes name_hash, Bytes key_hash) {
  const Bytes octets(stored);
  return octets.size() == 1 + name_hash.size() + key_hash.size() &&
         octets[0] == static_cast<std::uint8_t>(hash) + 1U &&
         equal(octets.subspan(1, name_hash.size()), name_hash) &&
         equal(octets.subspan(1 + name_hash.size()), key_hash);
}

}  // namespace

std::size_t IssuerIndex::place(HashAlgorithm hash, Bytes name_hash, Bytes key_hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = mix(hash, name_hash, key_hash) & mask;
  while (!slots_[at].key.empty() && !same(slots_[at].key, hash, name_hash, key_hash)) {
    at = (at + 1) & mask;
  }
  return at;
}

void IssuerIndex::grow() {
  std::vector<Slot> old = std::move(slots_);
  slots_ = std::vector<Slot>(old.size() * 2);
  for (Slot& slot : old) {
    if (slot.key.empty()) {
      continue;
    }
    const Bytes key(slot.key);
    const auto hash = static_cast<HashAlgorithm>(key[0] - 1);
    const std::size_t size = digest_size(hash);
    const std::size_t at = place(hash, key.subspan(1, size), key.subspan(1 + size));
    slots_[at] = std::move(slot);
  }
}

IssuerIndex::Added IssuerIndex::add(HashAlgorithm hash, const pki::Certificate& certificate,
                                    std::size_t issuer) {
  if ((used_ + 1) * 2 > slots_.size()) {
    grow();
  }
  // The subject as encoded and the key bits themselves: a subject key identifier may be anything
  // (OCSP-RESP-023).
  const Buffer name_hash = pki::digest(hash, certificate.subject());
  const Buffer key_hash = pki::digest(hash, certificate.public_key_bits());
  Slot& slot = slots_[place(hash, name_hash, key_hash)];
  if (!slot.key.empty()) {
    return Added::kAlreadyThere;
  }
  slot.key.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(hash) + 1U));
  slot.key.insert(slot.key.end(), name_hash.begin(), name_hash.end());
  slot.key.insert(slot.key.end(), key_hash.begin(), key_hash.end());
  slot.issuer = issuer;
  ++used_;
  return Added::kNew;
}

std::optional<std::size_t> IssuerIndex::find(HashAlgorithm hash, Bytes name_hash,
                                             Bytes key_hash) const {
  if (name_hash.size() != digest_size(hash) || key_hash.size() != digest_size(hash)) {
    return std::nullopt;
  }
  const Slot& slot = slots_[place(hash, name_hash, key_hash)];
  if (slot.key.empty()) {
    return std::nullopt;
  }
  return slot.issuer;
}

}  // namespace muster::responder
