#include "options_edge.h"

namespace muster::app {

void bind(config::Section& section, EdgeSettings& s) {
  node::EdgeOptions& o = s.edge;
  section.texts("listen", &o.service.listen,
                "Addresses to answer on: \"8888\" (loopback), \"127.0.0.1:8888\", \"*:80\", "
                "\"unix:/path\".");
  section.text("prefix", &o.service.prefix,
               "URL path below which GET requests are answered. POST is answered on every path.");
  section.integer("loops", &s.loops, 0, 1024, "Threads that answer. 0: one a core.");
  section.integer("max_connections", &s.max_connections, 1, 1'000'000,
                  "Open connections a loop, at each address. One more takes the place of the one "
                  "that has waited for its client for longest; where none has waited for half a "
                  "second, it is told 503. Never more than there are descriptors for.");
  section.text("url", &o.url,
               "Where a web server shows the directory of the export: \"URL/manifest\" and "
               "\"URL/tree/...\" are fetched.");
  section.text("manifest_signer", &o.manifest_signer,
               "Certificate (PEM) of the key that signs the export's manifests; several in one "
               "file while a key is changed. Only these keys count; who issued them, and until "
               "when, does not.");
  section.text("directory", &o.mirror.directory,
               "What was fetched, and the number of the last manifest: kept over restarts.");
  section.duration("interval", &o.interval, Seconds(1), Seconds(86400),
                   "How often the manifest is looked at; sooner after a failure.");
  section.milliseconds("fetch_timeout", &o.fetch_timeout, Milliseconds(100),
                       Milliseconds(3'600'000), "For one file.");
  bind_admin(section.table("admin",
                           "Probes, metrics, reload and drain, apart from OCSP "
                           "(docs/operating/keyless-edge.md)."),
             s.admin);
}

node::EdgeOptions wire(const EdgeSettings& settings) {
  node::EdgeOptions out = settings.edge;
  out.service.loops = static_cast<unsigned>(settings.loops);
  out.service.limits.max_connections = static_cast<std::size_t>(settings.max_connections);
  out.admin = admin_of(settings.admin);
  return out;
}

}  // namespace muster::app
