#include "sorter.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "error.h"
#include "muster/base/words.h"

namespace muster::store {
namespace {

constexpr std::size_t kMaxRecordOctets = RecordBatch::kHead + kMaxSerialOctets + kMaxValueOctets;
constexpr std::size_t kRunBufferOctets = std::size_t{256} << 10;
constexpr std::size_t kLeastRoom = 4096;

std::uint64_t prefix_of(Bytes serial) {
  if (serial.size() >= sizeof(std::uint64_t)) {
    return load_big(serial.data());
  }
  std::uint64_t prefix = 0;
  for (std::size_t i = 0; i < serial.size(); ++i) {
    prefix |= std::uint64_t{serial[i]} << (56 - 8 * i);
  }
  return prefix;
}

/// The order of two serials whose prefixes are known. Zeros that fill up a short one's prefix make
/// it equal to a longer one's or less, as its length does.
int compare(std::uint64_t prefix_a, Bytes a, std::uint64_t prefix_b, Bytes b) {
  if (prefix_a != prefix_b) {
    return prefix_a < prefix_b ? -1 : 1;
  }
  return compare_serials(a, b);
}

/// A file without a name in `directory`: gone with the process, however that ends.
int open_unnamed(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) {
    return fd;
  }
  std::string name = directory + "/sort.XXXXXX";
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) {
    ::unlink(name.c_str());
  }
  return named;
}

/// Reads one run of the spill file.
class FileRun final : public RecordStream {
 public:
  FileRun(int fd, std::uint64_t begin, std::uint64_t end, const std::string& directory)
      : fd_(fd),
        next_(begin),
        end_(end),
        directory_(directory),
        buffer_(std::min<std::uint64_t>(kRunBufferOctets, end - begin)) {}

  bool next(RecordView& record) override {
    if (held_ - used_ < kMaxRecordOctets && next_ < end_ && !refill()) {
      return false;
    }
    if (used_ == held_) {
      return false;
    }
    const std::uint8_t* at = buffer_.data() + used_;
    record = RecordBatch::unpack(at);
    used_ += RecordBatch::kHead + at[0] + at[1];
    return true;
  }
  [[nodiscard]] std::optional<StoreError> failure() const override { return failure_; }

 private:
  bool refill() {
    std::memmove(buffer_.data(), buffer_.data() + used_, held_ - used_);
    held_ -= used_;
    used_ = 0;
    while (held_ < buffer_.size() && next_ < end_) {
      const std::size_t wanted = std::min<std::uint64_t>(buffer_.size() - held_, end_ - next_);
      const ssize_t got = ::pread(fd_, buffer_.data() + held_, wanted, static_cast<off_t>(next_));
      if (got <= 0) {
        if (got < 0 && errno == EINTR) {
          continue;
        }
        failure_ = lmdb_error(got < 0 ? errno : EIO, "read the sort file", directory_);
        return false;
      }
      held_ += static_cast<std::size_t>(got);
      next_ += static_cast<std::uint64_t>(got);
    }
    return true;
  }

  int fd_;
  std::uint64_t next_;
  std::uint64_t end_;
  const std::string& directory_;
  Buffer buffer_;
  std::size_t used_ = 0;
  std::size_t held_ = 0;
  std::optional<StoreError> failure_;
};

/// Merges sorted runs; of equal serials the one from the earlier run comes first.
class Merge final : public RecordStream {
 public:
  explicit Merge(std::vector<std::unique_ptr<RecordStream>> runs) {
    for (std::unique_ptr<RecordStream>& run : runs) {
      Head head{std::move(run), {}, 0, heads_.size()};
      if (head.next()) {
        heads_.push_back(std::move(head));
      } else if (!failure_) {
        failure_ = head.run->failure();
      }
    }
    std::make_heap(heads_.begin(), heads_.end(), later);
  }

  bool next(RecordView& record) override {
    if (failure_) {
      return false;
    }
    if (given_) {  // only now may the record given last be overwritten
      given_ = false;
      if (!advance()) {
        return false;
      }
    }
    if (heads_.empty()) {
      return false;
    }
    record = heads_.front().record;
    given_ = true;
    return true;
  }
  [[nodiscard]] std::optional<StoreError> failure() const override { return failure_; }

 private:
  struct Head {
    std::unique_ptr<RecordStream> run;
    RecordView record;
    std::uint64_t prefix;
    std::size_t age;

    bool next() {
      const bool is_there = run->next(record);
      prefix = is_there ? prefix_of(record.serial) : 0;
      return is_there;
    }
  };
  static bool later(const Head& a, const Head& b) {
    const int order = compare(a.prefix, a.record.serial, b.prefix, b.record.serial);
    return order != 0 ? order > 0 : a.age > b.age;
  }
  bool advance() {
    Head& first = heads_.front();
    if (first.next()) {
      sift_down();
      return true;
    }
    failure_ = first.run->failure();
    std::pop_heap(heads_.begin(), heads_.end(), later);
    heads_.pop_back();
    return !failure_;
  }
  void sift_down() {
    std::size_t at = 0;
    for (;;) {
      std::size_t least = 2 * at + 1;
      if (least >= heads_.size()) {
        return;
      }
      if (least + 1 < heads_.size() && later(heads_[least], heads_[least + 1])) {
        ++least;
      }
      if (!later(heads_[at], heads_[least])) {
        return;
      }
      std::swap(heads_[at], heads_[least]);
      at = least;
    }
  }

  std::vector<Head> heads_;
  bool given_ = false;
  std::optional<StoreError> failure_;
};

}  // namespace

std::uint8_t* RecordBatch::make_room(std::size_t octets) {
  if (room_ - used_ < octets) {
    room_ = std::max({kLeastRoom, 2 * room_, used_ + octets});
    std::unique_ptr<std::uint8_t[]> larger(new std::uint8_t[room_]);  // not touched yet
    std::copy_n(octets_.get(), used_, larger.get());
    octets_ = std::move(larger);
  }
  return octets_.get() + used_;
}

void RecordBatch::add(RecordView record) {
  const Slot slot{prefix_of(record.serial), static_cast<std::uint32_t>(used_)};
  if (sorted_ && !slots_.empty()) {
    const Slot& last = slots_.back();
    sorted_ = compare(last.prefix, view(last).serial, slot.prefix, record.serial) <= 0;
  }
  slots_.push_back(slot);
  const std::size_t size = kHead + record.serial.size() + record.value.size();
  std::uint8_t* at = make_room(size);
  at[0] = static_cast<std::uint8_t>(record.serial.size());
  at[1] = static_cast<std::uint8_t>(record.value.size());
  std::memcpy(at + kHead, record.serial.data(), record.serial.size());
  std::memcpy(at + kHead + record.serial.size(), record.value.data(), record.value.size());
  used_ += size;
}

void RecordBatch::clear() {
  used_ = 0;
  slots_.clear();
  sorted_ = true;
  in_place_ = true;
}

Bytes RecordBatch::packed(std::size_t i) const {
  const std::uint8_t* at = place(i);
  return {at, kHead + at[0] + at[1]};
}

std::optional<Bytes> RecordBatch::packed() const {
  return sorted_ && in_place_ ? std::optional(Bytes(octets_.get(), used_)) : std::nullopt;
}

bool RecordBatch::ends_with(Bytes serial) const {
  return !slots_.empty() && slots_.back().prefix == prefix_of(serial) &&
         equal(view(slots_.back()).serial, serial);
}

/// Octet by octet from the lowest, each time keeping the order of equals. Serials are random
/// numbers mostly: every comparison would be a coin toss for the processor.
void RecordBatch::sort_by_prefix() {
  constexpr std::size_t kOctets = sizeof(Slot::prefix);
  const auto octet = [](const Slot& slot, std::size_t i) {
    return static_cast<std::uint8_t>(slot.prefix >> (8 * i));
  };
  std::array<std::array<std::size_t, 256>, kOctets> counts{};
  for (const Slot& slot : slots_) {
    for (std::size_t i = 0; i < kOctets; ++i) {
      ++counts[i][octet(slot, i)];
    }
  }
  std::vector<Slot> others(slots_.size());
  for (std::size_t i = 0; i < kOctets; ++i) {
    if (counts[i][octet(slots_.front(), i)] == slots_.size()) {
      continue;  // all have the same
    }
    std::array<std::size_t, 256>& next = counts[i];  // becomes: where the next one goes
    std::size_t begin = 0;
    for (std::size_t& count : next) {
      begin += std::exchange(count, begin);
    }
    for (const Slot& slot : slots_) {
      others[next[octet(slot, i)]++] = slot;
    }
    slots_.swap(others);
  }
}

void RecordBatch::sort() {
  if (sorted_) {
    return;
  }
  sort_by_prefix();
  for (auto run = slots_.begin(); run != slots_.end();) {  // of equal prefixes
    const auto end = std::find_if(run + 1, slots_.end(), [prefix = run->prefix](const Slot& slot) {
      return slot.prefix != prefix;
    });
    if (end - run > 1) {
      std::sort(run, end, [this](const Slot& a, const Slot& b) {
        const int order = compare_serials(view(a).serial, view(b).serial);
        return order != 0 ? order < 0 : a.offset < b.offset;
      });
    }
    run = end;
  }
  sorted_ = true;
  in_place_ = false;
}

std::optional<Serial> RecordBatch::remove_duplicates() {
  std::optional<Serial> conflict;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (kept > 0 && slots_[kept - 1].prefix == slots_[i].prefix &&
        equal(view(slots_[kept - 1]).serial, view(slots_[i]).serial)) {
      if (!conflict && !equal(view(slots_[kept - 1]).value, view(slots_[i]).value)) {
        conflict = *Serial::make(view(slots_[i]).serial);
      }
      slots_[kept - 1] = slots_[i];
      in_place_ = false;
    } else {
      slots_[kept++] = slots_[i];
    }
  }
  slots_.resize(kept);
  return conflict;
}

void RecordBatch::replace_last(Bytes value) {
  const std::size_t start = slots_.back().offset;
  used_ = start + kHead + octets_[start];
  std::memcpy(make_room(value.size()), value.data(), value.size());
  octets_[start + 1] = static_cast<std::uint8_t>(value.size());
  used_ += value.size();
}

StoreResult<Unit> Sorter::add(RecordView record) {
  batch_.add(record);
  if (batch_.memory_bytes() >= memory_bytes_) {
    return spill();
  }
  return Unit{};
}

Sorter::Where Sorter::finish() {
  batch_.sort();
  return runs_.empty() ? Where::kMemory : Where::kSpilled;
}

StoreResult<Unit> Sorter::spill() {
  if (!file_) {
    file_.reset(open_unnamed(directory_));
    if (!file_) {
      return Err{lmdb_error(errno, "make a sort file", directory_)};
    }
  }
  batch_.sort();
  const std::uint64_t begin = runs_.empty() ? 0 : runs_.back().end;
  std::uint64_t end = begin;
  if (const auto all = batch_.packed()) {
    MUSTER_CHECK(write_out(*all, end));
  } else {
    Buffer piece(kRunBufferOctets);
    std::size_t held = 0;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      if (piece.size() - held < kMaxRecordOctets) {
        MUSTER_CHECK(write_out(Bytes(piece).first(held), end));
        held = 0;
      }
      const Bytes record = batch_.packed(i);
      std::memcpy(piece.data() + held, record.data(), record.size());
      held += record.size();
    }
    MUSTER_CHECK(write_out(Bytes(piece).first(held), end));
  }
  runs_.push_back({begin, end});
  batch_.clear();
  return Unit{};
}

StoreResult<Unit> Sorter::write_out(Bytes octets, std::uint64_t& end) const {
  while (!octets.empty()) {
    const ssize_t n = ::pwrite(file_.get(), octets.data(), octets.size(), static_cast<off_t>(end));
    if (n < 0 && errno != EINTR) {
      return Err{lmdb_error(errno, "write the sort file", directory_)};
    }
    if (n > 0) {
      octets = octets.subspan(static_cast<std::size_t>(n));
      end += static_cast<std::uint64_t>(n);
    }
  }
  return Unit{};
}

std::unique_ptr<RecordStream> Sorter::stream() const {
  if (runs_.empty()) {
    return std::make_unique<BatchStream>(batch_);
  }
  std::vector<std::unique_ptr<RecordStream>> runs;
  for (const Run& run : runs_) {
    runs.push_back(std::make_unique<FileRun>(file_.get(), run.begin, run.end, directory_));
  }
  runs.push_back(std::make_unique<BatchStream>(batch_));
  return std::make_unique<Merge>(std::move(runs));
}

}  // namespace muster::store
