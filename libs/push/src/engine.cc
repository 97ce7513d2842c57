#include "engine.h"

#include <algorithm>
#include <map>

#include "muster/store/update.h"

namespace muster::push {
namespace {

/// Another process writing all the time could make us decide for ever.
constexpr int kMostTries = 100;

/// Lets go of the snapshot at the end, so that it does not pin old pages.
class Snapshot {
 public:
  explicit Snapshot(store::Reader& reader) : reader_(reader) {}
  ~Snapshot() { reader_.release(); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  store::Reader& reader_;
};

}  // namespace

store::StoreResult<Unit> Engine::renew() {
  if (reader_ == nullptr) {
    reader_ = store_.reader();
  }
  if (reader_->renew() == 0) {
    return Err{store::StoreError{store::StoreErrc::kIo, "the store cannot be read"}};
  }
  return Unit{};
}

store::StoreResult<Applied> Engine::decide_all(store::IssuerId issuer,
                                               std::span<const Operation> operations,
                                               UnixSeconds now, std::vector<store::Change>& changes,
                                               store::IssuerState& seen) {
  MUSTER_CHECK(renew());
  const Snapshot snapshot(*reader_);
  const store::IssuerState* const state = reader_->issuer_state(issuer);
  if (state == nullptr) {
    return Err{store::StoreError{store::StoreErrc::kNoSuchIssuer, "the store has no such issuer"}};
  }
  seen = *state;
  Applied out;
  out.sequence = seen.sequence;
  std::map<Serial, std::optional<store::Status>> changed;
  for (const Operation& operation : operations) {
    std::optional<store::Status> known;
    if (const auto earlier = changed.find(operation.serial); earlier != changed.end()) {
      known = earlier->second;
    } else {
      MUSTER_TRY(known, reader_->find(issuer, operation.serial.octets()));
    }
    out.decisions.push_back(decide(operation, known, now, keep_revoked_));
    if (out.decisions.back().verdict == Verdict::kChanged) {
      changed.insert_or_assign(operation.serial, out.decisions.back().status);
    }
  }
  changes.clear();
  for (auto& [serial, status] : changed) {
    changes.push_back({serial, std::move(status)});
  }
  return out;
}

store::StoreResult<Applied> Engine::apply(store::IssuerId issuer,
                                          std::span<const Operation> operations, Together together,
                                          UnixSeconds now) {
  const std::lock_guard lock(mutex_);
  std::vector<store::Change> changes;
  for (int tries = 1;; ++tries) {
    store::IssuerState seen;
    MUSTER_TRY(Applied out, decide_all(issuer, operations, now, changes, seen));
    if (together == Together::kAllOrNone) {
      for (const Decision& decision : out.decisions) {
        out.is_refused = out.is_refused || decision.verdict == Verdict::kConflict ||
                         decision.verdict == Verdict::kAbsent;
      }
    }
    if (out.is_refused || changes.empty()) {
      return out;
    }
    // The first word ends the wait of a store that was told nothing yet
    // (node::waits_for_first_push).
    const bool is_first = seen.not_revoked_until == UnixSeconds{};
    const std::uint64_t at = seen.sequence;
    if (is_first) {
      seen.not_revoked_until.reset();
      seen.loaded_at = now;
    }
    auto sequence = is_first ? store::apply_if_unchanged(store_, issuer, at, changes, seen)
                             : store::apply_if_unchanged(store_, issuer, at, changes);
    if (sequence) {
      out.sequence = *sequence;
      if (committed_) {
        committed_(*sequence);
      }
      const bool says_more =
          std::any_of(operations.begin(), operations.end(),
                      [](const Operation& one) { return one.kind != OperationKind::kIssue; });
      if (told_ && says_more) {
        told_();
      }
      return out;
    }
    if (sequence.error().code != store::StoreErrc::kBusy || tries == kMostTries) {
      return Err{sequence.error()};
    }
  }
}

store::StoreResult<std::optional<store::Status>> Engine::find(store::IssuerId issuer,
                                                              const Serial& serial) {
  const std::lock_guard lock(mutex_);
  MUSTER_CHECK(renew());
  const Snapshot snapshot(*reader_);
  return reader_->find(issuer, serial.octets());
}

store::StoreResult<store::IssuerState> Engine::state(store::IssuerId issuer) {
  const std::lock_guard lock(mutex_);
  MUSTER_CHECK(renew());
  const Snapshot snapshot(*reader_);
  const store::IssuerState* const state = reader_->issuer_state(issuer);
  if (state == nullptr) {
    return Err{store::StoreError{store::StoreErrc::kNoSuchIssuer, "the store has no such issuer"}};
  }
  return *state;
}

}  // namespace muster::push
