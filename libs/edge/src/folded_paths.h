#pragma once

#include <map>
#include <string>

// Which of the requests that come to one path has its file there.
namespace muster::edge {

/// Servers take several slashes in a row for one, so that requests (base64) which differ in where
/// those are come to one path (paths.h). The first that claims it has it. Threads: one.
class FoldedPaths {
 public:
  /// Whether the path is this one's own.
  bool claim(const std::string& name, const std::string& path);
  /// Whether another has claimed it.
  [[nodiscard]] bool is_anothers(const std::string& name, const std::string& path) const;

 private:
  std::map<std::string, std::string> owners_;  ///< by path; of names with several slashes alone
};

}  // namespace muster::edge
