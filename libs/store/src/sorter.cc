#include "sorter.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "error.h"

namespace muster::store {
namespace {

constexpr std::size_t kHead = 2;  // serial size, value size
constexpr std::size_t kMaxRecordOctets = kHead + kMaxSerialOctets + kMaxValueOctets;
constexpr std::size_t kRunBufferOctets = std::size_t{256} << 10;

RecordView view_of(const std::uint8_t* at) {
  return {{at + kHead, at[0]}, {at + kHead + at[0], at[1]}};
}

void append_record(Buffer& out, RecordView record) {
  const std::size_t start = out.size();
  out.resize(start + kHead + record.serial.size() + record.value.size());
  std::uint8_t* at = out.data() + start;
  at[0] = static_cast<std::uint8_t>(record.serial.size());
  at[1] = static_cast<std::uint8_t>(record.value.size());
  std::memcpy(at + kHead, record.serial.data(), record.serial.size());
  std::memcpy(at + kHead + record.serial.size(), record.value.data(), record.value.size());
}

std::uint64_t prefix_of(Bytes serial) {
  std::uint64_t prefix = 0;
  const std::size_t n = std::min<std::size_t>(serial.size(), 8);
  for (std::size_t i = 0; i < n; ++i) {
    prefix |= std::uint64_t{serial[i]} << (56 - 8 * i);
  }
  return prefix;
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
    record = view_of(at);
    used_ += kHead + at[0] + at[1];
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
      Head head{std::move(run), {}, heads_.size()};
      if (head.run->next(head.record)) {
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
    std::size_t age;
  };
  static bool later(const Head& a, const Head& b) {
    const int order = compare_serials(a.record.serial, b.record.serial);
    return order != 0 ? order > 0 : a.age > b.age;
  }
  bool advance() {
    Head& first = heads_.front();
    if (first.run->next(first.record)) {
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

void RecordBatch::add(RecordView record) {
  if (sorted_ && !slots_.empty() &&
      compare_serials(view(slots_.back()).serial, record.serial) > 0) {
    sorted_ = false;
  }
  slots_.push_back({prefix_of(record.serial), static_cast<std::uint32_t>(octets_.size())});
  append_record(octets_, record);
}

void RecordBatch::clear() {
  octets_.clear();
  slots_.clear();
  sorted_ = true;
}

RecordView RecordBatch::view(const Slot& slot) const {
  return view_of(octets_.data() + slot.offset);
}

void RecordBatch::sort() {
  if (sorted_) {
    return;
  }
  std::sort(slots_.begin(), slots_.end(), [this](const Slot& a, const Slot& b) {
    if (a.prefix != b.prefix) {
      return a.prefix < b.prefix;
    }
    const int order = compare_serials(view(a).serial, view(b).serial);
    return order != 0 ? order < 0 : a.offset < b.offset;
  });
  sorted_ = true;
}

std::optional<Serial> RecordBatch::remove_duplicates() {
  std::optional<Serial> conflict;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (kept > 0 && equal(view(slots_[kept - 1]).serial, view(slots_[i]).serial)) {
      if (!conflict && !equal(view(slots_[kept - 1]).value, view(slots_[i]).value)) {
        conflict = *Serial::make(view(slots_[i]).serial);
      }
      slots_[kept - 1] = slots_[i];
    } else {
      slots_[kept++] = slots_[i];
    }
  }
  slots_.resize(kept);
  return conflict;
}

void RecordBatch::replace_last(Bytes value) {
  const Slot last = slots_.back();
  const Buffer serial = to_buffer(view(last).serial);
  octets_.resize(last.offset);
  append_record(octets_, {serial, value});
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
  Buffer out;
  out.reserve(kRunBufferOctets + kMaxRecordOctets);
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    append_record(out, batch_.at(i));
    if (out.size() < kRunBufferOctets && i + 1 < batch_.size()) {
      continue;
    }
    for (std::size_t written = 0; written < out.size();) {
      const ssize_t n = ::pwrite(file_.get(), out.data() + written, out.size() - written,
                                 static_cast<off_t>(end));
      if (n < 0 && errno != EINTR) {
        return Err{lmdb_error(errno, "write the sort file", directory_)};
      }
      if (n > 0) {
        written += static_cast<std::size_t>(n);
        end += static_cast<std::uint64_t>(n);
      }
    }
    out.clear();
  }
  runs_.push_back({begin, end});
  batch_.clear();
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
