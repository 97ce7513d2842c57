#include "fuzz.h"
#include "muster/crl/distribution_point.h"

using namespace muster;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes value(data, size);
  if (const auto points = crl::parse_distribution_points(value)) {
    MUSTER_ASSERT(equal(crl::encode_distribution_points(*points), value));
    for (const crl::DistributionPoint& point : *points) {
      if (point.name) {
        MUSTER_ASSERT(crl::uris(*point.name).size() <= point.name->full_name.size());
      }
    }
  } else {
    MUSTER_ASSERT(points.error().offset <= size);
  }
  if (const auto scope = crl::parse_issuing_distribution_point(value)) {
    MUSTER_ASSERT(equal(crl::encode_issuing_distribution_point(*scope), value));
  } else {
    MUSTER_ASSERT(scope.error().offset <= size);
  }
  return 0;
}
