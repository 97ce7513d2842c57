#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/base/file.h"
#include "muster/base/log.h"
#include "muster/base/time.h"

// What happened to each certificate's staples: a record that is only appended to
// (docs/formats/history.md).
namespace muster::stapler {

/// One line. What is empty or absent is not written.
struct HistoryEvent {
  UnixSeconds at{};
  /// "answer", "offer", "withdrawn", "target", "read-back", "pin", "unpin", "pause", "resume",
  /// "import", "staged". Stable.
  std::string event{};
  std::string certificate{};  ///< fingerprint in hexadecimal; empty: all of them
  std::string name{};
  std::string result{};    ///< a word: what came of it
  std::string response{};  ///< SHA-256 of the OCSPResponse, hexadecimal
  std::string status{};    ///< "good", "on hold", "revoked", "unknown"
  std::optional<UnixSeconds> this_update{}, expires{};
  std::string source{};  ///< URL, or "file:" and a path
  std::optional<Milliseconds> took{};
  std::string target{}, address{};
  std::string detail{};  ///< a sentence
};

/// One line, without its end.
std::string encode_history(const HistoryEvent& event);
/// Nothing for what is no such line: the end of a disk or of a process may have torn it.
std::optional<HistoryEvent> parse_history(std::string_view line);

/// The files: `history.jsonl`, and `history.1.jsonl`, which it becomes when it holds half of
/// `limit` octets. Written without waiting for the disk. Threads: one.
class History {
 public:
  /// \param directory  empty: nothing is written   \param limit  of both files; 0: likewise
  History(std::string directory, std::uint64_t limit, Logger& logger);
  void add(const HistoryEvent& event);

 private:
  void write(const std::string& line);
  bool open();
  void turn_over();
  void complain(int error);

  const std::string path_, older_path_;
  const std::uint64_t half_;
  Logger& logger_;
  UniqueFd file_;
  std::uint64_t size_ = 0;
  bool is_torn_ = false;  ///< the last line has no end
  bool complained_ = false;
};

struct HistoryQuery {
  std::string certificate{};  ///< fingerprint, or name; empty: all
  std::size_t last = 0;       ///< at most so many, the newest; 0: all
};
/// Oldest first. Lines about all certificates are told, too. Error: a sentence.
Result<std::vector<HistoryEvent>, std::string> read_history(const std::string& directory,
                                                            const HistoryQuery& query);
/// A table for people.
std::string render_history(const std::vector<HistoryEvent>& events);

}  // namespace muster::stapler
