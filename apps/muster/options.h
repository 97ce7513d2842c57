#pragma once

#include "commands.h"
#include "muster/base/log.h"
#include "muster/config/config.h"
#include "options_batch.h"
#include "options_edge.h"
#include "options_export.h"
#include "options_front.h"
#include "options_publish.h"
#include "options_push.h"
#include "options_relay.h"
#include "options_responder.h"
#include "options_stapler.h"

// muster.toml as a whole: one file serves every command, so each command binds (and thereby checks)
// all of it.
namespace muster::app {

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
};

struct Options {
  LogOptions log;
  ResponderOptions responder;
  PublishOptions publish;
  AdminSettings admin;
  PushSettings push;
  BatchSettings batch;
  ExportSettings exported;
  EdgeSettings edge;
  RelaySettings relay;
  StaplerOptions stapler;
  FrontOptions front;
};

void bind(config::Section& root, Options& options);
/// Reads `path` (nothing when empty) over the defaults in `options`.
config::ConfigResult<Unit> load_options(const std::string& path, Options& options);
/// What a command ends with when its configuration is refused.
inline int exit_code_of(const config::ConfigError& error) {
  return error.is_unreadable ? kExitInput : kExitUsage;
}
/// A logger to standard error as told.
std::unique_ptr<Logger> make_logger(const LogOptions& options);

}  // namespace muster::app
