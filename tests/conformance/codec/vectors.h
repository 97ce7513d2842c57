#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "muster/base/bytes.h"
#include "muster/base/time.h"

// The collection of OCSP requests, responses and CRLs other projects test with, and what they
// expect of each (shared/vectors/manifest.json). Read only by tests; never part of the repository.
namespace muster::vectors {

enum class Kind : std::uint8_t { kRequest, kResponse, kCrl };

/// What upstream asserts. Empty and absent members are not asserted.
struct Expected {
  std::string parse;                 ///< "ok", "fail"
  std::string response_status;       ///< "successful", "malformedRequest", ...
  std::string cert_status;           ///< "good", "revoked", "unknown"
  std::string signature;             ///< "good", "bad"
  std::string responder_authorised;  ///< "yes", "no"
  std::optional<std::int64_t> revocation_time;
  std::optional<std::int64_t> revocation_reason;
  std::string overall;  ///< "good", "revoked", "unknown", "accept", "reject", "undetermined",
                        ///< "no-match", "parsed", "unstated"
  std::string why;      ///< layer that decides: "parse", "signature", "responder", "time", ...
  nlohmann::json fields = nlohmann::json::object();
};

struct Case {
  std::string id;
  Kind kind;
  std::string main;  ///< role of the file that is judged
  std::map<std::string, std::vector<std::string>, std::less<>> files;  ///< role -> absolute paths
  nlohmann::json params = nlohmann::json::object();
  std::optional<UnixSeconds> verify_time;
  Expected expected;
  std::string note;

  [[nodiscard]] std::size_t count(std::string_view role) const;
  /// Octets of a file. Stops the test program when the manifest names none or it cannot be read.
  [[nodiscard]] Buffer read(std::string_view role, std::size_t index = 0) const;
  [[nodiscard]] Buffer read_main() const { return read(main); }
};

/// The folder: environment MUSTER_VECTORS, else ../shared/vectors beside the project.
std::string folder();
/// Every case, in the order of the manifest; empty when the folder is absent: skip with kAbsent
/// then.
const std::vector<Case>& all_cases();
inline constexpr std::string_view kAbsent =
    "the shared vectors are absent: set MUSTER_VECTORS to the folder that holds manifest.json";

/// Judges cases against a list of known differences, one `id | expectation | reason | clause of the
/// standard` a line, '#' starting a comment line. The list must be exact: an entry about a case
/// that does not differ (any more) is a problem too.
class Judge {
 public:
  /// Stops the test program when the file cannot be read or a line has another form.
  explicit Judge(const std::string& differences_path);
  /// Notes one expectation, named as in the manifest: "parse", "cert_status", "fields.serial".
  void expect(const Case& c, std::string_view expectation, std::string_view wanted,
              std::string_view got);
  /// One line for each unlisted difference and each listed one that was not seen; empty when all is
  /// as told.
  [[nodiscard]] std::vector<std::string> problems() const;
  [[nodiscard]] std::size_t checks() const { return checks_; }
  [[nodiscard]] std::size_t differences() const { return seen_.size(); }

 private:
  std::set<std::string> listed_;  // "id | expectation"
  std::set<std::string> seen_;
  std::vector<std::string> unlisted_;
  std::size_t checks_ = 0;
};

}  // namespace muster::vectors
