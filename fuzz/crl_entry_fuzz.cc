#include "fuzz.h"
#include "muster/crl/crl.h"

using namespace muster;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes octets(data, size);
  der::Reader in(octets);
  const auto entry = crl::read_entry(in);
  if (!entry) {
    MUSTER_ASSERT(entry.error().offset <= size);
    return 0;
  }
  // The same octets elsewhere mean the same, and every offset moves along.
  constexpr std::uint32_t kElsewhere = 1000;
  der::Reader moved(octets, kElsewhere);
  const auto again = crl::read_entry(moved);
  MUSTER_ASSERT(again && moved.offset() == in.offset() + kElsewhere);
  MUSTER_ASSERT(equal(again->serial, entry->serial) &&
                again->revocation_date == entry->revocation_date);
  MUSTER_ASSERT(again->reason == entry->reason && again->invalidity_date == entry->invalidity_date);
  for (std::size_t i = 0; i < crl::kDefectCount; ++i) {
    const auto defect = static_cast<crl::Defect>(i);
    MUSTER_ASSERT(again->defects.has(defect) == entry->defects.has(defect));
    if (entry->defects.has(defect)) {
      MUSTER_ASSERT(again->defects.first_offset(defect) ==
                    entry->defects.first_offset(defect) + kElsewhere);
    }
  }
  return 0;
}
