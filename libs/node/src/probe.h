#pragma once

#include <mutex>

#include "metrics.h"
#include "muster/node/readiness.h"

// Whether a node can do its work: asked like a client asks, with answers nobody counts.
namespace muster::node {

/// Threads: any.
class Probe {
 public:
  /// \param clock_error  as ServiceOptions::clock_error; empty: the kernel's
  Probe(const store::Store& store, const Clock& clock,
        std::function<std::optional<Milliseconds>()> clock_error)
      : store_(store), clock_(clock), clock_error_(std::move(clock_error)) {}

  /// One check "answer" for each issuer: would a request about it be answered now, or tryLater,
  /// internalError. Asked is about a serial that nobody has: where only such ones cannot be
  /// answered, because a list of issued serials is old, that is a note.
  std::vector<Check> ask_all(const std::shared_ptr<const responder::Setup>& setup,
                             const std::vector<source::SourceStatus>& sources);
  /// A trial signature by every signer, not oftener than every few seconds.
  std::vector<SignerFigures> try_signers(const std::shared_ptr<const responder::Setup>& setup);

 private:
  const store::Store& store_;
  const Clock& clock_;
  const std::function<std::optional<Milliseconds>()> clock_error_;
  std::mutex mutex_;
  // Under mutex_.
  std::shared_ptr<const responder::Setup> tried_for_;
  MonotonicTime tried_at_;
  std::vector<SignerFigures> tried_;
};

}  // namespace muster::node
