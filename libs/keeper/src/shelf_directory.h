#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

// What the shelf asks of its directory beside reading and writing files.
namespace muster::keeper {

/// Tells one state of a file from another; zero when there is no file.
struct FileStamp {
  ::ino_t inode = 0;
  ::off_t size = 0;
  std::int64_t seconds = 0, nanoseconds = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

FileStamp stamp_of(const std::string& path);

/// A crash between creating a temporary file and its rename leaves it behind.
void remove_leftovers(const std::string& directory);

}  // namespace muster::keeper
