#pragma once

#include "metrics.h"
#include "muster/edge/edge_service.h"
#include "muster/edge/puller.h"

// An edge's figures for Prometheus. Names and labels: decision 042.
namespace muster::node {

struct EdgeMetricsInput {
  MetricsInput process;  ///< what every process tells: add_process(), add_listeners()
  edge::MirrorStatus mirror;
  edge::PullFigures pulls;
  edge::EdgeTotals totals;
};

std::string render_edge_metrics(const EdgeMetricsInput& input);

}  // namespace muster::node
