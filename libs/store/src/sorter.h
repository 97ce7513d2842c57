#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format.h"
#include "muster/base/file.h"

// Sorting more records than fit in memory: sorted runs go to a file and are merged on the way out.
namespace muster::store {

/// Serial and encoded status. View.
struct RecordView {
  Bytes serial;
  Bytes value;
};
/// The order of LMDB and of Serial: by octets, shorter first among equals.
inline int compare_serials(Bytes a, Bytes b) {
  const int order = std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
  return order != 0 ? order : (a.size() < b.size() ? -1 : (a.size() > b.size() ? 1 : 0));
}

/// Records packed behind each other, at most 4 GiB, with an index that can be sorted.
class RecordBatch {
 public:
  RecordBatch() = default;
  RecordBatch(RecordBatch&&) = delete;

  void add(RecordView record);
  /// Keeps the memory for the next records.
  void clear();
  /// Octets in use. While sort() runs, as much again as the index has.
  [[nodiscard]] std::size_t memory_bytes() const { return used_ + slots_.size() * sizeof(Slot); }
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] bool empty() const { return slots_.empty(); }
  [[nodiscard]] RecordView at(std::size_t i) const { return unpack(place(i)); }
  /// The whole record as it lies in memory: what unpack() reads.
  [[nodiscard]] Bytes packed(std::size_t i) const;
  /// All packed records, when they lie in the order of their index; else nothing.
  [[nodiscard]] std::optional<Bytes> packed() const;
  /// Whether the record added last has this serial.
  [[nodiscard]] bool ends_with(Bytes serial) const;
  /// Sorts by serial; records of one serial stay in the order they were added.
  void sort();
  /// After sort(): keeps the last record of each serial. Returns a serial that had two different
  /// values, if any.
  std::optional<Serial> remove_duplicates();
  /// Replaces the value of the record added last. Precondition: nothing was sorted since clear().
  void replace_last(Bytes value);

  /// The record that begins there.
  static RecordView unpack(const std::uint8_t* at) {
    return {{at + kHead, at[0]}, {at + kHead + at[0], at[1]}};
  }
  static constexpr std::size_t kHead = 2;  ///< serial size, value size; both follow

 private:
  struct Slot {
    std::uint64_t
        prefix;  ///< first octets of the serial, big endian: decides nearly every comparison
    std::uint32_t offset;
  };
  /// How far ahead records are asked for: what was sorted lies scattered, each a wait for memory.
  static constexpr std::size_t kAhead = 16;

  [[nodiscard]] const std::uint8_t* place(std::size_t i) const {
    if (i + kAhead < slots_.size()) {
      __builtin_prefetch(octets_.get() + slots_[i + kAhead].offset);
    }
    return octets_.get() + slots_[i].offset;
  }
  [[nodiscard]] RecordView view(const Slot& slot) const {
    return unpack(octets_.get() + slot.offset);
  }
  /// Where the next octets go; there is room for so many.
  std::uint8_t* make_room(std::size_t octets);
  void sort_by_prefix();

  // Not a vector: its growth would touch what is not in use yet.
  std::unique_ptr<std::uint8_t[]> octets_;
  std::size_t room_ = 0;
  std::size_t used_ = 0;
  std::vector<Slot> slots_;
  bool sorted_ = true;
  bool in_place_ = true;  // the records lie in the order of slots_, without gaps
};

/// Sorted records, one after the other.
class RecordStream {
 public:
  virtual ~RecordStream() = default;
  /// Fills `record`, valid until the next call. False at the end or after a failure.
  virtual bool next(RecordView& record) = 0;
  [[nodiscard]] virtual std::optional<StoreError> failure() const { return std::nullopt; }
};

class BatchStream final : public RecordStream {
 public:
  /// `batch` is sorted and outlives the stream.
  explicit BatchStream(const RecordBatch& batch) : batch_(batch) {}
  bool next(RecordView& record) override {
    if (next_ == batch_.size()) {
      return false;
    }
    record = batch_.at(next_++);
    return true;
  }

 private:
  const RecordBatch& batch_;
  std::size_t next_ = 0;
};

/// Takes records in any order and gives them back sorted; of one serial, older ones first.
class Sorter {
 public:
  Sorter(std::string directory, std::size_t memory_bytes)
      : directory_(std::move(directory)), memory_bytes_(memory_bytes) {}

  /// Errors: kDiskFull, kIo (of the spill file).
  StoreResult<Unit> add(RecordView record);
  /// Ends adding. Whether all of it is in batch(), sorted.
  enum class Where : std::uint8_t { kMemory, kSpilled };
  Where finish();
  [[nodiscard]] RecordBatch& batch() { return batch_; }
  /// All records in order; callable again. The sorter outlives it.
  [[nodiscard]] std::unique_ptr<RecordStream> stream() const;

 private:
  struct Run {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  StoreResult<Unit> spill();
  /// Appends to the spill file at `end`, which moves on.
  StoreResult<Unit> write_out(Bytes octets, std::uint64_t& end) const;

  std::string directory_;
  std::size_t memory_bytes_;
  RecordBatch batch_;
  UniqueFd file_;
  std::vector<Run> runs_;
};

}  // namespace muster::store
