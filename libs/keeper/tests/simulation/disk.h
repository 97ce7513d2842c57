#pragma once

#include <map>
#include <memory>
#include <unordered_map>

#include "muster/base/file_system.h"
#include "schedule.h"

namespace muster::keeper::simulation {

/// A directory on a disk with a cache before it: what is not synced may be lost in a crash, whole
/// or in part; changes of names are lost from the last back, as a journal loses them. The names
/// one directory holds are all there is.
class Disk final : public FileSystem {
 public:
  explicit Disk(std::uint64_t seed) : random_(seed) {}

  /// After so many more calls that change something the machine stops: nothing succeeds any more.
  void crash_after(unsigned more) { calls_left_ = more; }
  [[nodiscard]] bool has_crashed() const { return crashed_; }
  /// The machine starts again with what the disk has.
  void recover();
  /// The process ends without the machine: everything that was written is there.
  void abandon();
  /// While full, files cannot grow; while failing, each call fails with that chance.
  void set_full(bool full) { full_ = full; }
  void set_failing(double chance) { failing_ = chance; }
  /// Spoils the content of some file: octets flipped, cut, or those of another. Its name, or none.
  std::string spoil();
  [[nodiscard]] std::size_t files() const { return names_.size(); }
  std::uint64_t calls = 0;  ///< so far, that change something

  int create_temporary(std::string& name) override;
  ::ssize_t write(int fd, Bytes octets) override;
  int set_mode(int fd, ::mode_t mode) override;
  int sync(int fd) override;
  int close(int fd) override;
  int rename(const std::string& from, const std::string& to) override;
  int remove(const std::string& path) override;
  int sync_directory(const std::string& path) override;
  Result<Buffer, FileError> read(const std::string& path, std::size_t limit_bytes) override;
  FileStamp stamp(const std::string& path) override;
  std::vector<std::string> list(const std::string& directory) override;
  int make_directory(const std::string& path, ::mode_t mode) override;
  int lock_directory(const std::string& path, UniqueFd& lock) override;

 private:
  struct File {
    Buffer content;
    bool is_synced = false;
  };
  using FilePointer = std::shared_ptr<File>;
  using Names = std::map<std::string, FilePointer>;
  /// A change of names: `file` null takes it away.
  struct Change {
    std::string name;
    FilePointer file;
  };

  /// 0, or the error of a call that changes something.
  int step();
  void change(const std::string& name, FilePointer file);
  std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>(random_.next() * static_cast<double>(n));
  }

  Random random_;
  Names names_, durable_;
  std::vector<Change> changes_;  ///< since the directory was synced
  std::unordered_map<int, FilePointer> open_;
  int next_fd_ = 1'000'000;
  std::uint64_t next_name_ = 0;
  std::optional<unsigned> calls_left_;
  bool crashed_ = false, full_ = false;
  double failing_ = 0;
};

}  // namespace muster::keeper::simulation
