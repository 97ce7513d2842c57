#pragma once

#include <string>
#include <vector>

#include "cli.h"
#include "options.h"

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

/// What the commands about a running stapler were told.
struct ControlFlags {
  std::string config, shelf, file, until, duration, timeout, certificate;
  std::vector<std::string> certificates, issuers, files;
  bool all = false, no_wait = false, served = false, json = false, metrics = false, nagios = false;
  std::size_t last = 50;
};
/// Each with what it does; that returns the exit code.
using ControlCommands = std::vector<std::pair<const CLI::App*, int (*)(const ControlFlags&)>>;
ControlCommands add_control(CLI::App& app, ControlFlags& flags);
/// status and history, which read what a stapler wrote.
int show_status(const ControlFlags& flags);
int show_history(const ControlFlags& flags);

/// The shelf that is meant, and the configuration it comes from. Errors: a sentence is told.
struct ControlPlace {
  Options options;
  std::string shelf;
};
Outcome<ControlPlace> find_place(const ControlFlags& flags);
/// What a word for a certificate means: fingerprints of those in a file, or a name.
Outcome<std::vector<std::string>> certificates_named(const std::string& word);

}  // namespace muster::app
