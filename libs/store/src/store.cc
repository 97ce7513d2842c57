#include "muster/store/store.h"

#include <sys/stat.h>
#include <unistd.h>

#include "issuer_table.h"
#include "muster/store/mark.h"
#include "muster/store/update.h"
#include "muster/store/walk.h"
#include "reader.h"
#include "replacement.h"

namespace muster::store {
namespace {

/// `facts` with what the store itself keeps.
IssuerState with_facts(const IssuerState& facts, const IssuerState& own) {
  IssuerState state = facts;
  state.key = own.key;
  state.sequence = own.sequence;
  state.records = own.records;
  state.revoked = own.revoked;
  return state;
}

class StoreImpl final : public Store, public ConditionalWriter, public Identified, public Walker {
 public:
  StoreImpl(std::shared_ptr<Environment> env, StoreOptions::Mode mode)
      : env_(std::move(env)), mode_(mode) {}

  StoreResult<IssuerId> ensure_issuer(const IssuerKey& key, std::string_view label) override {
    if (const auto known = find_issuer(key)) {
      return *known;
    }
    IssuerId id{};
    MUSTER_CHECK(write("add an issuer", [&](MDB_txn* txn) -> StoreResult<Unit> {
      MUSTER_TRY(const auto known, store::find_issuer(*env_, txn, key));
      if (known) {
        id = *known;
        return Unit{};
      }
      MUSTER_TRY(id, add_issuer(*env_, txn, key, label));
      return Unit{};
    }));
    return id;
  }

  [[nodiscard]] std::optional<IssuerId> find_issuer(const IssuerKey& key) const override {
    std::optional<IssuerId> id;
    const auto done = env_->read([&](MDB_txn* txn) -> StoreResult<Unit> {
      MUSTER_TRY(id, store::find_issuer(*env_, txn, key));
      return Unit{};
    });
    return done ? id : std::nullopt;
  }

  [[nodiscard]] std::vector<std::pair<IssuerId, IssuerState>> issuers() const override {
    std::vector<std::pair<IssuerId, IssuerState>> found;
    const auto done = env_->read([&](MDB_txn* txn) {
      found.clear();
      return for_each_issuer(
          *env_, txn, [&](IssuerId id, const IssuerRecord& r) { found.emplace_back(id, r.state); });
    });
    if (!done) {
      found.clear();
    }
    return found;
  }

  StoreResult<std::uint64_t> apply(IssuerId issuer, std::span<const Change> changes) override {
    return apply_from(issuer, std::nullopt, changes, [](IssuerState&) {});
  }

  StoreResult<std::uint64_t> apply(IssuerId issuer, std::span<const Change> changes,
                                   const IssuerState& facts) override {
    return apply_from(issuer, std::nullopt, changes,
                      [&facts](IssuerState& state) { state = with_facts(facts, state); });
  }

  StoreResult<std::uint64_t> apply_if_unchanged(IssuerId issuer, std::uint64_t expected,
                                                std::span<const Change> changes) override {
    return apply_from(issuer, expected, changes, [](IssuerState&) {});
  }
  StoreResult<std::uint64_t> apply_if_unchanged(IssuerId issuer, std::uint64_t expected,
                                                std::span<const Change> changes,
                                                const IssuerState& facts) override {
    return apply_from(issuer, expected, changes,
                      [&facts](IssuerState& state) { state = with_facts(facts, state); });
  }

  /// Nothing for `expected`: whatever the issuer's state is.
  template <class Adapt>
  StoreResult<std::uint64_t> apply_from(IssuerId issuer, std::optional<std::uint64_t> expected,
                                        std::span<const Change> changes, Adapt&& adapt) {
    std::uint64_t sequence = 0;
    MUSTER_CHECK(write("commit", [&](MDB_txn* txn) -> StoreResult<Unit> {
      MUSTER_TRY(IssuerRecord record, load_issuer(*env_, txn, issuer));
      if (expected && record.state.sequence != *expected) {
        return Err{StoreError{StoreErrc::kBusy,
                              "store " + env_->directory() + ": another writer changed issuer '" +
                                  record.state.label + "' meanwhile (decide again)"}};
      }
      const auto partition = env_->partition_for_write(record.partition);
      if (!partition) {
        return Err{env_->damaged("an issuer's partition is missing")};
      }
      for (const Change& change : changes) {
        MUSTER_CHECK(apply_one(txn, *partition, record, change));
      }
      MUSTER_TRY(sequence, next_sequence(*env_, txn));
      adapt(record.state);
      record.state.sequence = sequence;
      return save_issuer(*env_, txn, issuer, record);
    }));
    return sequence;
  }

  StoreResult<std::uint64_t> touch(IssuerId issuer, const IssuerState& facts) override {
    std::uint64_t sequence = 0;
    MUSTER_CHECK(write("commit", [&](MDB_txn* txn) -> StoreResult<Unit> {
      MUSTER_TRY(IssuerRecord record, load_issuer(*env_, txn, issuer));
      MUSTER_TRY(sequence, next_sequence(*env_, txn));
      record.state = with_facts(facts, record.state);
      record.state.sequence = sequence;
      return save_issuer(*env_, txn, issuer, record);
    }));
    return sequence;
  }

  StoreResult<std::unique_ptr<Replacement>> begin_replacement(IssuerId issuer,
                                                              ReplacementOptions options) override {
    if (mode_ == StoreOptions::Mode::kReadOnly) {
      return Err{env_->error(EROFS, "begin a load")};
    }
    return make_replacement(env_, issuer, std::move(options));
  }

  /// Of the seed, which itself stays here: it guards the checksums.
  [[nodiscard]] StoreIdentity identity() const override {
    SipHash hash(env_->seed());
    hash.add(as_bytes(std::string_view("identity")));
    const SipHash::Digest digest = hash.finish();
    StoreIdentity out{};
    const auto low = big_endian(digest.low);
    const auto high = big_endian(digest.high);
    std::copy(high.begin(), high.end(), std::copy(low.begin(), low.end(), out.begin()));
    return out;
  }
  [[nodiscard]] std::unique_ptr<Reader> reader() const override { return make_reader(env_); }
  [[nodiscard]] std::uint64_t epoch() const override { return env_->epoch(); }

  StoreResult<Unit> for_each(
      IssuerId issuer,
      const std::function<void(const Serial&, const Status&)>& visit) const override {
    return env_->read([&](MDB_txn* txn) -> StoreResult<Unit> {
      MUSTER_TRY(const IssuerRecord record, load_issuer(*env_, txn, issuer));
      return walk(txn, record, [&](Bytes, Bytes, const Serial& serial, const Status& status) {
        visit(serial, status);
        return Walk::kOn;
      });
    });
  }

  StoreResult<Unit> for_each_after(IssuerId issuer, const std::optional<Serial>& after,
                                   const WalkVisit& visit) const override {
    return env_->read([&](MDB_txn* txn) -> StoreResult<Unit> {
      MUSTER_TRY(const IssuerRecord record, load_issuer(*env_, txn, issuer));
      return walk(
          txn, record,
          [&](Bytes, Bytes, const Serial& serial, const Status& status) {
            return visit(serial, status);
          },
          after ? after->octets() : Bytes());
    });
  }

  StoreResult<Unit> check_in_place() override { return env_->check_in_place(); }

  StoreResult<Unit> verify(IssuerId issuer) const override {
    return env_->read([&](MDB_txn* txn) -> StoreResult<Unit> {
      MUSTER_TRY(const IssuerRecord record, load_issuer(*env_, txn, issuer));
      Checksum checksum;
      std::uint64_t records = 0;
      std::uint64_t revoked = 0;
      MUSTER_CHECK(
          walk(txn, record, [&](Bytes serial, Bytes value, const Serial&, const Status& status) {
            ++records;
            revoked += status.state != State::kGood ? 1u : 0u;
            checksum.add(record_digest(env_->seed(), serial, value));
            return Walk::kOn;
          }));
      if (checksum != record.checksum || records != record.state.records ||
          revoked != record.state.revoked) {
        return Err{env_->damaged(
            "the records of issuer '" + record.state.label +
            "' are not what was written: " + std::to_string(records) + " records, " +
            std::to_string(revoked) + " revoked, where its entry says " +
            std::to_string(record.state.records) + ", " + std::to_string(record.state.revoked) +
            (checksum == record.checksum ? "" : ", and another checksum"))};
      }
      return Unit{};
    });
  }

  [[nodiscard]] StoreResult<StoreFigures> figures() const override {
    StoreFigures figures;
    MUSTER_CHECK(env_->read([&](MDB_txn* txn) -> StoreResult<Unit> {
      MUSTER_TRY(figures.sequence, load_sequence(*env_, txn));
      return add_sizes(txn, figures);
    }));
    return figures;
  }

 private:
  StoreResult<Unit> write(std::string_view what,
                          const std::function<StoreResult<Unit>(MDB_txn*)>& body) const {
    if (mode_ == StoreOptions::Mode::kReadOnly) {
      return Err{env_->error(EROFS, what)};
    }
    return env_->write(Urgency::kChange, what, body);
  }

  StoreResult<Unit> apply_one(MDB_txn* txn, MDB_dbi partition, IssuerRecord& record,
                              const Change& change) const {
    std::optional<Value> now;
    if (change.status) {
      now = encode_status(*change.status);
      if (!now) {
        return Err{StoreError{StoreErrc::kBadChange, "serial " + change.serial.to_hex() +
                                                         ": the status contradicts itself"}};
      }
    }
    const Bytes serial = change.serial.octets();
    MDB_val key = as_val(serial);
    MDB_val value{};
    int rc = mdb_get(txn, partition, &key, &value);
    if (rc == 0) {
      --record.state.records;
      record.state.revoked -= is_revoked_value(as_octets(value)) ? 1u : 0u;
      record.checksum.subtract(record_digest(env_->seed(), serial, as_octets(value)));
    } else if (rc != MDB_NOTFOUND) {
      return Err{env_->error(rc, "look up a serial")};
    }
    const bool present = rc == 0;
    rc = 0;
    if (now) {
      ++record.state.records;
      record.state.revoked += is_revoked_value(now->bytes()) ? 1u : 0u;
      record.checksum.add(record_digest(env_->seed(), serial, now->bytes()));
      value = as_val(now->bytes());
      rc = mdb_put(txn, partition, &key, &value, 0);
    } else if (present) {
      rc = mdb_del(txn, partition, &key, nullptr);
    }
    if (rc != 0) {
      return Err{env_->error(rc, "write")};
    }
    return Unit{};
  }

  template <class Visit>
  StoreResult<Unit> walk(MDB_txn* txn, const IssuerRecord& record, Visit&& visit,
                         Bytes after = {}) const {
    const auto partition = env_->partition(record.partition);
    if (!partition) {
      return Err{env_->damaged("an issuer's partition is missing")};
    }
    MUSTER_TRY(const CursorPtr cursor, open_cursor(*env_, txn, *partition));
    MDB_val key = as_val(after);
    MDB_val value{};
    int rc = mdb_cursor_get(cursor.get(), &key, &value, after.empty() ? MDB_FIRST : MDB_SET_RANGE);
    if (rc == 0 && !after.empty() && equal(as_octets(key), after)) {
      rc = mdb_cursor_get(cursor.get(), &key, &value, MDB_NEXT);
    }
    for (; rc == 0; rc = mdb_cursor_get(cursor.get(), &key, &value, MDB_NEXT)) {
      const auto serial = Serial::make(as_octets(key));
      const auto status = decode_status(as_octets(value));
      if (!serial || !status) {
        return Err{
            env_->damaged("the record of serial " + to_hex(as_octets(key)) + " does not parse")};
      }
      if (visit(as_octets(key), as_octets(value), *serial, *status) == Walk::kEnd) {
        return Unit{};
      }
    }
    if (rc != MDB_NOTFOUND) {
      return Err{env_->error(rc, "read the records")};
    }
    return Unit{};
  }

  StoreResult<Unit> add_sizes(MDB_txn* txn, StoreFigures& figures) const {
    MDB_envinfo info{};
    MDB_stat page{};
    mdb_filehandle_t fd{};
    struct stat file {};
    int rc = mdb_env_info(env_->raw(), &info);
    rc = rc != 0 ? rc : mdb_env_stat(env_->raw(), &page);
    rc = rc != 0 ? rc : mdb_env_get_fd(env_->raw(), &fd);
    if (rc != 0 || ::fstat(fd, &file) != 0) {
      return Err{env_->error(rc != 0 ? rc : errno, "read the figures")};
    }
    // Database 0 of LMDB lists free pages: each record a count and that many page numbers.
    constexpr MDB_dbi kFreeList = 0;
    std::uint64_t free_pages = 0;
    MUSTER_TRY(const CursorPtr cursor, open_cursor(*env_, txn, kFreeList));
    MDB_val key{};
    MDB_val value{};
    while ((rc = mdb_cursor_get(cursor.get(), &key, &value, MDB_NEXT)) == 0) {
      std::size_t count = 0;
      std::memcpy(&count, value.mv_data, std::min(sizeof count, value.mv_size));
      free_pages += count;
    }
    figures.file_bytes = static_cast<std::uint64_t>(file.st_size);
    figures.used_bytes = (info.me_last_pgno + 1 - free_pages) * page.ms_psize;
    figures.map_bytes = info.me_mapsize;
    figures.readers = info.me_numreaders;
    return Unit{};
  }

  std::shared_ptr<Environment> env_;
  StoreOptions::Mode mode_;
};

}  // namespace

StoreResult<std::unique_ptr<Store>> Store::open(const std::string& directory,
                                                const StoreOptions& options) {
  MUSTER_TRY(auto env, Environment::open(directory, options));
  return std::unique_ptr<Store>(std::make_unique<StoreImpl>(std::move(env), options.mode));
}

StoreResult<std::uint64_t> apply_if_unchanged(Store& store, IssuerId issuer, std::uint64_t expected,
                                              std::span<const Change> changes) {
  auto* const writer = dynamic_cast<ConditionalWriter*>(&store);
  MUSTER_ASSERT(writer != nullptr);
  return writer->apply_if_unchanged(issuer, expected, changes);
}

StoreResult<std::uint64_t> apply_if_unchanged(Store& store, IssuerId issuer, std::uint64_t expected,
                                              std::span<const Change> changes,
                                              const IssuerState& facts) {
  auto* const writer = dynamic_cast<ConditionalWriter*>(&store);
  MUSTER_ASSERT(writer != nullptr);
  return writer->apply_if_unchanged(issuer, expected, changes, facts);
}

StoreResult<Unit> for_each_after(const Store& store, IssuerId issuer,
                                 const std::optional<Serial>& after, const WalkVisit& visit) {
  const auto* const walker = dynamic_cast<const Walker*>(&store);
  MUSTER_ASSERT(walker != nullptr);
  return walker->for_each_after(issuer, after, visit);
}

}  // namespace muster::store
