#include "replacement.h"

#include "issuer_table.h"
#include "load_lock.h"
#include "sorter.h"

namespace muster::store {
namespace {

/// Octets of records written in one transaction: about 20 ms, so that a single change never waits
/// longer.
constexpr std::size_t kBlockBytes = std::size_t{2} << 20;
/// Old records walked in one transaction when the policy must see them all.
constexpr std::size_t kTailRecords = 50'000;
constexpr std::size_t kKeptExamples = 16;
/// New data that differs from the old in at most this many records (or 1/64 of them) is written as
/// changes in place.
constexpr std::size_t kFewChanges = 1000;

/// Whether a revocation or hold ends here whose certificate may be alive: nobody told its expiry.
bool ends_unexpired(const Status& old, std::optional<Bytes> now) {
  return old.state != State::kGood && !old.expires && !(now && is_revoked_value(*now));
}

/// What a transaction adds to a partition and to the report; taken over only when it has committed.
struct Tally {
  std::uint64_t records = 0, revoked = 0;
  Checksum checksum;
  ReplacementReport report;
  Buffer old_done;           ///< last old serial dealt with
  bool old_is_done = false;  ///< all of them are
};

class ReplacementImpl final : public Replacement {
 public:
  ReplacementImpl(std::shared_ptr<Environment> env, IssuerId issuer, ReplacementOptions options,
                  IssuerRecord old)
      : env_(std::move(env)),
        issuer_(issuer),
        options_(std::move(options)),
        old_(std::move(old)),
        sorter_(env_->directory(), options_.sort_memory_bytes) {}

  ~ReplacementImpl() override {
    if (partition_) {  // best effort: what stays is found by the next loader
      (void)!env_->write(Urgency::kChange, "drop an abandoned load",
                         [&](MDB_txn* txn) { return free_partition(*env_, txn, *partition_); });
    }
  }

  StoreResult<Unit> put(const Serial& serial, const Status& status) override {
    const auto value = encode_status(status);
    if (!value) {
      return Err{StoreError{StoreErrc::kBadChange,
                            "serial " + serial.to_hex() + ": the status contradicts itself"}};
    }
    return sorter_.add({serial.octets(), value->bytes()});
  }

  StoreResult<std::uint64_t> commit(const IssuerState& facts) override {
    if (sorter_.finish() == Sorter::Where::kMemory) {
      conflict_ = sorter_.batch().remove_duplicates();
      if (conflict_ && options_.duplicates == Duplicates::kRefuseConflict) {
        return Err{conflict_error()};
      }
      MUSTER_TRY(const Differences differences, find_differences());
      if (differences.few) {
        return apply_in_place(differences, facts);
      }
    }
    MUSTER_CHECK(claim());
    MUSTER_CHECK(write_records());
    while (!tally_.old_is_done) {
      MUSTER_CHECK(write_block(RecordBatch(), KeepGoing::kToTheEnd));
    }
    return switch_over(facts);
  }

  [[nodiscard]] const ReplacementReport& report() const override { return tally_.report; }
  [[nodiscard]] std::optional<Serial> conflict() const override { return conflict_; }

 private:
  struct Difference {
    Buffer serial;
    std::optional<Buffer> value;  // nothing: remove
  };
  struct Differences {
    bool few = false;
    std::vector<Difference> list;
    Tally tally;  // of the issuer's data afterwards, and the report
  };
  enum class KeepGoing : std::uint8_t { kUpToLastNew, kToTheEnd };

  StoreError conflict_error() const {
    return {StoreErrc::kBadChange,
            "serial " + conflict_->to_hex() +
                " is listed twice with different status (correct the source)"};
  }
  StoreError changed_error() const {
    return {StoreErrc::kBusy, "store " + env_->directory() + ": another writer changed issuer '" +
                                  old_.state.label +
                                  "' while the source was being loaded (load it again)"};
  }

  StoreResult<MDB_dbi> handle(PartitionId id, std::optional<MDB_dbi> dbi) const {
    if (!dbi) {
      return Err{env_->damaged("partition " + partition_name(id) + " is missing")};
    }
    return *dbi;
  }

  /// The issuer's entry, provided nobody changed it since we began.
  StoreResult<IssuerRecord> unchanged_issuer(MDB_txn* txn) const {
    MUSTER_TRY(IssuerRecord record, load_issuer(*env_, txn, issuer_));
    if (record.state.sequence != old_.state.sequence) {
      return Err{changed_error()};
    }
    return record;
  }

  /// Asks the policy about an old record; true when it stays as it is.
  StoreResult<Take> decide(RecordView old, std::optional<Bytes> now, Tally& tally) const {
    Take take = Take::kNew;
    if (options_.take) {
      const auto serial = Serial::make(old.serial);
      const auto old_status = decode_status(old.value);
      if (!serial || !old_status) {
        return Err{env_->damaged("the record of serial " + to_hex(old.serial) + " does not parse")};
      }
      take = options_.take(*serial, *old_status, now ? decode_status(*now) : std::nullopt);
      if (take == Take::kOld) {
        ++tally.report.kept;
        const bool is_good = old_status->state == State::kGood;
        tally.report.kept_good += is_good ? 1u : 0u;
        auto& examples = is_good ? tally.report.kept_good_examples : tally.report.kept_examples;
        if (examples.size() < kKeptExamples) {
          examples.push_back(*serial);
        }
        return take;
      }
      tally.report.let_go += ends_unexpired(*old_status, now) ? 1u : 0u;
    }
    ++(now ? tally.report.changed : tally.report.removed);
    return take;
  }

  /// Walks old and new records side by side: `on_record(serial, value, old value or nothing)` for
  /// each that is to be in the new state, `on_removed(serial, value)` for each that is not.
  template <class NextNew, class OnRecord, class OnRemoved>
  StoreResult<Unit> walk(MDB_cursor* old, Tally& tally, KeepGoing keep_going, NextNew&& next_new,
                         OnRecord&& on_record, OnRemoved&& on_removed) const {
    MDB_val key{};
    MDB_val value{};
    int rc = MDB_NOTFOUND;
    if (!tally.old_is_done) {
      if (tally.old_done.empty()) {
        rc = mdb_cursor_get(old, &key, &value, MDB_FIRST);
      } else {
        key = as_val(tally.old_done);
        rc = mdb_cursor_get(old, &key, &value, MDB_SET_RANGE);
        if (rc == 0 && equal(as_octets(key), tally.old_done)) {
          rc = mdb_cursor_get(old, &key, &value, MDB_NEXT);
        }
      }
    }
    const auto deal_with_old = [&]() -> StoreResult<Unit> {  // lacking in the new data
      const RecordView record{as_octets(key), as_octets(value)};
      MUSTER_TRY(const Take take, decide(record, std::nullopt, tally));
      if (take == Take::kOld) {
        MUSTER_CHECK(on_record(record.serial, record.value, std::optional(record.value)));
      } else {
        MUSTER_CHECK(on_removed(record));
      }
      rc = mdb_cursor_get(old, &key, &value, MDB_NEXT);
      return Unit{};
    };
    RecordView now;
    while (next_new(now)) {
      while (rc == 0 && compare_serials(as_octets(key), now.serial) < 0) {
        MUSTER_CHECK(deal_with_old());
      }
      std::optional<Bytes> before;
      Bytes chosen = now.value;
      if (rc == 0 && equal(as_octets(key), now.serial)) {
        before = as_octets(value);
        if (!equal(*before, now.value)) {
          MUSTER_TRY(const Take take, decide({now.serial, *before}, now.value, tally));
          chosen = take == Take::kOld ? *before : now.value;
        }
      } else {
        ++tally.report.added;
      }
      MUSTER_CHECK(on_record(now.serial, chosen, before));
      if (before) {
        rc = mdb_cursor_get(old, &key, &value, MDB_NEXT);
      }
    }
    std::size_t walked = 0;
    while (rc == 0 && keep_going == KeepGoing::kToTheEnd && walked++ < kTailRecords) {
      tally.old_done = to_buffer(as_octets(key));
      MUSTER_CHECK(deal_with_old());
    }
    if (rc != 0 && rc != MDB_NOTFOUND) {
      return Err{env_->error(rc, "read the old records")};
    }
    tally.old_is_done = tally.old_is_done || rc == MDB_NOTFOUND;
    return Unit{};
  }

  StoreResult<Differences> find_differences() {
    Differences found;
    const std::size_t limit = std::max<std::size_t>(kFewChanges, sorter_.batch().size() / 64);
    MUSTER_CHECK(env_->read([&](MDB_txn* txn) -> StoreResult<Unit> {
      found = Differences{true, {}, {}};
      MUSTER_TRY(const IssuerRecord record, unchanged_issuer(txn));
      MUSTER_TRY(const MDB_dbi dbi, handle(record.partition, env_->partition(record.partition)));
      MUSTER_TRY(const CursorPtr cursor, open_cursor(*env_, txn, dbi));
      found.tally.records = record.state.records;
      found.tally.revoked = record.state.revoked;
      found.tally.checksum = record.checksum;
      BatchStream stream(sorter_.batch());
      const auto note = [&](Bytes serial, std::optional<Bytes> now,
                            std::optional<Bytes> before) -> StoreResult<Unit> {
        if (found.list.size() >= limit) {
          found.few = false;
        } else {
          count(found.tally, serial, now, before);
          found.list.push_back(
              {to_buffer(serial), now ? std::optional(to_buffer(*now)) : std::nullopt});
        }
        return Unit{};
      };
      const auto on_record = [&](Bytes serial, Bytes value,
                                 std::optional<Bytes> before) -> StoreResult<Unit> {
        return before && equal(*before, value) ? StoreResult<Unit>(Unit{})
                                               : note(serial, value, before);
      };
      const auto on_removed = [&](RecordView old) {
        return note(old.serial, std::nullopt, old.value);
      };
      const auto next = [&](RecordView& view) { return found.few && stream.next(view); };
      while (found.few && !found.tally.old_is_done) {
        MUSTER_CHECK(
            walk(cursor.get(), found.tally, KeepGoing::kToTheEnd, next, on_record, on_removed));
      }
      return Unit{};
    }));
    return found;
  }

  void count(Tally& tally, Bytes serial, std::optional<Bytes> now,
             std::optional<Bytes> before) const {
    if (before) {
      --tally.records;
      tally.revoked -= is_revoked_value(*before) ? 1u : 0u;
      tally.checksum.subtract(record_digest(env_->seed(), serial, *before));
    }
    if (now) {
      ++tally.records;
      tally.revoked += is_revoked_value(*now) ? 1u : 0u;
      tally.checksum.add(record_digest(env_->seed(), serial, *now));
    }
  }

  StoreResult<std::uint64_t> apply_in_place(const Differences& differences,
                                            const IssuerState& facts) {
    tally_ = differences.tally;
    MUSTER_CHECK(
        env_->write(Urgency::kChange, "commit a source", [&](MDB_txn* txn) -> StoreResult<Unit> {
          MUSTER_TRY(const IssuerRecord record, unchanged_issuer(txn));
          MUSTER_TRY(const MDB_dbi dbi,
                     handle(record.partition, env_->partition_for_write(record.partition)));
          for (const Difference& difference : differences.list) {
            MDB_val key = as_val(difference.serial);
            int rc = 0;
            if (difference.value) {
              MDB_val value = as_val(*difference.value);
              rc = mdb_put(txn, dbi, &key, &value, 0);
            } else {
              rc = mdb_del(txn, dbi, &key, nullptr);
            }
            if (rc != 0) {
              return Err{env_->error(rc, "write")};
            }
          }
          return save(txn, facts, record.partition);
        }));
    return tally_.report.sequence;
  }

  /// Writes the issuer's entry for the new state under the next sequence number.
  StoreResult<Unit> save(MDB_txn* txn, const IssuerState& facts, PartitionId partition) {
    MUSTER_TRY(tally_.report.sequence, next_sequence(*env_, txn));
    IssuerRecord record{facts, partition, tally_.checksum};
    record.state.key = old_.state.key;
    record.state.sequence = tally_.report.sequence;
    record.state.records = tally_.records;
    record.state.revoked = tally_.revoked;
    return save_issuer(*env_, txn, issuer_, record);
  }

  StoreResult<Unit> claim() {
    PartitionId claimed{};
    MUSTER_CHECK(
        env_->write(Urgency::kChange, "begin a load", [&](MDB_txn* txn) -> StoreResult<Unit> {
          load_lock_.reset();
          MUSTER_TRY(claimed, claim_partition(*env_, txn, PartitionState::kLoading, issuer_,
                                              [&](PartitionId id) {
                                                return LoadLock::is_abandoned(*env_, id);
                                              }));
          // Taken before the commit: nobody may see a partition that is loading and not locked.
          MUSTER_TRY(LoadLock lock, LoadLock::take(*env_, claimed));
          load_lock_ = std::move(lock);
          return Unit{};
        }));
    partition_ = claimed;
    return Unit{};
  }

  StoreResult<Unit> write_records() {
    const std::unique_ptr<RecordStream> stream = sorter_.stream();
    RecordBatch block;
    RecordView record;
    while (stream->next(record)) {
      if (!block.empty()) {
        if (block.ends_with(record.serial)) {
          if (options_.duplicates == Duplicates::kRefuseConflict &&
              !equal(block.at(block.size() - 1).value, record.value)) {
            conflict_ = *Serial::make(record.serial);
            return Err{conflict_error()};
          }
          block.replace_last(record.value);
          continue;
        }
        if (block.memory_bytes() >= kBlockBytes) {
          MUSTER_CHECK(write_block(block, KeepGoing::kUpToLastNew));
          block.clear();
        }
      }
      block.add(record);
    }
    if (const auto failure = stream->failure()) {
      return Err{*failure};
    }
    return write_block(block, KeepGoing::kToTheEnd);
  }

  /// Appends a block of new records, and old ones that the policy keeps between them, in one
  /// transaction.
  StoreResult<Unit> write_block(const RecordBatch& block, KeepGoing keep_going) {
    Tally tally;
    MUSTER_CHECK(
        env_->write(Urgency::kBulk, "load records", [&](MDB_txn* txn) -> StoreResult<Unit> {
          tally = tally_;
          MUSTER_TRY(const IssuerRecord record, unchanged_issuer(txn));
          MUSTER_TRY(const MDB_dbi old_dbi,
                     handle(record.partition, env_->partition_for_write(record.partition)));
          MUSTER_TRY(const MDB_dbi new_dbi,
                     handle(*partition_, env_->partition_for_write(*partition_)));
          MUSTER_TRY(const CursorPtr old, open_cursor(*env_, txn, old_dbi));
          MUSTER_TRY(const CursorPtr out, open_cursor(*env_, txn, new_dbi));
          BatchStream stream(block);
          const auto append = [&](Bytes serial, Bytes value,
                                  std::optional<Bytes>) -> StoreResult<Unit> {
            MDB_val key = as_val(serial);
            MDB_val data = as_val(value);
            if (const int rc = mdb_cursor_put(out.get(), &key, &data, MDB_APPEND); rc != 0) {
              return Err{env_->error(rc, "load records")};
            }
            count(tally, serial, value, std::nullopt);
            return Unit{};
          };
          return walk(
              old.get(), tally, keep_going, [&](RecordView& view) { return stream.next(view); },
              append, [](RecordView) -> StoreResult<Unit> { return Unit{}; });
        }));
    if (!block.empty() && keep_going == KeepGoing::kUpToLastNew) {
      tally.old_done = to_buffer(block.at(block.size() - 1).serial);
    }
    tally_ = std::move(tally);
    return Unit{};
  }

  StoreResult<std::uint64_t> switch_over(const IssuerState& facts) {
    MUSTER_CHECK(env_->write(
        Urgency::kChange, "switch to the new records", [&](MDB_txn* txn) -> StoreResult<Unit> {
          MUSTER_TRY(const IssuerRecord record, unchanged_issuer(txn));
          MUSTER_CHECK(save(txn, facts, *partition_));
          MUSTER_CHECK(set_partition(*env_, txn, *partition_, {PartitionState::kLive, issuer_}));
          return free_partition(*env_, txn, record.partition);
        }));
    partition_.reset();
    return tally_.report.sequence;
  }

  std::shared_ptr<Environment> env_;
  IssuerId issuer_;
  ReplacementOptions options_;
  IssuerRecord old_;  // when the replacement began
  Sorter sorter_;
  std::optional<PartitionId> partition_;
  std::optional<LoadLock> load_lock_;
  Tally tally_;
  std::optional<Serial> conflict_;
};

}  // namespace

StoreResult<std::unique_ptr<Replacement>> make_replacement(std::shared_ptr<Environment> env,
                                                           IssuerId issuer,
                                                           ReplacementOptions options) {
  IssuerRecord old;
  MUSTER_CHECK(env->read([&](MDB_txn* txn) -> StoreResult<Unit> {
    MUSTER_TRY(old, load_issuer(*env, txn, issuer));
    return Unit{};
  }));
  return std::unique_ptr<Replacement>(std::make_unique<ReplacementImpl>(
      std::move(env), issuer, std::move(options), std::move(old)));
}

}  // namespace muster::store
