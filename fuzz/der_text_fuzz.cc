#include "fuzz.h"
#include "muster/der/pkix.h"

// Text that people and files give for serials, OIDs and reasons.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  const std::string_view text = as_text(Bytes(data, size));
  if (const auto serial = Serial::from_hex(text)) {
    const auto again = Serial::from_hex(serial->to_hex());
    MUSTER_ASSERT(again && *again == *serial);
    MUSTER_ASSERT(Serial::make(serial->octets()));
  }
  if (const auto oid = der::oid_from_string(text)) {
    MUSTER_ASSERT(der::oid_to_string(*oid) == text);
    der::Writer out;
    out.oid(*oid);
    der::Reader in{Bytes(out.bytes())};
    MUSTER_ASSERT(in.read_oid("oid"));
  }
  if (const auto reason = parse_reason_code(text)) {
    MUSTER_ASSERT(make_reason_code(static_cast<std::uint64_t>(*reason)) == reason);
  }
  return 0;
}
