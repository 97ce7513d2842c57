#include <vector>

#include "fuzz.h"
#include "muster/source/issued_list.h"

// A list of issued serials: what is read is written so that it is read again, and a list cut
// anywhere gives no other records.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  struct Record {
    Serial serial;
    std::optional<UnixSeconds> expires;
    bool operator==(const Record&) const = default;
  };
  const auto read = [](std::string_view text, std::vector<Record>& records) {
    return source::read_issued_list(text,
                                    [&](const Serial& serial, std::optional<UnixSeconds> expires) {
                                      records.push_back({serial, expires});
                                      return true;
                                    });
  };
  const std::string_view text = as_text(Bytes(data, size));
  std::vector<Record> whole;
  const auto done = read(text, whole);
  MUSTER_ASSERT(!done || *done == whole.size());
  MUSTER_ASSERT(!done || text.empty() || text.ends_with('\n'));

  std::string written;
  for (const Record& record : whole) {
    written += record.serial.to_hex();
    written += record.expires ? "," + format_iso8601(*record.expires) : "";
    written += "\n";
  }
  std::vector<Record> again;
  MUSTER_ASSERT(read(written, again) && again == whole);

  if (done && !whole.empty()) {
    std::vector<Record> cut;
    (void)!read(text.substr(0, text.rfind('\n', text.size() - 2) + 1), cut);
    MUSTER_ASSERT(cut.size() <= whole.size() && std::equal(cut.begin(), cut.end(), whole.begin()));
  }
  return 0;
}
