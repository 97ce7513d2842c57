#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "control_server.h"
#include "muster/responder/service.h"

// The batch listener: many certificates in one call, answered by the responder's loops.
namespace muster::node {

/// What became of calls and of the certificates in them.
struct BatchStats {
  std::atomic<std::uint64_t> calls{0};    ///< answered to their end
  std::atomic<std::uint64_t> refused{0};  ///< malformed, too large, not for us
  std::atomic<std::uint64_t> broken{0};   ///< the caller went away, or took too long
  std::atomic<std::uint64_t> late{0};     ///< ended with certificates left: deadline, or stopping
  std::atomic<std::uint64_t> answered{0}, unchanged{0}, left{0};  ///< certificates
};

/// Threads: any; a call takes one as long as it lasts.
class BatchHandler final : public ControlHandler {
 public:
  /// Why a peer may not ask; empty: it may. Threads: any.
  using Judge = std::function<std::string(const ControlPeer&)>;
  /// All references outlive the handler.
  BatchHandler(const responder::Service& service, const BatchOptions& options, Judge judge,
               ControlStats& control, BatchStats& stats, Logger& logger)
      : service_(service),
        judge_(std::move(judge)),
        max_certificates_(options.max_certificates),
        max_body_bytes_(options.max_body_bytes),
        deadline_(options.deadline),
        control_(control),
        stats_(stats),
        logger_(logger) {}
  void handle(Exchange& exchange) override;
  /// Calls under way end with what they have, new ones are refused: the loops are about to end.
  void stop();

 private:
  using Items = std::vector<responder::BatchItemView>;
  void refuse(Exchange& exchange, unsigned status, const std::string& why);
  void answer(Exchange& exchange, const Items& items);

  /// What replies come to. Outlives the handler where a loop still has it.
  struct Desk {
    std::mutex mutex;
    std::condition_variable moved;
    bool is_stopping = false;  ///< under `mutex`
  };

  const responder::Service& service_;
  const Judge judge_;
  const std::size_t max_certificates_, max_body_bytes_;
  const Milliseconds deadline_;
  ControlStats& control_;
  BatchStats& stats_;
  Logger& logger_;
  const std::shared_ptr<Desk> desk_ = std::make_shared<Desk>();
};

}  // namespace muster::node
