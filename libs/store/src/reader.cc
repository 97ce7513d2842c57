#include "reader.h"

#include <deque>

#include "issuer_table.h"

namespace muster::store {
namespace {

/// Keeps one LMDB read transaction. While nothing was committed renew() costs a look at the meta
/// page; the entries of issuers are read once per state.
class ReaderImpl final : public Reader {
 public:
  explicit ReaderImpl(std::shared_ptr<Environment> env) : env_(std::move(env)) {}
  ~ReaderImpl() override {
    release();
    if (txn_ != nullptr) {
      mdb_txn_abort(txn_);
    }
  }

  std::uint64_t renew() override {
    if (active_ && env_->is_in_place() && !env_->gate().closing() &&
        env_->newest_transaction() == mdb_txn_id(txn_)) {
      return sequence_;
    }
    return renew_slowly();
  }

  void release() override {
    if (active_) {
      mdb_txn_reset(txn_);
      active_ = false;
      env_->gate().leave();
    }
    issuers_.clear();
    failure_.reset();
  }

  [[nodiscard]] StoreResult<std::optional<Status>> find(IssuerId issuer,
                                                        Bytes serial) const override {
    if (!active_) {
      return Err{failure_.value_or(
          StoreError{StoreErrc::kBusy, "store " + env_->directory() + ": reader not renewed"})};
    }
    const Entry& entry = entry_of(issuer);
    if (entry.failure) {
      return Err{*entry.failure};
    }
    if (!entry.present || serial.empty() || serial.size() > kMaxSerialOctets) {
      return std::optional<Status>();
    }
    MDB_val key = as_val(serial);
    MDB_val value{};
    const int rc = mdb_get(txn_, entry.partition, &key, &value);
    if (rc == MDB_NOTFOUND) {
      return std::optional<Status>();
    }
    if (rc != 0) {
      return Err{env_->error(rc, "look up a serial")};
    }
    std::optional<Status> status = decode_status(as_octets(value));
    if (!status) {
      return Err{env_->damaged("the record of serial " + to_hex(serial) + " does not parse")};
    }
    return status;
  }

  [[nodiscard]] const IssuerState* issuer_state(IssuerId issuer) const override {
    if (!active_) {
      return nullptr;
    }
    const Entry& entry = entry_of(issuer);
    return entry.present ? &entry.state : nullptr;
  }

 private:
  /// What this state says about an issuer.
  struct Entry {
    bool loaded = false;
    bool present = false;
    MDB_dbi partition = 0;
    IssuerState state;
    std::optional<StoreError> failure;
  };

  std::uint64_t renew_slowly() {
    release();
    if (!env_->is_in_place()) {
      failure_ = replaced(env_->directory());
      return 0;
    }
    for (unsigned attempt = 0; attempt < 4; ++attempt) {
      const int rc = start();
      if (rc == 0) {
        return sequence_;
      }
      if (failure_) {
        return 0;
      }
      if (auto mended = env_->recover_reader(rc == kMorePartitions ? 0 : rc); !mended) {
        failure_ = mended.error();
        return 0;
      }
    }
    failure_ = env_->error(EBUSY, "read");
    return 0;
  }

  static constexpr int kMorePartitions = -1;

  /// One try. Nothing is held unless it returns 0. A failure that no retry mends is in failure_.
  int start() {
    env_->gate().enter();
    if (handles_.size() != env_->partitions_open()) {
      handles_ = env_->partition_handles();
    }
    int rc = txn_ != nullptr ? mdb_txn_renew(txn_)
                             : mdb_txn_begin(env_->raw(), nullptr, MDB_RDONLY, &txn_);
    if (rc != 0) {
      env_->gate().leave();
      return rc;
    }
    MDB_stat figures{};
    rc = mdb_stat(txn_, env_->tables().partitions, &figures);
    if (rc == 0 && figures.ms_entries > handles_.size()) {
      rc = kMorePartitions;
    }
    if (rc == 0) {
      rc = mdb_stat(txn_, env_->tables().issuers, &figures);
      issuer_count_ = figures.ms_entries;
    }
    if (rc == 0) {
      const auto sequence = load_sequence(*env_, txn_);
      if (sequence) {
        sequence_ = *sequence;
        active_ = true;
        return 0;
      }
      failure_ = sequence.error();
      rc = MDB_CORRUPTED;
    }
    mdb_txn_reset(txn_);
    env_->gate().leave();
    return rc;
  }

  const Entry& entry_of(IssuerId issuer) const {
    const auto index = static_cast<std::size_t>(issuer);
    if (index > issuer_count_) {
      return absent_;
    }
    if (index >= issuers_.size()) {
      issuers_.resize(index + 1);
    }
    Entry& entry = issuers_[index];
    if (!entry.loaded) {
      load(issuer, entry);
    }
    return entry;
  }

  void load(IssuerId issuer, Entry& entry) const {
    entry.loaded = true;
    auto record = load_issuer(*env_, txn_, issuer);
    if (!record) {
      if (record.error().code != StoreErrc::kNoSuchIssuer) {
        entry.failure = record.error();
      }
      return;
    }
    const auto partition = static_cast<std::size_t>(record->partition) - 1;
    if (partition >= handles_.size()) {
      entry.failure = env_->damaged("an issuer's partition is missing");
      return;
    }
    entry.partition = handles_[partition];
    entry.state = std::move(record->state);
    entry.present = true;
  }

  std::shared_ptr<Environment> env_;
  MDB_txn* txn_ = nullptr;
  bool active_ = false;
  std::uint64_t sequence_ = 0;
  std::optional<StoreError> failure_;
  std::vector<MDB_dbi> handles_;
  std::size_t issuer_count_ = 0;
  mutable std::deque<Entry> issuers_;  // entries stay where they are while it grows
  const Entry absent_{true, false, 0, {}, {}};
};

}  // namespace

std::unique_ptr<Reader> make_reader(std::shared_ptr<Environment> env) {
  return std::make_unique<ReaderImpl>(std::move(env));
}

}  // namespace muster::store
