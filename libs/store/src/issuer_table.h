#pragma once

#include "environment.h"

// The records about issuers and partitions, inside a transaction of the caller.
namespace muster::store {

/// Errors: kNoSuchIssuer, kCorrupt.
StoreResult<IssuerRecord> load_issuer(const Environment& env, MDB_txn* txn, IssuerId id);
StoreResult<Unit> save_issuer(const Environment& env, MDB_txn* txn, IssuerId id,
                              const IssuerRecord& record);
StoreResult<std::optional<IssuerId>> find_issuer(const Environment& env, MDB_txn* txn,
                                                 const IssuerKey& key);
/// Adds an issuer with an empty partition. Errors: kBadChange beyond the limit.
StoreResult<IssuerId> add_issuer(Environment& env, MDB_txn* txn, const IssuerKey& key,
                                 std::string_view label);
StoreResult<Unit> for_each_issuer(const Environment& env, MDB_txn* txn,
                                  const std::function<void(IssuerId, const IssuerRecord&)>& visit);

/// The global sequence: of the last change to anything.
StoreResult<std::uint64_t> load_sequence(const Environment& env, MDB_txn* txn);
/// Counts it up and returns the new one.
StoreResult<std::uint64_t> next_sequence(const Environment& env, MDB_txn* txn);

/// Takes an empty partition: a free one, one whose loader died, or a new one.
/// \param is_abandoned  whether nobody loads this kLoading partition any more.
StoreResult<PartitionId> claim_partition(Environment& env, MDB_txn* txn, PartitionState state,
                                         IssuerId issuer,
                                         const std::function<bool(PartitionId)>& is_abandoned);
StoreResult<Unit> set_partition(const Environment& env, MDB_txn* txn, PartitionId id,
                                const PartitionEntry& entry);
/// Empties it and gives it back. Its pages are free for the transactions after the last reader of
/// the old state.
StoreResult<Unit> free_partition(const Environment& env, MDB_txn* txn, PartitionId id);

}  // namespace muster::store
