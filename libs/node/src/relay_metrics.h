#pragma once

#include "metrics.h"
#include "muster/relay/relay_service.h"

// A relay's figures for Prometheus. Names and labels: decision 051.
namespace muster::node {

struct RelayMetricsInput {
  MetricsInput process;  ///< what every process tells: add_process(), add_listeners()
  relay::EngineFigures engine;
  MonotonicTime now{};
  const relay::EngineCounters* counters = nullptr;
  relay::HandlerTotals totals;
};

std::string render_relay_metrics(const RelayMetricsInput& input);

}  // namespace muster::node
