#include "options.h"

#include <unistd.h>

namespace muster::app {

void bind(config::Section& root, Options& options) {
  config::Section& log = root.table("log", "What is logged, to standard error.");
  log.choice(
      "level", {"debug", "info", "warning", "error"}, 1,
      [&options](std::size_t i) { options.log.level = static_cast<LogLevel>(i); },
      "Least severe events that are logged.");
  log.choice(
      "format", {"text", "json"}, 0,
      [&options](std::size_t i) { options.log.format = static_cast<LogFormat>(i); },
      "One line an event: for people, or a JSON object.");
  config::Section& responder = root.table("responder", "Answers OCSP requests (muster responder).");
  bind(responder, options.responder);
  bind(
      responder.table(
          "admin", "Probes, metrics, reload and drain, apart from OCSP (docs/operating/admin.md)."),
      options.admin);
  bind(responder.table(
           "push", "The push API: CAs tell what they issue and revoke (docs/operating/push.md)."),
       options.push);
  bind(responder.table("batch",
                       "Many certificates in one call, for staplers and edges "
                       "(docs/operating/batch.md)."),
       options.batch);
  bind(responder.table("export",
                       "Signed answers as files for web servers and CDNs, written by muster "
                       "responder export (docs/operating/static-export.md)."),
       options.exported);
  bind(root.table("edge", "Answers from what a core node exported, without a key (muster edge)."),
       options.edge);
  bind(root.table("relay", "Answers from verified answers of other responders (muster relay)."),
       options.relay);
  bind(root.table("publish",
                  "CRLs made from the responder's store, kept published by it or made once by "
                  "muster crl publish."),
       options.publish);
  bind(root.table("stapler", "Keeps fresh staples for certificates (muster stapler)."),
       options.stapler);
  bind(root.table("front", "Terminates TLS and staples by itself (muster front)."), options.front);
}

config::ConfigResult<Unit> load_options(const std::string& path, Options& options) {
  if (path.empty()) {
    return Unit{};
  }
  config::Section root;
  bind(root, options);
  return config::load(path, root);
}

std::unique_ptr<Logger> make_logger(const LogOptions& options) {
  return make_fd_logger(STDERR_FILENO, options.format, options.level);
}

}  // namespace muster::app
