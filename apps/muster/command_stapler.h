#pragma once

#include <string>
#include <vector>

#include "cli.h"

// Parts of `muster stapler`.
namespace muster::app {

/// What `muster stapler print` was told.
struct PrintFlags {
  std::string config, shelf, certificate, form = "der", name, key, k8s_namespace = "default";
  std::vector<std::string> issuers;
};
CLI::App* add_print(CLI::App& app, PrintFlags& flags);
/// Writes the staple on offer to standard output. Exit codes: kExitOk, 64, 66, and 75 when there is
/// none now.
int print_staple(const PrintFlags& flags);

}  // namespace muster::app
