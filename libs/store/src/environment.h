#pragma once

#include <lmdb.h>
#include <sys/types.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "error.h"
#include "format.h"
#include "map_gate.h"

namespace muster::store {

inline Bytes as_octets(const MDB_val& v) {
  return {static_cast<const std::uint8_t*>(v.mv_data), v.mv_size};
}
/// LMDB takes void*, and does not write through it where we pass views.
inline MDB_val as_val(Bytes b) { return {b.size(), const_cast<std::uint8_t*>(b.data())}; }

/// The databases every store has.
struct Tables {
  MDB_dbi meta = 0;        ///< "format", "sequence", "seed"
  MDB_dbi issuers = 0;     ///< IssuerId -> IssuerRecord
  MDB_dbi keys = 0;        ///< IssuerKey -> IssuerId
  MDB_dbi partitions = 0;  ///< PartitionId -> PartitionEntry
};

/// One LMDB environment, shared by all Stores of this process on its directory (LMDB forbids two).
/// Wraps what LMDB leaves to its user: map growth, database handles, fairness between writers.
class Environment {
 public:
  static StoreResult<std::shared_ptr<Environment>> open(const std::string& directory,
                                                        const StoreOptions& options);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] const Tables& tables() const { return tables_; }
  [[nodiscard]] const SipHash::Key& seed() const { return seed_; }
  [[nodiscard]] MDB_env* raw() const { return env_; }
  [[nodiscard]] MapGate& gate() { return gate_; }
  [[nodiscard]] unsigned max_issuers() const { return options_.max_issuers; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  /// Of the newest commit, by whatever process. Call only between gate().enter() and leave().
  [[nodiscard]] std::size_t newest_transaction() const;

  /// Store::check_in_place(). Threads: any.
  StoreResult<Unit> check_in_place();
  /// What the last look found.
  [[nodiscard]] bool is_in_place() const { return in_place_.load(std::memory_order_acquire); }

  /// Runs `body` in a write transaction and commits it durably; runs it again after the map grew.
  /// Nothing is written when it fails. `body` must not call this environment's write() or read().
  StoreResult<Unit> write(Urgency urgency, std::string_view what,
                          const std::function<StoreResult<Unit>(MDB_txn*)>& body);
  /// Runs `body` on one snapshot.
  StoreResult<Unit> read(const std::function<StoreResult<Unit>(MDB_txn*)>& body);

  /// Handle of a partition inside read(). Nothing: there is no such partition.
  [[nodiscard]] std::optional<MDB_dbi> partition(PartitionId id) const;
  /// The same inside write(), where partitions made by this very transaction count.
  [[nodiscard]] std::optional<MDB_dbi> partition_for_write(PartitionId id) const;
  /// Inside write(): creates partition `id`, which must be the next number.
  StoreResult<MDB_dbi> create_partition(MDB_txn* txn, PartitionId id);

  /// For readers that keep a transaction. A handle works only in transactions begun after
  /// partitions_open() counted it.
  [[nodiscard]] std::size_t partitions_open() const;
  [[nodiscard]] std::vector<MDB_dbi> partition_handles() const;
  /// Mends what kept a read transaction from starting, outside transactions: opens partitions made
  /// by other processes (code 0), follows a map made larger, clears slots of dead readers. Errors:
  /// what cannot be mended.
  StoreResult<Unit> recover_reader(int code);

  [[nodiscard]] StoreError error(int code, std::string_view what) const {
    return lmdb_error(code, what, directory_);
  }
  [[nodiscard]] StoreError damaged(std::string_view what) const {
    return corrupt(what, directory_);
  }

 private:
  Environment(std::string directory, const StoreOptions& options)
      : directory_(std::move(directory)), options_(options) {}
  StoreResult<Unit> start();
  /// An empty data.mdb would be taken for a new store by LMDB. Errors: kNotAStore.
  [[nodiscard]] StoreResult<Unit> check_not_emptied() const;
  StoreResult<Unit> open_tables();
  StoreResult<Unit> create_tables();
  /// Commits what `body` writes before others can use this environment; `body` returns LMDB's code.
  StoreResult<Unit> write_at_start(const std::function<int(MDB_txn*)>& body);
  int put_version(MDB_txn* txn) const;
  [[nodiscard]] std::string data_file() const { return directory_ + "/data.mdb"; }
  /// Marks a store of an older version as one of ours: what is written from now on needs it.
  StoreResult<Unit> raise_version();
  StoreResult<Unit> grow();
  StoreResult<Unit> resize(std::size_t bytes);
  StoreResult<Unit> write_once(std::string_view what,
                               const std::function<StoreResult<Unit>(MDB_txn*)>& body);
  StoreResult<Unit> open_partitions();
  StoreResult<Unit> open_missing(MDB_txn* txn);
  void register_handles();

  // Constant after open().
  std::string directory_;
  StoreOptions options_;
  MDB_env* env_ = nullptr;
  Tables tables_;
  SipHash::Key seed_{};

  // Own synchronisation.
  MapGate gate_;
  WriterQueue writers_;
  std::atomic<std::uint64_t> epoch_{0};
  std::atomic<bool> in_place_{true};

  // LMDB: one transaction at a time may open handles. Taken after writers_, before gate_.
  std::mutex handles_mutex_;
  std::vector<MDB_dbi>
      new_handles_;  // guarded by handles_mutex_: opened by the running transaction
  mutable std::mutex partitions_mutex_;
  std::vector<MDB_dbi> partitions_;  // guarded by partitions_mutex_
};

/// Closes a cursor of a write or read transaction.
struct CursorCloser {
  void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
};
using CursorPtr = std::unique_ptr<MDB_cursor, CursorCloser>;
StoreResult<CursorPtr> open_cursor(const Environment& env, MDB_txn* txn, MDB_dbi dbi);

}  // namespace muster::store
