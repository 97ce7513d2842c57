#include "options_batch.h"

namespace muster::app {

void bind(config::Section& section, BatchSettings& s) {
  node::BatchOptions& o = s.batch;
  section.texts("listen", &o.listen,
                "Addresses where thousands of certificates may be asked about in one call: "
                "\"8887\" (loopback), \"127.0.0.1:8887\", \"unix:/path\". Others than loopback "
                "need mutual TLS. Empty: none.");
  bind_tls(section, o.tls);
  section.flag("insecurely_allow_remote", &o.insecurely_allow_remote,
               "Listen beyond loopback without mutual TLS: whoever reaches the address can have "
               "thousands of answers signed by one call.");
  section.integer("max_certificates", &s.max_certificates, 1, 1'000'000,
                  "Certificates in one call; more is refused with HTTP 413.");
  section.size("max_request", &s.max_request, 256, std::size_t{512} << 20,
               "Longest body of a call; more is refused with HTTP 413. A certificate takes 80 to "
               "150 octets.");
  section.milliseconds("deadline", &o.deadline, Milliseconds(100), Milliseconds(3'600'000),
                       "For one call. What is left then is named at the end of the answer, to be "
                       "asked for again.");
  bind_limits(section, o.limits, s.connections);
}

node::BatchOptions batch_of(const BatchSettings& settings) {
  node::BatchOptions batch = settings.batch;
  batch.max_certificates = static_cast<std::size_t>(settings.max_certificates);
  batch.max_body_bytes = settings.max_request.bytes;
  take_over(settings.connections, batch.limits);
  return batch;
}

}  // namespace muster::app
