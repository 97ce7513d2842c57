#include "fuzz.h"
#include "loose.h"
#include "muster/lint/lint.h"

// Oracle: what the strict parser reads, the loose reader reads alike; what it refuses has a note;
// and every rule of every profile can be asked about anything.

namespace {

using namespace muster;

void check_views_agree(const ocsp::BasicResponseView& strict, const lint::LooseResponse& loose) {
  MUSTER_ASSERT(loose.is_successful());
  MUSTER_ASSERT(loose.produced_at == strict.produced_at);
  MUSTER_ASSERT(loose.entries.size() == strict.responses.size());
  MUSTER_ASSERT(loose.extensions.size() == strict.extensions.size());
  MUSTER_ASSERT(loose.certificates.size() == strict.certificates.size());
  auto entry = loose.entries.begin();
  for (const ocsp::SingleResponseView& single : strict.responses) {
    MUSTER_ASSERT(entry->cert_id && equal(entry->cert_id->raw, single.cert_id.raw));
    MUSTER_ASSERT(static_cast<std::size_t>(entry->status) == single.status.index());
    MUSTER_ASSERT(entry->this_update == single.this_update);
    MUSTER_ASSERT(entry->next_update == single.next_update);
    MUSTER_ASSERT(entry->extensions.size() == single.extensions.size());
    ++entry;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes octets(data, size);
  const auto strict = ocsp::parse_response(octets);
  const lint::LooseResponse loose = lint::read_loosely(octets);
  if (!strict) {
    MUSTER_ASSERT(!loose.notes.empty());
  } else if (strict->basic) {
    check_views_agree(*strict->basic, loose);
  }
  lint::Subject subject;
  subject.name = "fuzz";
  subject.now = unix_seconds(1795514400);
  lint::Exchange& exchange = subject.exchanges.emplace_back();
  exchange.source = "fuzz";
  exchange.response = to_buffer(octets);
  const lint::Report report = lint::lint(subject, static_cast<lint::ProfileSet>(~0U));
  MUSTER_ASSERT(!report.outcomes.empty());
  return 0;
}
