#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "muster/base/assert.h"

namespace muster {

/// Wraps an error on its way into a Result: `return Err{DerErrc::kTruncated};`.
template <class E>
struct Err {
  E value;
};
template <class E>
Err(E) -> Err<E>;

/// A value without information: the success of a Result that has nothing to return.
struct Unit {
  friend constexpr bool operator==(Unit, Unit) { return true; }
};

/// Either a value or an error; our code never throws (decision 001). Reading the side that is not
/// there is a broken invariant and stops the process. Threads: as T and E.
template <class T, class E>
class [[nodiscard]] Result {
  static_assert(!std::is_same_v<T, bool>, "use an enum: if (r) must not mean two things");

 public:
  using value_type = T;
  using error_type = E;

  // Implicit, so that functions return a value or an Err as it is.
  // NOLINTNEXTLINE(google-explicit-constructor)
  constexpr Result(T v) : rep_(std::in_place_index<0>, std::move(v)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  constexpr Result(Err<E> e) : rep_(std::in_place_index<1>, std::move(e.value)) {}

  constexpr explicit operator bool() const noexcept { return rep_.index() == 0; }
  constexpr const T& operator*() const& { return *must(std::get_if<0>(&rep_)); }
  constexpr T& operator*() & { return *must(std::get_if<0>(&rep_)); }
  constexpr T&& operator*() && { return std::move(*must(std::get_if<0>(&rep_))); }
  constexpr const T* operator->() const { return must(std::get_if<0>(&rep_)); }
  constexpr T* operator->() { return must(std::get_if<0>(&rep_)); }
  [[nodiscard]] constexpr const E& error() const { return *must(std::get_if<1>(&rep_)); }

 private:
  template <class P>
  static constexpr P* must(P* p) {
    MUSTER_ASSERT(p != nullptr);
    return p;
  }
  std::variant<T, E> rep_;
};

}  // namespace muster

#define MUSTER_CAT_(a, b) a##b
#define MUSTER_CAT(a, b) MUSTER_CAT_(a, b)

/// `MUSTER_TRY(auto x, expr);` binds the value of a Result or returns its error from this function.
#define MUSTER_TRY(lhs, expr)                                 \
  auto MUSTER_CAT(try_, __LINE__) = (expr);                   \
  if (!MUSTER_CAT(try_, __LINE__)) {                          \
    return ::muster::Err{MUSTER_CAT(try_, __LINE__).error()}; \
  }                                                           \
  lhs = *std::move(MUSTER_CAT(try_, __LINE__))

/// `MUSTER_CHECK(expr);` returns the error of a Result from this function, dropping its value.
#define MUSTER_CHECK(expr) MUSTER_CHECK_(expr, MUSTER_CAT(try_check_, __COUNTER__))
// The name is unique because `expr` may hold a lambda that uses MUSTER_CHECK itself.
#define MUSTER_CHECK_(expr, name)         \
  do {                                    \
    if (auto name = (expr); !name) {      \
      return ::muster::Err{name.error()}; \
    }                                     \
  } while (false)
