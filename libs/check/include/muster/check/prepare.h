#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "muster/check/plan.h"

// From what the user named to single things to judge: files are read, directories walked, bundles
// and manifests taken apart. Nobody is connected to or asked.
namespace muster::check {

/// Of one file; and of all that lies in one directory, counted by files.
inline constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20;
inline constexpr std::size_t kMaxDirectoryDepth = 16;
inline constexpr std::size_t kMaxDirectoryFiles = 100'000;
/// Of one run, whatever it takes to name them.
inline constexpr std::size_t kMaxUnits = 10'000;

using Certificates = std::vector<pki::Certificate>;

/// Something of a file, or a serial.
struct Question {
  client::Subject subject;
  /// Issuers may be among them: those of its file, and those of its directory. May be null.
  std::shared_ptr<const Certificates> beside, around;
  std::vector<client::NamedOctets> responses{};  ///< OCSP responses that came along
};
/// A target of which nothing can be judged.
struct Problem {
  client::Outcome outcome;
  std::string detail;
};
/// One thing to judge.
struct Unit {
  std::string
      target;  ///< as the user named it; of a directory, its file; of a manifest, its Secret
  std::variant<HostTarget, Question, Problem> what;
};

struct Prepared {
  std::vector<Unit> units;         ///< in the order of the targets, then the serials
  std::vector<std::string> notes;  ///< one sentence each: what was passed over, and where
};

/// In a directory, recursively: files that hold nothing to judge are passed over and counted, and
/// so are those that may not be read or are too large; a damaged certificate is a problem as it is
/// in a file that was named. All files of a directory count as one heap: a certificate that was met
/// before is judged once, and one that issued another is no question but a helper, as in a bundle.
/// Symbolic links to directories, names that begin with '.', and what is no regular file are not
/// followed, read or counted. A saved response by itself is judged about each serial it names, if
/// the issuer is among `issuers`, the directory's certificates or the anchors. Blocking: reads
/// files. \return Errors: one sentence, when a limit is passed or the issuer of the serials is not
/// clear.
Result<Prepared, std::string> prepare(const Plan& plan);

/// The targets of a list: one a line; blank lines and those that begin with '#' say nothing, and
/// neither does what follows a '#' behind a blank. Errors: one sentence with the line.
Result<std::vector<std::string>, std::string> parse_target_list(Bytes text);

/// A serial number in one of the forms in which programs print them: hexadecimal with or without
/// colons, blanks or "0x" ("04:a1", "04 A1", "0x4a1", "serial=04A1"), or "decimal=1185" (not "0d":
/// one serial in 256 begins so). Digits alone are hexadecimal. Errors: one sentence.
Result<Serial, std::string> parse_serial(std::string_view text);

}  // namespace muster::check
