#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace muster::responder {

/// Owner number one of many of a `T` that counts its owners itself: one pointer, where a shared_ptr
/// takes two and a block of its own. `T` has `std::atomic<std::uint32_t> owners`, zero when made,
/// and `static void destroy(T*)`. Threads: as shared_ptr.
template <class T>
class SharedRef {
 public:
  SharedRef() = default;
  explicit SharedRef(T* it) : it_(it) { hold(); }
  SharedRef(const SharedRef& other) : it_(other.it_) { hold(); }
  SharedRef(SharedRef&& other) noexcept : it_(std::exchange(other.it_, nullptr)) {}
  SharedRef& operator=(SharedRef other) noexcept {
    std::swap(it_, other.it_);
    return *this;
  }
  ~SharedRef() {
    if (it_ != nullptr && it_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      T::destroy(it_);
    }
  }
  explicit operator bool() const { return it_ != nullptr; }
  T* operator->() const { return it_; }
  T& operator*() const { return *it_; }
  [[nodiscard]] T* get() const { return it_; }
  bool operator==(const SharedRef&) const = default;

 private:
  void hold() const {
    if (it_ != nullptr) {
      it_->owners.fetch_add(1, std::memory_order_relaxed);
    }
  }
  T* it_ = nullptr;
};

}  // namespace muster::responder
