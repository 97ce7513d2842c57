#pragma once

namespace muster {

/// For unique_ptr: frees with a function of a C library.
template <auto Free>
struct CDeleter {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};

}  // namespace muster
