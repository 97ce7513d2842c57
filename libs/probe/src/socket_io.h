#pragma once

#include <span>
#include <string_view>

#include "muster/base/bytes.h"
#include "muster/base/file.h"
#include "muster/base/result.h"
#include "muster/base/time.h"
#include "muster/base/turns.h"

// Sockets that do not block, used with deadlines. Who waits gives its turn up, if it has one;
// `then` is what comes after.
namespace muster::probe {

/// Time left until an instant, never negative.
Milliseconds left_until(MonotonicTime deadline);

enum class Readiness : std::uint8_t { kRead, kWrite };
/// Whether `fd` became ready before the deadline (an error on it counts as ready: the next call
/// tells).
bool wait_until_ready(int fd, Readiness what, MonotonicTime deadline,
                      AfterWait then = AfterWait::kMuch);

struct IoError {
  enum class Kind : std::uint8_t { kTimeout, kClosed };
  Kind kind;
  int os_error = 0;  ///< 0: closed in good order
};
/// All of it. A broken pipe is an error, no signal.
Result<Unit, IoError> send_all(int fd, std::string_view octets, MonotonicTime deadline,
                               AfterWait then = AfterWait::kMuch);
/// At least one octet; how many.
Result<std::size_t, IoError> receive_some(int fd, std::span<std::uint8_t> into,
                                          MonotonicTime deadline,
                                          AfterWait then = AfterWait::kMuch);
/// "", or ": Connection reset by peer".
std::string reason_text(const IoError& error);

}  // namespace muster::probe
