#include "environment.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <map>

#include "environment_files.h"
#include "muster/base/file.h"

namespace muster::store {
namespace {

constexpr Milliseconds kPatienceForReaders{1000};
constexpr unsigned kFixedDatabases = 4;
constexpr std::string_view kKeyFormat = "format";
constexpr std::string_view kKeySeed = "seed";

/// Open environments by directory identity: LMDB must not open one twice in a process. An entry
/// stays until its environment is closed for good.
using DirectoryIdentity = std::pair<dev_t, ino_t>;
struct Registry {
  std::mutex mutex;
  std::condition_variable closed;
  std::map<DirectoryIdentity, std::weak_ptr<Environment>> open;
};
Registry& registry() {
  // Never destroyed: a thread that hangs in a source's file may close its store after main().
  static Registry& instance = *new Registry();
  return instance;
}

}  // namespace

StoreResult<std::shared_ptr<Environment>> Environment::open(const std::string& directory,
                                                            const StoreOptions& options) {
  const bool writable = options.mode == StoreOptions::Mode::kReadWrite;
  if (writable && ::mkdir(directory.c_str(), 0750) != 0 && errno != EEXIST) {
    return Err{open_error(errno, directory)};
  }
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) {
    return Err{open_error(errno, directory)};
  }
  if (!S_ISDIR(info.st_mode)) {
    return Err{StoreError{StoreErrc::kNotAStore,
                          "store " + directory + ": not a directory (name the store's directory)"}};
  }
  const DirectoryIdentity identity{info.st_dev, info.st_ino};
  std::unique_lock lock(registry().mutex);
  std::shared_ptr<Environment> shared;
  registry().closed.wait(lock, [&] {
    const auto entry = registry().open.find(identity);
    if (entry == registry().open.end()) {
      return true;
    }
    shared = entry->second.lock();
    return shared != nullptr;
  });
  if (shared != nullptr) {
    if (writable && shared->options_.mode == StoreOptions::Mode::kReadOnly) {
      return Err{
          StoreError{StoreErrc::kBusy, "store " + directory +
                                           ": already open read-only in this process (open it "
                                           "for writing first, or close the other)"}};
    }
    return shared;
  }
  std::unique_ptr<Environment> env(new Environment(directory, options));
  // Processes start one after the other: a file that another one is just making is empty too. Where
  // directories cannot be locked they take that chance.
  const UniqueFd turn(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  static_cast<void>(::flock(turn.get(), LOCK_EX));
  MUSTER_CHECK(env->check_not_emptied());
  const bool is_new = ::access(env->data_file().c_str(), F_OK) != 0;
  if (const auto started = env->start(); !started) {
    if (is_new && !env->check_not_emptied()) {  // a full disk, say: the next start is the first one
      ::unlink(env->data_file().c_str());
    }
    return Err{started.error()};
  }
  shared = std::shared_ptr<Environment>(env.release(), [identity](Environment* last) {
    const std::lock_guard closing(registry().mutex);
    delete last;
    registry().open.erase(identity);
    registry().closed.notify_all();
  });
  registry().open[identity] = shared;
  return shared;
}

Environment::~Environment() {
  if (env_ != nullptr) {
    mdb_env_close(env_);
  }
}

StoreResult<Unit> Environment::check_not_emptied() const {
  struct stat info {};
  if (::stat(data_file().c_str(), &info) != 0 || info.st_size != 0) {
    return Unit{};
  }
  return Err{StoreError{StoreErrc::kNotAStore,
                        "store " + directory_ +
                            ": data.mdb is empty (0 octets): it was emptied, and with it went what "
                            "no source can tell again, pushed revocations above all (restore it "
                            "from a backup; to begin anew on purpose remove it)"}};
}

StoreResult<Unit> Environment::start() {
  const bool writable = options_.mode == StoreOptions::Mode::kReadWrite;
  int rc = mdb_env_create(&env_);
  if (rc == 0) {
    rc = mdb_env_set_mapsize(env_, options_.map_bytes);
  }
  if (rc == 0) {
    rc = mdb_env_set_maxreaders(env_, options_.max_readers);
  }
  if (rc == 0) {
    // Two partitions per issuer: the live one and one being loaded.
    rc = mdb_env_set_maxdbs(env_, kFixedDatabases + 2 * options_.max_issuers);
  }
  if (rc == 0) {
    rc = writable ? reserve_lock_file(directory_, options_.max_readers) : 0;
  }
  if (rc == 0) {
    rc = mdb_env_open(env_, directory_.c_str(), MDB_NOTLS | (writable ? 0u : unsigned{MDB_RDONLY}),
                      0640);
  }
  if (rc != 0) {
    return Err{open_error(reason_of_short_write(rc, env_, directory_), directory_)};
  }
  int dead = 0;
  mdb_reader_check(env_, &dead);
  MUSTER_CHECK(check_file_length(env_, directory_, options_.mode));
  MUSTER_CHECK(open_tables());
  return open_partitions();
}

StoreResult<Unit> Environment::open_tables() {
  MDB_txn* txn = nullptr;
  int rc = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  if (rc != 0) {
    return Err{open_error(rc, directory_)};
  }
  MDB_dbi root = 0;
  MDB_stat figures{};
  rc = mdb_dbi_open(txn, nullptr, 0, &root);
  if (rc == 0) {
    rc = mdb_stat(txn, root, &figures);
  }
  const bool empty = rc == 0 && figures.ms_entries == 0;
  if (rc == 0 && !empty) {
    rc = mdb_dbi_open(txn, "meta", 0, &tables_.meta);
  }
  std::optional<std::uint32_t> version;
  if (rc == 0 && !empty) {
    MDB_val key = as_val(as_bytes(kKeyFormat));
    MDB_val value{};
    rc = mdb_get(txn, tables_.meta, &key, &value);
    if (rc == 0) {
      version = decode_format(as_octets(value));
      rc = version ? 0 : MDB_NOTFOUND;
    }
  }
  const bool known = version && *version >= kOldestFormatVersion && *version <= kFormatVersion;
  if (rc == 0 && known) {
    MDB_val key = as_val(as_bytes(kKeySeed));
    MDB_val value{};
    rc = mdb_get(txn, tables_.meta, &key, &value);
    if (rc == 0 && value.mv_size == seed_.size()) {
      std::copy_n(as_octets(value).begin(), seed_.size(), seed_.begin());
    } else {
      rc = MDB_CORRUPTED;
    }
    rc = rc != 0 ? rc : mdb_dbi_open(txn, "issuers", 0, &tables_.issuers);
    rc = rc != 0 ? rc : mdb_dbi_open(txn, "keys", 0, &tables_.keys);
    rc = rc != 0 ? rc : mdb_dbi_open(txn, "partitions", 0, &tables_.partitions);
    rc = rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
  }
  if (rc != 0) {
    mdb_txn_abort(txn);
  } else {
    rc = mdb_txn_commit(txn);  // keeps the handles
  }
  if (empty && options_.mode == StoreOptions::Mode::kReadWrite) {
    return create_tables();
  }
  if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE || empty) {
    return Err{
        StoreError{StoreErrc::kNotAStore, "store " + directory_ +
                                              ": data.mdb is an LMDB file, but not of muster "
                                              "(name the right directory)"}};
  }
  if (rc != 0) {
    return Err{open_error(rc, directory_)};
  }
  if (!known) {
    return Err{StoreError{
        StoreErrc::kWrongVersion,
        "store " + directory_ + ": format version " + std::to_string(*version) +
            ", but this program knows versions " + std::to_string(kOldestFormatVersion) + " to " +
            std::to_string(kFormatVersion) +
            " (use the program that wrote it, or import the sources into a new directory)"}};
  }
  return *version != kFormatVersion && options_.mode == StoreOptions::Mode::kReadWrite
             ? raise_version()
             : StoreResult<Unit>(Unit{});
}

StoreResult<Unit> Environment::write_at_start(const std::function<int(MDB_txn*)>& body) {
  MDB_txn* txn = nullptr;
  int rc = mdb_txn_begin(env_, nullptr, 0, &txn);
  if (rc != 0) {
    return Err{open_error(rc, directory_)};
  }
  rc = body(txn);
  if (rc != 0) {
    mdb_txn_abort(txn);
  } else {
    rc = reason_of_short_write(mdb_txn_commit(txn), env_, directory_);
  }
  return rc == 0 ? StoreResult<Unit>(Unit{}) : Err{open_error(rc, directory_)};
}

int Environment::put_version(MDB_txn* txn) const {
  const Buffer format = encode_format();
  MDB_val key = as_val(as_bytes(kKeyFormat));
  MDB_val value = as_val(format);
  return mdb_put(txn, tables_.meta, &key, &value, 0);
}

StoreResult<Unit> Environment::raise_version() {
  return write_at_start([this](MDB_txn* txn) { return put_version(txn); });
}

StoreResult<Unit> Environment::create_tables() {
  if (::getrandom(seed_.data(), seed_.size(), 0) != static_cast<ssize_t>(seed_.size())) {
    return Err{open_error(errno, directory_)};
  }
  return write_at_start([this](MDB_txn* txn) {
    int rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &tables_.meta);
    rc = rc != 0 ? rc : mdb_dbi_open(txn, "issuers", MDB_CREATE, &tables_.issuers);
    rc = rc != 0 ? rc : mdb_dbi_open(txn, "keys", MDB_CREATE, &tables_.keys);
    rc = rc != 0 ? rc : mdb_dbi_open(txn, "partitions", MDB_CREATE, &tables_.partitions);
    // Another process may have created the store since we looked: its seed counts.
    MDB_val key = as_val(as_bytes(kKeySeed));
    MDB_val value = as_val(seed_);
    if (rc == 0) {
      rc = mdb_put(txn, tables_.meta, &key, &value, MDB_NOOVERWRITE);
      if (rc == MDB_KEYEXIST && value.mv_size == seed_.size()) {
        std::copy_n(as_octets(value).begin(), seed_.size(), seed_.begin());
        rc = 0;
      }
    }
    return rc != 0 ? rc : put_version(txn);
  });
}

StoreResult<Unit> Environment::check_in_place() {
  if (options_.life == StoreOptions::Life::kLasting) {
    in_place_.store(look_in_place(env_, directory_) == InPlace::kYes, std::memory_order_release);
  }
  return is_in_place() ? StoreResult<Unit>(Unit{}) : Err{replaced(directory_)};
}

std::size_t Environment::newest_transaction() const {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  return info.me_last_txnid;
}

StoreResult<Unit> Environment::write_once(std::string_view what,
                                          const std::function<StoreResult<Unit>(MDB_txn*)>& body) {
  gate_.enter();
  MDB_txn* txn = nullptr;
  int rc = mdb_txn_begin(env_, nullptr, 0, &txn);
  if (rc != 0) {
    gate_.leave();
    return Err{rc == MDB_MAP_RESIZED ? StoreError{StoreErrc::kMapFull, {}} : error(rc, what)};
  }
  new_handles_.clear();
  auto done = open_missing(txn);
  if (done) {
    done = body(txn);
  }
  if (!done) {
    mdb_txn_abort(txn);
  } else {
    rc = mdb_txn_commit(txn);
    if (rc != 0) {
      done = Err{error(reason_of_short_write(rc, env_, directory_), what)};
    }
  }
  gate_.leave();
  if (done) {
    register_handles();
  }
  return done;
}

StoreResult<Unit> Environment::write(Urgency urgency, std::string_view what,
                                     const std::function<StoreResult<Unit>(MDB_txn*)>& body) {
  if (options_.mode == StoreOptions::Mode::kReadOnly) {
    return Err{error(EROFS, what)};
  }
  const WriterTurn turn(writers_, urgency);
  MUSTER_CHECK(check_in_place());
  for (;;) {
    auto done = [&] {
      const std::lock_guard handles(handles_mutex_);
      return write_once(what, body);
    }();
    if (done) {
      epoch_.fetch_add(1, std::memory_order_release);
      return done;
    }
    if (done.error().code != StoreErrc::kMapFull) {
      return done;
    }
    MUSTER_CHECK(grow());
  }
}

StoreResult<Unit> Environment::read(const std::function<StoreResult<Unit>(MDB_txn*)>& body) {
  if (!is_in_place()) {
    return Err{replaced(directory_)};
  }
  for (unsigned attempt = 0;; ++attempt) {
    gate_.enter();
    const std::size_t known = partitions_open();
    MDB_txn* txn = nullptr;
    MDB_stat figures{};
    int rc = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
    if (rc == 0) {
      rc = mdb_stat(txn, tables_.partitions, &figures);
      if (rc == 0 && figures.ms_entries <= known) {
        auto done = body(txn);
        mdb_txn_abort(txn);
        gate_.leave();
        return done;
      }
      mdb_txn_abort(txn);
    }
    gate_.leave();
    if (attempt > 3) {
      return Err{error(rc != 0 ? rc : EBUSY, "read")};
    }
    MUSTER_CHECK(recover_reader(rc));
  }
}

StoreResult<Unit> Environment::recover_reader(int code) {
  if (code == 0) {
    return open_partitions();
  }
  if (code == MDB_MAP_RESIZED) {
    const WriterTurn turn(writers_, Urgency::kChange);
    return resize(0);
  }
  if (code == MDB_READERS_FULL) {
    int dead = 0;
    mdb_reader_check(env_, &dead);
    if (dead > 0) {
      return Unit{};
    }
  }
  return Err{error(code, "read")};
}

StoreResult<Unit> Environment::resize(std::size_t bytes) {
  if (gate_.close(kPatienceForReaders) == MapGate::Closed::kTimedOut) {
    return Err{StoreError{
        StoreErrc::kMapFull,
        "store " + directory_ +
            ": the map must grow, but a reader of this process "
            "holds an old state (release() readers while idle, or start with a larger map)"}};
  }
  const int rc = mdb_env_set_mapsize(env_, bytes);
  gate_.open();
  if (rc != 0) {
    return Err{error(rc, "resize the map")};
  }
  return Unit{};
}

/// Called with the writer's turn, outside transactions.
StoreResult<Unit> Environment::grow() {
  MDB_envinfo before{};
  mdb_env_info(env_, &before);
  // First see whether another process has grown it already.
  MUSTER_CHECK(resize(0));
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  if (info.me_mapsize > before.me_mapsize) {
    return Unit{};
  }
  if (info.me_mapsize >= options_.max_map_bytes) {
    return Err{error(MDB_MAP_FULL, "write")};
  }
  const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t doubled = std::max(info.me_mapsize, before.me_mapsize) * 2;
  return resize(std::min(doubled, options_.max_map_bytes) / page * page);
}

std::optional<MDB_dbi> Environment::partition(PartitionId id) const {
  const std::lock_guard lock(partitions_mutex_);
  const auto index = static_cast<std::size_t>(id) - 1;
  return index < partitions_.size() ? std::optional(partitions_[index]) : std::nullopt;
}

std::optional<MDB_dbi> Environment::partition_for_write(PartitionId id) const {
  if (const auto known = partition(id)) {
    return known;
  }
  const std::size_t index = static_cast<std::size_t>(id) - 1 - partitions_open();
  return index < new_handles_.size() ? std::optional(new_handles_[index]) : std::nullopt;
}

std::size_t Environment::partitions_open() const {
  const std::lock_guard lock(partitions_mutex_);
  return partitions_.size();
}

std::vector<MDB_dbi> Environment::partition_handles() const {
  const std::lock_guard lock(partitions_mutex_);
  return partitions_;
}

StoreResult<Unit> Environment::open_partitions() {
  const std::lock_guard handles(handles_mutex_);
  gate_.enter();
  new_handles_.clear();
  MDB_txn* txn = nullptr;
  const int rc = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  auto done =
      rc == 0 ? open_missing(txn) : StoreResult<Unit>(Err{error(rc, "open the partitions")});
  if (done) {
    mdb_txn_commit(txn);  // keeps the handles
    register_handles();
  } else {
    mdb_txn_abort(txn);
  }
  gate_.leave();
  return done;
}

StoreResult<Unit> Environment::open_missing(MDB_txn* txn) {
  MDB_stat figures{};
  int rc = mdb_stat(txn, tables_.partitions, &figures);
  for (std::size_t next = partitions_open() + 1; rc == 0 && next <= figures.ms_entries; ++next) {
    MDB_dbi dbi = 0;
    rc = mdb_dbi_open(txn, partition_name(static_cast<PartitionId>(next)).c_str(), 0, &dbi);
    new_handles_.push_back(dbi);
  }
  if (rc != 0) {
    return Err{rc == MDB_NOTFOUND ? damaged("a partition is missing")
                                  : error(rc, "open the partitions")};
  }
  return Unit{};
}

void Environment::register_handles() {
  const std::lock_guard lock(partitions_mutex_);
  partitions_.insert(partitions_.end(), new_handles_.begin(), new_handles_.end());
  new_handles_.clear();
}

StoreResult<MDB_dbi> Environment::create_partition(MDB_txn* txn, PartitionId id) {
  MDB_dbi dbi = 0;
  const int rc = mdb_dbi_open(txn, partition_name(id).c_str(), MDB_CREATE, &dbi);
  if (rc != 0) {
    return Err{error(rc, "make a partition")};
  }
  MUSTER_ASSERT(static_cast<std::size_t>(id) == partitions_open() + new_handles_.size() + 1);
  new_handles_.push_back(dbi);
  return dbi;
}

StoreResult<CursorPtr> open_cursor(const Environment& env, MDB_txn* txn, MDB_dbi dbi) {
  MDB_cursor* cursor = nullptr;
  const int rc = mdb_cursor_open(txn, dbi, &cursor);
  if (rc != 0) {
    return Err{env.error(rc, "read")};
  }
  return CursorPtr(cursor);
}

}  // namespace muster::store
