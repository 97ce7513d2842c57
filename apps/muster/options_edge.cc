#include "options_edge.h"

namespace muster::app {

void bind(config::Section& section, EdgeSettings& s) {
  section.texts("listen", &s.listen,
                "Addresses to answer on: \"127.0.0.1:8888\", \"*:80\", \"unix:/path\".");
  section.text("prefix", &s.prefix,
               "URL path below which GET requests are answered. POST is answered on every path.");
  section.text("url", &s.mirror.url,
               "Where a web server shows the directory of the export: \"URL/manifest\" and "
               "\"URL/tree/...\" are fetched.");
  section.text("manifest_signer", &s.signer,
               "Certificate (PEM) of the key that signs the export's manifests. Only that key "
               "counts; who issued it, and until when, does not.");
  section.text("directory", &s.mirror.directory,
               "What was fetched, and the number of the last manifest: kept over restarts.");
  section.duration("interval", &s.interval, Seconds(1), Seconds(86400),
                   "How often the manifest is looked at.");
  section.milliseconds("fetch_timeout", &s.mirror.fetch_timeout, Milliseconds(100),
                       Milliseconds(3'600'000), "For one file.");
}

}  // namespace muster::app
