#pragma once

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
  void add(RecordView record);
  void clear();
  [[nodiscard]] std::size_t memory_bytes() const {
    return octets_.size() + slots_.size() * sizeof(Slot);
  }
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] bool empty() const { return slots_.empty(); }
  [[nodiscard]] RecordView at(std::size_t i) const { return view(slots_[i]); }
  /// Sorts by serial; records of one serial stay in the order they were added.
  void sort();
  /// After sort(): keeps the last record of each serial. Returns a serial that had two different
  /// values, if any.
  std::optional<Serial> remove_duplicates();
  /// Replaces the value of the record added last.
  void replace_last(Bytes value);

 private:
  struct Slot {
    std::uint64_t
        prefix;  ///< first octets of the serial, big endian: decides nearly every comparison
    std::uint32_t offset;
  };
  [[nodiscard]] RecordView view(const Slot& slot) const;

  Buffer octets_;  // each: serial size, value size, serial, value
  std::vector<Slot> slots_;
  bool sorted_ = true;
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

  std::string directory_;
  std::size_t memory_bytes_;
  RecordBatch batch_;
  UniqueFd file_;
  std::vector<Run> runs_;
};

}  // namespace muster::store
