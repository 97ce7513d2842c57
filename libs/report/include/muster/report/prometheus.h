#pragma once

#include <span>
#include <string>

#include "muster/report/row.h"

namespace muster::report {

/// Prometheus' text format, for node_exporter's textfile collector. Labels (decision 033): `target`
/// as the command line names it, and `certificate`, its place among the certificates of the target
/// from 0; never what a certificate says.
std::string format_prometheus(std::span<const Row> rows, UnixSeconds now);

}  // namespace muster::report
