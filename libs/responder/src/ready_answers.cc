#include "ready_answers.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

namespace muster::responder {
namespace {

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

std::uint64_t draw_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) | device();
}

}  // namespace

ReadyAnswers::ReadyAnswers(std::size_t capacity)
    : places_(capacity == 0 ? 0 : std::bit_floor(std::max(capacity, kWays) / kWays) * kWays), seed_(draw_seed()) {}

std::uint64_t ReadyAnswers::hash(Bytes cert_id) const {
  std::uint64_t h = seed_ ^ cert_id.size();
  while (!cert_id.empty()) {
    std::uint64_t chunk = 0;
    const std::size_t n = std::min(sizeof chunk, cert_id.size());
    std::memcpy(&chunk, cert_id.data(), n);
    h = fold(h ^ chunk, seed_ | 0x9e3779b97f4a7c15U);
    cert_id = cert_id.subspan(n);
  }
  return h;
}

ReadyAnswer* ReadyAnswers::find(Bytes cert_id) {
  if (places_.empty()) {
    return nullptr;
  }
  const std::uint64_t h = hash(cert_id);
  const std::size_t first = (h & (places_.size() / kWays - 1)) * kWays;
  for (std::size_t i = first; i < first + kWays; ++i) {
    if (places_[i].hash == h && equal(places_[i].cert_id, cert_id)) {
      places_[i].last_used = ++uses_;
      return &places_[i];
    }
  }
  return nullptr;
}

ReadyAnswer* ReadyAnswers::claim(Bytes cert_id) {
  if (ReadyAnswer* there = find(cert_id); there != nullptr || places_.empty()) {
    return there;
  }
  const std::uint64_t h = hash(cert_id);
  const std::size_t first = (h & (places_.size() / kWays - 1)) * kWays;
  ReadyAnswer* oldest = &places_[first];
  for (std::size_t i = first; i < first + kWays; ++i) {
    if (places_[i].last_used < oldest->last_used) {
      oldest = &places_[i];
    }
  }
  oldest->cert_id.assign(cert_id.begin(), cert_id.end());
  oldest->hash = h;
  oldest->last_used = ++uses_;
  return oldest;
}

void ReadyAnswers::clear() {
  for (ReadyAnswer& place : places_) {
    place = ReadyAnswer{};
  }
}

}  // namespace muster::responder
