#include "lease.h"

#include <mutex>

namespace muster::node {

using store::StoreResult;

namespace {

class LeasedReplacement final : public store::Replacement {
 public:
  LeasedReplacement(Lease& lease, std::unique_ptr<store::Replacement> inner)
      : lease_(lease), inner_(std::move(inner)) {}
  StoreResult<Unit> put(const Serial& serial, const store::Status& status) override {
    return inner_->put(serial, status);  // goes aside, not into the store
  }
  StoreResult<std::uint64_t> commit(const store::IssuerState& facts) override {
    return lease_.while_it_lasts([&] { return inner_->commit(facts); });
  }
  [[nodiscard]] const store::ReplacementReport& report() const override { return inner_->report(); }
  [[nodiscard]] std::optional<Serial> conflict() const override { return inner_->conflict(); }

 private:
  Lease& lease_;
  const std::unique_ptr<store::Replacement> inner_;
};

}  // namespace

void Lease::end() {
  const std::unique_lock lock(gate_);
  if (clock_ != nullptr) {
    last_now_ = clock_->now();
    last_monotonic_ = clock_->monotonic();
  }
  clock_ = nullptr;
  logger_ = nullptr;
}

StoreResult<store::IssuerId> Lease::ensure_issuer(const store::IssuerKey& key,
                                                  std::string_view label) {
  return while_it_lasts([&] { return store_->ensure_issuer(key, label); });
}
std::optional<store::IssuerId> Lease::find_issuer(const store::IssuerKey& key) const {
  return store_->find_issuer(key);
}
std::vector<std::pair<store::IssuerId, store::IssuerState>> Lease::issuers() const {
  return store_->issuers();
}
StoreResult<std::uint64_t> Lease::apply(store::IssuerId issuer,
                                        std::span<const store::Change> changes) {
  return while_it_lasts([&] { return store_->apply(issuer, changes); });
}
StoreResult<std::uint64_t> Lease::apply(store::IssuerId issuer,
                                        std::span<const store::Change> changes,
                                        const store::IssuerState& facts) {
  return while_it_lasts([&] { return store_->apply(issuer, changes, facts); });
}
StoreResult<std::uint64_t> Lease::apply_if_unchanged(store::IssuerId issuer, std::uint64_t expected,
                                                     std::span<const store::Change> changes) {
  return while_it_lasts(
      [&] { return store::apply_if_unchanged(*store_, issuer, expected, changes); });
}
StoreResult<std::uint64_t> Lease::apply_if_unchanged(store::IssuerId issuer, std::uint64_t expected,
                                                     std::span<const store::Change> changes,
                                                     const store::IssuerState& facts) {
  return while_it_lasts(
      [&] { return store::apply_if_unchanged(*store_, issuer, expected, changes, facts); });
}
StoreResult<std::uint64_t> Lease::touch(store::IssuerId issuer, const store::IssuerState& facts) {
  return while_it_lasts([&] { return store_->touch(issuer, facts); });
}
StoreResult<std::unique_ptr<store::Replacement>> Lease::begin_replacement(
    store::IssuerId issuer, store::ReplacementOptions options) {
  MUSTER_TRY(auto inner, store_->begin_replacement(issuer, std::move(options)));
  return std::unique_ptr<store::Replacement>(
      std::make_unique<LeasedReplacement>(*this, std::move(inner)));
}
std::unique_ptr<store::Reader> Lease::reader() const { return store_->reader(); }
std::uint64_t Lease::epoch() const { return store_->epoch(); }
StoreResult<Unit> Lease::for_each(
    store::IssuerId issuer,
    const std::function<void(const Serial&, const store::Status&)>& visit) const {
  return store_->for_each(issuer, visit);
}
StoreResult<Unit> Lease::verify(store::IssuerId issuer) const { return store_->verify(issuer); }
StoreResult<store::StoreFigures> Lease::figures() const { return store_->figures(); }
StoreResult<Unit> Lease::check_in_place() { return store_->check_in_place(); }

UnixSeconds Lease::now() const {
  const std::shared_lock lock(gate_);
  return clock_ == nullptr ? last_now_ : clock_->now();
}
MonotonicTime Lease::monotonic() const {
  const std::shared_lock lock(gate_);
  return clock_ == nullptr ? last_monotonic_ : clock_->monotonic();
}

void Lease::log(LogLevel level, std::string_view event, std::string_view message,
                std::initializer_list<LogField> fields) {
  const std::shared_lock lock(gate_);
  if (logger_ != nullptr) {
    logger_->log(level, event, message, fields);
  }
}

}  // namespace muster::node
