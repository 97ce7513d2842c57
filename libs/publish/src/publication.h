#pragma once

#include "making.h"
#include "source_check.h"
#include "state.h"

namespace muster::publish {

/// One publication on its way: what is to be made is decided, then the store is read once into all
/// encoders, then each CRL is made. Nothing is published by it. Order of calls: prepare, read,
/// make.
class Publication {
 public:
  Publication(const Spec& spec, const State& before, What what, UnixSeconds now, Regular regular)
      : spec_(spec), before_(before), what_(what), regular_(regular), now_(now) {
    done_.this_update = now;
  }
  PublishResult<Unit> prepare(const SourceFacts& facts);
  /// Errors: those of for_each_line; kState, kTooLarge.
  PublishResult<Unit> read(const store::Store& store);
  /// Writes every CRL into the state directory. Returns the state that publishes them. Errors:
  /// those of make_crl.
  PublishResult<State> make(const crl::Number& number);
  Published& done() { return done_; }

 private:
  /// What deltas are compared with, for one partition.
  struct Base {
    HeldCrl complete;
    std::optional<HeldCrl> delta;
  };
  PublishResult<std::vector<Base>> open_bases() const;
  PublishResult<Unit> choose();
  void set_times(const SourceFacts& facts);
  PublishResult<Unit> check_lists();
  PublishResult<Unit> make_complete(std::size_t index);
  PublishResult<Unit> make_delta(std::size_t index);
  void note(const HeldCrl& made, const std::string& path, bool delta);
  [[nodiscard]] State next_state() const;
  [[nodiscard]] Err<PublishError> fail(PublishErrc code, std::string_view detail) const;

  const Spec& spec_;
  const State& before_;
  const What what_;
  const Regular regular_;
  const UnixSeconds now_;
  Published done_;
  bool with_complete_ = true, with_delta_ = false;
  std::vector<Base> bases_;
  std::optional<pki::Signer> signer_;
  crl::CrlEncoder::Head head_, delta_head_;
  std::optional<UnixSeconds> retire_before_;
  std::vector<LineDigest> digests_;  // of what each partition says
  std::vector<std::unique_ptr<LineEncoder>> complete_, deltas_;
  std::vector<DeltaMerge> merges_;
};

/// Of all partitions together.
std::uint64_t combine(const std::vector<LineDigest>& digests);

}  // namespace muster::publish
