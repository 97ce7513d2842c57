#pragma once

#include <lmdb.h>

#include "error.h"

// LMDB's two files as the system sees them, where LMDB takes the disk at its word.
namespace muster::store {

/// LMDB makes its table of readers by enlarging lock.mdb and writes it through the map, which on a
/// full disk kills the process: the blocks are taken first. The size stays as it is, since other
/// processes may have the table open. Returns what errno says, 0 also where LMDB will tell more.
int reserve_lock_file(const std::string& directory, unsigned max_readers);

/// A file shorter than its own meta page says was cut: reading the missing part through the map
/// would kill the process. LMDB may leave a few allocated but never written pages at the end, so a
/// small shortage is filled with zeros (which LMDB recognises as no page) instead of being refused.
/// Errors: kOpen, kCorrupt.
StoreResult<Unit> check_file_length(MDB_env* env, const std::string& directory,
                                    StoreOptions::Mode mode);

/// Whether data.mdb in `directory` is the file that `env` has open. Also where that cannot be told:
/// only a name that leads nowhere or elsewhere is a no.
enum class InPlace : std::uint8_t { kNo, kYes };
InPlace look_in_place(MDB_env* env, const std::string& directory);

/// LMDB reports a write that fell short as EIO; mostly the disk or the file size limit is the
/// reason, which the next write would have been told.
int reason_of_short_write(int code, MDB_env* env, const std::string& directory);

}  // namespace muster::store
