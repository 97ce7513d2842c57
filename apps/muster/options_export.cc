#include "options_export.h"

#include <algorithm>

#include "muster/base/text.h"

namespace muster::app {

void bind(config::Section& section, ExportSettings& s) {
  section.text("directory", &s.directory,
               "Where to: \"tree\" in it is what the web server serves, \"manifest\" says what is "
               "there. (--out)");
  section.texts("hashes", &s.hashes,
                "Hash algorithms of the CertIDs that are answered: clients ask by \"sha1\" and "
                "\"sha256\"; also \"sha384\", \"sha512\". A file each.");
  section.duration("interval", &s.interval, kLeastInterval, kMostInterval,
                   "How often the export is run: what is to be renewed before the next time is "
                   "renewed now. (--every)");
  section.text("manifest_key", &s.manifest_key,
               "Private key (PEM) that signs the manifest, and nothing else. Empty: it is not "
               "signed.");
  section.text(
      "metrics_file", &s.metrics_file,
      "What the last run did, written after each for node_exporter's textfile collector: "
      "\"/var/lib/prometheus/node-exporter/muster_export.prom\". Empty: none. (--metrics)");
  section.texts("purge", &s.purge.command,
                "Program and arguments, run without a shell when an answer changed its status or "
                "went: it reads \"get URL\" and \"post URL SHA256\" lines of what caches must "
                "forget. Empty: none.");
  section.text("url", &s.purge.url,
               "The responder's URL as caches know it, for these lines: "
               "\"http://ocsp.corp.example/\".");
  section.milliseconds("purge_timeout", &s.purge.timeout, Milliseconds(100),
                       Milliseconds(3'600'000), "For one run; then it is killed.");
  section.integer("purge_tries", &s.purge_tries, 1, 20,
                  "Runs of it until one succeeds. What nobody could be told is tried again by the "
                  "next export.");
}

Result<edge::ExportOptions, std::string> export_of(const ExportSettings& settings) {
  edge::ExportOptions out;
  out.directory = settings.directory;
  out.interval = settings.interval;
  out.purge = settings.purge;
  out.purge.tries = static_cast<unsigned>(settings.purge_tries);
  out.hashes.clear();
  for (const std::string& name : settings.hashes) {
    const auto hash = std::find_if(kAllHashAlgorithms.begin(), kAllHashAlgorithms.end(),
                                   [&name](HashAlgorithm one) { return to_string(one) == name; });
    if (hash == kAllHashAlgorithms.end()) {
      return Err{"[responder.export] hashes: '" + printable(name) +
                 "' is none of sha1, sha256, sha384, sha512"};
    }
    if (std::find(out.hashes.begin(), out.hashes.end(), *hash) == out.hashes.end()) {
      out.hashes.push_back(*hash);
    }
  }
  if (out.hashes.empty()) {
    return Err{std::string("[responder.export] hashes: name at least one")};
  }
  if (!settings.manifest_key.empty()) {
    auto key = pki::PrivateKey::load(settings.manifest_key);
    if (!key) {
      return Err{"[responder.export] manifest_key: " + key.error().detail};
    }
    out.manifest_key = *std::move(key);
  }
  return out;
}

}  // namespace muster::app
