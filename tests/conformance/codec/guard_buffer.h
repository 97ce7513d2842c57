#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <string>

#include "muster/base/assert.h"
#include "muster/base/bytes.h"

namespace muster::testing {

/// A copy of some octets that ends where an inaccessible page begins: reading one octet too far
/// crashes the test, also without a sanitizer. The octets may be changed in place.
class GuardBuffer {
 public:
  explicit GuardBuffer(Bytes octets) : size_(octets.size()) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t usable = (size_ + page - 1) / page * page;
    mapped_ = usable + page;
    void* const memory =
        ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUSTER_ASSERT(memory != MAP_FAILED);
    base_ = static_cast<std::uint8_t*>(memory);
    MUSTER_ASSERT(::mprotect(base_ + usable, page, PROT_NONE) == 0);
    data_ = base_ + usable - size_;
    std::copy(octets.begin(), octets.end(), data_);
  }
  GuardBuffer(const GuardBuffer&) = delete;
  GuardBuffer& operator=(const GuardBuffer&) = delete;
  ~GuardBuffer() { ::munmap(base_, mapped_); }

  [[nodiscard]] Bytes bytes() const { return {data_, size_}; }
  [[nodiscard]] std::uint8_t& operator[](std::size_t i) { return data_[i]; }
  /// The first `n` octets, moved so that they end at the guard page. Undone by nothing: the rest is
  /// lost.
  void cut_to(std::size_t n) {
    std::copy_backward(data_, data_ + n, data_ + size_);
    data_ += size_ - n;
    size_ = n;
  }

 private:
  std::uint8_t* base_ = nullptr;
  std::uint8_t* data_ = nullptr;
  std::size_t size_;
  std::size_t mapped_ = 0;
};

/// The parser duty: `parse(Bytes)` sees `octets` cut at every length, longest first, and with each
/// octet flipped in turn (all bits, then the lowest), at a guard page. \param on_cut   called with
/// the shortened octets; \param on_flip with the changed ones.
inline void for_each_cut_and_flip(Bytes octets, const std::function<void(Bytes)>& on_cut,
                                  const std::function<void(Bytes)>& on_flip) {
  GuardBuffer whole(octets);
  for (std::size_t i = 0; i < octets.size(); ++i) {
    for (const unsigned mask : {0xffu, 0x01u}) {
      whole[i] = static_cast<std::uint8_t>(whole[i] ^ mask);
      on_flip(whole.bytes());
      whole[i] = static_cast<std::uint8_t>(whole[i] ^ mask);
    }
  }
  for (std::size_t n = octets.size(); n-- > 0;) {
    whole.cut_to(n);
    on_cut(whole.bytes());
  }
}

}  // namespace muster::testing
