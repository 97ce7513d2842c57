#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "muster/base/bytes.h"
#include "muster/base/file.h"
#include "muster/base/time.h"

// Talking to a running stapler (docs/formats/stapler-control.md, decision 053).
namespace muster::stapler {

inline constexpr std::string_view kControlSocketName = "control.sock";

/// Exit codes that the stapler gives for the command that asks, besides 0 and 1.
inline constexpr int kControlUsage = 64;
inline constexpr int kControlInput = 66;
inline constexpr int kControlBusy = 75;

/// Where the socket of a shelf is, in a spelling that fits into a socket's address however long the
/// directory's path is. Lifetime: the text is good while this lives.
class ControlPath {
 public:
  ControlPath() = default;
  /// Error: a sentence.
  static Result<ControlPath, std::string> of(const std::string& directory);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  UniqueFd directory_;
  std::string text_;
};

/// What became of a question.
struct ControlEnd {
  enum class How : std::uint8_t {
    kAnswered,
    kNobody,  ///< no stapler runs for this shelf
    kFailed,  ///< it runs, and did not answer as it should, or may not be asked by us
  } how = How::kAnswered;
  int exit_code = 0;  ///< of kAnswered
  std::string text;   ///< a sentence
};
/// Asks the stapler of a shelf, and waits. \param request  one line of JSON \param on_line  called
/// with "text" of each line but the last; whether it tells of a failure \param patience  for the
/// whole answer.   Threads: any; blocks.
ControlEnd ask_stapler(const std::string& directory, const std::string& request,
                       Milliseconds patience,
                       const std::function<void(const std::string& text, bool failed)>& on_line);

/// Requests, as text.
namespace control {
struct Pair {
  Bytes certificate;  ///< DER
  Bytes issuer;       ///< DER; empty: the stapler looks for it where it finds issuers
};
std::string refresh(const std::vector<std::string>& certificates, Seconds timeout, bool wait);
std::string pin(const std::string& certificate, Bytes response, const std::string& source,
                UnixSeconds until);
std::string unpin(const std::string& certificate);
std::string pause(const std::vector<std::string>& certificates, std::optional<Seconds> duration);
std::string resume(const std::vector<std::string>& certificates);
std::string import(Bytes response, const std::string& source);
/// \param path  of the file that the certificates are from, absolute; empty: from none. When the
/// inventory was read from it, the wait ends when the stapler has taken the certificates up.
std::string wait(const std::string& name, const std::vector<Pair>& pairs, Seconds timeout,
                 bool served, const std::string& path = {});
}  // namespace control

}  // namespace muster::stapler
