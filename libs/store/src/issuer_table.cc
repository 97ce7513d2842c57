#include "issuer_table.h"

namespace muster::store {
namespace {

constexpr std::string_view kKeySequence = "sequence";
constexpr std::size_t kMaxLabelOctets = 1024;

/// Visits the entries of a table in key order until `visit` returns kStop or an error.
enum class Step : std::uint8_t { kContinue, kStop };
StoreResult<Unit> walk(const Environment& env, MDB_txn* txn, MDB_dbi dbi,
                       const std::function<StoreResult<Step>(Bytes key, Bytes value)>& visit) {
  MUSTER_TRY(const CursorPtr cursor, open_cursor(env, txn, dbi));
  MDB_val key{};
  MDB_val value{};
  int rc = mdb_cursor_get(cursor.get(), &key, &value, MDB_FIRST);
  for (; rc == 0; rc = mdb_cursor_get(cursor.get(), &key, &value, MDB_NEXT)) {
    MUSTER_TRY(const Step step, visit(as_octets(key), as_octets(value)));
    if (step == Step::kStop) {
      return Unit{};
    }
  }
  if (rc != MDB_NOTFOUND) {
    return Err{env.error(rc, "read")};
  }
  return Unit{};
}

StoreResult<Unit> put(const Environment& env, MDB_txn* txn, MDB_dbi dbi, Bytes key, Bytes value) {
  MDB_val k = as_val(key);
  MDB_val v = as_val(value);
  const int rc = mdb_put(txn, dbi, &k, &v, 0);
  if (rc != 0) {
    return Err{env.error(rc, "write")};
  }
  return Unit{};
}

}  // namespace

StoreResult<IssuerRecord> load_issuer(const Environment& env, MDB_txn* txn, IssuerId id) {
  const auto octets = big_endian(static_cast<std::uint32_t>(id));
  MDB_val key = as_val(octets);
  MDB_val value{};
  const int rc = mdb_get(txn, env.tables().issuers, &key, &value);
  if (rc == MDB_NOTFOUND) {
    return Err{
        StoreError{StoreErrc::kNoSuchIssuer, "store " + env.directory() + ": no issuer number " +
                                                 std::to_string(static_cast<std::uint32_t>(id)) +
                                                 " (see 'muster store stat')"}};
  }
  if (rc != 0) {
    return Err{env.error(rc, "read an issuer")};
  }
  auto record = decode_issuer(as_octets(value));
  if (!record) {
    return Err{env.damaged("an issuer's entry does not parse")};
  }
  return *std::move(record);
}

StoreResult<Unit> save_issuer(const Environment& env, MDB_txn* txn, IssuerId id,
                              const IssuerRecord& record) {
  return put(env, txn, env.tables().issuers, big_endian(static_cast<std::uint32_t>(id)),
             encode_issuer(record));
}

StoreResult<std::optional<IssuerId>> find_issuer(const Environment& env, MDB_txn* txn,
                                                 const IssuerKey& key) {
  MDB_val k = as_val(key.digest);
  MDB_val value{};
  const int rc = mdb_get(txn, env.tables().keys, &k, &value);
  if (rc == MDB_NOTFOUND) {
    return std::optional<IssuerId>();
  }
  if (rc != 0) {
    return Err{env.error(rc, "read an issuer")};
  }
  auto id = from_big_endian<IssuerId>(as_octets(value));
  if (!id) {
    return Err{env.damaged("an issuer's number does not parse")};
  }
  return id;
}

StoreResult<IssuerId> add_issuer(Environment& env, MDB_txn* txn, const IssuerKey& key,
                                 std::string_view label) {
  MDB_stat figures{};
  if (const int rc = mdb_stat(txn, env.tables().issuers, &figures); rc != 0) {
    return Err{env.error(rc, "read the issuers")};
  }
  if (figures.ms_entries >= env.max_issuers()) {
    return Err{StoreError{StoreErrc::kBadChange, "store " + env.directory() + ": it holds " +
                                                     std::to_string(figures.ms_entries) +
                                                     " issuers already (raise max_issuers)"}};
  }
  const IssuerId id{static_cast<std::uint32_t>(figures.ms_entries + 1)};
  IssuerRecord record;
  record.state.key = key;
  record.state.label = label.substr(0, kMaxLabelOctets);
  MUSTER_TRY(record.partition, claim_partition(env, txn, PartitionState::kLive, id,
                                               [](PartitionId) { return false; }));
  MUSTER_TRY(record.state.sequence, next_sequence(env, txn));
  MUSTER_CHECK(
      put(env, txn, env.tables().keys, key.digest, big_endian(static_cast<std::uint32_t>(id))));
  MUSTER_CHECK(save_issuer(env, txn, id, record));
  return id;
}

StoreResult<Unit> for_each_issuer(const Environment& env, MDB_txn* txn,
                                  const std::function<void(IssuerId, const IssuerRecord&)>& visit) {
  return walk(env, txn, env.tables().issuers, [&](Bytes key, Bytes value) -> StoreResult<Step> {
    const auto id = from_big_endian<IssuerId>(key);
    const auto record = decode_issuer(value);
    if (!id || !record) {
      return Err{env.damaged("an issuer's entry does not parse")};
    }
    visit(*id, *record);
    return Step::kContinue;
  });
}

StoreResult<std::uint64_t> load_sequence(const Environment& env, MDB_txn* txn) {
  MDB_val key = as_val(as_bytes(kKeySequence));
  MDB_val value{};
  const int rc = mdb_get(txn, env.tables().meta, &key, &value);
  if (rc == MDB_NOTFOUND) {
    return std::uint64_t{1};  // a new store: nothing was changed yet
  }
  if (rc != 0) {
    return Err{env.error(rc, "read the sequence")};
  }
  const auto sequence = from_big_endian<std::uint64_t>(as_octets(value));
  if (!sequence || *sequence == 0) {
    return Err{env.damaged("the sequence does not parse")};
  }
  return *sequence;
}

StoreResult<std::uint64_t> next_sequence(const Environment& env, MDB_txn* txn) {
  MUSTER_TRY(const std::uint64_t last, load_sequence(env, txn));
  MUSTER_CHECK(put(env, txn, env.tables().meta, as_bytes(kKeySequence), big_endian(last + 1)));
  return last + 1;
}

StoreResult<PartitionId> claim_partition(Environment& env, MDB_txn* txn, PartitionState state,
                                         IssuerId issuer,
                                         const std::function<bool(PartitionId)>& is_abandoned) {
  std::optional<PartitionId> found;
  PartitionState found_state = PartitionState::kFree;
  std::uint32_t count = 0;
  MUSTER_CHECK(
      walk(env, txn, env.tables().partitions, [&](Bytes key, Bytes value) -> StoreResult<Step> {
        const auto id = from_big_endian<PartitionId>(key);
        const auto entry = decode_partition(value);
        if (!id || !entry) {
          return Err{env.damaged("a partition's entry does not parse")};
        }
        ++count;
        if (entry->state == PartitionState::kFree ||
            (entry->state == PartitionState::kLoading && is_abandoned(*id))) {
          found = id;
          found_state = entry->state;
          return Step::kStop;
        }
        return Step::kContinue;
      }));
  if (!found) {
    found = static_cast<PartitionId>(count + 1);
    MUSTER_CHECK(env.create_partition(txn, *found));
  } else if (found_state == PartitionState::kLoading) {
    MUSTER_CHECK(free_partition(env, txn, *found));
  }
  MUSTER_CHECK(set_partition(env, txn, *found, {state, issuer}));
  return *found;
}

StoreResult<Unit> set_partition(const Environment& env, MDB_txn* txn, PartitionId id,
                                const PartitionEntry& entry) {
  return put(env, txn, env.tables().partitions, big_endian(static_cast<std::uint32_t>(id)),
             encode_partition(entry));
}

StoreResult<Unit> free_partition(const Environment& env, MDB_txn* txn, PartitionId id) {
  const auto dbi = env.partition_for_write(id);
  if (!dbi) {
    return Err{env.damaged("a partition is missing")};
  }
  if (const int rc = mdb_drop(txn, *dbi, 0); rc != 0) {
    return Err{env.error(rc, "empty a partition")};
  }
  return set_partition(env, txn, id, {PartitionState::kFree, IssuerId{}});
}

}  // namespace muster::store
