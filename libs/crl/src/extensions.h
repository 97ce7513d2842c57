#pragma once

#include "muster/crl/defect.h"
#include "muster/der/pkix.h"

namespace muster::crl::internal {

/// An Extensions list whose duplicates and emptiness are defects to note, not errors. The reader
/// stands at the SEQUENCE; `visit(extension, offset)` returns DerResult<Unit>.
template <class Visit>
der::DerResult<der::ExtensionsView> read_extensions(der::Reader& in, Defects& defects,
                                                    std::string_view field, Visit&& visit) {
  const std::uint32_t start = in.offset();
  MUSTER_TRY(const der::Reader list, in.enter(der::Tag::kSequence, field));
  if (list.at_end()) {
    defects.note(Defect::kEmptyExtensions, start);
  }
  std::size_t count = 0;
  for (der::Reader rest = list; !rest.at_end(); ++count) {
    const std::uint32_t offset = rest.offset();
    if (count == der::kMaxExtensions) {
      return Err{der::DerError{der::DerErrc::kTooLarge, offset, field}};
    }
    MUSTER_TRY(const der::ExtensionView extension, der::read_extension(rest));
    if (count > 0) {
      const Bytes earlier = list.rest().first(offset - list.offset());
      const der::ExtensionsView before(earlier, list.offset(), count);
      if (der::find_extension(before, extension.oid)) {
        defects.note(Defect::kDuplicateExtension, offset);
      }
    }
    MUSTER_CHECK(visit(extension, offset));
  }
  return der::ExtensionsView(list.rest(), list.offset(), count);
}

/// Where the value of an extension lies that starts at `offset`.
inline std::uint32_t value_offset(const der::ExtensionView& extension, std::uint32_t offset) {
  return offset + static_cast<std::uint32_t>(extension.value.data() - extension.raw.data());
}

}  // namespace muster::crl::internal
