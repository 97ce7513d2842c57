#include "error.h"

#include <lmdb.h>

#include <cerrno>
#include <cstring>

namespace muster::store {

std::string_view to_string(StoreErrc code) {
  switch (code) {
    case StoreErrc::kOpen:
      return "cannot open";
    case StoreErrc::kNotAStore:
      return "not a store";
    case StoreErrc::kWrongVersion:
      return "wrong version";
    case StoreErrc::kCorrupt:
      return "corrupt";
    case StoreErrc::kDiskFull:
      return "disk full";
    case StoreErrc::kMapFull:
      return "map full";
    case StoreErrc::kBusy:
      return "busy";
    case StoreErrc::kNoSuchIssuer:
      return "no such issuer";
    case StoreErrc::kIo:
      return "input/output error";
    case StoreErrc::kBadChange:
      return "bad change";
  }
  return "unknown";
}

namespace {

struct Meaning {
  StoreErrc code;
  std::string_view advice;
};

Meaning meaning_of(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return {StoreErrc::kDiskFull,
              "free space there (or raise the quota or file size limit) and try again; "
              "the old state is intact"};
    case MDB_MAP_FULL:
      return {StoreErrc::kMapFull, "raise the store's map size; the old state is intact"};
    case MDB_DBS_FULL:
      return {StoreErrc::kMapFull, "raise the store's issuer limit; the old state is intact"};
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
      return {StoreErrc::kCorrupt,
              "stop the services, move the directory aside and import the sources again"};
    case MDB_VERSION_MISMATCH:
      return {StoreErrc::kWrongVersion,
              "it was written by another LMDB version: export it with that one"};
    case MDB_READERS_FULL:
      return {StoreErrc::kBusy, "too many readers: stop some or raise max_readers"};
    case EAGAIN:
    case EBUSY:
      return {StoreErrc::kBusy, "try again"};
    case ENOENT:
      return {StoreErrc::kIo, "name the directory of a store; its parent directory must exist"};
    case EACCES:
    case EPERM:
    case EROFS:
      return {StoreErrc::kIo,
              "the directory and its files must be readable and writable for this user"};
    case MDB_PANIC:
      return {StoreErrc::kIo, "an earlier write failed half-way: restart the service"};
    default:
      return {StoreErrc::kIo, "check the disk and the system log"};
  }
}

}  // namespace

StoreError lmdb_error(int code, std::string_view what, const std::string& directory) {
  const Meaning meaning = meaning_of(code);
  std::string detail =
      "store " + directory + ": cannot " + std::string(what) + ": " + mdb_strerror(code);
  detail += " (" + std::string(meaning.advice) + ")";
  return {meaning.code, std::move(detail)};
}

StoreError open_error(int code, const std::string& directory) {
  StoreError e = lmdb_error(code, "open", directory);
  if (code == MDB_INVALID) {
    e = {StoreErrc::kNotAStore,
         "store " + directory +
             ": data.mdb is not a store's file, or its head is damaged "
             "(name the right directory, or move that file aside and import the sources again)"};
  } else if (e.code == StoreErrc::kIo) {
    e.code = StoreErrc::kOpen;
  }
  return e;
}

StoreError corrupt(std::string_view what, const std::string& directory) {
  return {StoreErrc::kCorrupt,
          "store " + directory + ": " + std::string(what) +
              " (stop the services, move the directory aside and import the sources again)"};
}

StoreError replaced(const std::string& directory) {
  return {StoreErrc::kIo,
          "store " + directory +
              ": it was replaced, moved or removed while it was in use: what others write there is "
              "not seen, so nothing is read or written any more (restart the service to use what "
              "is there now, or put back the directory that was there)"};
}

}  // namespace muster::store
