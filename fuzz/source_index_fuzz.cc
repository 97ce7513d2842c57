#include <vector>

#include "fuzz.h"
#include "muster/source/index_txt.h"

namespace {

using namespace muster;

struct Parsed {
  std::vector<Serial> serials;
  std::vector<store::Status> statuses;
  std::vector<std::size_t> lines;
  std::optional<source::IndexError> error;
};

Parsed parse(std::string_view text, std::size_t piece) {
  Parsed out;
  source::IndexParser parser([&](const source::IndexRecord& record, std::size_t line) {
    out.serials.push_back(record.serial);
    out.statuses.push_back(record.status);
    out.lines.push_back(line);
    return true;
  });
  for (std::size_t at = 0; at < text.size() && !out.error; at += piece) {
    if (const auto fed = parser.feed(text.substr(at, piece)); !fed) {
      out.error = fed.error();
    }
  }
  if (!out.error) {
    if (const auto end = parser.finish(); !end) {
      out.error = end.error();
    }
  }
  return out;
}

}  // namespace

// An index arrives in pieces of any size with one outcome, and what was read is written so that it
// is read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(Bytes(data, size));
  const Parsed whole = parse(text, size + 1);
  const Parsed pieces = parse(text, 1 + size % 7);
  MUSTER_ASSERT(whole.serials == pieces.serials && whole.statuses == pieces.statuses &&
                whole.lines == pieces.lines);
  MUSTER_ASSERT(whole.error.has_value() == pieces.error.has_value());
  MUSTER_ASSERT(!whole.error || (whole.error->code == pieces.error->code &&
                                 whole.error->line == pieces.error->line));

  for (std::size_t i = 0; i < whole.serials.size(); ++i) {
    const std::string line = source::encode_index_line(whole.serials[i], whole.statuses[i]);
    const Parsed again = parse(line, line.size());
    MUSTER_ASSERT(!again.error && again.serials.size() == 1 &&
                  again.serials[0] == whole.serials[i]);
    MUSTER_ASSERT(again.statuses[0].state == whole.statuses[i].state);
    MUSTER_ASSERT(again.statuses[0].revoked_at == whole.statuses[i].revoked_at);
    MUSTER_ASSERT(again.statuses[0].expires == whole.statuses[i].expires);
    MUSTER_ASSERT(again.statuses[0].reason == whole.statuses[i].reason);
  }
  return 0;
}
