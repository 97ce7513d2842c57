#include "store_mark.h"

namespace muster::node {
namespace {

std::string path_of(const NodeOptions& options) {
  if (!options.push.mark.empty()) {
    return options.push.mark;
  }
  std::string store = options.store;
  while (store.size() > 1 && store.ends_with('/')) {
    store.pop_back();
  }
  return store + ".mark";
}

}  // namespace

NodeResult<std::shared_ptr<StoreMark>> StoreMark::open(const NodeOptions& options,
                                                       const store::Store& store, Logger& logger) {
  using Standing = store::Mark::Standing;
  auto mark = store::Mark::open(path_of(options));
  if (!mark && mark.error().code == store::StoreErrc::kNotAStore) {
    return Err{NodeError{NodeErrc::kInput, mark.error().detail}};
  }
  if (!mark) {
    logger.log(LogLevel::kWarning, "responder.no_mark",
               "a store that is restored from an older backup will not be noticed; name a file "
               "that can be written: [responder.push] mark",
               {{"why", mark.error().detail}});
    return std::shared_ptr<StoreMark>(new StoreMark(nullptr, Standing::kHolds, logger));
  }
  const Standing standing = (*mark)->compare(store);
  if (standing == Standing::kBehind || standing == Standing::kAnother) {
    logger.log(LogLevel::kError, "responder.store_behind", kStoreIsBehind,
               {{"store", options.store}, {"mark", (*mark)->path()}});
  }
  return std::shared_ptr<StoreMark>(new StoreMark(*std::move(mark), standing, logger));
}

void StoreMark::settle(const store::Store& store) {
  if (standing_ != store::Mark::Standing::kHolds) {
    // Where nothing was noted yet a backup of before today is no loss as far as anybody knows.
    const bool is_first = standing_ == store::Mark::Standing::kNew;
    note(store, is_first ? 0 : store.reader()->renew());
    standing_ = store::Mark::Standing::kHolds;
  }
}

void StoreMark::note(const store::Store& store, std::uint64_t sequence) {
  if (mark_ == nullptr) {
    return;
  }
  const auto noted = mark_->note(store, sequence);
  if (noted) {
    is_failing_ = false;
  } else if (!is_failing_.exchange(true)) {
    logger_.log(LogLevel::kError, "push.mark_failed",
                "what was pushed is durable, but a store restored from a backup of before it would "
                "not be noticed",
                {{"why", noted.error().detail}});
  }
}

}  // namespace muster::node
