#pragma once

#include "muster/store/store.h"

namespace muster::store {

/// The StoreError for an LMDB or errno code met while doing `what` ("commit") in the store at
/// `directory`.
StoreError lmdb_error(int code, std::string_view what, const std::string& directory);
/// The same for opening it.
StoreError open_error(int code, const std::string& directory);
StoreError corrupt(std::string_view what, const std::string& directory);
/// The directory does not hold the file any more that is open.
StoreError replaced(const std::string& directory);

}  // namespace muster::store
